#include "sim/evaluate/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/index.h"
#include "run/batch_evaluation.h"
#include "run/language_evaluation.h"
#include "sim/config/writer.h"
#include "sim/evaluate/token_data.h"
#include "sim/result/evaluation_digest.h"

namespace bitjoule {
namespace {

/// A job is a window.
class WindowJobs : public EvaluationJobs {
 public:
  WindowJobs(const RunConfig& run, const EvaluationPlan& plan)
      : run_(run), plan_(plan), evaluation_(run) {}

  std::size_t count() const override { return plan_.windows.size(); }
  void prepare() override {
    for (const DataWindow& w : plan_.windows) evaluation_.prepare(w.window.size);
  }
  std::vector<InputScore> score(std::size_t job) override {
    return {evaluation_.score(tokens_of(job), scored(job))};
  }
  std::string key(std::size_t job) override {
    const std::int64_t size = plan_.windows[job].window.size;
    std::string& digest = digests_[size];
    if (digest.empty()) digest = text_hash(value_digest(run_, networks_of(run_, size)));
    return fmt::format("{} {} {}", digest, scored(job), fmt::join(tokens_of(job), " "));
  }

 private:
  std::int64_t scored(std::size_t job) const {
    return plan_.windows[job].window.scored - plan_.windows[job].window.first;
  }
  std::vector<std::int32_t> tokens_of(std::size_t job) const {
    const DataWindow& w = plan_.windows[job];
    const auto first = plan_.sequences[at(w.sequence)].begin() + w.window.first;
    return {first, first + w.window.size};
  }

  const RunConfig& run_;
  const EvaluationPlan& plan_;
  LanguageEvaluation evaluation_;
  std::map<std::int64_t, std::string> digests_;  ///< by the tokens of a window
};

/// A job is a batch.
class BatchJobs : public EvaluationJobs {
 public:
  BatchJobs(const RunConfig& run, const EvaluationPlan& plan)
      : run_(run), plan_(plan), evaluation_(run) {}

  std::size_t count() const override { return at((plan_.inputs + plan_.batch - 1) / plan_.batch); }
  std::vector<InputScore> score(std::size_t job) override {
    const bool has_labels = !plan_.data.labels.empty();
    return evaluation_.score(plan_.data.tensor(first(job), plan_.batch),
                             has_labels ? labels_of(job) : unlabelled(job), has_labels, first(job));
  }
  std::string key(std::size_t job) override {
    if (digest_.empty()) digest_ = text_hash(evaluation_digest(run_));
    return fmt::format("{} batch {}", digest_, job);
  }

 private:
  std::int64_t first(std::size_t job) const { return static_cast<std::int64_t>(job) * plan_.batch; }
  std::int64_t last(std::size_t job) const {
    return std::min(first(job) + plan_.batch, plan_.inputs);
  }
  std::vector<std::int64_t> labels_of(std::size_t job) const {
    const auto begin = plan_.data.labels.begin();
    return {begin + first(job), begin + last(job)};
  }
  std::vector<std::int64_t> unlabelled(std::size_t job) const {
    return std::vector<std::int64_t>(at(last(job) - first(job)));
  }

