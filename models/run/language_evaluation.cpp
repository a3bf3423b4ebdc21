#include "run/language_evaluation.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/index.h"

namespace bitjoule {
namespace {

const char* const kTokensInput = "tokens";

void require_language_model(const Network& network, std::int64_t tokens) {
  const auto is_tokens = [&](const NetworkInput& input) {
    return input.name == kTokensInput && is_integer_type(input.type) &&
           value_count("input \"tokens\"", input.shape) == tokens;
  };
  if (std::none_of(network.inputs.begin(), network.inputs.end(), is_tokens))
    throw input_error(
        fmt::format("{}: an evaluation on tokens needs an input \"tokens\" of {} integers",
                    network.name, tokens));
}

/// The logits: the only output, a row for each token.
NetworkOutputValues logits_of(ValuePass& pass, const std::vector<std::int32_t>& tokens) {
  std::map<std::string, NetworkTensor> inputs;
  inputs.emplace(kTokensInput, number_tensor(tokens));
  std::vector<NetworkOutputValues> outputs = pass.run(std::move(inputs));
  if (outputs.size() != 1 || outputs[0].values.size() % tokens.size() != 0)
    throw input_error(
        fmt::format("{}: an evaluation on tokens needs one output with a row for each token",
                    pass.network().name));
  return std::move(outputs[0]);
}

}  // namespace

bool reads_tokens(const Network& network) {
  return std::any_of(network.inputs.begin(), network.inputs.end(), [](const NetworkInput& input) {
    return input.name == kTokensInput && is_integer_type(input.type);
  });
}

DataKind data_kind(const RunConfig& run) {
  if (reads_tokens(run.phases.front().network)) return DataKind::kTokens;
  return run.evaluation->config.labels.empty() ? DataKind::kOutputs : DataKind::kClasses;
}

LanguageEvaluation::Passes& LanguageEvaluation::passes_of(std::int64_t tokens) {
  Passes& passes = passes_[tokens];
  const Evaluation& evaluation = *run_.evaluation;
  const auto make = [&](const std::function<Network(std::int64_t)>& network, Side side) {
    const Network built = network(tokens);
    require_language_model(built, tokens);
    return std::make_unique<ValuePass>(run_, built, nullptr, side);
  };
  // Of two networks each has its side.
  const bool has_other = static_cast<bool>(evaluation.reference);
  if (passes.network == nullptr)
    passes.network = make(evaluation.network, has_other ? Side::kMachine : Side::kBoth);
  if (passes.reference == nullptr && has_other)
    passes.reference = make(evaluation.reference, Side::kExact);
  return passes;
}

void LanguageEvaluation::prepare(std::int64_t tokens) { passes_of(tokens); }

InputScore LanguageEvaluation::score(const std::vector<std::int32_t>& window, std::int64_t scored) {
  const auto tokens = static_cast<std::int64_t>(window.size());
  Passes& passes = passes_of(tokens);
  NetworkOutputValues logits = logits_of(*passes.network, window);
  if (passes.reference != nullptr) {
    NetworkOutputValues reference = logits_of(*passes.reference, window);
    if (reference.values.size() != logits.values.size())
      throw input_error(fmt::format("{}: the reference has {} logits for a token, the network {}",
                                    passes.reference->network().name,
                                    reference.values.size() / window.size(),
                                    logits.values.size() / window.size()));
    logits.reference = std::move(reference.reference);
  }
  const auto classes = static_cast<std::int64_t>(logits.values.size()) / tokens;
  InputScore score;
  for (std::int64_t i = scored; i < tokens; ++i) {
    if (window[at(i)] < 0 || window[at(i)] >= classes)
      throw input_error(fmt::format("token {} is none of the model's {}", window[at(i)], classes));
    const float* row = &logits.values[at((i - 1) * classes)];
    const double* reference = &logits.reference[at((i - 1) * classes)];
    score.predictions.push_back(score_prediction(row, reference, classes, window[at(i)]));
    score.error.add(row, reference, classes);
  }
  return score;
}

}  // namespace bitjoule
