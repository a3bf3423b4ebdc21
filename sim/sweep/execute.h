// Runs the points of a plan that the store does not have yet.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/sweep/plan.h"
#include "sim/sweep/results.h"
#include "sim/sweep/store.h"
#include "sim/sweep/workers.h"

namespace bitjoule {

/// One of `count` equal parts of a sweep: the points whose index is `index` modulo `count`.
struct Shard {
  std::size_t index = 0, count = 1;
  bool has(std::size_t point) const { return point % count == index; }
};

struct SweepOptions {
  WorkerLimits limits;
  Shard shard;
  bool retry_failed = false;
  bool share_layers =
      true;               ///< take outcomes of layers from beside the store, and leave them there
  bool is_quiet = false;  ///< no progress line
};

/// Why points failed that may succeed when run again, and are therefore not in the store, by hash.
using PassingFailures = std::map<std::string, std::string>;

/// Metrics of points that ran just now and are in the store, by hash: as flatten() of what is
/// there.
using NewMetrics = std::unordered_map<std::string, boost::json::object>;

/// Computes what is missing, one process per point. Failures that follow from a point itself are
/// stored; a worker killed from outside is not. Throws an input Error if the store cannot be
/// written; returns false if interrupted.
bool execute(const SweepPlan& plan, const SweepOptions& options, const ResultStore& store,
             PassingFailures& failures, NewMetrics& metrics);

/// What the store knows about the shard's points; those whose metrics are given are not read again.
SweepResults collect(const SweepPlan& plan, const Shard& shard, const ResultStore& store,
                     const PassingFailures& failures, NewMetrics metrics);

/// How long the rest of a sweep takes, told from the points that have run: by how much each took
/// longer than was expected.
class TimeLeft {
 public:
  /// A point that was expected to take so many seconds has taken so many.
  void add(double expected, double taken) {
    expected_ += expected;
    taken_ += taken;
  }
  /// Seconds until points of so many expected seconds are done by so many workers; nothing before
  /// the first has run.
  std::optional<double> of(double expected, std::size_t workers) const;

 private:
  double expected_ = 0, taken_ = 0;
};

}  // namespace bitjoule
