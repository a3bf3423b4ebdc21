#include "run/head_pass.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/index.h"
#include "core/interrupt.h"
#include "core/mapping/program.h"
#include "core/numeric/sole_rows.h"
#include "run/layer_runner.h"
#include "run/network_layers.h"

namespace bitjoule {
namespace {

/// Whether rows in this format do not depend on other rows.
bool is_by_rows(const TensorFormat& format) {
  return storage_layout(format).format->cls == FormatClass::kFloat || has_sole_rows(format);
}

/// Layers, states and outputs that read what a layer yields.
std::int64_t readers_of(const Network& network, const std::string& name) {
  std::int64_t readers = name == network.layers.back().name ? 1 : 0;
  std::string before;
  for (const NetworkLayer& layer : network.layers) {
    const std::vector<std::string> names = named_inputs(layer, before);
    readers += std::count(names.begin(), names.end(), name);
    for (const auto& [role, source] : layer.tensors) readers += source.input == name ? 1 : 0;
    before = layer.name;
  }
  for (const NetworkOutput& output : network.outputs) readers += output.layer == name ? 1 : 0;
  for (const NetworkInput& input : network.inputs) readers += input.next == name ? 1 : 0;
  return readers;
}

/// Of the rows of one head, where nothing but its number tells heads apart.
std::optional<VectorOp> of_one_head(const VectorOp& op, std::int64_t heads, const Matmul& scores) {
  const bool is_known = op.kind == VectorKind::kSoftmax || op.kind == VectorKind::kSoftcap ||
                        op.kind == VectorKind::kQuantize;
  if (!is_known || op.alibi > 0 || op.sinks || op.distances || op.codes || !op.shape.empty() ||
      !op.operand_shapes.empty() || op.rows % heads != 0 ||
      op.elements() != heads * scores.m * scores.n || (op.causal > 0 && op.causal != scores.m))
    return std::nullopt;
  VectorOp one = op;
  one.rows /= heads;
  one.heads = 1;
  return one;
}

/// A product's program for one head of it.
LayerProgram of_one_head(const LayerProgram& whole, const Matmul& one) {
  LayerProgram p;
  p.problem = whole.problem;
  p.problem.layer = lower(LayerOp(one));
  p.mapping = whole.mapping;
  Tiling& tiling = p.mapping.tiling;
  tiling.groups = tiling.groups_at_once = 1;
  tiling.out_cols = std::min(tiling.out_cols, p.problem.layer.out_width);
  p.program = values_program(p.problem, tiling);
  return p;
}

/// Rows of a tensor.
NetworkTensor cut(const NetworkTensor& tensor, std::int64_t first, std::int64_t rows,
                  std::int64_t cols) {
  NetworkTensor part;
  part.format = tensor.format;
  part.scale = tensor.scale;
  part.zero_point = tensor.zero_point;
  const auto copy = [&](const auto& from, auto& to) {
    if (from.empty()) return;
    to.assign(from.begin() + first * cols, from.begin() + (first + rows) * cols);
  };
  copy(tensor.values, part.values);
  copy(tensor.reference, part.reference);
  copy(tensor.codes, part.codes);
  if (tensor.stored != nullptr && tensor.stored->k() == cols)
    part.stored = std::make_shared<QuantizedTensor>(rows_from(*tensor.stored, first, rows));
  return part;
}

}  // namespace

void run_step(NetworkValues& values, const ValueStep& step) {
  const NetworkLayer& layer = *step.layer;
  if (std::holds_alternative<VectorOp>(layer.op)) {
    values.run(layer, step.formats);
    return;
  }
  if (layer.fused) {
    values.finish(layer, values.attention(layer, *step.program.attention, Verify::kOff).tensor);
    return;
  }
  const MappingProblem& problem = step.program.problem;
  if (values.finish_exactly(layer, step.mac.op, problem)) return;
  MacOperands operands = values.operands(layer, step.mac.op, problem);
  LayerOutputs outputs =
      compute_outputs(step.program, step.mac.op, step.requantize, std::move(operands.given));
  values.finish(layer, mac_result(std::move(operands), std::move(outputs), problem));
}

void HeadPass::add(const ValueStep& whole, NetworkOp op) {
  whole_.push_back(whole.layer);
  NetworkLayer layer = *whole.layer;
  layer.op = std::move(op);
  ValueStep step;
  step.mac = whole.mac;
  step.requantize = whole.requantize;
  step.formats = whole.formats;
  if (auto* product = std::get_if<Matmul>(&layer.op)) {
    product->lower = std::get<Matmul>(whole.mac.op).lower;
    step.mac.op = *product;
    step.program = of_one_head(whole.program, *product);
  }
  network_.layers.push_back(std::move(layer));
  steps_.push_back(std::move(step));
}

std::unique_ptr<HeadPass> HeadPass::make(const RunConfig& run, const Network& network,
                                         const std::vector<ValueStep>& steps, std::size_t first,
                                         Side side) {
  const auto is_of_layer = [](const std::string& input) {
    return !input.empty() && input != kOperandInput && input != kCacheInput;
  };
  const auto product_of = [&](const ValueStep& step) -> const Matmul* {
    const auto* product = std::get_if<Matmul>(&step.layer->op);
    const bool is_plain = product != nullptr && !step.layer->fused && !step.layer->accumulators &&
                          !step.layer->bias && step.layer->activation.empty() &&
                          step.layer->tensors.empty() && step.layer->inputs.size() == 2 &&
                          is_of_layer(step.layer->inputs[0]) && is_of_layer(step.layer->inputs[1]);
    if (!is_plain) return nullptr;
    const DataPath& path = step.program.problem.path;
    // What is put together again has no codes.
    const bool has_codes = path.output.layout.format->cls == FormatClass::kInteger;
    const bool is_cut = is_by_rows(path.activations.format) && is_by_rows(path.weights.format) &&
                        is_by_rows(path.output.format) && !has_codes;
    return is_cut ? product : nullptr;
  };
  const Matmul* scores = product_of(steps[first]);
  if (scores == nullptr || scores->k_rows || scores->batch < 2) return nullptr;
  std::unique_ptr<HeadPass> pass(new HeadPass(run, side));
  const auto one_of = [](Matmul product) {
    product.batch = product.shared = 1;
    return product;
  };
  const auto add_product = [&](const ValueStep& step, const Matmul& product) {
    const std::int64_t rows = product.k_rows ? product.k : product.n;
    pass->operands_.push_back(
        {step.layer->inputs[1], rows, product.k_rows ? product.n : product.k, product.shared});
    pass->add(step, one_of(product));
  };
  pass->heads_ = scores->batch;
  pass->operands_.push_back({steps[first].layer->inputs[0], scores->m, scores->k, 1});
  add_product(steps[first], *scores);
  for (std::size_t i = first + 1; i < steps.size(); ++i) {
    const ValueStep& step = steps[i];
    const std::string& before = steps[i - 1].layer->name;
    if (step.layer->inputs.empty() || step.layer->inputs[0] != before ||
        readers_of(network, before) != 1)
      return nullptr;
    if (const Matmul* context = product_of(step)) {
      if (context->batch != scores->batch || context->m != scores->m || context->k != scores->n)
        return nullptr;
      add_product(step, *context);
      break;
    }
    const auto* op = std::get_if<VectorOp>(&step.layer->op);
    if (op == nullptr || step.layer->inputs.size() != 1 || !step.layer->tensors.empty() ||
        !is_by_rows(step.formats.output))
      return nullptr;
    const std::optional<VectorOp> one = of_one_head(*op, scores->batch, *scores);
    if (!one) return nullptr;
    pass->add(step, *one);
  }
  if (pass->operands_.size() != 3 || pass->operands_[1].name == pass->operands_[2].name ||
      pass->operands_[0].name == pass->operands_[1].name ||
      pass->operands_[0].name == pass->operands_[2].name)
    return nullptr;
  for (const Operand& operand : pass->operands_) {
    NetworkInput input;
    input.name = operand.name;
    pass->network_.inputs.push_back(std::move(input));
  }
  for (std::size_t i = 0; i < pass->steps_.size(); ++i)
    pass->steps_[i].layer = &pass->network_.layers[i];
  return pass;
}

bool HeadPass::run(NetworkValues& values) {
  for (const Operand& operand : operands_) {
    const NetworkTensor& tensor = values.tensor(operand.name);
    const std::int64_t rows = heads_ / operand.heads_together * operand.rows;
    if (tensor.is_raw || tensor.is_number ||
        static_cast<std::int64_t>(tensor.values.size()) != rows * operand.cols)
      return false;
    if (tensor.stored != nullptr && tensor.stored->k() == operand.cols &&
        !has_sole_rows(*tensor.stored))
      return false;
  }
  NetworkTensor result;
  result.format = steps_.back().program.problem.path.output.format;
  for (std::int64_t head = 0; head < heads_; ++head) {
    std::map<std::string, NetworkTensor> inputs;
    for (const Operand& operand : operands_)
      inputs.emplace(operand.name,
                     cut(values.tensor(operand.name), head / operand.heads_together * operand.rows,
                         operand.rows, operand.cols));
    values_.begin(network_, std::move(inputs));
    for (const ValueStep& step : steps_) {
      check_interrupt();
      with_name(*step.layer, [&] { run_step(values_, step); });
    }
    const NetworkOutputValues of_head = std::move(values_.end().front());
    result.values.reserve(of_head.values.size() * at(heads_));
    result.reference.reserve(of_head.reference.size() * at(heads_));
    result.values.insert(result.values.end(), of_head.values.begin(), of_head.values.end());
    result.reference.insert(result.reference.end(), of_head.reference.begin(),
                            of_head.reference.end());
  }
  for (std::size_t i = 0; i + 1 < whole_.size(); ++i) values.finish(*whole_[i], NetworkTensor());
  values.finish(*whole_.back(), std::move(result));
  return true;
}

}  // namespace bitjoule
