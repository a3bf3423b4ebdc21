#include "sim/tune/tune.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "core/accuracy/joint_loss.h"
#include "core/error.h"
#include "run/layer_formats.h"
#include "run/machine.h"
#include "run/native_order.h"
#include "run/network_layers.h"
#include "sim/result/result_json.h"
#include "sim/sweep/outcome_files.h"
#include "sim/sweep/results.h"
#include "sim/tune/mix_text.h"

namespace bitjoule {
namespace {

// Mixes that are measured to find the best: each corrects what is foreseen of the next.
constexpr int kTries = 6;
// Mixes whose pairs are measured to foresee one.
constexpr int kRounds = 3;
// Of the loss that the budget leaves, mixes for the front beside the one that was asked for.
constexpr double kOtherBudgets[] = {0.25, 0.5, 2, 4};

/// Rows and elements of a row of a layer's own weights; nothing where it has none.
struct WeightShape {
  std::int64_t rows = 0, k = 0;
};

WeightShape weights_of(const NetworkLayer& layer) {
  if (const auto* op = std::get_if<VectorOp>(&layer.op)) {
    if (op->kind == VectorKind::kEmbedding) return {op->table_rows, op->cols};
    return {};
  }
  if (std::holds_alternative<Matmul>(layer.op)) return {};
  const auto source = layer.tensors.find("weights");
  if (source != layer.tensors.end() && !source->second.input.empty()) return {};  // computed
  const std::vector<std::int64_t> shape = std::holds_alternative<Conv2d>(layer.op)
                                              ? weight_shape(std::get<Conv2d>(layer.op))
                                              : weight_shape(std::get<Gemm>(layer.op));
  return {shape.front(), shape[1] * (shape.size() == 4 ? shape[2] * shape[3] : 1)};
}

/// What tells stored tensors apart; empty: generated, a tensor of its own.
std::string tensor_of(const NetworkLayer& layer) {
  for (const char* role : {"weights", "table"}) {
    const auto source = layer.tensors.find(role);
    if (source != layer.tensors.end() && source->second.from_file())
      return source->second.file + "\n" + source->second.tensor;
  }
  return "";
}

std::vector<TuneGroup> groups_of(const Network& network, TuneGroups by, bool with_products) {
  std::vector<TuneGroup> groups;
  std::map<std::string, std::size_t> of_name, of_tensor;
  for (const NetworkLayer& layer : network.layers) {
    const WeightShape shape = weights_of(layer);
    const bool is_product = with_products && std::holds_alternative<Matmul>(layer.op);
    if (shape.rows == 0 && !is_product) continue;
    const std::string name = by == TuneGroups::kKinds ? kind_of(layer.name) : layer.name;
    const std::string tensor = tensor_of(layer);
    const auto tied = of_tensor.find(tensor);
    const bool is_tied = !tensor.empty() && tied != of_tensor.end();
    const std::size_t index =
        is_tied ? tied->second : of_name.emplace(name, groups.size()).first->second;
    if (index == groups.size()) groups.push_back({name, {}, 0, false});
    TuneGroup& group = groups[index];
    if (is_tied && name != group.name && group.name.find(name) == std::string::npos)
      group.name += "+" + name;
    group.layers.push_back(layer.name);
    if (!std::holds_alternative<VectorOp>(layer.op)) group.has_macs = true;
    if (!is_tied) group.weights += shape.rows * shape.k;
    if (!tensor.empty()) of_tensor.emplace(tensor, index);
  }
  return groups;
}

double bits_per_weight(const Network& network, const Precision& run) {
  double bits = 0, weights = 0;
  std::set<std::string> seen;
  for (const NetworkLayer& layer : network.layers) {
    const WeightShape shape = weights_of(layer);
    const std::string tensor = tensor_of(layer);
    if (shape.rows == 0 || (!tensor.empty() && !seen.insert(tensor).second)) continue;
    const auto elements = static_cast<double>(shape.rows) * static_cast<double>(shape.k);
    const StorageLayout layout = storage_layout(layer.precision.apply(run).weights);
    bits += elements * effective_bits_per_weight(layout, shape.rows, shape.k);
    weights += elements;
  }
  return bits / weights;
}

class Tuner {
 public:
  Tuner(const RunTemplate& base, const TuneSettings& settings, const EvaluateOptions& options)
      : base_(base), settings_(settings), options_(options) {}

