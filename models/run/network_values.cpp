#include "run/network_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/exec/vector_values.h"
#include "core/recycled.h"
#include "run/native_order.h"
#include "run/network_inputs.h"
#include "run/vector_run.h"

namespace bitjoule {
namespace {

// What the oracle may do in all layers of a pass, and at least in one.
constexpr std::int64_t kNetworkSampledMacs = std::int64_t{1} << 29;
constexpr std::int64_t kLeastMacs = std::int64_t{1} << 20, kMostMacs = std::int64_t{1} << 27;

const char* const kTokens = "tokens";  // the input, and the parameter, of a language model

/// The axis along which a cached operand's tokens lie: where its producer moves them from the
/// second place (tokens behind sequences).
KvCache::Along tokens_axis(const Network& network, const std::string& producer) {
  for (const NetworkLayer& layer : network.layers) {
    const auto* op = std::get_if<VectorOp>(&layer.op);
    if (layer.name != producer || op == nullptr || op->kind != VectorKind::kTranspose) continue;
    const std::size_t rank = op->axes.size();
    if (rank >= 2 && op->axes[rank - 1] == 1) return KvCache::Along::kK;
    if (rank >= 2 && op->axes[rank - 2] == 1) return KvCache::Along::kN;
  }
  return KvCache::Along::kUnknown;
}

/// The shape of a layer's output, where it says one.
std::vector<std::int64_t> shape_of(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  if (op == nullptr)
    return std::visit(
        [](const auto& o) -> std::vector<std::int64_t> {
          if constexpr (std::is_same_v<std::decay_t<decltype(o)>, VectorOp>)
            return {};
          else
            return output_shape(o);
        },
        layer.op);
  if (op->window)
    return {op->window->batch, op->window->out_height(), op->window->out_width(),
            op->window->channels};
  return op->shape.empty() ? std::vector<std::int64_t>{op->rows, op->cols} : op->shape;
}

/// Elements of a tensor, which are rows of what reads them.
NetworkTensor rows_of(const NetworkTensor& tensor, std::int64_t begin, std::int64_t count) {
  NetworkTensor rows = tensor;
  rows.stored.reset();  // the same codes again where a reader wants them
  const auto cut = [&](auto& values) {
    if (values.empty()) return;
    if (begin + count > static_cast<std::int64_t>(values.size()))
      throw input_error(fmt::format("an expert reads elements {}..{} of {}", begin,
                                    begin + count - 1, values.size()));
    values = {values.begin() + begin, values.begin() + begin + count};
  };
  cut(rows.values);
  cut(rows.reference);
  cut(rows.codes);
  return rows;
}

}  // namespace

void NetworkValues::begin(const Network& network, std::map<std::string, NetworkTensor> given) {
  network_ = &network;
  store_ = std::make_unique<TensorStore>(network);
  before_.clear();
  std::int64_t layers = 0;
  for (const NetworkLayer& layer : network.layers)
    layers += std::holds_alternative<VectorOp>(layer.op) ? 0 : 1;
  sampled_macs_ =
      std::clamp(kNetworkSampledMacs / std::max<std::int64_t>(1, layers), kLeastMacs, kMostMacs);
  for (const NetworkInput& entry : network.inputs) {
    const auto found = given.find(entry.name);
    NetworkTensor tensor = found != given.end() ? std::move(found->second) : input(entry);
    tensor.input = entry.name;
    if (observer_ != nullptr && !tensor.is_number) observer_->tensor(entry.name, tensor.reference);
    store_->put(entry.name, std::move(tensor));
  }
}

/// A step after the first reads the tokens that the step before has yielded.
NetworkTensor NetworkValues::input(const NetworkInput& input) {
  if (const auto state = states_.find(input.name); state != states_.end()) return state->second;
  const std::int64_t count = value_count("input \"" + input.name + "\"", input.shape);
  if (input.name == kTokens && !input.source.from_file() && !next_tokens_.empty() &&
      count == static_cast<std::int64_t>(next_tokens_.size()))
    return number_tensor(next_tokens_);
  const InputStep step{step_, run_.steps};
  return network_input(*network_, input, tensors(), *run_.options.tensors, step);
}

/// An operand that no layer produces: the tensor "operand", or values for the first layer of a
/// network without inputs.
NetworkTensor NetworkValues::constant(const NetworkLayer& layer, std::size_t index) {
  const std::vector<std::int64_t> shape = std::visit(
      [&](const auto& op) -> std::vector<std::int64_t> {
        if constexpr (std::is_same_v<std::decay_t<decltype(op)>, VectorOp>)
          return index < op.operand_shapes.size()
                     ? op.operand_shapes[index]
                     : std::vector<std::int64_t>{operand_elements(op).at(index)};
        else
          return index == 0 ? input_shape(op) : weight_shape(op);
      },
      layer.op);
  LayerTensor operand = tensors().get(layer, "operand", shape);
  return operand.codes.empty() ? raw_tensor(std::move(operand.values))
                               : number_tensor(std::move(operand.codes));
}

std::vector<const NetworkTensor*> NetworkValues::inputs_of(const NetworkLayer& layer) {
  const std::vector<std::string> names = named_inputs(layer, before_);
  const auto* op = std::get_if<VectorOp>(&layer.op);
  const bool embeds = op != nullptr && op->kind == VectorKind::kEmbedding;
  temporaries_.clear();
  temporaries_.reserve(names.size() + 2);  // pointers into it stay
  std::vector<const NetworkTensor*> inputs;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == kCacheInput) continue;
    if (!names[i].empty() && names[i] != kOperandInput) {
      inputs.push_back(&store_->get(names[i]));
    } else if (!embeds || LayerTensors::has(layer, "operand")) {
      temporaries_.push_back(constant(layer, i));
      inputs.push_back(&temporaries_.back());
    }
  }
  return inputs;
}

