#include "sim/formats/blob.h"

#include <fmt/format.h>

#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "sim/config/document.h"

namespace bitjoule {

namespace ipc = boost::interprocess;

Blob map_file(const std::string& path) {
  if (const std::string absence = why_no_file(path); !absence.empty())
    throw input_error(fmt::format("{}: {}", path, absence));
  std::error_code error;
  if (std::filesystem::file_size(path, error) == 0) return {path, nullptr, nullptr, 0};
  try {
    const ipc::file_mapping file(path.c_str(), ipc::read_only);
    const auto region = std::make_shared<ipc::mapped_region>(file, ipc::read_only);
    return {path, region, region->get_address(), region->get_size()};
  } catch (const ipc::interprocess_exception& failure) {
    throw input_error(fmt::format("{}: cannot be read: {}", path, failure.what()));
  }
}

void ByteCursor::fail(const std::string& what) const {
  throw input_error(fmt::format("{}: byte {}: {}", blob_.name(), position_, what));
}

const std::uint8_t* ByteCursor::take(std::uint64_t count, const char* what) {
  if (count > remaining())
    fail(fmt::format("{} needs {} bytes, the file has {} more", what, count, remaining()));
  const std::uint8_t* start = blob_.data() + position_;
  position_ += count;
  return start;
}

template <class T>
T ByteCursor::read(const char* what) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they lie");
  T value;
  std::memcpy(&value, take(sizeof(T), what), sizeof(T));
  return value;
}

template std::uint8_t ByteCursor::read(const char*);
template std::int8_t ByteCursor::read(const char*);
template std::uint16_t ByteCursor::read(const char*);
template std::int16_t ByteCursor::read(const char*);
template std::uint32_t ByteCursor::read(const char*);
template std::int32_t ByteCursor::read(const char*);
template std::uint64_t ByteCursor::read(const char*);
template std::int64_t ByteCursor::read(const char*);
template float ByteCursor::read(const char*);
template double ByteCursor::read(const char*);

std::string ByteCursor::read_string(const char* what, std::uint64_t max_length) {
  const auto length = read<std::uint64_t>(what);
  if (length > max_length)
    fail(fmt::format("{}: length {} exceeds the limit of {}", what, length, max_length));
  const std::uint8_t* start = take(length, what);
  return std::string(start, start + length);
}

void ByteCursor::require_room(std::uint64_t count, std::uint64_t least_bytes,
                              const char* what) const {
  if (count > remaining() / least_bytes)
    fail(fmt::format("{}: a count of {} does not fit the {} bytes that follow", what, count,
                     remaining()));
}

}  // namespace bitjoule
