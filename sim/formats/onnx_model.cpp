#include "sim/formats/onnx_model.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/numeric/float_formats.h"
#include "sim/formats/blob.h"
#include "sim/formats/onnx_flatten.h"
#include "sim/formats/onnx_node.h"

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
  using Proto = onnx::TensorProto;
  switch (tensor.data_type()) {
    case Proto::FLOAT:
      return narrowed<float>(tensor.float_data());
    case Proto::DOUBLE:
      return narrowed<double>(tensor.double_data());
    case Proto::INT64:
      return narrowed<std::int64_t>(tensor.int64_data());
    case Proto::UINT64:
      return narrowed<std::uint64_t>(tensor.uint64_data());
    case Proto::UINT32:
      return narrowed<std::uint32_t>(tensor.uint64_data());
    case Proto::INT32:
      return narrowed<std::int32_t>(tensor.int32_data());
    case Proto::INT16:
    case Proto::UINT16:
    case Proto::FLOAT16:
    case Proto::BFLOAT16:
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
  std::uint64_t offset = 0, length = stored.bytes;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = to_offset(entry.value(), where + ": external offset");
    if (entry.key() == "length") length = to_offset(entry.value(), where + ": external length");
  }
  if (length != stored.bytes)
    throw input_error(fmt::format("{}: the shape needs {} bytes, its external data have {}", where,
                                  stored.bytes, length));
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

/// Types that are unpacked where they are read.
struct NarrowType {
  int number;
  int bits;
  const char* wide;
  double (*value)(std::uint32_t code);
};

double as_unsigned(std::uint32_t code) { return code; }
double as_signed(std::uint32_t code) { return code < 8 ? code : static_cast<double>(code) - 16; }
template <const FloatSpec& Spec>
double as_float(std::uint32_t code) {
  return static_cast<double>(decode_float(Spec, code));
}
double as_power(std::uint32_t code) { return std::ldexp(1.0, static_cast<int>(code) - 127); }

const NarrowType* find_narrow(int type) {
  static const NarrowType kRows[] = {{kOnnxUint4, 4, "uint8", as_unsigned},
                                     {kOnnxInt4, 4, "int8", as_signed},
                                     {kOnnxFloat8E4m3, 8, "fp32", as_float<kFp8E4m3>},
                                     {kOnnxFloat8E5m2, 8, "fp32", as_float<kFp8E5m2>},
                                     {kOnnxFloat4, 4, "fp32", as_float<kFp4E2m1>},
                                     {kOnnxScale8, 8, "fp32", as_power}};
  for (const NarrowType& row : kRows)
    if (row.number == type) return &row;
  return nullptr;
}

StoredTensor widened(const onnx::TensorProto& tensor, const std::string& model_file,
                     const std::string& where, const NarrowType& narrow) {
  StoredTensor wide;
  wide.name = tensor.name();
  wide.type = find_stored_type(narrow.wide);
  wide.shape.assign(tensor.dims().begin(), tensor.dims().end());
  const std::uint64_t bytes = stored_bytes(*wide.type, wide.shape, where);
  const auto count = static_cast<std::size_t>(wide.elements());
  StoredTensor packed;
  packed.bytes = (count * static_cast<std::size_t>(narrow.bits) + 7) / 8;
  std::string own;
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    use_external(tensor, model_file, where, packed);
  } else {
    own = tensor.has_raw_data() ? tensor.raw_data() : narrowed<std::uint8_t>(tensor.int32_data());
    if (own.size() != packed.bytes)
      throw input_error(fmt::format("{}: the shape needs {} bytes, the file has {}", where,
                                    packed.bytes, own.size()));
    packed.data = reinterpret_cast<const std::uint8_t*>(own.data());
  }
  std::string data;
  data.reserve(bytes);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t bit = i * static_cast<std::size_t>(narrow.bits);
    const std::uint32_t code =
        static_cast<std::uint32_t>(packed.data[bit / 8] >> bit % 8) & ((1U << narrow.bits) - 1);
    const double value = narrow.value(code);
    if (wide.type->block_bytes == 1) {
      data.push_back(static_cast<char>(static_cast<int>(value)));
    } else {
      const auto real = static_cast<float>(value);
      char raw[sizeof(real)];
      std::memcpy(raw, &real, sizeof(real));
      data.append(raw, sizeof(real));
    }
  }
  wide.bytes = bytes;
  wide.blob = Blob::from_memory(model_file, std::move(data));
  wide.data = wide.blob.data();
  return wide;
}

}  // namespace