/// Of an evaluation, whose passes have nothing to do with each other.
bool NetworkValues::is_fresh(const Matmul& product, const NetworkTensor& second) const {
  return wanted_ == Wanted::kOutputs && static_cast<std::int64_t>(second.values.size()) ==
                                            product.batch / product.shared * product.n * product.k;
}

const NetworkTensor& NetworkValues::cached(const NetworkLayer& layer, const Matmul& product,
                                           const NetworkTensor& fresh) {
  const std::string producer = named_inputs(layer, before_).at(1);
  if (step_ > 0 && !cache_.knows(layer.name))
    throw input_error(
        "no pass before has put together what it reads of the cache: keys and values were made for "
        "every head there (absorbed: 0)");
  const auto context = network_->parameters.find("context");
  temporaries_.push_back(cache_.append(layer.name, product, fresh, tokens_axis(*network_, producer),
                                       context == network_->parameters.end() ? 0 : context->second,
                                       tensors().seed_of(layer.name, "kv_cache")));
  return temporaries_.back();
}

NetworkValues::Sources NetworkValues::sources_of(const NetworkLayer& layer, const LayerOp& op) {
  value_count("inputs", input_shape(op));
  value_count("weights", weight_shape(op));
  value_count("outputs", output_shape(op));
  const std::vector<const NetworkTensor*> inputs = inputs_of(layer);
  const auto* product = std::get_if<Matmul>(&op);
  const bool is_cached = product != nullptr && named_inputs(layer, before_).back() == kCacheInput;
  const std::size_t reads = product != nullptr && !is_cached ? 2 : 1;
  if (inputs.size() != reads)
    throw input_error(fmt::format("expected {} inputs, got {}", reads, inputs.size()));
  const NetworkTensor* second = reads == 2 ? inputs[1] : nullptr;
  if (is_cached) {
    temporaries_.push_back(
        cache_.whole(layer.name, *product, tensors().seed_of(layer.name, "kv_cache")));
    second = &temporaries_.back();
  } else if (product != nullptr && layer.kv_cache && !is_fresh(*product, *second))
    second = &cached(layer, *product, *second);
  return {inputs[0], second};
}

bool NetworkValues::finish_exactly(const NetworkLayer& layer, const LayerOp& op,
                                   const MappingProblem& problem) {
  if (side_ != Side::kExact) return false;
  const Sources from = sources_of(layer, op);
  auto outputs = exact_outputs(layer, op, problem, tensors(), *from.first, from.second, weights_);
  if (!outputs) return false;
  finish(layer, exact_tensor(std::move(*outputs)));
  return true;
}

MacOperands NetworkValues::operands(const NetworkLayer& layer, const LayerOp& op,
                                    const MappingProblem& problem, std::int64_t first_row) {
  auto [first, second] = sources_of(layer, op);
  if (first_row != kAllRows) {
    const auto& rows = std::get<Gemm>(op);
    temporaries_.push_back(rows_of(*first, first_row * rows.k, rows.m * rows.k));
    first = &temporaries_.back();
  }
  if (observer_ != nullptr && !first->is_number)
    if (const auto* gemm = std::get_if<Gemm>(&op))
      observer_->first_operand(layer.name, first->reference, gemm->k);
  MacOperands result = mac_operands(layer, op, problem, tensors(), *first, second,
                                    wanted_ == Wanted::kOutputs ? &weights_ : nullptr, side_);
  result.given.sampled_macs = sampled_macs_;
  result.given.operands.input_origin.source.input = named_inputs(layer, before_).at(0);
  return result;
}

