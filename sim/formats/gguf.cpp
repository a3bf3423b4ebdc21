#include "sim/formats/gguf.h"

#include <fmt/format.h>

#include <cstring>
#include <set>

#include "core/error.h"
#include "sim/formats/blob.h"

namespace bitjoule {
namespace {

// gguf_type: the numbers of the metadata's value types.
enum : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

constexpr std::uint64_t kMaxKey = 65535;        // gguf.md: keys of at most 2^16 - 1 bytes
constexpr std::uint64_t kMaxString = 64 << 20;  // longer than any chat template
constexpr std::uint32_t kGgmlDimensions = 4;    // GGML_MAX_DIMS
constexpr std::uint64_t kMaxArray = std::uint64_t{1} << 22;  // numbers kept of one array
constexpr std::uint64_t kLeastEntry = 8 + 4 + 1;             // key length, type, smallest value
constexpr std::uint64_t kLeastTensor = 8 + 4 + 4 + 8;

GgufValue read_value(ByteCursor& cursor, std::uint32_t type);

/// Any number as a double: arrays are used for small integers (heads per layer) and scores.
double read_number(ByteCursor& cursor, std::uint32_t type) {
  const GgufValue value = read_value(cursor, type);
  if (const auto* u = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*u);
  if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
  if (const auto* b = std::get_if<bool>(&value)) return *b ? 1 : 0;
  return std::get<double>(value);
}

GgufValue read_array(ByteCursor& cursor) {
  const auto type = cursor.read<std::uint32_t>("an array's type");
  const auto count = cursor.read<std::uint64_t>("an array's length");
  if (type == kArray || type > kF64)
    cursor.fail(fmt::format("array of type {}: expected numbers, bools or strings", type));
  cursor.require_room(count, type == kString ? 8 : 1, "an array");
  if (type == kString) {
    GgufStrings strings;
    for (std::uint64_t i = 0; i < count; ++i)
      strings.texts.push_back(cursor.read_string("a string", kMaxString));
    return strings;
  }
  if (count > kMaxArray) cursor.fail(fmt::format("array of {} numbers is too long", count));
  std::vector<double> numbers;
  for (std::uint64_t i = 0; i < count; ++i) numbers.push_back(read_number(cursor, type));
  return numbers;
}

GgufValue read_value(ByteCursor& cursor, std::uint32_t type) {
  switch (type) {
    case kU8:
      return std::uint64_t{cursor.read<std::uint8_t>("a value")};
    case kU16:
      return std::uint64_t{cursor.read<std::uint16_t>("a value")};
    case kU32:
      return std::uint64_t{cursor.read<std::uint32_t>("a value")};
    case kU64:
      return cursor.read<std::uint64_t>("a value");
    case kI8:
      return std::int64_t{cursor.read<std::int8_t>("a value")};
    case kI16:
      return std::int64_t{cursor.read<std::int16_t>("a value")};
    case kI32:
      return std::int64_t{cursor.read<std::int32_t>("a value")};
    case kI64:
      return cursor.read<std::int64_t>("a value");
    case kF32:
      return double{cursor.read<float>("a value")};
    case kF64:
      return cursor.read<double>("a value");
    case kBool:
      return cursor.read<std::uint8_t>("a value") != 0;
    case kString:
      return cursor.read_string("a string", kMaxString);
    case kArray:
      return read_array(cursor);
    default:
      cursor.fail(fmt::format("metadata type {} is unknown", type));
  }
}

void read_metadata(ByteCursor& cursor, std::uint64_t count, GgufFile& file) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string key = cursor.read_string("a metadata key", kMaxKey);
    const auto type = cursor.read<std::uint32_t>("a metadata type");
    if (!file.metadata.emplace(key, read_value(cursor, type)).second)
      cursor.fail(fmt::format("metadata key \"{}\" occurs twice", key));
  }
}

