// What there is to judge, in jobs that depend on nothing but their number.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "run/accuracy.h"
#include "run/run_config.h"
#include "run/workers.h"

namespace bitjoule {

struct EvaluateOptions {
  std::shared_ptr<Workers> workers;  ///< who does jobs beside one another; null: nobody
  std::string store;                 ///< directory of jobs that were done before; empty: none
  ProgressSink progress;
};

class EvaluationJobs {
 public:
  EvaluationJobs() = default;
  virtual ~EvaluationJobs() = default;
  EvaluationJobs(const EvaluationJobs&) = delete;
  EvaluationJobs& operator=(const EvaluationJobs&) = delete;

  virtual std::size_t count() const = 0;
  /// What jobs share, and need not make each by itself.
  virtual void prepare() {}
  virtual std::vector<InputScore> score(std::size_t job) = 0;
  /// A text of all that a job's scores depend on.
  virtual std::string key(std::size_t job) = 0;
};

/// The scores of all inputs in the order of the jobs: equal for any workers and any store.
std::vector<InputScore> score_all(EvaluationJobs& jobs, const EvaluateOptions& options);

}  // namespace bitjoule