  TuneResult run() {
    const RunConfig as_it_is = config({});
    network_ = as_it_is.phases.front().network;
    result_.groups =
        groups_of(network_, settings_.groups,
                  std::any_of(settings_.formats.begin(), settings_.formats.end(), has_activations));
    if (result_.groups.empty())
      throw input_error(fmt::format("{}: no layer has weights of its own", as_it_is.name));
    const Mix none(result_.groups.size(), kAsItIs);
    // A guess: that each group takes part in four pairs, and half of the tries are needed.
    expected_ = 1 + (result_.groups.size() + 1) * settings_.formats.size() +
                4 * result_.groups.size() + kTries / 2 + std::size(kOtherBudgets);
    add("as it is", none, std::nullopt);
    result_.as_it_is = result_.mixes.front().accuracy;
    result_.objective_as_it_is = result_.mixes.front().objective;
    bound_ = settings_.budget.loss_bound(result_.as_it_is);
    for (std::size_t f = 1; f <= settings_.formats.size(); ++f)
      add(settings_.formats[f - 1], uniform(f), std::nullopt);
    measure_groups(none);
    search();
    result_.together = losses_->together();
    finish();
    return std::move(result_);
  }

 private:
  double loss(const Accuracy& a) const { return settings_.budget.loss(a); }

  RunConfig config(const Mix& mix) const {
    return base_.with({{"mix", mix_flow(settings_, result_, mix)}});
  }

  double objective(RunConfig run) const {
    run.evaluation.reset();
    run.options.values = false;
    if (!options_.store.empty())
      run.options.outcomes = std::make_shared<OutcomeFiles>(outcome_directory(options_.store));
    Machine machine(std::move(run));
    const Result result = machine.run();
    const boost::json::object metrics = flatten(result_json(machine.config(), result));
    const auto* value = metrics.if_contains(settings_.objective);
    if (value == nullptr || !value->is_number())
      throw input_error(fmt::format("objective: no number of the run's result is named \"{}\"",
                                    settings_.objective));
    return value->to_number<double>();
  }

  Accuracy accuracy(const RunConfig& run, const std::string& what) {
    EvaluateOptions options = options_;
    options.progress = [&](double share, const std::string& of) {
      if (options_.progress)
        options_.progress((static_cast<double>(done_) + share) / static_cast<double>(expected_),
                          fmt::format("{}: {}", what, of));
    };
    Accuracy found = *evaluated(run, options);
    ++done_;
    return found;
  }

  const MeasuredMix& add(const std::string& name, const Mix& mix, std::optional<double> predicted) {
    for (const MeasuredMix& known : result_.mixes)
      if (known.mix == mix) return known;
    const RunConfig run = config(mix);
    MeasuredMix measured;
    measured.name = name;
    measured.mix = mix;
    measured.objective = objective(run);
    measured.accuracy = accuracy(run, name);
    measured.predicted = predicted;
    measured.bits_per_weight = bits_per_weight(run.phases.front().network, run.precision);
    result_.mixes.push_back(std::move(measured));
    return result_.mixes.back();
  }

  bool is_choice(std::size_t group, std::size_t format) const {
    return is_choice_of(settings_.formats[format - 1], result_.groups[group]);
  }

  Mix uniform(std::size_t format) const {
    Mix mix;
    for (std::size_t g = 0; g < result_.groups.size(); ++g)
      mix.push_back(is_choice(g, format) ? format : kAsItIs);
    return mix;
  }

