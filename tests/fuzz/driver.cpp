// Where libFuzzer is not: runs every file of the directories named on the command line, and each
// again with seeded damage: cut short, bits turned, bytes and lengths that lie, parts repeated.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "fuzz/fuzz.h"

namespace {

constexpr unsigned kSeed = 1;
constexpr int kDamaged = 1000;  // copies of each file

using Bytes = std::vector<std::uint8_t>;

void read(const Bytes& bytes) { LLVMFuzzerTestOneInput(bytes.data(), bytes.size()); }

std::size_t below(std::mt19937& random, std::size_t n) { return random() % n; }

/// One fault somewhere in bytes that are not empty.
void damage(Bytes& bytes, std::mt19937& random) {
  const std::size_t place = below(random, bytes.size());
  switch (below(random, 5)) {
    case 0:
      bytes.resize(place);
      break;
    case 1:
      bytes[place] = static_cast<std::uint8_t>(bytes[place] ^ (1u << below(random, 8)));
      break;
    case 2:
      bytes[place] = static_cast<std::uint8_t>(random());
      break;
    case 3: {  // what a length or a count may not be: huge, negative, one off
      const std::uint64_t lies[] = {~std::uint64_t{0}, std::uint64_t{1} << 63, 1u << 31, 0};
      const std::uint64_t lie = lies[below(random, 4)];
      for (std::size_t i = 0; i < 8 && place + i < bytes.size(); ++i)
        bytes[place + i] = static_cast<std::uint8_t>(lie >> (8 * i));
      break;
    }
    default: {
      const std::size_t n = std::min<std::size_t>(bytes.size() - place, 1 + below(random, 64));
      const Bytes part(bytes.begin() + static_cast<std::ptrdiff_t>(place),
                       bytes.begin() + static_cast<std::ptrdiff_t>(place + n));
      bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(place), part.begin(), part.end());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i)
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::printf("%zu files, seed %u\n", files.size(), kSeed);
  for (std::size_t file = 0; file < files.size(); ++file) {
    std::ifstream in(files[file], std::ios::binary);
    const Bytes whole{std::istreambuf_iterator<char>(in), {}};
    read(whole);
    std::mt19937 random(kSeed + static_cast<unsigned>(file));
    for (int copy = 0; copy < kDamaged; ++copy) {
      Bytes bytes = whole;
      const std::size_t faults = 1 + below(random, 4);
      for (std::size_t i = 0; i < faults && !bytes.empty(); ++i) damage(bytes, random);
      try {
        read(bytes);
      } catch (const std::exception& e) {
        std::printf("%s, damaged copy %d: %s\n", files[file].c_str(), copy, e.what());
        return 1;
      }
    }
  }
  return files.empty() ? 1 : 0;
}
