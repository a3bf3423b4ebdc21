// Between a layer as written and the layer that runs: defaults filled in, or left out again.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/schema/describe_network.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<VectorKind>>& enum_rows() {
  static const std::vector<EnumRow<VectorKind>> rows = [] {
    std::vector<EnumRow<VectorKind>> result;
    for (const VectorRow& row : vector_rows()) result.push_back({row.kind, row.name, row.formula});
    return result;
  }();
  return rows;
}

template <>
const std::vector<EnumRow<Routing::Scores>>& enum_rows() {
  static const std::vector<EnumRow<Routing::Scores>> rows = {
      {Routing::Scores::kSoftmax, "softmax", "over all experts"},
      {Routing::Scores::kSigmoid, "sigmoid", "of each by itself"},
      {Routing::Scores::kChosenSoftmax, "chosen_softmax", "over the chosen ones"}};
  return rows;
}

template <>
const std::vector<EnumRow<ScaleProduct>>& enum_rows() {
  static const std::vector<EnumRow<ScaleProduct>> rows = {
      {ScaleProduct::kByLayer, "by_layer", "TFLite: dense layers with one scale fp32, others fp64"},
      {ScaleProduct::kAllFp64, "fp64", "all in fp64"},
      {ScaleProduct::kProductFp32, "fp32", "the product of the scales in fp32"},
      {ScaleProduct::kAllFp32, "fp32_ratio", "product and ratio in fp32"}};
  return rows;
}

template <>
const std::vector<EnumRow<Resize::Coordinates>>& enum_rows() {
  using C = Resize::Coordinates;
  static const std::vector<EnumRow<C>> rows = {
      {C::kHalfPixel, "half_pixel", "(o + 0.5) * scale - 0.5"},
      {C::kPytorchHalfPixel, "pytorch_half_pixel",
       "half_pixel; 0 where the output has one element"},
      {C::kAlignCorners, "align_corners", "o * (input - 1) / (output - 1)"},
      {C::kAsymmetric, "asymmetric", "o * scale"},
      {C::kFromHalf, "from_half", "(o + 0.5) * scale"}};
  return rows;
}

template <>
const std::vector<EnumRow<Resize::Rounding>>& enum_rows() {
  using R = Resize::Rounding;
  static const std::vector<EnumRow<R>> rows = {
      {R::kPreferFloor, "round_prefer_floor", "to the nearest, halves down"},
      {R::kPreferCeil, "round_prefer_ceil", "to the nearest, halves up"},
      {R::kFloor, "floor", "down"},
      {R::kCeil, "ceil", "up"}};
  return rows;
}

const std::vector<std::string>& tensor_roles() {
  static const std::vector<std::string> kRoles = {"weights",
                                                  "bias",
                                                  "table",
                                                  "gamma",
                                                  "beta",
                                                  "mean",
                                                  "variance",
                                                  "operand",
                                                  "factors",
                                                  "sinks",
                                                  "distances",
                                                  "input_scale",
                                                  "input_zero_point",
                                                  "weight_scale",
                                                  "weight_zero_point",
                                                  "output_scale",
                                                  "output_zero_point"};
  return kRoles;
}

Rule element_types() {
  return one_of({"", "fp64", "fp32", "fp16", "bf16", "int8", "int16", "int32", "int64", "uint8",
                 "uint16", "uint32", "uint64", "bool"});
}

TensorsFile::TensorsFile(const std::map<std::string, TensorSource>& by_role) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto found = by_role.find(tensor_roles()[i]);
    if (found != by_role.end()) sources[i] = found->second;
  }
}

std::map<std::string, TensorSource> TensorsFile::by_role() const {
  std::map<std::string, TensorSource> result;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i]) result[tensor_roles()[i]] = *sources[i];
  return result;
}

