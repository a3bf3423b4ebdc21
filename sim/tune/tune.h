// Formats of single layers: what each loses in each format, and the mix that costs least within a
// budget of accuracy, verified end to end.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/accuracy/joint_loss.h"
#include "sim/evaluate/evaluate.h"
#include "sim/schema/run_file.h"

namespace bitjoule {

/// Which layers take a format together.
enum class TuneGroups { kKinds, kLayers };

/// What accuracy may fall to: "accuracy.perplexity <= 1.01x", x being the float network's, which is
/// "accuracy.perplexity <= 1 %".
struct AccuracyBudget {
  enum class Metric { kPerplexity, kNll, kKl };
  std::string text;
  Metric metric = Metric::kPerplexity;
  double bound = 0;
  bool is_ratio = false;

  /// Of what adds up over layers: the loss in nats, or KL.
  double loss(const Accuracy& a) const { return metric == Metric::kKl ? a.kl.value : a.nll.value; }
  /// Its standard error, of the change from the float network.
  double error(const Accuracy& a) const {
    return metric == Metric::kKl ? a.kl.error : a.nll_change.error;
  }
  double loss_bound(const Accuracy& a) const;
  /// Of such a loss: the metric's own value.
  double value(double loss) const;
};
/// Throws an input Error that says what was expected.
AccuracyBudget parse_budget(const std::string& text);

struct TuneSettings {
  /// As --set takes the weights of a layer, or with keys of `precision`: "int4",
  /// "{format: int4, granularity: per_channel}", "{weights: int8, activations: int8}". Products of
  /// activations take part where a format has activations, and in those alone.
  std::vector<std::string> formats;
  AccuracyBudget budget;
  std::string objective = "energy.total_pj";  ///< of result.json; the less the better
  TuneGroups groups = TuneGroups::kKinds;
};

/// Layers that take a format together: those of one kind ("blk.*.q"), or a single one, and those
/// whose weights are the same tensor.
struct TuneGroup {
  std::string name;
  std::vector<std::string> layers;
  std::int64_t weights = 0;  ///< elements, tied ones once; 0: products of activations
  bool has_macs = false;     ///< not an embedding alone
};

/// Whether a format of the settings says something of that group's operands.
bool is_choice_of(const std::string& format, const TuneGroup& group);

/// A format for each group; kAsItIs leaves it what the run says.
constexpr std::size_t kAsItIs = 0;  ///< format i of the settings is choice i + 1
using Mix = std::vector<std::size_t>;

/// A mix that was measured end to end.
struct MeasuredMix {
  std::string name;  ///< of uniform ones their format
  Mix mix;
  double objective = 0, bits_per_weight = 0;
  std::optional<double> predicted;  ///< the metric, before it was measured
  Accuracy accuracy;
  /// Whether it loses more than the run as it is by more than that loss's standard error: a
  /// prediction of less than that is one of chance.
  bool is_told = false;
  bool within = false;    ///< the budget
  bool is_best = false;   ///< the one that was asked for
  bool is_front = false;  ///< no other is as good in both and better in one
};

struct TuneResult {
  std::vector<TuneGroup> groups;
  Accuracy as_it_is;
  double objective_as_it_is = 0;
  double allowed = 0;  ///< loss that the budget leaves beside that of the run as it is
  /// [group][choice - 1]: what the run costs and loses with this group alone in that format; as it
  /// is where the format is none of its choices.
  std::vector<std::vector<double>> objective;
  std::vector<std::vector<Accuracy>> accuracy;
  /// Of pairs in two choices, what both at once lose beyond what each loses alone.
  std::map<JointLoss::Pair, double> together;
  std::vector<MeasuredMix> mixes;  ///< as it is and uniform ones first
};

/// `base` brings the run without any mix. Equal for any workers and any store. Throws an input
/// Error where nothing keeps the budget, not even the run as it is.
TuneResult tune(const RunTemplate& base, const TuneSettings& settings,
                const EvaluateOptions& options);

/// The mix as a file for a run's `mix`.
std::string mix_yaml(const TuneSettings& settings, const TuneResult& result, const Mix& mix);
/// group, format, objective, change of it, metric, loss, KL: a row per group and format.
std::string sensitivity_csv(const TuneSettings& settings, const TuneResult& result);
/// group, format, the other's, and what both at once lose beyond each alone: a row per pair that
/// was measured.
std::string pairs_csv(const TuneSettings& settings, const TuneResult& result);
/// A row per measured mix.
std::string mixes_csv(const TuneSettings& settings, const TuneResult& result);
/// All of it, for a page (sim/report).
std::string tune_json(const TuneSettings& settings, const TuneResult& result);
/// For the terminal.
std::string tune_summary(const TuneSettings& settings, const TuneResult& result);

}  // namespace bitjoule
