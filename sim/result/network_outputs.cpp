#include "sim/result/network_outputs.h"

#include <fmt/format.h>

#include <cctype>
#include <set>

#include "core/error.h"
#include "sim/config/writer.h"
#include "sim/formats/npy.h"

namespace bitjoule {
namespace {

/// File systems take names of 255 bytes. For what is cut off stands a hash, so that the name is the
/// same in every run.
std::string fitting(const std::string& stem) {
  constexpr std::size_t kMost = 200;
  if (stem.size() <= kMost) return stem;
  return fmt::format("{}_{}", stem.substr(0, kMost), text_hash(stem).substr(0, 16));
}

}  // namespace

std::vector<std::string> output_files(const std::vector<NetworkOutputValues>& outputs) {
  std::vector<std::string> files;
  std::set<std::string> taken;
  for (const NetworkOutputValues& output : outputs) {
    std::string stem = output.name;
    for (char& c : stem)
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_' && c != '.')
        c = '_';
    if (stem.empty() || stem.front() == '.') stem.insert(0, "_");
    stem = fitting(stem);
    std::string name = stem;
    for (int i = 2; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", stem, i);
    files.push_back(name + ".npy");
  }
  return files;
}

std::string output_npy(const NetworkOutputValues& output) {
  if (output.type.empty())
    return npy_bytes(*find_stored_type("fp32"), output.shape, output.values.data());
  const StoredType& type = *find_stored_type(output.type);
  const auto width = static_cast<std::size_t>(type.block_bytes);
  std::string bytes;
  bytes.reserve(output.codes.size() * width);
  for (const std::int32_t code : output.codes)
    for (std::size_t i = 0; i < width; ++i)  // little-endian, sign-extended
      bytes += static_cast<char>(static_cast<std::int64_t>(code) >> (8 * i) & 0xFF);
  return npy_bytes(type, output.shape, bytes.data());
}

}  // namespace bitjoule
