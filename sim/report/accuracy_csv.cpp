// Tables of an evaluation: predictions, inputs, places, confusions.
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "sim/report/accuracy_text.h"

namespace bitjoule {
namespace {

/// What predictions have in common.
class Group {
 public:
  void add(const Prediction& p) {
    nll_.add(p.nll);
    reference_nll_.add(p.reference_nll);
    kl_.add(p.kl);
    agrees_.add(p.agrees ? 1 : 0);
  }
  static const char* header() { return "predictions,nll,float_nll,kl,agreement_top1"; }
  std::string cells() const {
    return fmt::format("{},{},{},{},{}", nll_.result().count, nll_.result().value,
                       reference_nll_.result().value, kl_.result().value, agrees_.result().value);
  }

 private:
  MeanMeter nll_, reference_nll_, kl_, agrees_;
};

std::string predictions_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores) {
  const bool tokens = plan.kind == DataKind::kTokens;
  std::string out = fmt::format(
      "input,{}right,predicted,float_predicted,rank,float_rank,nll,float_nll,kl,agrees_top5\n",
      tokens ? "sequence,position," : "");
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (std::size_t k = 0; k < scores[i].predictions.size(); ++k) {
      const Prediction& p = scores[i].predictions[k];
      out += fmt::format("{},", i);
      if (tokens)
        out += fmt::format("{},{},", plan.windows[i].sequence,
                           plan.windows[i].window.scored + static_cast<std::int64_t>(k));
      out +=
          fmt::format("{},{},{},{},{},{},{},{},{}\n", p.target, p.predicted, p.reference_predicted,
                      p.rank, p.reference_rank, p.nll, p.reference_nll, p.kl, p.agrees5 ? 1 : 0);
    }
  return out;
}

std::string inputs_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores) {
  const bool tokens = plan.kind == DataKind::kTokens;
  const bool predicts = plan.kind != DataKind::kOutputs;
  std::string out = fmt::format("input,{}{}sqnr_db\n", tokens ? "sequence,first,tokens," : "",
                                predicts ? fmt::format("{},", Group::header()) : "");
  for (std::size_t i = 0; i < scores.size(); ++i) {
    Group all;
    for (const Prediction& p : scores[i].predictions) all.add(p);
    const double db = scores[i].error.sqnr_db();
    out += fmt::format("{},", i);
    if (tokens)
      out += fmt::format("{},{},{},", plan.windows[i].sequence, plan.windows[i].window.first,
                         plan.windows[i].window.size);
    if (predicts) out += all.cells() + ",";
    out += (std::isfinite(db) ? fmt::format("{}", db) : "") + "\n";
  }
  return out;
}

/// By the token's place in its window.
std::string positions_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores) {
  std::map<std::int64_t, Group> places;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const TokenWindow& w = plan.windows[i].window;
    std::int64_t place = w.scored - w.first;
    for (const Prediction& p : scores[i].predictions) places[place++].add(p);
  }
  std::string out = fmt::format("position,{}\n", Group::header());
  for (const auto& [place, group] : places) out += fmt::format("{},{}\n", place, group.cells());
  return out;
}

/// How often the network predicts each class where the reference predicts another or the same.
std::string confusion_csv(const std::vector<InputScore>& scores) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
  for (const InputScore& score : scores)
    for (const Prediction& p : score.predictions) ++counts[{p.reference_predicted, p.predicted}];
  std::string out = "float_predicted,predicted,inputs\n";
  for (const auto& [pair, count] : counts)
    out += fmt::format("{},{},{}\n", pair.first, pair.second, count);
  return out;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> accuracy_files(
    const EvaluationPlan& plan, const std::vector<InputScore>& scores) {
  std::vector<std::pair<std::string, std::string>> files = {
      {"inputs.csv", inputs_csv(plan, scores)}};
  if (plan.kind != DataKind::kOutputs)
    files.emplace_back("predictions.csv", predictions_csv(plan, scores));
  if (plan.kind == DataKind::kTokens)
    files.emplace_back("positions.csv", positions_csv(plan, scores));
  if (plan.kind == DataKind::kClasses) files.emplace_back("confusion.csv", confusion_csv(scores));
  return files;
}

}  // namespace bitjoule
