#include "run/network_inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/numeric/tensor_values.h"
#include "run/generators.h"
#include "run/native_order.h"
#include "run/vector_run.h"

namespace bitjoule {
namespace {

NetworkTensor from_file(const NetworkInput& input, TensorReader& files, InputStep step) {
  const TensorSource& source = input.source;
  const StoredTensor& whole = files.get(source.file, source.tensor);
  std::shared_ptr<const StoredTensor> slice;
  const bool has_steps = whole.shape.size() > input.shape.size() && !whole.shape.empty() &&
                         whole.shape.front() == step.count;
  if (step.count > 1 && has_steps) slice = first_axis_slice(whole, step.index);
  const StoredTensor& stored = slice ? *slice : whole;
  const std::string where = fmt::format("input \"{}\": {}", input.name, source.file);
  const NativeOrder order(where, source.layout, input.shape, stored.shape);
  const std::string type = stored.type->format;
  const bool integers = is_integer_type(type);
  if (is_integer_type(input.type)) {
    if (!integers)
      throw input_error(fmt::format("{}: expected {}, got {}", where, input.type, type));
    std::vector<std::int32_t> codes = small_integers(where, stored);
    const StoredType& wanted = *find_stored_type(input.type);
    if (wanted.block_bytes < 4) {
      const bool is_signed = input.type.front() == 'i';
      const std::int64_t bits = input.type == "bool" ? 1 : 8 * wanted.block_bytes;
      const std::int64_t lo = is_signed ? -(std::int64_t{1} << (bits - 1)) : 0;
      const std::int64_t hi = (std::int64_t{1} << (is_signed ? bits - 1 : bits)) - 1;
      for (const std::int32_t code : codes)
        if (code < lo || code > hi)
          throw input_error(fmt::format("{}: expected {}, got {}", where, input.type, code));
    }
    return number_tensor(order.apply(codes));
  }
  if (integers && !input.type.empty())
    throw input_error(fmt::format("{}: expected {}, got {}", where, input.type, type));
  return raw_tensor(order.apply(tensor_values(stored)));
}

/// Rows of the table where an embedding reads them; 0 where none does.
std::int64_t table_rows(const Network& network, const std::string& input) {
  for (const NetworkLayer& layer : network.layers) {
    const auto* op = std::get_if<VectorOp>(&layer.op);
    const bool reads =
        std::find(layer.inputs.begin(), layer.inputs.end(), input) != layer.inputs.end();
    if (reads && op != nullptr && op->kind == VectorKind::kEmbedding) return op->table_rows;
  }
  return 0;
}

NetworkTensor initial_state(const NetworkInput& input) {
  const auto count = static_cast<std::size_t>(value_count(input.name, input.shape));
  if (!is_integer_type(input.type))
    return raw_tensor(std::vector<float>(count, static_cast<float>(input.initial)));
  return number_tensor(std::vector<std::int32_t>(count, static_cast<std::int32_t>(input.initial)));
}

NetworkTensor generated(const Network& network, const NetworkInput& input,
                        const LayerTensors& tensors) {
  const std::int64_t count = value_count("input \"" + input.name + "\"", input.shape);
  const std::int64_t k = input.shape.empty() ? 1 : input.shape.back();
  if (!is_integer_type(input.type))
    return raw_tensor(
        generate_values(input.source, count / k, k, 1.0, tensors.seed_of(input.name, "input")));
  if (const std::int64_t rows = table_rows(network, input.name); rows > 0) {
    VectorOp spread;
    spread.rows = count;
    spread.table_rows = rows;
    return number_tensor(default_indices(spread));
  }
  // Uniform over the type, at most 256 of its values.
  const std::int64_t range = input.type == "bool" ? 2 : 256;
  const std::int64_t low = input.type.front() == 'i' ? -128 : 0;
  TensorSource uniform;
  uniform.generator = TensorSource::Generator::kUniform;
  std::vector<std::int32_t> codes;
  for (const float x :
       generate_values(uniform, 1, count, 1.0, tensors.seed_of(input.name, "input"))) {
    const double share = (static_cast<double>(x) / 1.7320508075688772 + 1) / 2;  // 0..1
    const auto step = static_cast<std::int64_t>(share * static_cast<double>(range));
    codes.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(step, 0, range - 1) + low));
  }
  return number_tensor(std::move(codes));
}

}  // namespace

NetworkTensor network_input(const Network& network, const NetworkInput& input,
                            const LayerTensors& tensors, TensorReader& files, InputStep step) {
  value_count("input \"" + input.name + "\"", input.shape);
  if (input.source.from_file()) return from_file(input, files, step);
  return input.next.empty() ? generated(network, input, tensors) : initial_state(input);
}

}  // namespace bitjoule
