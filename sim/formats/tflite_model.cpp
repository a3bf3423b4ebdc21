#include "sim/formats/tflite_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "core/error.h"

namespace bitjoule {
namespace {

constexpr const char* kLstm = "UNIDIRECTIONAL_SEQUENCE_LSTM";
constexpr const char* kSvdf = "SVDF";
constexpr const char* kTransposeConv = "TRANSPOSE_CONV";
constexpr int kCustom = 32;  // BuiltinOperator.CUSTOM

/// TensorType; `format` is nullptr where nothing here reads the elements.
struct TypeRow {
  int number;
  const char* name;
  bool is_read;
};
constexpr TypeRow kTypes[] = {
    {0, "fp32", true},      {1, "fp16", true},       {2, "int32", true},
    {3, "uint8", true},     {4, "int64", true},      {5, "STRING", false},
    {6, "bool", true},      {7, "int16", true},      {8, "COMPLEX64", false},
    {9, "int8", true},      {10, "fp64", true},      {11, "COMPLEX128", false},
    {12, "uint64", true},   {13, "RESOURCE", false}, {14, "VARIANT", false},
    {15, "uint32", true},   {16, "uint16", true},    {17, "int4", false},
    {18, "bf16", true},     {19, "INT2", false},     {20, "UINT4", false},
    {21, "fp8_e4m3", true}, {22, "fp8_e5m2", true},
};

class Parser {
 public:
  explicit Parser(const Blob& blob) { model_.blob = blob; }

