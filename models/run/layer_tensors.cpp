#include "run/layer_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/numeric/tensor_values.h"
#include "run/generators.h"
#include "run/native_order.h"
#include "run/transforms.h"

namespace bitjoule {
namespace {

// Some 20 bytes each: the machine's value and code, and the reference.
constexpr std::int64_t kMaxValues = std::int64_t{1} << 28;

}  // namespace

std::vector<std::int32_t> small_integers(const std::string& where, const StoredTensor& tensor) {
  const std::vector<std::int64_t> integers = to_integers(tensor);
  std::vector<std::int32_t> result;
  result.reserve(integers.size());
  for (const std::int64_t value : integers) {
    if (value > INT32_MAX || value < INT32_MIN)
      throw input_error(
          fmt::format("{}: {} exceeds the 32 bits of the machine's integers", where, value));
    result.push_back(static_cast<std::int32_t>(value));
  }
  return result;
}

std::int64_t value_count(const std::string& where, const std::vector<std::int64_t>& shape) {
  std::int64_t total = 1;
  for (const std::int64_t size : shape)
    if (__builtin_mul_overflow(total, size, &total) || total > kMaxValues)
      throw input_error(fmt::format("{}: {} are too many elements for values: on (at most {})",
                                    where, shape_text(shape), kMaxValues));
  return total;
}

std::string tensor_of_expert(const TensorSource& source, std::int64_t expert) {
  std::string name = source.tensor;
  if (const std::size_t at = name.find(kExpertPlace); at != std::string::npos)
    name.replace(at, std::string(kExpertPlace).size(), std::to_string(expert));
  return name;
}

std::shared_ptr<const StoredTensor> first_axis_slice(const StoredTensor& whole,
                                                     std::int64_t index) {
  const std::int64_t count = whole.shape.empty() ? 0 : whole.shape.front();
  if (index >= count || whole.bytes % static_cast<std::uint64_t>(count) != 0)
    throw input_error(fmt::format("tensor \"{}\" has no slice {} along its first axis of {}",
                                  whole.name, index, count));
  auto slice = std::make_shared<StoredTensor>(whole);
  slice->shape.erase(slice->shape.begin());
  slice->bytes = whole.bytes / static_cast<std::uint64_t>(count);
  if (slice->data != nullptr) slice->data += slice->bytes * static_cast<std::uint64_t>(index);
  return slice;
}

LayerTensor LayerTensors::from_file(const std::string& where, const TensorSource& source,
                                    const std::vector<std::int64_t>& native) const {
  const std::string name = tensor_of_expert(source, source.expert);
  const StoredTensor& whole = files_.get(source.file, name);
  LayerTensor tensor;
  if (source.expert >= 0 && name == source.tensor)
    tensor.slice = first_axis_slice(whole, source.expert);
  const StoredTensor& stored = tensor.slice ? *tensor.slice : whole;
  const std::string place =
      where + source.file +
      (stored.name.empty() ? "" : fmt::format(": tensor \"{}\"", stored.name));
  const NativeOrder order(place, source.layout, native, stored.shape);
  tensor.origin = {source, stored.type->format, false};
  if (stored.packed == nullptr && is_integer_type(stored.type->format)) {
    tensor.codes = order.apply(small_integers(place, stored));
    tensor.values.assign(tensor.codes.begin(), tensor.codes.end());
    return tensor;
  }
  if (order.is_native()) tensor.file = &stored;
  tensor.values = order.apply(tensor_values(stored));
  return tensor;
}

LayerTensor LayerTensors::from_layer(const std::string& where, const TensorSource& source,
                                     const std::vector<std::int64_t>& native) const {
  const NetworkTensor& from = store_.get(source.input);
  const std::int64_t count = value_count(where, native);
  if (static_cast<std::int64_t>(from.values.size()) != count)
    throw input_error(fmt::format("{}expected {} elements, \"{}\" has {}", where, count,
                                  source.input, from.values.size()));
  const NativeOrder order(source.layout, native);
  LayerTensor tensor;
  tensor.origin.source = source;
  tensor.values = order.apply(from.values);
  tensor.reference = order.apply(from.reference);
  if (from.is_number) tensor.codes = order.apply(from.codes);
  return tensor;
}

namespace {

/// Numbers that the network itself holds.
LayerTensor given_values(const TensorSource& source, const NativeOrder& order) {
  LayerTensor tensor;
  tensor.origin = {source, source.integers ? "int32" : "fp32", false};
  for (const double value : source.values) {
    if (!(value >= INT32_MIN && value <= INT32_MAX) && source.integers)
      throw input_error(fmt::format("values: {} is no integer of 32 bits", value));
    tensor.values.push_back(static_cast<float>(value));
    if (source.integers) tensor.codes.push_back(static_cast<std::int32_t>(value));
  }
  tensor.values = order.apply(tensor.values);
  if (source.integers) tensor.codes = order.apply(tensor.codes);
  return tensor;
}

}  // namespace

LayerTensor LayerTensors::get(const NetworkLayer& layer, const std::string& role,
                              const std::vector<std::int64_t>& native, double deviation,
                              double mean) const {
  const std::string where = role + ": ";
  const auto found = layer.tensors.find(role);
  const TensorSource source = found == layer.tensors.end() ? TensorSource{} : found->second;
  if (!source.input.empty()) return from_layer(where, source, native);
  if (source.from_file()) return from_file(where, source, native);
  const std::int64_t count = value_count(where, native);
  if (!source.values.empty()) {
    if (static_cast<std::int64_t>(source.values.size()) != count)
      throw input_error(
          fmt::format("{}expected {} elements, got {} values", where, count, source.values.size()));
    return given_values(source, NativeOrder(source.layout, native));
  }
  const std::int64_t k = native.empty() ? 1 : native.back();
  LayerTensor tensor;
  tensor.origin = {source, "", false};
  tensor.values = generate_values(source, count / k, k, deviation, seed_of(layer.name, role));
  for (float& value : tensor.values) value += static_cast<float>(mean);
  return tensor;
}

/// As many values as there are.
LayerTensor LayerTensors::unshaped(const NetworkLayer& layer, const std::string& role) const {
  const TensorSource& source = layer.tensors.at(role);
  if (!source.values.empty())
    return given_values(source, NativeOrder(TensorLayout::kNative,
                                            {static_cast<std::int64_t>(source.values.size())}));
  std::int64_t count = 0;
  if (!source.input.empty())
    count = static_cast<std::int64_t>(store_.get(source.input).values.size());
  else if (source.from_file())
    count = files_.get(source.file, source.tensor).elements();
  else
    throw input_error(role + ": expected a file, values or a layer");
  TensorSource as_it_lies = source;
  as_it_lies.layout = TensorLayout::kNative;
  if (!source.input.empty()) return from_layer(role + ": ", as_it_lies, {count});
  LayerTensor tensor;
  const StoredTensor& stored = files_.get(source.file, source.tensor);
  if (stored.packed == nullptr && is_integer_type(stored.type->format))
    tensor.codes = small_integers(role + ": " + source.file, stored);
  else
    tensor.values = tensor_values(stored);
  return tensor;
}

std::vector<float> LayerTensors::scales(const NetworkLayer& layer, const std::string& role) const {
  if (!has(layer, role)) return {1};
  std::vector<float> scales = unshaped(layer, role).values;
  for (const float scale : scales)
    if (!(scale > 0) || !std::isfinite(scale))
      throw input_error(fmt::format("{}: expected positive numbers, got {}", role, scale));
  if (scales.empty()) throw input_error(role + ": expected numbers");
  return scales;
}

std::vector<std::int32_t> LayerTensors::zero_points(const NetworkLayer& layer,
                                                    const std::string& role) const {
  if (!has(layer, role)) return {0};
  std::vector<std::int32_t> zeros = unshaped(layer, role).codes;
  if (zeros.empty()) throw input_error(role + ": expected integers");
  return zeros;
}

LayerTensor own_weights(const NetworkLayer& layer, const LayerOp& op, const LayerTensors& tensors) {
  const std::vector<std::int64_t> shape = weight_shape(op);
  double k = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) k *= static_cast<double>(shape[i]);
  return tensors.get(layer, "weights", shape, 1 / std::sqrt(k));
}

InputMoments LayerTensors::moments(const NetworkLayer& layer, std::int64_t k) const {
  return calibration_->moments(layer.name, k);
}

std::optional<GroupParameters> LayerTensors::static_scale(const std::string& tensor,
                                                          const TensorFormat& format,
                                                          ScaleRule rule) const {
  const StorageLayout layout = storage_layout(format);
  if (layout.by_input)  // what channel_factors() has brought to -1..1
    return GroupParameters{1.0f / static_cast<float>(layout.format->max_code), 0, 0};
  if (calibrates() || rule == ScaleRule::kOracle || tensor.empty() ||
      layout.format->cls != FormatClass::kInteger || layout.scales.group != kWholeTensor ||
      layout.dynamic)
    return std::nullopt;
  return calibration_->scale(tensor, transform_signature(network_), format, rule);
}

std::uint64_t LayerTensors::seed_of(const std::string& layer, const std::string& role) const {
  std::uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  for (const std::string* text : {&layer, &role})
    for (const char c : *text + '\0') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash ^ static_cast<std::uint64_t>(seed_) * 0x9E3779B97F4A7C15;
}

}  // namespace bitjoule