/// One tensor's description; its offset goes to `offset`.
StoredTensor read_tensor(ByteCursor& cursor, const Blob& blob, std::uint64_t& offset) {
  StoredTensor tensor;
  tensor.blob = blob;
  tensor.name = cursor.read_string("a tensor's name", kMaxKey);
  const std::string where = fmt::format("{}: tensor \"{}\"", blob.name(), tensor.name);
  const auto dimensions = cursor.read<std::uint32_t>("a tensor's dimensions");
  if (dimensions < 1 || dimensions > kGgmlDimensions)
    throw input_error(fmt::format("{}: expected 1..4 dimensions, got {}", where, dimensions));
  for (std::uint32_t d = 0; d < dimensions; ++d) {
    const auto size = cursor.read<std::uint64_t>("a dimension");
    if (size < 1 || size > static_cast<std::uint64_t>(kMaxTensorElements))
      throw input_error(fmt::format("{}: dimension of {} elements", where, size));
    tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(size));  // ne[0] is the row
  }
  const auto type = cursor.read<std::uint32_t>("a tensor's type");
  tensor.type = find_ggml_type(type);
  if (tensor.type == nullptr)
    throw input_error(fmt::format("{}: ggml type {} is unknown", where, type));
  offset = cursor.read<std::uint64_t>("a tensor's offset");
  tensor.bytes = stored_bytes(*tensor.type, tensor.shape, where);
  return tensor;
}

std::uint64_t alignment_of(const GgufFile& file) {
  if (!file.has("general.alignment")) return 32;  // GGUF_DEFAULT_ALIGNMENT
  const std::int64_t alignment = file.integer("general.alignment");
  if (alignment < 1 || alignment > (1 << 20) || (alignment & (alignment - 1)) != 0)
    throw input_error(fmt::format("{}: general.alignment: expected a power of two, got {}",
                                  file.name, alignment));
  return static_cast<std::uint64_t>(alignment);
}

}  // namespace

const std::string& GgufFile::string(const std::string& key) const {
  const auto found = metadata.find(key);
  const std::string* value =
      found == metadata.end() ? nullptr : std::get_if<std::string>(&found->second);
  if (value == nullptr)
    throw input_error(fmt::format("{}: metadata \"{}\": expected a string{}", name, key,
                                  found == metadata.end() ? ", it is missing" : ""));
  return *value;
}

std::int64_t GgufFile::integer(const std::string& key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end())
    throw input_error(fmt::format("{}: metadata \"{}\" is missing", name, key));
  const auto* u = std::get_if<std::uint64_t>(&found->second);
  const auto* i = std::get_if<std::int64_t>(&found->second);
  if (u != nullptr && *u <= INT64_MAX) return static_cast<std::int64_t>(*u);
  if (i != nullptr && *i >= 0) return *i;
  throw input_error(fmt::format("{}: metadata \"{}\": expected a non-negative integer", name, key));
}

GgufFile parse_gguf(const Blob& blob) {
  ByteCursor cursor(blob);
  if (std::memcmp(cursor.take(4, "the magic"), "GGUF", 4) != 0)
    cursor.fail("no GGUF file: the magic is missing");
  GgufFile file;
  file.name = blob.name();
  file.version = cursor.read<std::uint32_t>("the version");
  if (file.version != 2 && file.version != 3)
    cursor.fail(fmt::format("version: expected 2 or 3 (little-endian), got {}", file.version));
  const auto tensor_count = cursor.read<std::uint64_t>("the tensor count");
  const auto entry_count = cursor.read<std::uint64_t>("the metadata count");
  cursor.require_room(tensor_count, kLeastTensor, "tensors");
  cursor.require_room(entry_count, kLeastEntry, "metadata");
  read_metadata(cursor, entry_count, file);
  const std::uint64_t alignment = alignment_of(file);

  std::set<std::string> names;
  std::vector<std::uint64_t> offsets;
  for (std::uint64_t i = 0; i < tensor_count; ++i) {
    std::uint64_t offset = 0;
    file.tensors.push_back(read_tensor(cursor, blob, offset));
    const StoredTensor& tensor = file.tensors.back();
    if (!names.insert(tensor.name).second)
      cursor.fail(fmt::format("two tensors are named \"{}\"", tensor.name));
    if (offset % alignment != 0)
      cursor.fail(fmt::format("tensor \"{}\": offset {} is not aligned to {}", tensor.name, offset,
                              alignment));
    offsets.push_back(offset);
  }
  file.has_data = cursor.remaining() != 0;
  if (!file.has_data) return file;
  const std::uint64_t start = (cursor.position() + alignment - 1) / alignment * alignment;
  const std::uint64_t size = start < blob.size() ? blob.size() - start : 0;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    StoredTensor& tensor = file.tensors[i];
    if (offsets[i] > size || tensor.bytes > size - offsets[i])
      throw input_error(fmt::format("{}: tensor \"{}\": {} bytes at {} leave the {} bytes of data",
                                    blob.name(), tensor.name, tensor.bytes, offsets[i], size));
    tensor.data = blob.data() + start + offsets[i];
  }
  return file;
}

}  // namespace bitjoule
