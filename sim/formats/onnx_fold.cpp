#include "sim/formats/onnx_fold.h"

#include <fmt/format.h>

#include <cstring>

#include "core/error.h"
#include "core/numeric/float_formats.h"

namespace bitjoule {
namespace {

template <class T>
void append(std::string& bytes, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  bytes.append(raw, sizeof(T));
}

void append_real(std::string& bytes, const std::string& format, double value) {
  if (format == "fp64") return append(bytes, value);
  const auto narrow = static_cast<float>(value);
  if (format == "fp32") return append(bytes, narrow);
  append(bytes, static_cast<std::uint16_t>(encode_float(format == "fp16" ? kFp16 : kBf16, narrow)));
}

void append_whole(std::string& bytes, const StoredType& type, std::int64_t value) {
  if (type.format == std::string("bool")) value = value != 0 ? 1 : 0;
  for (std::int64_t i = 0; i < type.block_bytes; ++i)
    bytes.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i)));
}

bool is_plain_float(const std::string& format) {
  return format == "fp64" || format == "fp32" || format == "fp16" || format == "bf16";
}

}  // namespace

StoredTensor computed_tensor(const OnnxNode& node, const OnnxInfo& info, std::string bytes) {
  StoredTensor tensor;
  tensor.type = find_onnx_type(info.type);
  if (tensor.type == nullptr) node.fail(fmt::format("data type {} is not computed", info.type));
  tensor.shape = info.shape;
  tensor.bytes = stored_bytes(*tensor.type, tensor.shape, node.file());
  if (bytes.size() != tensor.bytes)
    throw internal_error(fmt::format("{}: {} bytes computed, {} expected", node.label(),
                                     bytes.size(), tensor.bytes));
  tensor.blob = Blob::from_memory(node.file(), std::move(bytes));
  tensor.data = tensor.blob.data();
  return tensor;
}

OnnxNumbers numbers_of(const StoredTensor& tensor) {
  OnnxNumbers numbers;
  numbers.integer = is_integer_type(tensor.type->format);
  if (numbers.integer) {
    numbers.whole = to_integers(tensor);
  } else if (tensor.type->format == std::string("fp64")) {
    numbers.real.resize(static_cast<std::size_t>(tensor.elements()));
    if (!numbers.real.empty()) std::memcpy(numbers.real.data(), tensor.data, tensor.bytes);
  } else {
    const std::vector<float> values = to_floats(tensor);
    numbers.real.assign(values.begin(), values.end());
  }
  return numbers;
}

StoredTensor tensor_of(const OnnxNode& node, const OnnxInfo& info, const OnnxNumbers& numbers) {
  const StoredType* type = find_onnx_type(info.type);
  if (type == nullptr || (!is_integer_type(type->format) && !is_plain_float(type->format)))
    node.fail(fmt::format("constants of data type {} are not computed", info.type));
  if (is_integer_type(type->format) != numbers.integer)
    throw internal_error(node.label() + ": the elements are of another kind than the tensor");
  std::string bytes;
  bytes.reserve(numbers.size() * static_cast<std::size_t>(type->block_bytes));
  for (const std::int64_t value : numbers.whole) append_whole(bytes, *type, value);
  for (const double value : numbers.real) append_real(bytes, type->format, value);
  return computed_tensor(node, info, std::move(bytes));
}

Shape strides_of(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

StoredTensor strided_copy(const OnnxNode& node, const StoredTensor& from, const OnnxInfo& info,
                          std::int64_t offset, const Shape& strides) {
  const auto width = static_cast<std::size_t>(from.type->block_bytes);
  const std::int64_t elements = volume_of(info.shape);
  std::string bytes(static_cast<std::size_t>(elements) * width, '\0');
  Shape index(info.shape.size(), 0);
  std::int64_t source = offset;
  for (std::int64_t flat = 0; flat < elements; ++flat) {
    std::memcpy(&bytes[static_cast<std::size_t>(flat) * width],
                from.data + static_cast<std::size_t>(source) * width, width);
    for (std::size_t i = index.size(); i-- > 0;) {
      source += strides[i];
      if (++index[i] < info.shape[i]) break;
      source -= strides[i] * info.shape[i];
      index[i] = 0;
    }
  }
  return computed_tensor(node, info, std::move(bytes));
}

OnnxNumbers broadcast_numbers(const OnnxOperands& in, int operand, const Shape& shape) {
  const StoredTensor from = in.value(operand);
  const Shape own = strides_of(from.shape);
  Shape strides(shape.size(), 0);
  const std::size_t missing = shape.size() - from.shape.size();
  for (std::size_t i = 0; i < from.shape.size(); ++i)
    if (from.shape[i] != 1) strides[missing + i] = own[i];
  return numbers_of(strided_copy(in.node, from, {in.type(operand), shape}, 0, strides));
}

}  // namespace bitjoule