onnx::ModelProto parse_onnx_model(const Blob& blob) {
  onnx::ModelProto model;
  parse(blob, model, "model");
  if (!model.has_graph() || model.opset_import_size() == 0)
    throw input_error(fmt::format("{}: no ONNX model: graph or opset is missing", blob.name()));
  flatten_onnx(model, blob.name());
  return model;
}

StoredTensor to_stored(const onnx::TensorProto& tensor, const std::string& model_file) {
  const std::string where = fmt::format("{}: tensor \"{}\"", model_file, tensor.name());
  StoredTensor stored;
  stored.name = tensor.name();
  stored.type = find_onnx_type(tensor.data_type());
  if (const NarrowType* narrow = find_narrow(tensor.data_type()))
    return widened(tensor, model_file, where, *narrow);
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

int onnx_opset(const onnx::ModelProto& model) {
  std::int64_t version = 0;
  for (const auto& opset : model.opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx") version = opset.version();
  return static_cast<int>(std::clamp<std::int64_t>(version, 0, 1 << 20));
}

void check_stored_size(const onnx::TensorProto& tensor, const std::string& model_file) {
  const std::string where = fmt::format("{}: tensor \"{}\"", model_file, tensor.name());
  const StoredType* type = find_onnx_type(tensor.data_type());
  if (type == nullptr) type = find_stored_type("int8");  // whatever it is, its sizes are no less
  const std::uint64_t bytes =
      stored_bytes(*type, {tensor.dims().begin(), tensor.dims().end()}, where);
  if (find_onnx_type(tensor.data_type()) == nullptr || !tensor.has_raw_data()) return;
  if (tensor.data_location() != onnx::TensorProto::EXTERNAL && tensor.raw_data().size() != bytes)
    throw input_error(fmt::format("{}: the shape needs {} bytes, the file has {}", where, bytes,
                                  tensor.raw_data().size()));
}

onnx::TensorProto dense_tensor(const onnx::SparseTensorProto& sparse,
                               const std::string& model_file) {
  constexpr std::int64_t kMax = std::int64_t{1} << 24;
  const std::string where =
      fmt::format("{}: sparse tensor \"{}\"", model_file, sparse.values().name());
  const StoredTensor values = to_stored(sparse.values(), model_file);
  const StoredTensor places = to_stored(sparse.indices(), model_file);
  const std::vector<std::int64_t> indices = to_integers(places);
  const Shape shape(sparse.dims().begin(), sparse.dims().end());
  const std::int64_t elements = volume_of(shape);
  if (elements > kMax) throw input_error(fmt::format("{}: more than {} elements", where, kMax));
  const auto count = static_cast<std::size_t>(values.elements());
  const std::size_t rank = places.shape.size() == 2 ? shape.size() : 1;
  if (values.shape.size() != 1 || indices.size() != count * rank || places.shape.empty() ||
      places.shape[0] != values.shape[0])
    throw input_error(fmt::format("{}: its indices do not fit its values", where));
  const auto width = static_cast<std::size_t>(values.type->block_bytes);
  std::string bytes(static_cast<std::size_t>(elements) * width, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t place = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const std::int64_t index = indices[i * rank + axis];
      const std::int64_t size = places.shape.size() == 2 ? shape[axis] : elements;
      if (index < 0 || index >= size)
        throw input_error(fmt::format("{}: index {} is out of range", where, index));
      place = place * size + index;
    }
    std::memcpy(&bytes[static_cast<std::size_t>(place) * width], values.data + i * width, width);
  }
  onnx::TensorProto dense;
  dense.set_name(sparse.values().name());
  dense.set_data_type(sparse.values().data_type());
  for (const std::int64_t size : shape) dense.add_dims(size);
  dense.set_raw_data(bytes);
  return dense;
}

}  // namespace bitjoule
