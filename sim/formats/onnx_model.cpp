#include "sim/formats/onnx_model.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>

#include <climits>
#include <cstring>
#include <filesystem>

#include "core/error.h"

namespace bitjoule {
namespace {

template <class Message>
void parse(const Blob& blob, Message& message, const char* what) {
  const google::protobuf::LogSilencer silence;  // the error below says it all
  if (blob.size() > INT_MAX)                    // protobuf's own limit
    throw input_error(
        fmt::format("{}: {} bytes are more than protobuf reads", blob.name(), blob.size()));
  google::protobuf::io::CodedInputStream in(blob.data(), static_cast<int>(blob.size()));
  if (blob.size() == 0 || !message.ParseFromCodedStream(&in) || !in.ConsumedEntireMessage())
    throw input_error(fmt::format("{}: no ONNX {}: the protobuf is damaged", blob.name(), what));
}

/// The bytes of one repeated field, its values narrowed to T.
template <class T, class Field>
std::string narrowed(const Field& field) {
  std::string bytes(static_cast<std::size_t>(field.size()) * sizeof(T), '\0');
  for (int i = 0; i < field.size(); ++i) {
    const T value = static_cast<T>(field.Get(i));
    std::memcpy(&bytes[static_cast<std::size_t>(i) * sizeof(T)], &value, sizeof(T));
  }
  return bytes;
}

/// onnx.proto says which field holds which type where raw_data does not.
std::string typed_data(const onnx::TensorProto& tensor) {
  using P = onnx::TensorProto;
  switch (tensor.data_type()) {
    case P::FLOAT:
      return narrowed<float>(tensor.float_data());
    case P::DOUBLE:
      return narrowed<double>(tensor.double_data());
    case P::INT64:
      return narrowed<std::int64_t>(tensor.int64_data());
    case P::UINT64:
      return narrowed<std::uint64_t>(tensor.uint64_data());
    case P::UINT32:
      return narrowed<std::uint32_t>(tensor.uint64_data());
    case P::INT32:
      return narrowed<std::int32_t>(tensor.int32_data());
    case P::INT16:
    case P::UINT16:
    case P::FLOAT16:
    case P::BFLOAT16:
      return narrowed<std::uint16_t>(tensor.int32_data());
    default:
      return narrowed<std::uint8_t>(tensor.int32_data());
  }
}

std::uint64_t to_offset(const std::string& text, const std::string& where) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    throw input_error(fmt::format("{}: expected a number of bytes, got \"{}\"", where, text));
  return std::stoull(text);
}

/// Points the tensor at its part of a file beside the model; no other place is followed.
void use_external(const onnx::TensorProto& tensor, const std::string& model_file,
                  const std::string& where, StoredTensor& stored) {
  namespace fs = std::filesystem;
  std::string location;
  std::uint64_t offset = 0;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = to_offset(entry.value(), where + ": external offset");
  }
  const fs::path relative = fs::path(location).lexically_normal();
  if (location.empty() || relative.is_absolute() || *relative.begin() == "..")
    throw input_error(
        fmt::format("{}: external data at \"{}\" is not beside the model", where, location));
  stored.blob = map_file((fs::path(model_file).parent_path() / relative).string());
  if (offset > stored.blob.size() || stored.bytes > stored.blob.size() - offset)
    throw input_error(fmt::format("{}: {} bytes at {} leave {} ({} bytes)", where, stored.bytes,
                                  offset, stored.blob.name(), stored.blob.size()));
  stored.data = stored.blob.data() + offset;
}

}  // namespace

onnx::ModelProto parse_onnx_model(const Blob& blob) {
  onnx::ModelProto model;
  parse(blob, model, "model");
  if (!model.has_graph() || model.opset_import_size() == 0)
    throw input_error(fmt::format("{}: no ONNX model: graph or opset is missing", blob.name()));
  return model;
}

StoredTensor to_stored(const onnx::TensorProto& tensor, const std::string& model_file) {
  const std::string where = fmt::format("{}: tensor \"{}\"", model_file, tensor.name());
  StoredTensor stored;
  stored.name = tensor.name();
  stored.type = find_onnx_type(tensor.data_type());
  if (stored.type == nullptr)
    throw input_error(fmt::format("{}: data type {} is not read", where, tensor.data_type()));
  stored.shape.assign(tensor.dims().begin(), tensor.dims().end());
  stored.bytes = stored_bytes(*stored.type, stored.shape, where);
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    use_external(tensor, model_file, where, stored);
    return stored;
  }
  std::string bytes = tensor.has_raw_data() ? tensor.raw_data() : typed_data(tensor);
  if (bytes.size() != stored.bytes)
    throw input_error(fmt::format("{}: the shape needs {} bytes, the file has {}", where,
                                  stored.bytes, bytes.size()));
  stored.blob = Blob::from_memory(model_file, std::move(bytes));
  stored.data = stored.blob.data();
  return stored;
}

onnx::TensorProto parse_onnx_tensor_proto(const Blob& blob) {
  onnx::TensorProto tensor;
  parse(blob, tensor, "tensor");
  return tensor;
}

StoredTensor parse_onnx_tensor(const Blob& blob) {
  return to_stored(parse_onnx_tensor_proto(blob), blob.name());
}

std::map<std::string, const onnx::TensorProto*> onnx_constants(const onnx::GraphProto& graph) {
  std::map<std::string, const onnx::TensorProto*> constants;
  for (const onnx::TensorProto& tensor : graph.initializer()) constants[tensor.name()] = &tensor;
  for (const onnx::NodeProto& node : graph.node())
    if (node.op_type() == "Constant" && node.output_size() == 1)
      for (const onnx::AttributeProto& attribute : node.attribute())
        if (attribute.name() == "value") constants[node.output(0)] = &attribute.t();
  return constants;
}

}  // namespace bitjoule
