#include "sim/run/operands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "sim/config/enums.h"
#include "sim/formats/tensor_file.h"
#include "sim/formats/tensor_values.h"
#include "sim/run/generators.h"

namespace bitjoule {
namespace {

using Shape = std::vector<std::int64_t>;

Shape input_shape(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op)) return {c->batch, c->height, c->width, c->channels};
  if (const auto* g = std::get_if<Gemm>(&op)) return {g->m, g->k};
  const auto& p = std::get<Matmul>(op);
  return {p.batch, p.m, p.k};
}

Shape weight_shape(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return {c->filters, c->kernel_h, c->kernel_w, c->channels / c->groups};
  if (const auto* g = std::get_if<Gemm>(&op)) return {g->n, g->k};
  const auto& p = std::get<Matmul>(op);
  return {p.batch / p.shared, p.n, p.k};
}

/// Which of the simulator's dimensions each dimension of the file is.
std::vector<std::size_t> file_order(TensorLayout layout, std::size_t dimensions) {
  std::vector<std::size_t> order(dimensions);
  std::iota(order.begin(), order.end(), 0);
  if (layout == TensorLayout::kChannelsFirst && dimensions == 4) order = {0, 3, 1, 2};
  // Rows of a matrix, or filters, come last.
  if (layout == TensorLayout::kTransposed) {
    if (dimensions == 4) order = {1, 2, 3, 0};
    if (dimensions == 2 || dimensions == 3) std::swap(order[dimensions - 2], order[dimensions - 1]);
  }
  return order;
}

Shape permuted(const Shape& shape, const std::vector<std::size_t>& order) {
  Shape result;
  for (std::size_t i : order) result.push_back(shape[i]);
  return result;
}

/// Sizes of 1 do not change where elements lie.
Shape squeezed(Shape shape) {
  shape.erase(std::remove(shape.begin(), shape.end(), 1), shape.end());
  return shape;
}

bool is_native_order(const Shape& native, const std::vector<std::size_t>& order) {
  std::vector<std::size_t> moved;
  for (std::size_t i : order)
    if (native[i] != 1) moved.push_back(i);
  return std::is_sorted(moved.begin(), moved.end());
}

/// Elements of the file, which lie in `order`, as the simulator reads them.
std::vector<float> to_native(const std::vector<float>& from, const Shape& native,
                             const std::vector<std::size_t>& order) {
  const std::size_t n = native.size();
  std::vector<std::size_t> stride(n);  // in the file, of each native dimension
  std::size_t step = 1;
  for (std::size_t i = n; i-- > 0;) {
    stride[order[i]] = step;
    step *= static_cast<std::size_t>(native[order[i]]);
  }
  std::vector<float> to(from.size());
  Shape index(n, 0);
  for (float& value : to) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < n; ++i) at += static_cast<std::size_t>(index[i]) * stride[i];
    value = from[at];
    for (std::size_t i = n; i-- > 0 && ++index[i] == native[i];) index[i] = 0;
  }
  return to;
}

struct Operand {
  std::vector<float> floats;
  QuantizedTensor stored;
  OperandOrigin origin;
};

Operand load(const char* key, const TensorSource& source, const Shape& native,
             const TensorFormat& format, std::int64_t rows, std::int64_t k) {
  const StoredTensor tensor = load_tensor(source.file, source.tensor);
  const std::string where = tensor.name.empty() ? fmt::format("layer.{}: {}", key, source.file)
                                                : fmt::format("layer.{}: {}: tensor \"{}\"", key,
                                                              source.file, tensor.name);
  const std::vector<std::size_t> order = file_order(source.layout, native.size());
  const Shape expected = permuted(native, order);
  if (squeezed(tensor.shape) != squeezed(expected)) {
    std::string hint;
    for (const EnumRow<TensorLayout>& row : enum_rows<TensorLayout>())
      if (row.value != source.layout &&
          squeezed(tensor.shape) ==
              squeezed(permuted(native, file_order(row.value, native.size()))))
        hint = fmt::format("; it would be with layout: {}", row.name);
    throw input_error(fmt::format("{}: expected {}, got {}{}", where, shape_text(expected),
                                  shape_text(tensor.shape), hint));
  }
  std::vector<float> floats = tensor_values(tensor);
  require_representable(where, format.format, floats);
  OperandOrigin origin{source, tensor.type->format, false};
  if (is_native_order(native, order)) {
    if (auto bytes = as_stored(tensor, format, rows, k)) {
      origin.as_stored = true;
      return {std::move(floats), std::move(*bytes), origin};
    }
  } else {
    floats = to_native(floats, native, order);
  }
  QuantizedTensor stored = QuantizedTensor::quantize(format, floats.data(), rows, k);
  return {std::move(floats), std::move(stored), origin};
}