std::vector<std::int64_t> NetworkValues::loads(const NetworkLayer& layer) const {
  Routing routing;
  routing.experts = layer.experts->count;
  routing.chosen = layer.experts->chosen;
  const NetworkTensor& route = store_->get(named_inputs(layer, before_).at(1));
  const std::int64_t tokens = std::get<Gemm>(layer.op).m / routing.chosen;
  if (static_cast<std::int64_t>(route.values.size()) != tokens * routing.experts)
    throw input_error(fmt::format("the routing has {} elements, expected {} tokens of {} experts",
                                  route.values.size(), tokens, routing.experts));
  return expert_loads(routing, chosen_experts(routing, route.values));
}

VectorQuality NetworkValues::run(const NetworkLayer& layer, const VectorFormats& formats) {
  const VectorOp& op = std::get<VectorOp>(layer.op);
  value_count("outputs", {op.elements()});
  for (const std::int64_t elements : operand_elements(op)) value_count("inputs", {elements});
  if (op.kind == VectorKind::kEmbedding) value_count("table", {op.table_rows, op.cols});
  const bool measures = wanted_ == Wanted::kErrors;
  const bool takes = !measures && op.kind == VectorKind::kQuantize;
  NetworkTensor* spent = takes ? store_->last_read(named_inputs(layer, before_).front()) : nullptr;
  VectorOutcome outcome =
      run_vector_op(layer, formats, tensors(), inputs_of(layer), measures, side_, spent);
  return {outcome.error, finish(layer, std::move(outcome.tensor))};
}

Quality NetworkValues::finish(const NetworkLayer& layer, NetworkTensor result) {
  if (side_ == Side::kMachine && !result.is_number)
    result.reference = converted<double>(result.values);
  const Quality error = wanted_ == Wanted::kErrors ? quality_of(result) : Quality();
  if (observer_ != nullptr && !result.is_number) observer_->tensor(layer.name, result.reference);
  store_->put(layer.name, std::move(result));
  store_->release(layer, before_);
  before_ = layer.name;
  return error;
}

/// Of an evaluation nothing: its passes have nothing to do with each other.
void NetworkValues::keep_states() {
  if (wanted_ == Wanted::kOutputs) return;
  for (const NetworkInput& input : network_->inputs)
    if (!input.next.empty()) states_[input.name] = store_->get(input.next);
  ++step_;
}

std::vector<NetworkOutputValues> NetworkValues::end() {
  std::vector<NetworkOutput> outputs = network_->outputs;
  if (outputs.empty()) outputs.push_back({before_, "", {}, ""});
  std::vector<NetworkOutputValues> results;
  for (const NetworkOutput& output : outputs) {
    const NetworkTensor& tensor = store_->get(output.layer);
    NetworkOutputValues values;
    values.name = output.name.empty() ? output.layer : output.name;
    values.shape = output.shape;
    // A scalar has no axes.
    const bool known = !values.shape.empty() || (!output.type.empty() && tensor.values.size() == 1);
    for (const NetworkLayer& layer : network_->layers)
      if (!known && layer.name == output.layer) values.shape = shape_of(layer);
    values.values = tensor.values;
    if (tensor.is_number) {
      values.codes = tensor.codes;
      values.type = is_integer_type(output.type) ? output.type : "int32";
    }
    if (wanted_ == Wanted::kErrors)
      values.error = quality_of(tensor);
    else
      values.reference = tensor.reference;
    results.push_back(std::move(values));
  }
  choose_tokens(results);
  keep_states();
  return results;
}

/// Greedy decoding: the likeliest token behind the last of each sequence.
void NetworkValues::choose_tokens(const std::vector<NetworkOutputValues>& outputs) {
  next_tokens_.clear();
  const auto& parameters = network_->parameters;
  if (parameters.count(kTokens) == 0 || outputs.size() != 1 || outputs[0].shape.empty() ||
      !outputs[0].codes.empty())
    return;
  const auto batch = parameters.count("batch") != 0 ? parameters.at("batch") : 1;
  const std::int64_t vocabulary = outputs[0].shape.back();
  const auto rows = static_cast<std::int64_t>(outputs[0].values.size()) / vocabulary;
  if (batch < 1 || rows % batch != 0) return;
  for (std::int64_t sequence = 1; sequence <= batch; ++sequence) {
    const auto row = outputs[0].values.begin() + (sequence * (rows / batch) - 1) * vocabulary;
    next_tokens_.push_back(
        static_cast<std::int32_t>(std::max_element(row, row + vocabulary) - row));
  }
}

}  // namespace bitjoule
