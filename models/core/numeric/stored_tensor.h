// A tensor as it lies in a file, and the table of element types that files store.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/blob.h"
#include "core/numeric/tensor_format.h"

namespace bitjoule {

/// One storage type and what each file format calls it; nullptr or -1 where it has no such type.
/// `format` is the name in core/numeric's table of formats where that has one.
struct StoredType {
  const char* format;
  std::int64_t block_elements;
  std::int64_t block_bytes;
  const char* npy;
  const char* safetensors;
  int onnx;  ///< TensorProto.DataType
  int ggml;  ///< ggml_type
};

const std::vector<StoredType>& stored_types();
/// nullptr when no row has it.
const StoredType* find_stored_type(const std::string& format);
/// Whether a type of that name is an integer or bool.
bool is_integer_type(const std::string& format);
const StoredType* find_npy_type(const std::string& descr);
const StoredType* find_safetensors_type(const std::string& name);
const StoredType* find_onnx_type(int number);
const StoredType* find_ggml_type(std::uint32_t number);

/// Values in a format of core/numeric, made of several tensors of a file: rows of the last
/// dimension, as QuantizedTensor::from_stored takes them.
struct PackedValues {
  StoredType type;  ///< names the format
  TensorFormat format;
  std::vector<std::uint8_t> bytes;
  std::vector<std::int32_t> groups;  ///< of each k, as QuantizedTensor::set_groups; or none
};

/// Elements in C order, little-endian. `bytes` stays valid as long as `blob` lives.
struct StoredTensor {
  std::string name;
  const StoredType* type = nullptr;
  std::vector<std::int64_t> shape;
  Blob blob;
  const std::uint8_t* data = nullptr;
  std::uint64_t bytes = 0;
  std::shared_ptr<const PackedValues> packed = nullptr;  ///< in the place of `data`

  std::int64_t elements() const;
};

/// Sizes that fit no memory are refused: products above 2^46 elements.
constexpr std::int64_t kMaxTensorElements = std::int64_t{1} << 46;

/// Bytes of a tensor; throws an input Error starting with `where` on a negative or absurd size, or
/// a last dimension that does not hold whole blocks.
std::uint64_t stored_bytes(const StoredType& type, const std::vector<std::int64_t>& shape,
                           const std::string& where);

/// Element-by-element conversion to float (block formats: core/numeric decodes them). Throws an
/// input Error for a type without one value per element.
std::vector<float> to_floats(const StoredTensor& tensor);
/// Exact values of an integer or bool tensor; throws an input Error for floats.
std::vector<std::int64_t> to_integers(const StoredTensor& tensor);

}  // namespace bitjoule
