// The values of a fused attention in a network.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/exec/attention_values.h"
#include "core/index.h"
#include "core/mapping/folds.h"
#include "core/numeric/tensor_values.h"
#include "core/oracle/attention_oracle.h"
#include "run/fused_attention.h"
#include "run/network_values.h"

namespace bitjoule {
namespace {

void require_elements(const NetworkTensor& tensor, std::int64_t rows, std::int64_t cols,
                      const char* what) {
  if (static_cast<std::int64_t>(tensor.values.size()) != rows * cols)
    throw input_error(fmt::format("the {} have {} elements, attention reads {} x {}", what,
                                  tensor.values.size(), rows, cols));
}

QuantizedTensor rows_of_cache(const NetworkTensor& tensor, const MappingProblem& product,
                              std::int64_t rows, std::int64_t cols, const char* what) {
  require_elements(tensor, rows, cols, what);
  const TensorFormat& format = product.path.weights.format;
  require_representable(what, format.format, tensor.values);
  return as_operand(tensor, format, rows, cols);
}

bool same_number(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Compares whole queries, evenly spread, of which the oracle may work off so many MACs.
void compare(const AttentionPlan& plan, const AttentionOperands& operands,
             const std::vector<float>& results, Verify verify, std::int64_t macs,
             OutputCheck& check) {
  if (verify == Verify::kOff) return;
  const Attention& op = plan.problem.op;
  const MappingProblem &scores = plan.problem.scores, &context = plan.problem.context;
  const std::int64_t rows = op.scores.batch * op.queries(), dim = op.value_dim();
  const std::int64_t row_macs = op.keys() * (op.key_dim() + dim);
  const std::int64_t count =
      verify == Verify::kFull ? rows : std::clamp<std::int64_t>(macs / row_macs, 1, rows);
  const AttentionOracle oracle{op,
                               scores.path.mac,
                               context.path.mac,
                               operands.queries,
                               operands.keys,
                               operands.values,
                               operands.sinks,
                               context.path.activations.format,
                               {plan.tiling.keys, plan.tiling.queries, fold_k(scores, op.key_dim()),
                                fold_k(context, plan.tiling.keys), scores.path.scale_group != 0}};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = count == 1 ? rows - 1 : i * (rows - 1) / (count - 1);
    const std::vector<float> expected = oracle.at(row / op.queries(), row % op.queries());
    for (std::int64_t n = 0; n < dim; ++n) {
      const float got = results[at(row * dim + n)];
      ++check.checked;
      if (!same_number(got, expected[at(n)]) && check.wrong++ == 0)
        check.first_difference =
            fmt::format("output {}: got {}, expected {}", row * dim + n, got, expected[at(n)]);
    }
  }
}

std::vector<double> doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

QuantizedTensor NetworkValues::queries_of(const NetworkTensor& tensor, const AttentionPlan& plan) {
  const Attention& op = plan.problem.op;
  const std::int64_t rows = op.scores.batch * op.queries(), cols = op.key_dim();
  require_elements(tensor, rows, cols, "queries");
  const OperandPath& path = plan.problem.scores.path.activations;
  require_representable("queries", path.format.format, tensor.values);
  if (tensor.is_raw)
    if (const auto scale = tensors().static_scale(tensor.input, path.format,
                                                  plan.problem.scores.path.static_scales))
      return QuantizedTensor::quantize(path.format, tensor.values.data(), rows, cols, {*scale});
  return as_operand(tensor, path.format, rows, cols);
}

/// The second operand of a product as the cache has it, with what is new.
const NetworkTensor& NetworkValues::cache_operand(const NetworkLayer& product,
                                                  const NetworkTensor& fresh) {
  const auto& op = std::get<Matmul>(product.op);
  return product.kv_cache && !is_fresh(op, fresh) ? cached(product, op, fresh) : fresh;
}

AttentionOutcome NetworkValues::attention(const NetworkLayer& layer, const AttentionPlan& plan,
                                          Verify verify) {
  const Attention& op = plan.problem.op;
  const FusedLayers& parts = *layer.fused;
  const std::vector<const NetworkTensor*> inputs = inputs_of(layer);
  if (inputs.size() != 3)
    throw input_error(fmt::format("expected 3 inputs, got {}", inputs.size()));
  value_count("scores", {op.scores.batch, op.queries(), op.keys()});
  const NetworkTensor& keys = cache_operand(parts.scores, *inputs[1]);
  const NetworkTensor& values = cache_operand(parts.context, *inputs[2]);
  std::vector<float> sinks;
  if (op.softmax.sinks) sinks = tensors().get(parts.softmax, "sinks", {op.softmax.heads}).values;
  const std::int64_t rows = op.groups() * op.keys();
  const QuantizedTensor q = queries_of(*inputs[0], plan);
  const QuantizedTensor k = rows_of_cache(keys, plan.problem.scores, rows, op.key_dim(), "keys");
  const QuantizedTensor v =
      rows_of_cache(values, plan.problem.context, rows, op.value_dim(), "values");
  const AttentionOperands operands{q, k, v, sinks};
  AttentionResults results = attention_values(plan.problem, plan.tiling, operands);
  AttentionOutcome outcome;
  OutputCheck& check = outcome.check;
  check.outputs = static_cast<std::int64_t>(results.values.size());
  check.overflows = results.overflows;
  constexpr std::int64_t kOracleShare = 16;  // whose numbers are decoded one by one
  compare(plan, operands, results.values, verify, sampled_macs_ / kOracleShare, check);
  std::vector<double> reference = attention_reference(op, inputs[0]->reference, keys.reference,
                                                      values.reference, doubles(sinks));
  const TensorFormat& format = plan.problem.context.path.output.format;
  const std::int64_t results_rows = op.scores.batch * op.queries();
  outcome.tensor = stored_tensor(
      format, std::move(results.values), std::move(reference), results_rows, op.value_dim(),
      tensors().static_scale(layer.name, format, plan.problem.context.path.static_scales));
  if (wanted_ == Wanted::kErrors) {
    const std::vector<double> same =
        attention_reference(op, doubles(inputs[0]->values), doubles(keys.values),
                            doubles(values.values), doubles(sinks));
    QualityMeter meter;
    meter.add(same.data(), outcome.tensor.values.data(), check.outputs);
    check.error = meter.result();
  }
  return outcome;
}

}  // namespace bitjoule
