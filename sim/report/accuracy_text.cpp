#include "sim/report/accuracy_text.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/output/text.h"

namespace bitjoule {
namespace {

// Of values and their float64 reference together, on a core of 3 to 4 GHz with vectors of 512 bits;
// narrower ones take longer for the MACs alone.
constexpr double kSecondsPerMac = 4e-11, kSecondsPerElement = 5e-9, kSecondsToBegin = 0.12;

constexpr double kNatsPerBit = 0.69314718055994530942;

std::string share_text(const Mean& share) {
  return fmt::format("{:.2f} +- {:.2f} %", 100 * share.value, 100 * share.error);
}

std::string told_text(const Mean& change) {
  return change.is_told_from_zero()
             ? "more than twice its standard error"
             : "less than twice its standard error, so NOT told from no change";
}

std::string sqnr_text(double db) {
  if (std::isnan(db)) return "none: outputs are NaN or infinite";
  return std::isfinite(db) ? fmt::format("{:.1f} dB", db) : "infinite: nothing differs";
}

std::string line(const std::string& text) { return fmt::format("{:13}{}\n", "", text); }

std::string predictions_text(const Accuracy& a) {
  const bool tokens = a.kind == DataKind::kTokens;
  std::string out;
  if (tokens)
    out += line(fmt::format("perplexity {:.4f}, in float64 {:.4f}{}; {:.4f} bits per token",
                            std::exp(a.nll.value), std::exp(a.reference_nll.value),
                            a.reference.empty() ? "" : " of " + a.reference,
                            a.nll.value / kNatsPerBit));
  out += line(fmt::format("loss {:.4f} +- {:.4f} nats; against float64 {}: {}", a.nll.value,
                          a.nll.error, change_text(a.nll_change.value, a.nll_change.error, "+-"),
                          told_text(a.nll_change)));
  out += line(fmt::format("KL from float64 {:.3g} +- {:.1g} nats per prediction, {:.3g} at most",
                          a.kl.value, a.kl.error, a.kl.largest));
  out += line(fmt::format("float64's likeliest {} is the likeliest in {}, among five in {}",
                          tokens ? "token" : "class", share_text(a.agrees), share_text(a.agrees5)));
  out +=
      line(fmt::format("what is right is the likeliest in {} (float64 {:.2f} %), among five in "
                       "{}",
                       share_text(a.right), 100 * a.reference_right.value, share_text(a.right5)));
  return out;
}

}  // namespace

std::string accuracy_summary(const Accuracy& a) {
  std::string what = fmt::format("{} inputs", with_commas(a.inputs));
  if (a.kind == DataKind::kTokens)
    what = fmt::format("{} predictions in {} windows of at most {} tokens",
                       with_commas(a.nll.count), with_commas(a.inputs), with_commas(a.window));
  if (a.kind == DataKind::kClasses) what += " with labels";
  std::string out = fmt::format("{:<12} {}: {}\n", "accuracy", a.data, what);
  if (a.kind != DataKind::kOutputs) out += predictions_text(a);
  out += line(fmt::format("SQNR of the outputs {}, least of {} {}: {}", sqnr_text(a.sqnr_db),
                          a.kind == DataKind::kTokens ? "window" : "input", a.worst_input,
                          sqnr_text(a.worst_sqnr_db)));
  return out;
}

std::string cost_text(const RunConfig& run, const EvaluationPlan& plan) {
  const bool two = static_cast<bool>(run.evaluation->reference);
  const std::string what =
      plan.kind == DataKind::kTokens
          ? fmt::format("{} predictions in {} windows, {} tokens read",
                        with_commas(plan.predictions), with_commas(plan.inputs),
                        with_commas(plan.tokens))
          : fmt::format("{} inputs, {} at once", with_commas(plan.inputs), with_commas(plan.batch));
  return fmt::format(
      "{}: {}; {} and as many in float64{}: about {} on one core\n", run.evaluation->config.data,
      what, si(plan.macs, "MAC"), two ? ", of both networks" : "",
      si(kSecondsToBegin +
             (two ? 2 : 1) * (kSecondsPerMac * plan.macs + kSecondsPerElement * plan.elements),
         "s"));
}

}  // namespace bitjoule
