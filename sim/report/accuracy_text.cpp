#include "sim/report/accuracy_text.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "core/index.h"
#include "sim/output/csv.h"
#include "sim/output/text.h"

namespace bitjoule {
namespace {

// Measured on one core of 3 GHz with the network of docs/accuracy.md: values and their reference.
constexpr double kMacsPerSecond = 1e9;

constexpr double kNatsPerBit = 0.69314718055994530942;

std::string share_text(const Mean& share) {
  return fmt::format("{:.2f} +- {:.2f} %", 100 * share.value, 100 * share.error);
}

/// "+0.0126 +- 0.0022 nats"
std::string change_text(const Mean& change) {
  return fmt::format("{:+.4f} +- {:.4f} nats", change.value, change.error);
}

std::string told_text(const Mean& change) {
  if (change.is_told_from_zero()) return "more than twice its standard error";
  return "less than twice its standard error: it is NOT told from no change";
}

std::string sqnr_text(double db) {
  return std::isfinite(db) ? fmt::format("{:.1f} dB", db) : "infinite: nothing differs";
}

/// What predictions have in common.
struct Group {
  MeanMeter nll, reference_nll, kl, agrees;
  void add(const Prediction& p) {
    nll.add(p.nll);
    reference_nll.add(p.reference_nll);
    kl.add(p.kl);
    agrees.add(p.agrees ? 1 : 0);
  }
  static const char* header() { return "predictions,nll,float_nll,kl,agreement_top1"; }
  std::string cells() const {
    return fmt::format("{},{},{},{},{}", nll.result().count, nll.result().value,
                       reference_nll.result().value, kl.result().value, agrees.result().value);
  }
};

/// The place of a window's i-th prediction within the window.
std::int64_t place_of(const TokenWindow& w, std::size_t i) {
  return w.scored - w.first + static_cast<std::int64_t>(i);
}

}  // namespace

std::string accuracy_summary(const Accuracy& a) {
  const auto line = [](const std::string& text) { return fmt::format("{:13}{}\n", "", text); };
  std::string out =
      fmt::format("{:<12} {}: {} predictions in {} windows of at most {} tokens\n", "accuracy",
                  a.data, with_commas(a.nll.count), with_commas(a.inputs), with_commas(a.window));
  out +=
      line(fmt::format("perplexity {:.4f}, in float64 {:.4f}{}; {:.4f} bits per token",
                       std::exp(a.nll.value), std::exp(a.reference_nll.value),
                       a.reference.empty() ? "" : " of " + a.reference, a.nll.value / kNatsPerBit));
  out += line(fmt::format("loss {:.4f} +- {:.4f} nats; against float64 {}: {}", a.nll.value,
                          a.nll.error, change_text(a.nll_change), told_text(a.nll_change)));
  out += line(fmt::format("KL from float64 {:.3g} +- {:.1g} nats per prediction, {:.3g} at most",
                          a.kl.value, a.kl.error, a.kl.largest));
  out += line(fmt::format("float64's likeliest token is the likeliest in {}, among five in {}",
                          share_text(a.agrees), share_text(a.agrees5)));
  out +=
      line(fmt::format("what comes is the likeliest in {} (float64 {:.2f} %), among five in {}",
                       share_text(a.right), 100 * a.reference_right.value, share_text(a.right5)));
  out += line(fmt::format("SQNR of the logits {}, least in window {}: {}", sqnr_text(a.sqnr_db),
                          a.worst_input, sqnr_text(a.worst_sqnr_db)));
  return out;
}

std::string cost_text(const RunConfig& run, const EvaluationPlan& plan) {
  const double passes = run.evaluation->reference ? 2 : 1;
  return fmt::format(
      "{}: {} predictions in {} windows, {} tokens read; {} and as many in float64{}: about {} on "
      "one core\n",
      run.evaluation->config.data, with_commas(plan.predictions),
      with_commas(static_cast<std::int64_t>(plan.windows.size())), with_commas(plan.tokens),
      si(plan.macs, "MAC"), run.evaluation->reference ? ", of both networks" : "",
      si(passes * plan.macs / kMacsPerSecond, "s"));
}

std::string predictions_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores) {
  std::string out =
      "window,sequence,position,token,predicted,float_predicted,rank,float_rank,nll,float_nll,kl,"
      "agrees_top5\n";
  for (std::size_t w = 0; w < scores.size(); ++w)
    for (std::size_t i = 0; i < scores[w].predictions.size(); ++i) {
      const Prediction& p = scores[w].predictions[i];
      out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", w, plan.windows[w].sequence,
                         plan.windows[w].window.scored + static_cast<std::int64_t>(i), p.target,
                         p.predicted, p.reference_predicted, p.rank, p.reference_rank, p.nll,
                         p.reference_nll, p.kl, p.agrees5 ? 1 : 0);
    }
  return out;
}

std::string windows_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores) {
  std::string out = fmt::format("window,sequence,first,tokens,{},sqnr_db\n", Group::header());
  for (std::size_t w = 0; w < scores.size(); ++w) {
    const DataWindow& at = plan.windows[w];
    Group all;
    for (const Prediction& p : scores[w].predictions) all.add(p);
    const double db = scores[w].error.sqnr_db();
    out += fmt::format("{},{},{},{},{},{}\n", w, at.sequence, at.window.first, at.window.size,
                       all.cells(), std::isfinite(db) ? fmt::format("{}", db) : "");
  }
  return out;
}

std::string positions_csv(const EvaluationPlan& plan, const std::vector<InputScore>& scores) {
  std::map<std::int64_t, Group> places;
  for (std::size_t w = 0; w < scores.size(); ++w)
    for (std::size_t i = 0; i < scores[w].predictions.size(); ++i)
      places[place_of(plan.windows[w].window, i)].add(scores[w].predictions[i]);
  std::string out = fmt::format("position,{}\n", Group::header());
  for (const auto& [place, group] : places) out += fmt::format("{},{}\n", place, group.cells());
  return out;
}

}  // namespace bitjoule
