#include "core/numeric/stored_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "core/error.h"
#include "core/interrupt.h"
#include "core/numeric/float_formats.h"

namespace bitjoule {
namespace {

// Block sizes: ggml-common.h as quoted in docs/formats.md; numbers: ggml.h's ggml_type and
// onnx.proto's TensorProto.DataType. Rows without a format of core/numeric's table can be named and
// measured, but not decoded.
const std::vector<StoredType> kTypes = {
    {"fp64", 1, 8, "f8", "F64", 11, 28},
    {"fp32", 1, 4, "f4", "F32", 1, 0},
    {"fp16", 1, 2, "f2", "F16", 10, 1},
    {"bf16", 1, 2, nullptr, "BF16", 16, 30},
    {"int8", 1, 1, "i1", "I8", 3, 24},
    {"int16", 1, 2, "i2", "I16", 5, 25},
    {"int32", 1, 4, "i4", "I32", 6, 26},
    {"int64", 1, 8, "i8", "I64", 7, 27},
    {"uint8", 1, 1, "u1", "U8", 2, -1},
    {"uint16", 1, 2, "u2", "U16", 4, -1},
    {"uint32", 1, 4, "u4", "U32", 12, -1},
    {"uint64", 1, 8, "u8", "U64", 13, -1},
    {"bool", 1, 1, "b1", "BOOL", 9, -1},
    {"fp8_e4m3", 1, 1, nullptr, "F8_E4M3", 17, -1},
    {"fp8_e5m2", 1, 1, nullptr, "F8_E5M2", 19, -1},
    {"e8m0", 1, 1, nullptr, "F8_E8M0", 24, -1},
    {"q4_0", 32, 18, nullptr, nullptr, -1, 2},
    {"q4_1", 32, 20, nullptr, nullptr, -1, 3},
    {"q5_0", 32, 22, nullptr, nullptr, -1, 6},
    {"q5_1", 32, 24, nullptr, nullptr, -1, 7},
    {"q8_0", 32, 34, nullptr, nullptr, -1, 8},
    {"q8_1", 32, 36, nullptr, nullptr, -1, 9},
    {"q2_k", 256, 84, nullptr, nullptr, -1, 10},
    {"q3_k", 256, 110, nullptr, nullptr, -1, 11},
    {"q4_k", 256, 144, nullptr, nullptr, -1, 12},
    {"q5_k", 256, 176, nullptr, nullptr, -1, 13},
    {"q6_k", 256, 210, nullptr, nullptr, -1, 14},
    {"q8_k", 256, 292, nullptr, nullptr, -1, 15},
    {"iq2_xxs", 256, 66, nullptr, nullptr, -1, 16},
    {"iq2_xs", 256, 74, nullptr, nullptr, -1, 17},
    {"iq3_xxs", 256, 98, nullptr, nullptr, -1, 18},
    {"iq1_s", 256, 50, nullptr, nullptr, -1, 19},
    {"iq4_nl", 32, 18, nullptr, nullptr, -1, 20},
    {"iq3_s", 256, 110, nullptr, nullptr, -1, 21},
    {"iq2_s", 256, 82, nullptr, nullptr, -1, 22},
    {"iq4_xs", 256, 136, nullptr, nullptr, -1, 23},
    {"iq1_m", 256, 56, nullptr, nullptr, -1, 29},
    {"tq1_0", 256, 54, nullptr, nullptr, -1, 34},
    {"tq2_0", 256, 66, nullptr, nullptr, -1, 35},
    {"mxfp4", 32, 17, nullptr, nullptr, -1, 39},
    {"nvfp4", 64, 36, nullptr, nullptr, -1, 40},
    {"q1_0", 128, 18, nullptr, nullptr, -1, 41},
    {"q2_0", 64, 18, nullptr, nullptr, -1, 42},
};

template <class Matches>
const StoredType* find_row(Matches matches) {
  for (const StoredType& type : kTypes)
    if (matches(type)) return &type;
  return nullptr;
}

template <class T>
T load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

/// Calls `sink(T)` for every element; false when `tensor` is not of type `format`.
template <class T, class Sink>
bool each(const StoredTensor& tensor, const char* format, Sink sink) {
  if (tensor.type->format != std::string(format)) return false;
  for (std::uint64_t at = 0; at < tensor.bytes; at += sizeof(T)) {
    check_interrupt_after(1);
    sink(load<T>(tensor.data + at));
  }
  return true;
}

template <class Sink>
bool each_integer(const StoredTensor& t, Sink sink) {
  return each<std::int8_t>(t, "int8", sink) || each<std::int16_t>(t, "int16", sink) ||
         each<std::int32_t>(t, "int32", sink) || each<std::int64_t>(t, "int64", sink) ||
         each<std::uint8_t>(t, "uint8", sink) || each<std::uint16_t>(t, "uint16", sink) ||
         each<std::uint32_t>(t, "uint32", sink) || each<std::uint64_t>(t, "uint64", sink) ||
         each<std::uint8_t>(t, "bool", [&](std::uint8_t v) { sink(v != 0); });
}

}  // namespace

const std::vector<StoredType>& stored_types() { return kTypes; }

const StoredType* find_stored_type(const std::string& format) {
  return find_row([&](const StoredType& type) { return format == type.format; });
}

bool is_integer_type(const std::string& format) {
  static const char* const kTypes[] = {"int8",   "int16",  "int32",  "int64", "uint8",
                                       "uint16", "uint32", "uint64", "bool"};
  return std::find(std::begin(kTypes), std::end(kTypes), format) != std::end(kTypes);
}

const StoredType* find_npy_type(const std::string& descr) {
  return find_row([&](const StoredType& type) { return type.npy && descr == type.npy; });
}

const StoredType* find_safetensors_type(const std::string& name) {
  return find_row(
      [&](const StoredType& type) { return type.safetensors && name == type.safetensors; });
}

const StoredType* find_onnx_type(int number) {
  return find_row([&](const StoredType& type) { return number >= 0 && type.onnx == number; });
}

const StoredType* find_ggml_type(std::uint32_t number) {
  return find_row([&](const StoredType& type) {
    return type.ggml >= 0 && static_cast<std::uint32_t>(type.ggml) == number;
  });
}

std::int64_t StoredTensor::elements() const {
  std::int64_t total = 1;
  for (std::int64_t size : shape) total *= size;
  return total;
}

std::uint64_t stored_bytes(const StoredType& type, const std::vector<std::int64_t>& shape,
                           const std::string& where) {
  std::int64_t elements = 1;
  for (std::int64_t size : shape) {
    if (size < 0) throw input_error(fmt::format("{}: negative dimension {}", where, size));
    if (size != 0 && elements > kMaxTensorElements / size)
      throw input_error(fmt::format("{}: more than {} elements", where, kMaxTensorElements));
    elements *= size;
  }
  const std::int64_t row = shape.empty() ? 1 : shape.back();
  if (row % type.block_elements != 0)
    throw input_error(fmt::format("{}: a row of {} elements does not hold whole {} blocks of {}",
                                  where, row, type.format, type.block_elements));
  return static_cast<std::uint64_t>(elements / type.block_elements * type.block_bytes);
}

std::vector<float> to_floats(const StoredTensor& tensor) {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(tensor.elements()));
  const auto convert = [&values](auto v) { values.push_back(static_cast<float>(v)); };
  const auto decode = [&values](const FloatSpec& spec) {
    return [&values, &spec](auto code) { values.push_back(decode_float(spec, code)); };
  };
  const bool known =
      each<float>(tensor, "fp32", convert) || each<double>(tensor, "fp64", convert) ||
      each<std::uint16_t>(tensor, "fp16", decode(kFp16)) ||
      each<std::uint16_t>(tensor, "bf16", decode(kBf16)) ||
      each<std::uint8_t>(tensor, "fp8_e4m3", decode(kFp8E4m3)) ||
      each<std::uint8_t>(tensor, "fp8_e5m2", decode(kFp8E5m2)) || each_integer(tensor, convert);
  if (!known)
    throw input_error(fmt::format("{}: tensor \"{}\": {} has no plain elements", tensor.blob.name(),
                                  tensor.name, tensor.type->format));
  return values;
}

std::vector<std::int64_t> to_integers(const StoredTensor& tensor) {
  std::vector<std::int64_t> values;
  values.reserve(static_cast<std::size_t>(tensor.elements()));
  if (!each_integer(tensor, [&](auto v) { values.push_back(static_cast<std::int64_t>(v)); }))
    throw input_error(fmt::format("{}: tensor \"{}\": expected integers, got {}",
                                  tensor.blob.name(), tensor.name, tensor.type->format));
  return values;
}

}  // namespace bitjoule