  const RunConfig& run_;
  const EvaluationPlan& plan_;
  BatchEvaluation evaluation_;
  std::string digest_;
};

/// Fails with the place of the first token that the model's embedding has no row for.
void require_known_tokens(const RunConfig& run, const EvaluationPlan& plan) {
  std::int64_t known = std::int64_t{1} << 31;
  for (const NetworkLayer& layer : run.phases.front().network.layers)
    if (const auto* op = std::get_if<VectorOp>(&layer.op))
      if (op->kind == VectorKind::kEmbedding && layer.inputs == std::vector<std::string>{"tokens"})
        known = std::min(known, op->table_rows);
  for (std::size_t s = 0; s < plan.sequences.size(); ++s)
    for (std::size_t i = 0; i < plan.sequences[s].size(); ++i)
      if (plan.sequences[s][i] >= known)
        throw input_error(fmt::format("{}: text {}, element {}: token {} is none of the model's {}",
                                      run.evaluation->config.data, s, i, plan.sequences[s][i],
                                      known));
}

void plan_tokens(const RunConfig& run, EvaluationPlan& plan) {
  const EvaluationConfig& config = run.evaluation->config;
  for (const auto& [is_set, key] :
       {std::pair(!config.labels.empty(), "labels"), std::pair(!config.layout.empty(), "layout"),
        std::pair(config.scale != 1, "scale"), std::pair(!config.mean.empty(), "mean"),
        std::pair(!config.deviation.empty(), "deviation")})
    if (is_set)
      throw input_error(fmt::format("evaluation.{}: of inputs, but the network reads tokens", key));
  plan.sequences = read_tokens(config.data, config.tokenizer);
  keep_first(config.limit, plan.sequences);
  require_known_tokens(run, plan);
  std::map<std::int64_t, std::pair<double, double>> work;
  for (std::size_t s = 0; s < plan.sequences.size(); ++s)
    for (const TokenWindow& w :
         token_windows(static_cast<std::int64_t>(plan.sequences[s].size()), config.window,
                       config.stride.value_or(config.window))) {
      if (work.count(w.size) == 0) {
        const Network network = run.evaluation->network(w.size);
        work[w.size] = {static_cast<double>(total_macs(network)),
                        static_cast<double>(total_outputs(network))};
      }
      plan.windows.push_back({static_cast<std::int64_t>(s), w});
      plan.tokens += w.size;
      plan.predictions += w.predictions();
      plan.macs += work[w.size].first;
      plan.elements += work[w.size].second;
    }
  plan.inputs = static_cast<std::int64_t>(plan.windows.size());
  if (plan.windows.empty())
    throw input_error(
        fmt::format("{}: no sequence of two tokens, so there is nothing to predict", config.data));
}

void plan_inputs(const RunConfig& run, EvaluationPlan& plan) {
  const EvaluationConfig& config = run.evaluation->config;
  const Network network = run.evaluation->as_it_is();
  if (run.phases.size() != 1 || network.inputs.size() != 1 || network.inputs[0].shape.empty())
    throw input_error(
        fmt::format("{}: an evaluation needs a network of one pass with one input; this one has {}",
                    network.name, network.inputs.size()));
  if (!config.tokenizer.empty() || run.evaluation->reference)
    throw input_error("evaluation.tokenizer and reference: of networks that read tokens");
  plan.data = read_inputs(config, network.inputs[0]);
  plan.batch = network.inputs[0].shape.front();
  plan.inputs = plan.data.count;
  plan.predictions = static_cast<std::int64_t>(plan.data.labels.size());
  const double batches =
      std::ceil(static_cast<double>(plan.inputs) / static_cast<double>(plan.batch));
  plan.macs = batches * static_cast<double>(total_macs(network));
  plan.elements = batches * static_cast<double>(total_outputs(network));
}

}  // namespace

EvaluationPlan plan_evaluation(const RunConfig& run) {
  EvaluationPlan plan;
  plan.kind = data_kind(run);
  if (plan.kind == DataKind::kTokens)
    plan_tokens(run, plan);
  else
    plan_inputs(run, plan);
  return plan;
}

Evaluated evaluate(const RunConfig& run, const EvaluationPlan& plan,
                   const EvaluateOptions& options) {
  const EvaluationConfig& config = run.evaluation->config;
  Evaluated result;
  if (plan.kind == DataKind::kTokens) {
    WindowJobs jobs(run, plan);
    result.scores = score_all(jobs, options);
  } else {
    BatchJobs jobs(run, plan);
    result.scores = score_all(jobs, options);
  }
  result.accuracy = accuracy_of(result.scores);
  result.accuracy.kind = plan.kind;
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
