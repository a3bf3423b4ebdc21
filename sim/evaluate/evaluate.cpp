#include "sim/evaluate/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/index.h"
#include "run/language_evaluation.h"
#include "sim/config/writer.h"
#include "sim/evaluate/score_files.h"
#include "sim/evaluate/token_data.h"
#include "sim/result/evaluation_digest.h"

namespace bitjoule {
namespace {

/// The windows of a plan, judged one by one or by workers, each once.
class Judge {
 public:
  Judge(const RunConfig& run, const EvaluationPlan& plan, const EvaluateOptions& options)
      : plan_(plan),
        options_(options),
        files_(score_directory(options.store)),
        evaluation_(run),
        scores_(plan.windows.size()) {
    if (options.store.empty()) return;
    for (const DataWindow& w : plan.windows)
      if (digests_.count(w.window.size) == 0)
        digests_[w.window.size] = text_hash(value_digest(run, w.window.size));
  }

  std::vector<InputScore> judge() {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < scores_.size(); ++i) {
      if (std::optional<InputScore> known = files_.find(key_of(i)))
        take(i, std::move(*known));
      else
        missing.push_back(i);
    }
    // The first one here: what all of them need is there when others begin.
    if (options_.workers != nullptr && missing.size() > 1) {
      take(missing.front(), judge(missing.front()));
      missing.erase(missing.begin());
      for (const std::size_t i : missing) evaluation_.prepare(window_of(i).size);
      judge_beside(missing);
    }
    for (const std::size_t i : missing)
      if (!done_[i]) take(i, judge(i));
    return std::move(scores_);
  }

 private:
  const TokenWindow& window_of(std::size_t i) const { return plan_.windows[i].window; }

  std::vector<std::int32_t> tokens_of(std::size_t i) const {
    const std::vector<std::int32_t>& all = plan_.sequences[at(plan_.windows[i].sequence)];
    const auto first = all.begin() + window_of(i).first;
    return {first, first + window_of(i).size};
  }

  std::string key_of(std::size_t i) const {
    if (options_.store.empty()) return "";
    const TokenWindow& w = window_of(i);
    return fmt::format("{} {} {}", digests_.at(w.size), w.scored - w.first,
                       fmt::join(tokens_of(i), " "));
  }

  InputScore judge(std::size_t i) {
    const TokenWindow& w = window_of(i);
    InputScore score = evaluation_.score(tokens_of(i), w.scored - w.first);
    files_.put(key_of(i), score);
    return score;
  }

  void judge_beside(const std::vector<std::size_t>& windows) {
    const auto texts = options_.workers->run(
        windows.size(), [&](std::size_t job) { return score_text(judge(windows[job])); },
        [&](std::size_t) { tell(++ended_); });
    for (std::size_t job = 0; job < windows.size(); ++job) {
      InputScore score;
      if (texts[job] && read_score(*texts[job], score)) take(windows[job], std::move(score));
    }
  }

  void take(std::size_t i, InputScore score) {
    scores_[i] = std::move(score);
    done_[i] = true;
    ended_ = std::max(ended_, ++taken_);
    tell(ended_);
  }

  void tell(std::size_t ended) const {
    if (options_.progress)
      options_.progress(static_cast<double>(ended) / static_cast<double>(scores_.size()),
                        fmt::format("window {} of {}", ended, scores_.size()));
  }

  const EvaluationPlan& plan_;
  const EvaluateOptions& options_;
  ScoreFiles files_;
  LanguageEvaluation evaluation_;
  std::map<std::int64_t, std::string> digests_;  ///< by the tokens of a window
  std::vector<InputScore> scores_;
  std::vector<bool> done_ = std::vector<bool>(scores_.size());
  std::size_t ended_ = 0, taken_ = 0;
};

}  // namespace

EvaluationPlan plan_evaluation(const RunConfig& run) {
  const EvaluationConfig& config = run.evaluation->config;
  EvaluationPlan plan;
  plan.sequences = read_tokens(config.data, config.tokenizer);
  keep_first(config.limit, plan.sequences);
  std::map<std::int64_t, double> macs;
  for (std::size_t s = 0; s < plan.sequences.size(); ++s)
    for (const TokenWindow& w :
         token_windows(static_cast<std::int64_t>(plan.sequences[s].size()), config.window,
                       config.stride.value_or(config.window))) {
      if (macs.count(w.size) == 0)
        macs[w.size] = static_cast<double>(total_macs(run.evaluation->network(w.size)));
      plan.windows.push_back({static_cast<std::int64_t>(s), w});
      plan.tokens += w.size;
      plan.predictions += w.predictions();
      plan.macs += macs[w.size];
    }
  if (plan.windows.empty())
    throw input_error(
        fmt::format("{}: no sequence of two tokens, so there is nothing to predict", config.data));
  return plan;
}

Evaluated evaluate(const RunConfig& run, const EvaluationPlan& plan,
                   const EvaluateOptions& options) {
  Evaluated result;
  result.scores = Judge(run, plan, options).judge();
  const EvaluationConfig& config = run.evaluation->config;
  result.accuracy = accuracy_of(result.scores);
  result.accuracy.data = config.data;
  result.accuracy.window = config.window;
  result.accuracy.stride = config.stride.value_or(config.window);
  result.accuracy.reference = run.evaluation->reference_name;
  return result;
}

std::optional<Accuracy> evaluated(const RunConfig& run, const EvaluateOptions& options) {
  if (!run.evaluation) return std::nullopt;
  return evaluate(run, plan_evaluation(run), options).accuracy;
}

}  // namespace bitjoule
