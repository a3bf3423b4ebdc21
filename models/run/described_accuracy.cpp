// `accuracy` of a result.
#include <cmath>

#include "run/described_result.h"

namespace bitjoule {
namespace {

constexpr bool kMoreIsBetter = true;  // is better
constexpr double kNatsPerBit = 0.69314718055994530942;

ResultVisitor::Value real_value(double value) {
  return std::isfinite(value) ? ResultVisitor::Value(value) : ResultVisitor::Value(nullptr);
}

Field better(const char* key, const char* unit, const char* meaning) {
  return {key, unit, meaning, OverLayers::kOwn, kMoreIsBetter};
}

void describe_loss(const Mean& nll, DataKind kind, ResultVisitor& v) {
  if (kind == DataKind::kTokens) {
    v.value({"perplexity", "", "of tokens, exp(nll): as if it chose among so many"},
            real_value(std::exp(nll.value)));
    v.value({"bits_per_token", "bits", "of tokens, nll / log(2)"},
            real_value(nll.value / kNatsPerBit));
  }
  v.value({"nll", "nats", "-log of the probability of what is right, on average"},
          real_value(nll.value));
  v.value({"nll_error", "nats", "standard error of `nll`"}, real_value(nll.error));
}

void describe_change(const Accuracy& a, ResultVisitor& v) {
  v.value({"nll", "nats", "rise of the loss"}, real_value(a.nll_change.value));
  v.value({"nll_error", "nats", "standard error of it"}, real_value(a.nll_change.error));
  if (a.kind == DataKind::kTokens)
    v.value({"perplexity_ratio", "", "of tokens, perplexity over that of `float`"},
            real_value(std::exp(a.nll_change.value)));
  v.value({"is_told", "", "the rise exceeds two standard errors, up or down"},
          a.nll_change.is_told_from_zero());
  v.value(better("top1", "", "rise of the share of right predictions"), a.right_change.value);
  v.value({"top1_error", "", "standard error of it"}, a.right_change.error);
}

void describe_predictions(const Accuracy& a, ResultVisitor& v) {
  v.value({"predictions", "", "that were judged"}, a.nll.count);
  describe_loss(a.nll, a.kind, v);
  v.object({"correct", "", "what is right, by its rank in the prediction"}, [&] {
    v.value(better("top1", "", "share of predictions whose likeliest is right"), a.right.value);
    v.value({"top1_error", "", "standard error of `top1`"}, a.right.error);
    v.value(better("top5", "", "share of predictions with it among the likeliest five"),
            a.right5.value);
    v.value({"top5_error", "", "standard error of `top5`"}, a.right5.error);
  });
  v.object({"float", "", "the same data by the network in float64, nothing rounded"}, [&] {
    v.value({"network", "", "whose values these are; empty: the run's own"}, a.reference);
    describe_loss(a.reference_nll, a.kind, v);
    v.value(better("top1", "", "share of predictions whose likeliest is right"),
            a.reference_right.value);
  });
  v.object({"change", "", "against `float`, errors paired over predictions"},
           [&] { describe_change(a, v); });
  v.value({"kl", "nats", "divergence from `float`, KL(float, network), per prediction"},
          real_value(a.kl.value));
  v.value({"kl_error", "nats", "standard error of `kl`"}, real_value(a.kl.error));
  v.value({"kl_largest", "nats", "of one prediction"}, real_value(a.kl.largest));
  v.object({"agreement", "", "with the likeliest of `float`"}, [&] {
    v.value(better("top1", "", "share of predictions with the same likeliest"), a.agrees.value);
    v.value({"top1_error", "", "standard error of `top1`"}, a.agrees.error);
    v.value(better("top5", "", "share of predictions that have it among the likeliest five"),
            a.agrees5.value);
    v.value({"top5_error", "", "standard error of `top5`"}, a.agrees5.error);
  });
}

}  // namespace

void describe_accuracy(const Accuracy& a, ResultVisitor& v) {
  v.object({"accuracy", "", "of an evaluation: how good the values are (accuracy.md)"}, [&] {
    v.value({"data", "", "the file"}, a.data);
    v.value({"kind", "",
             "`tokens` of a language model, inputs with `classes`, or `outputs` without labels"},
            data_kind_name(a.kind));
    v.value({"inputs", "", "that were judged: windows of tokens, or inputs"}, a.inputs);
    if (a.kind == DataKind::kTokens) {
      v.value({"window", "tokens", "read at once"}, a.window);
      v.value({"stride", "tokens", "from one window to the next"}, a.stride);
    }
    if (a.kind != DataKind::kOutputs) describe_predictions(a, v);
    v.value(better("sqnr_db", "dB", "of the outputs against float64; null: nothing differs"),
            real_value(a.sqnr_db));
    v.object({"worst", "", "the input whose outputs are furthest from float64"}, [&] {
      v.value({"input", "", "its place, from 0"}, a.worst_input);
      v.value(better("sqnr_db", "dB", "of its outputs"), real_value(a.worst_sqnr_db));
    });
  });
}

}  // namespace bitjoule