  TfliteModel parse() {
    const TfliteTable root = TfliteTable::root(model_.blob, "TFL3");
    if (const auto version = root.scalar<std::uint32_t>(0, 0); version != 3)
      fail(fmt::format("schema version {}: expected 3", version));
    const std::vector<TfliteTable> graphs = root.tables(2);
    if (graphs.empty()) fail("no graph");
    buffers_ = root.tables(4);
    const std::vector<TfliteTable> codes = root.tables(1);
    for (std::size_t i = 0; i < graphs.size(); ++i)
      add_graph(graphs[i], codes, i == 0 ? model_ : model_.others.emplace_back());
    settle_constants(model_);
    return std::move(model_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw input_error(fmt::format("{}: {}", model_.blob.name(), what));
  }

  void add_graph(const TfliteTable& table, const std::vector<TfliteTable>& codes,
                 TfliteGraph& graph) {
    first_ = model_.tensors.size();
    for (const TfliteTable& tensor : table.tables(0)) add_tensor(tensor);
    for (const TfliteTable& op : table.tables(3)) add_operator(op, codes, graph);
    graph.inputs = indices(table.numbers<std::int32_t>(1), "input", 0);
    graph.outputs = indices(table.numbers<std::int32_t>(2), "output", 0);
  }

  std::vector<std::int32_t> indices(TfliteNumbers<std::int32_t> numbers, const char* what,
                                    std::int32_t least) const {
    const auto tensors = static_cast<std::int64_t>(model_.tensors.size() - first_);
    if (numbers.count > (std::size_t{1} << 20)) fail(fmt::format("{}s: too many", what));
    for (std::size_t i = 0; i < numbers.count; ++i)
      if (numbers[i] < least || numbers[i] >= tensors)
        fail(
            fmt::format("{} {}: expected one of {} tensors, got {}", what, i, tensors, numbers[i]));
    std::vector<std::int32_t> all = numbers.all();
    for (std::int32_t& index : all)
      if (index >= 0) index += static_cast<std::int32_t>(first_);
    return all;
  }

  /// Readers know a tensor, its scales and its zero-points by name.
  std::string unique_name(const std::string& stated) {
    const std::string name =
        stated.empty() ? fmt::format("tensor{}", model_.tensors.size()) : stated;
    std::string found = name;
    const auto taken = [&] {
      return names_.count(found) + names_.count(found + ".scale") +
                 names_.count(found + ".zero_point") !=
             0;
    };
    for (std::size_t i = model_.tensors.size(); taken(); ++i) found = fmt::format("{}.{}", name, i);
    names_.insert({found, found + ".scale", found + ".zero_point"});
    return found;
  }

  void add_tensor(const TfliteTable& table) {
    TfliteTensor tensor;
    tensor.name = unique_name(table.text(3));
    const auto refuse = [&](const std::string& what) {
      fail(fmt::format("tensor \"{}\": {}", tensor.name, what));
    };
    const TfliteNumbers<std::int32_t> shape = table.numbers<std::int32_t>(0);
    if (shape.count > 64) refuse(fmt::format("{} axes", shape.count));
    for (std::size_t i = 0; i < shape.count; ++i) tensor.shape.push_back(shape[i]);
    try {
      volume_of(tensor.shape);
    } catch (const Error& error) {
      refuse(error.what());
    }
    const int type = table.scalar<std::uint8_t>(1, 0);
    const TypeRow* row = std::find_if(std::begin(kTypes), std::end(kTypes),
                                      [&](const TypeRow& r) { return r.number == type; });
    tensor.type = row == std::end(kTypes) ? fmt::format("type {}", type) : row->name;
    const auto buffer = table.scalar<std::uint32_t>(2, 0);
    if (buffer >= buffers_.size() && buffer != 0)
      refuse(fmt::format("expected one of {} buffers, got {}", buffers_.size(), buffer));
    for (const std::int32_t size : table.numbers<std::int32_t>(7).all())
      tensor.signature.push_back(size);
    tensor.is_open = std::count(tensor.signature.begin(), tensor.signature.end(), -1) != 0;
    tensor.sparsity = table.table(6);
    if (tensor.sparsity) tensor.complication = "sparse";
    if (buffer != 0) set_data(tensor, buffers_[buffer]);
    tensor.is_variable = table.scalar<std::uint8_t>(5, 0) != 0;
    if (const auto quantization = table.table(4)) set_scales(tensor, *quantization);
    model_.tensors.push_back(std::move(tensor));
  }

  void set_data(TfliteTensor& tensor, const TfliteTable& buffer) const {
    const TfliteNumbers<std::uint8_t> inside = buffer.numbers<std::uint8_t>(0);
    const auto offset = buffer.scalar<std::uint64_t>(1, 0),
               size = buffer.scalar<std::uint64_t>(2, 0);
    tensor.data = inside.count > 0 ? inside.data : nullptr;
    tensor.bytes = inside.count;
    if (offset > 1) {  // behind the flatbuffer
      if (offset > model_.blob.size() || size > model_.blob.size() - offset)
        fail(fmt::format("tensor \"{}\": {} bytes at {} leave the file ({} bytes)", tensor.name,
                         size, offset, model_.blob.size()));
      tensor.data = model_.blob.data() + offset;
      tensor.bytes = size;
    }
    if (tensor.data == nullptr || tensor.sparsity) return;
    const StoredType* type = find_stored_type(tensor.type);
    std::uint64_t expected = tensor.bytes;
    if (type != nullptr) expected = stored_bytes(*type, tensor.shape, tensor.name);
    if (tensor.type == "int4")
      expected = (static_cast<std::uint64_t>(volume_of(tensor.shape)) + 1) / 2;
    if (tensor.bytes != expected)
      fail(fmt::format("tensor \"{}\": the shape needs {} bytes, the file has {}", tensor.name,
                       expected, tensor.bytes));
  }

  void set_scales(TfliteTensor& tensor, const TfliteTable& quantization) const {
    tensor.scales = quantization.numbers<float>(2);
    tensor.zero_points = quantization.numbers<std::int64_t>(3);
    tensor.axis = quantization.scalar<std::int32_t>(6, 0);
    if (quantization.scalar<std::uint8_t>(4, 0) != 0)
      tensor.complication = "quantized by blocks or otherwise";
    const std::size_t scales = tensor.scales.count, zeros = tensor.zero_points.count;
    if (zeros > 1 && zeros != scales)
      fail(fmt::format("tensor \"{}\": {} scales, {} zero-points", tensor.name, scales, zeros));
  }

  void add_operator(const TfliteTable& table, const std::vector<TfliteTable>& codes,
                    TfliteGraph& graph) {
    const auto index = table.scalar<std::uint32_t>(0, 0);
    if (index >= codes.size())
      fail(fmt::format("operator {}: expected one of {} operator codes, got {}",
                       graph.operators.size(), codes.size(), index));
    // Older writers know the first field alone, which ends at 127.
    const int code = std::max<int>(codes[index].scalar<std::int8_t>(0, 0),
                                   codes[index].scalar<std::int32_t>(3, 0));
    TfliteOperator op;
    op.name = code == kCustom ? fmt::format("CUSTOM {}", codes[index].text(1))
                              : tflite_operator_name(code);
    op.inputs = indices(table.numbers<std::int32_t>(1), "operand", -1);
    op.outputs = indices(table.numbers<std::int32_t>(2), "result", 0);
    op.options_type = table.scalar<std::uint8_t>(3, 0);
    op.options = table.table(4);
    op.custom = table.numbers<std::uint8_t>(5);
    graph.operators.push_back(std::move(op));
  }

  TfliteModel model_;
  std::size_t first_ = 0;  ///< tensor of the graph that is read
  std::vector<TfliteTable> buffers_;
  std::set<std::string> names_;
};

const std::string& stored_type(const TfliteTensor& tensor) {
  return tensor.stored.empty() ? tensor.type : tensor.stored;
}

StoredTensor plain(const TfliteModel& model, const std::string& name, const char* type, Shape shape,
                   const std::uint8_t* data, std::uint64_t bytes) {
  return {name, find_stored_type(type), std::move(shape), model.blob, data, bytes};
}

/// Numbers that lie in no file.
template <class T>
StoredTensor made(const TfliteModel& model, const std::string& name, const char* type, Shape shape,
                  const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  const std::uint64_t size = bytes.size();
  StoredTensor tensor = plain(model, name, type, std::move(shape), nullptr, size);
  tensor.blob = Blob::from_memory(model.blob.name(), std::move(bytes));
  tensor.data = tensor.blob.data();
  return tensor;
}

/// Matrices or vectors of one shape and type, one below the other; with one scale each those of
/// every row. Where an LSTM has no input gate, of the three others.
void join_gates(const TfliteModel& model, const TfliteOperator& op, std::size_t first,
                const std::string& name, std::vector<StoredTensor>& joined) {
  const auto refuse = [&](const std::string& what) { throw input_error(what); };
  std::string bytes;
  std::vector<float> scales;
  const TfliteTensor* like = nullptr;
  const bool is_coupled = op.inputs.size() > 1 && op.inputs[1] < 0;
  const std::size_t gates = is_coupled ? 3 : 4;
  for (std::size_t i = first + 4 - gates; i < first + 4; ++i) {
    if (i >= op.inputs.size() || op.inputs[i] < 0)
      refuse(fmt::format("operand {} of an LSTM with {} gates is missing", i, gates));
    const TfliteTensor& gate = model.tensors[static_cast<std::size_t>(op.inputs[i])];
    if (like == nullptr) like = &gate;
    const bool is_bias = first == 12;
    const bool fits = gate.is_constant() && gate.shape == like->shape && gate.type == like->type &&
                      gate.stored == like->stored && gate.complication.empty() &&
                      gate.shape.size() == (is_bias ? 1 : 2) &&
                      (is_bias || gate.scales.count == (gate.type == "int8" ? 1 : 0)) &&
                      find_stored_type(gate.type) != nullptr;
    if (!fits)
      refuse(
          fmt::format("\"{}\": expected a constant of the shape and type of the other gates, of "
                      "int8 with one scale or of fp32",
                      gate.name));
    bytes.append(reinterpret_cast<const char*>(gate.data), gate.bytes);
    if (gate.scales.count == 1)
      scales.insert(scales.end(), static_cast<std::size_t>(gate.shape[0]), gate.scales[0]);
  }
  Shape shape = like->shape;
  shape[0] *= static_cast<std::int64_t>(gates);
  const std::uint64_t size = bytes.size();
  StoredTensor tensor = plain(model, name, stored_type(*like).c_str(), shape, nullptr, size);
  tensor.blob = Blob::from_memory(model.blob.name(), std::move(bytes));
  tensor.data = tensor.blob.data();
  joined.push_back(std::move(tensor));
  if (first != 12 && !scales.empty())
    joined.push_back(made(model, name + ".scale", "fp32", {shape[0]}, scales));
}

/// A constant operand with that many axes; fails otherwise.
const TfliteTensor& stored_operand(const TfliteModel& model, const TfliteOperator& op,
                                   std::size_t index, std::size_t axes) {
  const TfliteTensor* tensor = index < op.inputs.size() && op.inputs[index] >= 0
                                   ? &model.tensors[static_cast<std::size_t>(op.inputs[index])]
                                   : nullptr;
  if (tensor == nullptr || !tensor->is_constant() || tensor->shape.size() != axes)
    throw input_error(fmt::format("{}: expected constant weights with {} axes", op.name, axes));
  return *tensor;
}

StoredTensor by_unit(const TfliteModel& model, const TfliteOperator& op) {
  StoredTensor tensor = stored_tflite(model, stored_operand(model, op, 2, 2));
  const std::int64_t rank = op.options ? op.options->scalar<std::int32_t>(0, 0) : 0;
  if (rank < 1 || tensor.shape[0] % rank != 0)
    throw input_error(
        fmt::format("a rank of {} does not divide {} filters", rank, tensor.shape[0]));
  tensor.name += ".by_unit";
  tensor.shape = {tensor.shape[0] / rank, tensor.shape[1] * rank};
  return tensor;
}

StoredTensor turned(const TfliteModel& model, const TfliteOperator& op) {
  StoredTensor tensor = stored_tflite(model, stored_operand(model, op, 1, 4));
  const auto pixel = static_cast<std::uint64_t>(tensor.shape[3] * tensor.type->block_bytes);
  const auto pixels = static_cast<std::uint64_t>(tensor.shape[1] * tensor.shape[2]);
  std::string bytes(tensor.bytes, '\0');
  for (std::uint64_t i = 0; i * pixel < tensor.bytes; ++i) {
    const std::uint64_t to = i / pixels * pixels + (pixels - 1 - i % pixels);
    std::memcpy(&bytes[to * pixel], tensor.data + i * pixel, pixel);
  }
  tensor.name += ".turned";
  tensor.blob = Blob::from_memory(model.blob.name(), std::move(bytes));
  tensor.data = tensor.blob.data();
  return tensor;
}

}  // namespace

std::vector<StoredTensor> derived_tensors(const TfliteModel& model, const TfliteOperator& op) {
  std::vector<StoredTensor> joined;
  if (op.outputs.empty()) return joined;
  if (op.name == kSvdf) return {by_unit(model, op)};
  if (op.name == kTransposeConv || op.name == kTransposeConvBias) return {turned(model, op)};
  if (op.name != kLstm) return joined;
  const TfliteTensor& output = model.tensors[static_cast<std::size_t>(op.outputs[0])];
  const std::string& name = output.origin.empty() ? output.name : output.origin;
  join_gates(model, op, 1, name + ".input_weights", joined);
  join_gates(model, op, 5, name + ".recurrent_weights", joined);
  join_gates(model, op, 12, name + ".bias", joined);
  joined.push_back(made<float>(model, name + ".gate_scale", "fp32", {1}, {1.0f / 4096}));
  for (const StoredTensor& tensor : joined)
    for (const TfliteTensor& other : model.tensors)
      if (other.name == tensor.name)
        throw input_error(
            fmt::format("tensor \"{}\": its name is that of gates of \"{}\"", other.name, name));
  return joined;
}

TfliteModel parse_tflite(const Blob& blob) { return Parser(blob).parse(); }

StoredTensor stored_tflite(const TfliteModel& model, const TfliteTensor& tensor) {
  if (tensor.type == "int4") {
    std::string codes;
    const auto count = static_cast<std::uint64_t>(volume_of(tensor.shape));
    for (std::uint64_t i = 0; i < count; ++i) {
      const int nibble = tensor.data[i / 2] >> (i % 2 * 4) & 15;
      codes.push_back(static_cast<char>(nibble >= 8 ? nibble - 16 : nibble));
    }
    StoredTensor stored = plain(model, tensor.name, "int8", tensor.shape, nullptr, count);
    stored.blob = Blob::from_memory(model.blob.name(), std::move(codes));
    stored.data = stored.blob.data();
    return stored;
  }
  if (find_stored_type(tensor.type) == nullptr)
    throw input_error(fmt::format("{}: tensor \"{}\": {} is not read", model.blob.name(),
                                  tensor.name, tensor.type));
  StoredTensor stored = plain(model, tensor.name, stored_type(tensor).c_str(), tensor.shape,
                              tensor.data, tensor.bytes);
  if (tensor.own.data() != nullptr) stored.blob = tensor.own;
  return stored;
}

std::vector<StoredTensor> tflite_tensors(const Blob& blob) {
  const TfliteModel model = parse_tflite(blob);
  std::vector<StoredTensor> tensors;
  for (const TfliteTensor& tensor : model.tensors)
    if (tensor.is_constant() && (tensor.type == "int4" || find_stored_type(tensor.type) != nullptr))
      tensors.push_back(stored_tflite(model, tensor));
  for (const TfliteTensor& tensor : model.tensors) {
    const auto count = static_cast<std::int64_t>(tensor.scales.count);
    if (count > 0)
      tensors.push_back(plain(model, tensor.name + ".scale", "fp32", {count}, tensor.scales.data,
                              tensor.scales.count * sizeof(float)));
    const auto zeros = static_cast<std::int64_t>(tensor.zero_points.count);
    if (zeros > 0)
      tensors.push_back(plain(model, tensor.name + ".zero_point", "int64", {zeros},
                              tensor.zero_points.data, tensor.zero_points.count * 8));
  }
  try {
    const auto add = [&](const TfliteGraph& graph) {
      for (const TfliteOperator& op : graph.operators)
        for (StoredTensor& tensor : derived_tensors(model, op))
          tensors.push_back(std::move(tensor));
    };
    add(model);
    for (const TfliteGraph& graph : model.others) add(graph);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", blob.name(), error.what()));
  }
  return tensors;
}

}  // namespace bitjoule