  /// Every group alone in every format.
  void measure_groups(const Mix& none) {
    std::vector<std::vector<Choice>> of_groups;
    std::vector<std::vector<double>> sizes;
    for (std::size_t g = 0; g < none.size(); ++g) {
      std::vector<double>& objectives = result_.objective.emplace_back();
      std::vector<Accuracy>& accuracies = result_.accuracy.emplace_back();
      std::vector<Choice>& choices = of_groups.emplace_back(1);
      std::vector<double>& size = sizes.emplace_back(1, 0.0);
      for (std::size_t f = 1; f <= settings_.formats.size(); ++f) {
        if (!is_choice(g, f)) {
          objectives.push_back(result_.objective_as_it_is);
          accuracies.push_back(result_.as_it_is);
          choices.push_back({0, 0});  // as it is, which comes first
          size.push_back(0);
          continue;
        }
        Mix alone = none;
        alone[g] = f;
        const RunConfig run = config(alone);
        objectives.push_back(objective(run));
        accuracies.push_back(accuracy(
            run, fmt::format("{} in {}", result_.groups[g].name, settings_.formats[f - 1])));
        choices.push_back({objectives.back() - result_.objective_as_it_is,
                           loss(accuracies.back()) - loss(result_.as_it_is)});
        size.push_back(std::sqrt(std::max(0.0, accuracies.back().kl.value)));
      }
    }
    losses_.emplace(std::move(of_groups), std::move(sizes));
  }

  /// Pairs of a mix, those that may matter, both at once and nothing else.
  void measure_pairs(const Mix& mix) {
    for (const JointLoss::Pair& pair : losses_->unknown(mix)) {
      Mix both(mix.size(), kAsItIs);
      std::vector<std::string> words;
      for (const JointLoss::Member& m : {pair.first, pair.second}) {
        both[m.group] = m.choice;
        words.push_back(
            fmt::format("{} in {}", result_.groups[m.group].name, settings_.formats[m.choice - 1]));
      }
      const Accuracy found = accuracy(config(both), fmt::format("{}", fmt::join(words, ", ")));
      losses_->learn(pair, loss(found) - loss(result_.as_it_is));
    }
  }

  bool is_told(const MeasuredMix& m) const {
    return std::fabs(loss(m.accuracy) - loss(result_.as_it_is)) >
           settings_.budget.error(m.accuracy);
  }

  /// What a mix loses, as foreseen now.
  double foreseen(const Mix& mix) const { return ratio_ * losses_->of(mix); }

  /// The cheapest that should lose no more than `allowed`, its pairs being measured; nothing where
  /// there is none.
  Mix foresee(double allowed) {
    Mix around(result_.groups.size(), kAsItIs), best;
    for (int round = 0; round < kRounds; ++round) {
      const Mix mix = losses_->cheapest(allowed / ratio_, around);
      if (mix.empty() || mix == around) break;
      measure_pairs(mix);
      around = mix;
      const bool is_better = best.empty() || foreseen(best) > allowed || cost(mix) < cost(best);
      if (foreseen(mix) <= allowed ? is_better : best.empty()) best = mix;
    }
    return best.empty() ? around : best;
  }

  /// What a mix costs beside the run as it is: the sum of what its groups do.
  double cost(const Mix& mix) const {
    double sum = 0;
    for (std::size_t g = 0; g < mix.size(); ++g)
      if (mix[g] != kAsItIs) sum += result_.objective[g][mix[g] - 1] - result_.objective_as_it_is;
    return sum;
  }

  const MeasuredMix& try_mix(const std::string& name, const Mix& mix) {
    return add(name, mix, settings_.budget.value(loss(result_.as_it_is) + foreseen(mix)));
  }

  void search() {
    const double allowed = result_.allowed = bound_ - loss(result_.as_it_is);
    if (!(allowed >= 0)) return;  // told by finish()
    double aim = allowed;
    Mix chosen(result_.groups.size(), kAsItIs);
    for (int i = 0; i < kTries; ++i) {
      const std::size_t before = result_.mixes.size();
      const Mix mix = foresee(aim);
      const MeasuredMix measured = try_mix(fmt::format("mix {}", i + 1), mix);
      const double lost = loss(measured.accuracy) - loss(result_.as_it_is);
      if (lost <= allowed) chosen = mix;
      if (result_.mixes.size() == before && lost <= allowed) break;
      // What is told corrects what is foreseen of the next; else aim lower by what chance has
      // added.
      const double unmeasured = losses_->of(mix);
      if (is_told(measured) && lost > 0 && unmeasured > 0)
        ratio_ = lost / unmeasured;
      else if (lost > allowed)
        aim *= std::min(0.97, allowed / lost);
      if (result_.mixes.size() == before) aim *= 0.97;
    }
    for (const double part : kOtherBudgets) {
      const Mix mix = losses_->cheapest(allowed * part / ratio_, chosen);
      if (!mix.empty()) try_mix(fmt::format("mix for {} of the budget", part), mix);
    }
  }