namespace {

/// Sizes that follow from others: rows and cols from the window or the shape.
void settle(VectorOp& op) {
  if (op.scaling && op.scaling->factor == 1) op.scaling.reset();
  if (op.rows != 1 || op.cols != 1) return;
  if (op.window) {
    op.rows = op.window->batch * op.window->out_height() * op.window->out_width();
    op.cols = op.window->channels;
  } else if (!op.shape.empty()) {
    op.cols = op.shape.back();
    for (std::size_t i = 0; i + 1 < op.shape.size(); ++i)
      if (__builtin_mul_overflow(op.rows, op.shape[i], &op.rows))
        throw input_error("shape: too many elements");
  }
}

/// Per output channel: a folded batch norm's gamma and beta, or a bias.
std::int64_t per_channel(const NetworkLayer& layer, bool batch_norm) {
  return batch_norm ? 2 : layer.bias;
}

bool is_required(std::string_view key) {
  static const std::vector<std::string_view> kKeys = {
      "m", "n", "k", "height", "width", "channels", "filters", "op", "format", "name"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

/// Leaves out what the reader would fill in again, and maps that are empty then.
void strip_defaults(boost::json::object& object, const boost::json::object& defaults) {
  boost::json::object kept;
  for (auto& row : object) {
    const boost::json::value* standard = defaults.if_contains(row.key());
    if (auto* inner = row.value().if_object()) {
      strip_defaults(*inner, standard != nullptr && standard->is_object() ? standard->get_object()
                                                                          : boost::json::object());
      if (inner->empty()) continue;
    } else if (!is_required(row.key()) && standard != nullptr && *standard == row.value()) {
      continue;
    }
    kept[row.key()] = std::move(row.value());
  }
  object = std::move(kept);
}

template <class T>
boost::json::object defaults_of() {
  return to_json(T{}).as_object();
}

/// The tensors at the network's ends.
template <class T>
boost::json::array stripped(const std::vector<T>& ends) {
  boost::json::array list;
  for (const T& end : ends) {
    boost::json::object entry = to_json(end).as_object();
    strip_defaults(entry, defaults_of<T>());
    list.push_back(std::move(entry));
  }
  return list;
}

boost::json::object layer_defaults() {
  boost::json::object defaults = defaults_of<LayerFile>();
  defaults.erase("gemm");
  defaults["conv2d"] = defaults_of<Conv2d>();
  defaults["matmul"] = defaults_of<Matmul>();
  boost::json::object vector = defaults_of<VectorOp>();
  vector["window"] = defaults_of<PoolWindow>();
  vector["routing"] = defaults_of<Routing>();
  defaults["vector"] = std::move(vector);
  boost::json::object sources;
  for (const std::string& role : tensor_roles()) sources[role] = defaults_of<TensorSource>();
  defaults["tensors"] = std::move(sources);
  boost::json::object precision;
  for (const char* operand : {"weights", "activations", "output"})
    precision[operand] = defaults_of<TensorFormat>();
  defaults["precision"] = std::move(precision);
  return defaults;
}

LayerFile to_file(const NetworkLayer& layer) {
  LayerFile file;
  file.name = layer.name;
  file.kind = layer.kind == default_kind(layer.op) ? "" : layer.kind;
  file.repeat = layer.repeat;
  file.inputs = layer.inputs;
  file.op = layer.op;
  file.tensors = TensorsFile(layer.tensors);
  file.precision = layer.precision;
  file.mapping = layer.mapping;
  file.bias = layer.bias;
  file.activation = layer.activation;
  file.experts = layer.experts;
  file.accumulators = layer.accumulators;
  file.sums = layer.sums;
  file.batch_norm_epsilon = layer.batch_norm_epsilon;
  file.kv_cache = layer.kv_cache;
  file.kv_view = layer.kv_view;
  if (layer.parameters != default_parameters(layer, per_channel(layer, false)))
    file.parameters = layer.parameters;
  return file;
}

}  // namespace

NetworkLayer to_layer(const LayerFile& file, const Place& place) {
  NetworkLayer layer;
  layer.name = file.name;
  layer.op = file.op;
  layer.repeat = file.repeat;
  layer.inputs = file.inputs;
  layer.precision = file.precision;
  layer.mapping = file.mapping;
  layer.bias = file.bias || file.batch_norm;
  layer.activation = file.activation;
  layer.experts = file.experts;
  layer.accumulators = file.accumulators;
  layer.sums = file.sums;
  layer.batch_norm_epsilon = file.batch_norm_epsilon;
  layer.kv_cache = file.kv_cache;
  layer.kv_view = file.kv_view;
  layer.tensors = file.tensors.by_role();
  try {
    if (auto* op = std::get_if<VectorOp>(&layer.op)) settle(*op);
    layer.kind = file.kind.empty() ? default_kind(layer.op) : file.kind;
    layer.parameters = file.parameters
                           ? *file.parameters
                           : default_parameters(layer, per_channel(layer, file.batch_norm));
  } catch (const Error& error) {
    throw input_error(fmt::format("{}: layer \"{}\": {}", place.str(), file.name, error.what()));
  }
  return layer;
}

boost::json::value to_json(const Network& network) {
  static const boost::json::object kDefaults = layer_defaults();
  boost::json::object file;
  file["name"] = network.name;
  boost::json::object parameters;
  for (const auto& [name, value] : network.parameters) parameters[name] = value;
  if (!parameters.empty()) file["parameters"] = std::move(parameters);
  if (!network.inputs.empty()) file["inputs"] = stripped(network.inputs);
  boost::json::array layers;
  for (const NetworkLayer& layer : network.layers) {
    boost::json::object entry = to_json(to_file(layer)).as_object();
    strip_defaults(entry, kDefaults);
    layers.push_back(std::move(entry));
  }
  file["layers"] = std::move(layers);
  if (!network.outputs.empty()) file["outputs"] = stripped(network.outputs);
  if (network.requantize) file["requantize"] = enum_name(*network.requantize);
  return file;
}

namespace {

/// Flow style: {key: value}. Texts are always quoted, so that none is taken for an expression.
void put_flow(std::string& out, const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    const char* separator = "{";
    for (const auto& row : *object) {
      out += separator + std::string(row.key()) + ": ";
      put_flow(out, row.value());
      separator = ", ";
    }
    out += object->empty() ? "{}" : "}";
  } else if (const auto* array = value.if_array()) {
    out += '[';
    for (const boost::json::value& item : *array) {
      if (&item != array->begin()) out += ", ";
      put_flow(out, item);
    }
    out += ']';
  } else if (const double* real = value.if_double()) {
    out += fmt::format("{}", *real);
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

std::string network_yaml(const Network& network) {
  std::string out;
  const boost::json::value json = to_json(network);
  for (const auto& row : json.get_object()) {
    out += std::string(row.key()) + ":";
    if (row.key() == "layers" || row.key() == "inputs") {
      for (const boost::json::value& item : row.value().get_array()) {
        out += "\n- ";
        put_flow(out, item);
      }
    } else {
      out += ' ';
      put_flow(out, row.value());
    }
    out += '\n';
  }
  return out;
}

}  // namespace bitjoule
