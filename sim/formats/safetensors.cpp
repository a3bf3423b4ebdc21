#include "sim/formats/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "core/error.h"
#include "sim/formats/blob.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxSafetensorsHeader =
    100'000'000;  // the reference implementation's limit

/// A non-negative integer below 2^63.
std::int64_t to_size(const json::value* value, const std::string& where) {
  if (value != nullptr && value->is_int64() && value->get_int64() >= 0) return value->get_int64();
  throw input_error(where + ": expected a non-negative integer");
}

/// Reads one entry of the header; `data` is where offset 0 lies and `size` how much follows.
StoredTensor parse_entry(const Blob& blob, const json::key_value_pair& entry,
                         const std::uint8_t* data, std::uint64_t size) {
  const std::string name(entry.key());
  const std::string where = fmt::format("{}: tensor \"{}\"", blob.name(), name);
  const json::object* fields = entry.value().if_object();
  if (fields == nullptr) throw input_error(where + ": expected an object");
  const json::value* dtype = fields->if_contains("dtype");
  const json::value* shape = fields->if_contains("shape");
  const json::value* offsets = fields->if_contains("data_offsets");
  if (dtype == nullptr || !dtype->is_string() || shape == nullptr || !shape->is_array() ||
      offsets == nullptr || !offsets->is_array() || offsets->get_array().size() != 2)
    throw input_error(where + ": expected dtype, shape and two data_offsets");

  StoredTensor tensor;
  tensor.name = name;
  tensor.blob = blob;
  tensor.type = find_safetensors_type(dtype->get_string().c_str());
  if (tensor.type == nullptr)
    throw input_error(fmt::format("{}: unknown dtype \"{}\"", where, dtype->get_string().c_str()));
  for (const json::value& extent : shape->get_array())
    tensor.shape.push_back(to_size(&extent, where + ": shape"));
  const auto begin = static_cast<std::uint64_t>(to_size(&offsets->get_array()[0], where));
  const auto end = static_cast<std::uint64_t>(to_size(&offsets->get_array()[1], where));
  if (begin > end || end > size)
    throw input_error(fmt::format("{}: data_offsets [{}, {}] leave the {} bytes of data", where,
                                  begin, end, size));
  tensor.bytes = stored_bytes(*tensor.type, tensor.shape, where);
  if (tensor.bytes != end - begin)
    throw input_error(fmt::format("{}: the shape needs {} bytes, data_offsets span {}", where,
                                  tensor.bytes, end - begin));
  tensor.data = data + begin;
  return tensor;
}

}  // namespace

std::vector<StoredTensor> parse_safetensors(const Blob& blob) {
  ByteCursor cursor(blob);
  const std::string text = cursor.read_string("the header", kMaxSafetensorsHeader);
  boost::system::error_code error;
  const json::value header = json::parse(text, error);
  if (error || !header.is_object())
    throw input_error(fmt::format("{}: header: {}", blob.name(),
                                  error ? error.message() : "expected a JSON object"));
  const std::uint64_t size = cursor.remaining();
  const std::uint8_t* data = cursor.take(size, "the data");
  std::vector<StoredTensor> tensors;
  for (const json::key_value_pair& entry : header.get_object())
    if (entry.key() != "__metadata__") tensors.push_back(parse_entry(blob, entry, data, size));
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const StoredTensor& a, const StoredTensor& b) {
                     return std::make_pair(a.data, a.bytes) < std::make_pair(b.data, b.bytes);
                   });
  std::uint64_t at = 0;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.data != data + at)
      throw input_error(fmt::format("{}: tensor \"{}\": starts at byte {} of the data, expected {}",
                                    blob.name(), tensor.name, tensor.data - data, at));
    at += tensor.bytes;
  }
  if (at != size)
    throw input_error(
        fmt::format("{}: the tensors span {} bytes, the file has {}", blob.name(), at, size));
  return tensors;
}

std::string safetensors_bytes(const std::vector<StoredTensor>& tensors) {
  json::object header;
  std::string data;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.type->safetensors == nullptr)
      throw input_error(
          fmt::format("{}: .safetensors has no such element type", tensor.type->format));
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.data), tensor.bytes);
    header[tensor.name] = {{"dtype", tensor.type->safetensors},
                           {"shape", json::array(tensor.shape.begin(), tensor.shape.end())},
                           {"data_offsets", {begin, data.size()}}};
  }
  std::string text = json::serialize(header);
  text.append((8 - text.size() % 8) % 8, ' ');  // the data begin aligned
  std::string length;
  for (int byte = 0; byte < 8; ++byte) length += static_cast<char>(text.size() >> (8 * byte) & 255);
  return length + text + data;
}

}  // namespace bitjoule