  void finish() {
    MeasuredMix* best = nullptr;
    for (MeasuredMix& m : result_.mixes) {
      m.within = loss(m.accuracy) <= bound_;
      m.is_told = is_told(m);
      m.is_front = std::none_of(result_.mixes.begin(), result_.mixes.end(), [&](const auto& o) {
        const bool as_good = o.objective <= m.objective && loss(o.accuracy) <= loss(m.accuracy);
        return as_good && (o.objective < m.objective || loss(o.accuracy) < loss(m.accuracy));
      });
      if (m.within && (best == nullptr || m.objective < best->objective)) best = &m;
    }
    if (best == nullptr)
      throw input_error(fmt::format(
          "budget: {}: the run as it is has {:.6g}, the float network {:.6g}: nothing keeps it",
          settings_.budget.text, settings_.budget.value(loss(result_.as_it_is)),
          settings_.budget.metric == AccuracyBudget::Metric::kKl
              ? 0
              : settings_.budget.value(result_.as_it_is.reference_nll.value)));
    best->is_best = true;
  }

  const RunTemplate& base_;
  const TuneSettings& settings_;
  const EvaluateOptions& options_;
  Network network_;
  TuneResult result_;
  std::optional<JointLoss> losses_;
  double ratio_ = 1;  // what a mix has lost to what was foreseen of it
  double bound_ = 0;
  std::size_t done_ = 0, expected_ = 1;
};

}  // namespace

double AccuracyBudget::loss_bound(const Accuracy& a) const {
  switch (metric) {
    case Metric::kPerplexity:
      return is_ratio ? std::log(bound) + a.reference_nll.value : std::log(bound);
    case Metric::kNll:
      return is_ratio ? bound * a.reference_nll.value : bound;
    default:
      return bound;
  }
}

double AccuracyBudget::value(double loss) const {
  return metric == Metric::kPerplexity ? std::exp(loss) : loss;
}

AccuracyBudget parse_budget(const std::string& text) {
  std::string plain = text;
  AccuracyBudget budget;
  budget.text = text;
  const bool is_share = !plain.empty() && plain.back() == '%';
  budget.is_ratio = is_share || (!plain.empty() && plain.back() == 'x');
  if (budget.is_ratio) plain.pop_back();
  const std::size_t at = plain.find("<=");
  const std::map<std::string, AccuracyBudget::Metric> metrics = {
      {"accuracy.perplexity", AccuracyBudget::Metric::kPerplexity},
      {"accuracy.nll", AccuracyBudget::Metric::kNll},
      {"accuracy.kl", AccuracyBudget::Metric::kKl}};
  std::string name = plain.substr(0, at);
  name.erase(name.find_last_not_of(' ') + 1);
  const auto metric = metrics.find(name);
  const std::optional<double> bound =
      at == std::string::npos ? std::nullopt : budget_number(plain.substr(at + 2));
  if (metric == metrics.end() || !bound || !(*bound > 0) ||
      (budget.is_ratio && metric->second == AccuracyBudget::Metric::kKl))
    throw input_error(fmt::format(
        "budget: expected accuracy.perplexity, accuracy.nll or accuracy.kl, <= and a number above "
        "0, of the first two also times the float network's or per cent more than it, such as "
        "\"accuracy.perplexity <= 1.01x\" or \"accuracy.perplexity <= 1 %\", got \"{}\"",
        text));
  budget.metric = metric->second;
  budget.bound = is_share ? 1 + *bound / 100 : *bound;
  return budget;
}

TuneResult tune(const RunTemplate& base, const TuneSettings& settings,
                const EvaluateOptions& options) {
  return Tuner(base, settings, options).run();
}

}  // namespace bitjoule
