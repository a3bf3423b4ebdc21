#include "sim/evaluate/jobs.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "sim/evaluate/score_files.h"

namespace bitjoule {
namespace {

using Scores = std::vector<InputScore>;

/// Every job needs the memory that the one before has freed: what goes back to the system comes
/// again page by page, which takes a quarter of the time.
void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 25);  // the most that it takes
  mallopt(M_TRIM_THRESHOLD, 1 << 28);
#endif
}

class Scoring {
 public:
  Scoring(EvaluationJobs& jobs, const EvaluateOptions& options)
      : jobs_(jobs),
        options_(options),
        files_(score_directory(options.store)),
        scores_(jobs.count()) {}

  Scores all() {
    std::vector<std::size_t> missing;
    for (std::size_t job = 0; job < scores_.size(); ++job) {
      if (!options_.store.empty())
        if (std::optional<Scores> known = files_.find(jobs_.key(job))) take(job, std::move(*known));
      if (!scores_[job]) missing.push_back(job);
    }
    if (options_.workers != nullptr && missing.size() > 1) {
      // The first one here: what all of them need is there when others begin.
      jobs_.prepare();
      take(missing.front(), score(missing.front()));
      missing.erase(missing.begin());
      score_beside(missing);
    }
    for (const std::size_t job : missing)
      if (!scores_[job]) take(job, score(job));
    Scores all;
    for (std::optional<Scores>& of_job : scores_)
      std::move(of_job->begin(), of_job->end(), std::back_inserter(all));
    return all;
  }

 private:
  Scores score(std::size_t job) {
    Scores scores = jobs_.score(job);
    if (!options_.store.empty()) files_.put(jobs_.key(job), scores);
    return scores;
  }

  void score_beside(const std::vector<std::size_t>& missing) {
    const auto texts = options_.workers->run(
        missing.size(), [&](std::size_t i) { return score_text(score(missing[i])); },
        [&](std::size_t) { tell(); });
    for (std::size_t i = 0; i < missing.size(); ++i) {
      Scores scores;
      if (texts[i] && read_scores(*texts[i], scores)) scores_[missing[i]] = std::move(scores);
    }
  }

  void take(std::size_t job, Scores scores) {
    scores_[job] = std::move(scores);
    tell();
  }

  /// One more is done.
  void tell() {
    ++done_;
    if (options_.progress)
      options_.progress(static_cast<double>(done_) / static_cast<double>(scores_.size()),
                        fmt::format("evaluation, {} of {}", done_, scores_.size()));
  }

  EvaluationJobs& jobs_;
  const EvaluateOptions& options_;
  ScoreFiles files_;
  std::vector<std::optional<Scores>> scores_;
  std::size_t done_ = 0;
};

}  // namespace

std::vector<InputScore> score_all(EvaluationJobs& jobs, const EvaluateOptions& options) {
  keep_freed_memory();
  return Scoring(jobs, options).all();
}

}  // namespace bitjoule
