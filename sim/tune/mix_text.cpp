#include "sim/tune/mix_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "sim/config/reader.h"
#include "sim/config/units.h"
#include "sim/config/writer.h"
#include "sim/output/csv.h"
#include "sim/output/text.h"
#include "sim/schema/describe_network.h"

namespace bitjoule {
namespace {

/// Keys of `precision` as they are, else the format of the weights; of a product of activations,
/// whose second operand is stored as its producer says, without weights; of an embedding without
/// those of MACs.
std::string precision_of(const std::string& format, const TuneGroup& group) {
  const bool has_keys = has_activations(format) || format.find("weights:") != std::string::npos;
  if (!has_keys) return fmt::format("{{weights: {}}}", format);
  if (group.weights > 0 && group.has_macs) return format;
  PrecisionOverride precision =
      read_document<PrecisionOverride>(text_source("--formats", format), {});
  if (group.weights == 0) precision.weights.reset();
  if (!group.has_macs) {
    precision.mac.reset();
    precision.requantize.reset();
    precision.transform.reset();
  }
  return boost::json::serialize(to_json(precision));
}

std::string layers_of(const TuneGroup& group) {
  return boost::json::serialize(boost::json::array(group.layers.begin(), group.layers.end()));
}

/// What the choice is called.
std::string choice_name(const TuneSettings& settings, std::size_t choice) {
  return choice == kAsItIs ? "as it is" : settings.formats[choice - 1];
}

const char* metric_name(const TuneSettings& settings) {
  switch (settings.budget.metric) {
    case AccuracyBudget::Metric::kPerplexity:
      return "perplexity";
    case AccuracyBudget::Metric::kNll:
      return "nll";
    default:
      return "kl";
  }
}

double metric_of(const TuneSettings& settings, const Accuracy& a) {
  return settings.budget.value(settings.budget.loss(a));
}

std::string mix_words(const TuneSettings& settings, const TuneResult& result, const Mix& mix) {
  std::string out;
  for (std::size_t g = 0; g < mix.size(); ++g)
    out += fmt::format("{}{}: {}", g == 0 ? "" : "; ", result.groups[g].name,
                       choice_name(settings, mix[g]));
  return out;
}

}  // namespace

std::optional<double> budget_number(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return std::nullopt;
  return parse_real(text.substr(first, text.find_last_not_of(' ') + 1 - first));
}

bool has_activations(const std::string& format) {
  return format.find("activations:") != std::string::npos;
}

bool is_choice_of(const std::string& format, const TuneGroup& group) {
  return group.weights > 0 || has_activations(format);
}

std::string mix_flow(const TuneSettings& settings, const TuneResult& result, const Mix& mix) {
  std::string rules;
  for (std::size_t g = 0; g < mix.size(); ++g)
    if (mix[g] != kAsItIs)
      rules += fmt::format("{}{{layers: {}, precision: {}}}", rules.empty() ? "" : ", ",
                           layers_of(result.groups[g]),
                           precision_of(settings.formats[mix[g] - 1], result.groups[g]));
  return fmt::format("{{unroll: true, overrides: [{}]}}", rules);
}

std::string mix_yaml(const TuneSettings& settings, const TuneResult& result, const Mix& mix) {
  std::string out = "unroll: true\noverrides:\n";
  bool any = false;
  for (std::size_t g = 0; g < mix.size(); ++g) {
    if (mix[g] == kAsItIs) continue;
    any = true;
    out += fmt::format("  - layers: {}\n    precision: {}\n", layers_of(result.groups[g]),
                       precision_of(settings.formats[mix[g] - 1], result.groups[g]));
  }
  return any ? out : "unroll: true\noverrides: []\n";
}

std::string sensitivity_csv(const TuneSettings& settings, const TuneResult& result) {
  std::string out = fmt::format(
      "group,weights,format,{0},{0} change,{1},nll change,nll change error,kl,kl error\n",
      settings.objective, metric_name(settings));
  for (std::size_t g = 0; g < result.groups.size(); ++g)
    for (std::size_t f = 0; f < settings.formats.size(); ++f) {
      if (!is_choice_of(settings.formats[f], result.groups[g])) continue;
      const Accuracy& a = result.accuracy[g][f];
      const double objective = result.objective[g][f];
      out += csv_cell(result.groups[g].name) + fmt::format(",{},", result.groups[g].weights) +
             csv_cell(settings.formats[f]) +
             fmt::format(",{},{},{},{},{},{},{}\n", objective,
                         objective - result.objective_as_it_is, metric_of(settings, a),
                         a.nll_change.value, a.nll_change.error, a.kl.value, a.kl.error);
    }
  return out;
}

std::string pairs_csv(const TuneSettings& settings, const TuneResult& result) {
  const bool is_kl = settings.budget.metric == AccuracyBudget::Metric::kKl;
  std::string out = fmt::format("group,format,other group,other format,{} beyond both alone\n",
                                is_kl ? "kl" : "nll");
  for (const auto& [pair, beyond] : result.together) {
    for (const JointLoss::Member& m : {pair.first, pair.second})
      out += csv_cell(result.groups[m.group].name) + "," +
             csv_cell(choice_name(settings, m.choice)) + ",";
    out += fmt::format("{}\n", beyond);
  }
  return out;
}

std::string mixes_csv(const TuneSettings& settings, const TuneResult& result) {
  std::string out = fmt::format(
      "mix,{},bits per weight,{} predicted,{},nll,nll error,kl,kl error,agreement,"
      "told,within,front,best,formats\n",
      settings.objective, metric_name(settings), metric_name(settings));
  for (const MeasuredMix& m : result.mixes)
    out += csv_cell(m.name) +
           fmt::format(",{},{},{},{},{},{},{},{},{},{},{},{},{},", m.objective, m.bits_per_weight,
                       m.predicted ? fmt::format("{}", *m.predicted) : "",
                       metric_of(settings, m.accuracy), m.accuracy.nll.value, m.accuracy.nll.error,
                       m.accuracy.kl.value, m.accuracy.kl.error, m.accuracy.agrees.value, m.is_told,
                       m.within, m.is_front, m.is_best) +
           csv_cell(mix_words(settings, result, m.mix)) + "\n";
  return out;
}

std::string tune_json(const TuneSettings& settings, const TuneResult& result) {
  namespace json = boost::json;
  json::array groups, mixes;
  const auto best = std::find_if(result.mixes.begin(), result.mixes.end(),
                                 [](const MeasuredMix& m) { return m.is_best; });
  for (std::size_t g = 0; g < result.groups.size(); ++g) {
    const TuneGroup& group = result.groups[g];
    json::array choices = {{{"format", choice_name(settings, kAsItIs)},
                            {"change", 0},
                            {"loss", 0},
                            {"kl", result.as_it_is.kl.value},
                            {"kl_error", result.as_it_is.kl.error}}};
    for (std::size_t f = 0; f < settings.formats.size(); ++f) {
      if (!is_choice_of(settings.formats[f], group)) continue;
      const Accuracy& a = result.accuracy[g][f];
      choices.push_back({{"format", settings.formats[f]},
                         {"change", result.objective[g][f] - result.objective_as_it_is},
                         {"loss", settings.budget.loss(a) - settings.budget.loss(result.as_it_is)},
                         {"kl", a.kl.value},
                         {"kl_error", a.kl.error}});
    }
    groups.push_back({{"name", group.name},
                      {"weights", group.weights},
                      {"chosen", choice_name(settings, best->mix[g])},
                      {"choices", std::move(choices)}});
  }
  for (const MeasuredMix& m : result.mixes)
    mixes.push_back({{"name", m.name},
                     {"objective", m.objective},
                     {"bits_per_weight", m.bits_per_weight},
                     {"value", metric_of(settings, m.accuracy)},
                     {"predicted", m.predicted ? json::value(*m.predicted) : nullptr},
                     {"kl", m.accuracy.kl.value},
                     {"kl_error", m.accuracy.kl.error},
                     {"told", m.is_told},
                     {"front", m.is_front},
                     {"best", m.is_best}});
  const json::object all = {{"budget", settings.budget.text},  {"objective", settings.objective},
                            {"metric", metric_name(settings)}, {"allowed", result.allowed},
                            {"groups", std::move(groups)},     {"mixes", std::move(mixes)}};
  return json::serialize(all) + "\n";
}

std::string tune_summary(const TuneSettings& settings, const TuneResult& result) {
  std::string out = fmt::format("{:<40} {:>12} {:>8} {:>12} {:>10} {:>9}\n", "mix", "objective",
                                "bits", metric_name(settings), "predicted", "kl");
  const auto best = std::find_if(result.mixes.begin(), result.mixes.end(),
                                 [](const MeasuredMix& m) { return m.is_best; });
  for (const MeasuredMix& m : result.mixes) {
    out += fmt::format("{:<40} {:>12.6g} {:>8.3f} {:>12.6g} {:>10} {:>9.3g} {}{}{}\n",
                       shortened(m.name, 40), m.objective, m.bits_per_weight,
                       metric_of(settings, m.accuracy),
                       m.predicted ? fmt::format("{:.6g}", *m.predicted) : "", m.accuracy.kl.value,
                       m.is_front ? "front" : "", m.is_best ? ", the best within the budget" : "",
                       m.is_told || m.mix == result.mixes.front().mix
                           ? ""
                           : ", what it loses is below its standard error");
  }
  out +=
      fmt::format("\n{} with the least {}; why: KL of each group alone in the formats, as given:\n",
                  settings.budget.text, settings.objective);
  for (std::size_t g = 0; g < result.groups.size(); ++g) {
    std::string alone;
    for (std::size_t f = 0; f < settings.formats.size(); ++f)
      alone += is_choice_of(settings.formats[f], result.groups[g])
                   ? fmt::format(" {:<8.2g}", result.accuracy[g][f].kl.value)
                   : fmt::format(" {:<8}", "-");
    out += fmt::format("  {:<20} {:>12} weights {} {}\n", result.groups[g].name,
                       with_commas(result.groups[g].weights), alone,
                       choice_name(settings, best->mix[g]));
  }
  return out;
}

}  // namespace bitjoule
