// Operators of TensorFlow Lite graphs whose operands are constants: their layers are computed when
// the model is read, and what they yield is a constant. Sizes of tensors are constants, too.
#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/exec/vector_values.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kMostFolded = std::int64_t{1} << 20;  // elements: the network holds them
constexpr float kExact = 1 << 24;                            // integers that fp32 holds

template <class T>
std::string bytes_of(const std::vector<double>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<T>(values[i]);
    std::memcpy(&bytes[i * sizeof(T)], &value, sizeof(T));
  }
  return bytes;
}

/// Empty for types that are not made.
std::string stored_as(const std::string& type, const std::vector<double>& values) {
  if (type == "fp32") return bytes_of<float>(values);
  if (type == "int32") return bytes_of<std::int32_t>(values);
  if (type == "int64") return bytes_of<std::int64_t>(values);
  if (type == "int16") return bytes_of<std::int16_t>(values);
  if (type == "int8") return bytes_of<std::int8_t>(values);
  if (type == "uint8" || type == "bool") return bytes_of<std::uint8_t>(values);
  return "";
}

bool is_exact(const std::vector<float>& values) {
  for (const float value : values)
    if (!(std::fabs(value) <= kExact)) return false;
  return true;
}

/// Empty where there are too many, or integers that fp32 does not hold.
std::vector<float> small_values(const TfliteModel& model, const TfliteTensor& tensor) {
  if (volume_of(tensor.shape) > kMostFolded) return {};
  std::vector<float> values = to_floats(stored_tflite(model, tensor));
  if (is_integer_type(tensor.type) && !is_exact(values)) return {};
  return values;
}

}  // namespace

void TfliteBuilder::define(const TfliteNode& node, const std::vector<double>& values, int index) {
  node.output(index);  // fails where there is none
  TfliteTensor& tensor = model_.tensors.at(
      static_cast<std::size_t>(node.raw().outputs.at(static_cast<std::size_t>(index))));
  if (tensor.is_constant() || layers_.count(tensor.name) != 0)
    node.fail(fmt::format("produces \"{}\", which exists already", tensor.name));
  if (static_cast<std::int64_t>(values.size()) != volume_of(tensor.shape))
    node.fail(fmt::format("{} elements do not fit its result", values.size()));
  std::string bytes = stored_as(tensor.type, values);
  if (bytes.empty() && !values.empty())
    node.fail(fmt::format("a result of {} is not supported", tensor.type));
  tensor.bytes = bytes.size();
  tensor.own = Blob::from_memory(model_.blob.name(), std::move(bytes));
  tensor.data = tensor.own.data();
  computed_.insert(tensor.name);
}

bool TfliteBuilder::fold_layer(const NetworkLayer& layer,
                               std::map<std::string, std::vector<float>>& known) const {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  if (op == nullptr || op->codes || op->elements() > kMostFolded) return false;
  const auto value_of = [&](const TensorSource& source) -> std::vector<float> {
    if (!source.values.empty()) return {source.values.begin(), source.values.end()};
    for (const TfliteTensor& tensor : model_.tensors)
      if (tensor.is_constant() && tensor.origin.empty() && tensor.name == source.tensor)
        return small_values(model_, tensor);
    return {};
  };
  for (const auto& entry : layer.tensors)
    if (entry.first != "operand" && entry.first != "table") return false;
  VectorOperands operands;
  for (const std::string& input : layer.inputs) {
    const bool is_stored = input == kOperandInput;
    const auto found = known.find(input);
    if (!is_stored && found == known.end()) return false;
    operands.inputs.emplace_back().own() =
        is_stored ? value_of(layer.tensors.at("operand")) : found->second;
    if (operands.inputs.back().own().empty()) return false;
  }
  if (op->kind == VectorKind::kEmbedding) {
    const TensorSource& table = layer.tensors.at("table");
    const auto found = known.find(table.input);
    operands.table = found != known.end() ? found->second : value_of(table);
    if (operands.table.empty()) return false;
    for (const float index : operands.inputs[0].own())
      operands.indices.push_back(static_cast<std::int64_t>(index));
    operands.inputs.clear();
  }
  known[layer.name] = vector_values(*op, operands).values;
  return true;
}

void TfliteBuilder::fold(const TfliteNode& node, std::size_t first) {
  std::map<std::string, std::vector<float>> known;
  if (first == network_.layers.size() || node.outputs() == 0) return;
  for (auto layer = network_.layers.begin() + static_cast<std::ptrdiff_t>(first);
       layer != network_.layers.end(); ++layer) {
    for (const std::string& input : layer->inputs) {
      const auto loaded = loaded_.find(input);
      if (loaded == loaded_.end() || known.count(input) != 0) continue;
      std::vector<float> values = small_values(model_, *loaded->second);
      if (values.empty()) return;
      known[input] = std::move(values);
    }
    if (!fold_layer(*layer, known)) return;
  }
  std::vector<std::vector<double>> results;
  for (int i = 0; i < node.outputs(); ++i) {
    const auto named = layers_.find(node.output(i).name);
    const auto found = named == layers_.end() ? known.end() : known.find(named->second);
    if (found == known.end() || stored_as(node.output(i).type, {0}).empty()) return;
    if (is_integer_type(node.output(i).type) && !is_exact(found->second)) return;
    results.emplace_back(found->second.begin(), found->second.end());
  }
  std::set<std::string> gone;
  for (std::size_t i = first; i < network_.layers.size(); ++i) {
    gone.insert(network_.layers[i].name);
    loaded_.erase(network_.layers[i].name);
  }
  for (auto entry = layers_.begin(); entry != layers_.end();)
    entry = gone.count(entry->second) != 0 ? layers_.erase(entry) : std::next(entry);
  // Of all nodes together: a file of few bytes may name many.
  constexpr std::int64_t kMostFoldedInAll = std::int64_t{1} << 26;
  for (const std::vector<double>& values : results)
    folded_elements_ += static_cast<std::int64_t>(values.size());
  if (folded_elements_ > kMostFoldedInAll)
    node.fail(fmt::format("what follows from constants has more than {} elements in all",
                          kMostFoldedInAll));
  network_.layers.resize(first);
  for (int i = 0; i < node.outputs(); ++i) define(node, results[static_cast<std::size_t>(i)], i);
}

}  // namespace bitjoule