Operand make(const char* key, const std::optional<TensorSource>& chosen, const Shape& native,
             const TensorFormat& format, std::int64_t rows, std::int64_t k, double deviation,
             std::uint64_t seed) {
  const TensorSource source = chosen.value_or(TensorSource{});
  if (source.from_file()) return load(key, source, native, format, rows, k);
  std::vector<float> floats = generate_values(source, rows, k, deviation, seed);
  QuantizedTensor stored = QuantizedTensor::quantize(format, floats.data(), rows, k);
  return {std::move(floats), std::move(stored), {source, "", false}};
}

/// Biases are a fraction of the sums, whose variance is 1 where all is generated.
constexpr double kBiasDeviation = 0.25;
constexpr std::uint64_t kBiasSeed = 0xB1A5;

/// Codes of input scale x weight scale, rounded half to even; fp32 where sums are not integers.
BiasValues stored_bias(const DataPath& path, const Operands& o) {
  BiasValues bias;
  if (!integer_bias(path)) {
    bias.values = o.float_bias;
    return bias;
  }
  for (std::size_t row = 0; row < o.float_bias.size(); ++row) {
    const double scale = static_cast<double>(o.inputs.scale(0, 0)) *
                         static_cast<double>(o.weights.scale(static_cast<std::int64_t>(row), 0));
    const double code = std::nearbyint(static_cast<double>(o.float_bias[row]) / scale);
    bias.codes.push_back(static_cast<std::int32_t>(std::clamp<double>(code, INT32_MIN, INT32_MAX)));
  }
  return bias;
}

}  // namespace

Operands make_operands(const MappingProblem& p, const Layer& layer, std::int64_t seed) {
  const Lowered& l = p.layer;
  const std::int64_t row = l.channels * (l.interleaved_groups ? l.extents.groups : 1);
  const auto base = static_cast<std::uint64_t>(seed) * 2;
  Operand inputs = make("inputs", layer.inputs, input_shape(layer.op), p.path.activations.format,
                        l.input_elements() / row, row, 1.0, base);
  Operand weights =
      make("weights", layer.weights, weight_shape(layer.op), p.path.weights.format, l.weight_rows(),
           l.extents.k, 1.0 / std::sqrt(static_cast<double>(l.extents.k)), base + 1);
  Operands all{std::move(inputs.floats),
               std::move(weights.floats),
               std::move(inputs.stored),
               std::move(weights.stored),
               {},
               {},
               inputs.origin,
               weights.origin,
               {}};
  if (p.stage.bias) {
    const StorageField& scales = p.path.activations.layout.scales;
    if (integer_bias(p.path) && scales.present() && scales.group != kWholeTensor)
      throw input_error(
          "layer.bias: it is added to integer sums, which needs one scale for all activations; use "
          "granularity per_tensor, or a float output");
    TensorFormat fp32;
    fp32.format = "fp32";
    Operand bias = make("bias", layer.bias, {l.weight_rows()}, fp32, l.weight_rows(), 1,
                        kBiasDeviation, base ^ kBiasSeed << 32);
    all.float_bias = std::move(bias.floats);
    all.bias_origin = bias.origin;
    all.bias = stored_bias(p.path, all);
  }
  return all;
}

std::string origin_text(const OperandOrigin& o, std::int64_t seed) {
  if (!o.source.from_file())
    return fmt::format("{} (seed {})", enum_name(o.source.generator), seed);
  return fmt::format("{}{}{} ({}{})", o.source.file, o.source.tensor.empty() ? "" : " ",
                     o.source.tensor, o.stored, o.as_stored ? " as stored" : ", quantized at load");
}

}  // namespace bitjoule
