// The program's operator new (sim/small_blocks.cpp), which this program is linked with, too.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <random>
#include <thread>
#include <vector>

namespace bitjoule::small_blocks_test {
namespace {

struct Block {
  void* at;
  std::size_t size;
  unsigned char filled;
};

Block make(std::size_t size, unsigned char filled) {
  const Block block{::operator new(size), size, filled};
  std::memset(block.at, filled, size);
  return block;
}

bool is_whole(const Block& block) {
  const auto* bytes = static_cast<const unsigned char*>(block.at);
  return std::all_of(bytes, bytes + block.size, [&](unsigned char b) { return b == block.filled; });
}

void remove(const Block& block, bool with_size) {
  with_size ? ::operator delete(block.at, block.size) : ::operator delete(block.at);
}

}  // namespace

TEST_CASE("small blocks: no two overlap, whatever their sizes and whoever frees them") {
  std::mt19937 engine(1);
  const auto below = [&](std::size_t end) { return engine() % end; };
  std::vector<Block> blocks;
  for (int step = 0; step < 200'000; ++step) {
    if (blocks.size() < 500 || (below(2) == 0 && blocks.size() < 5000)) {
      // Up to what comes from lists, a little more, and much more.
      const std::size_t most = below(50) == 0 ? 100'000 : 600;
      blocks.push_back(make(below(most), static_cast<unsigned char>(below(256))));
      REQUIRE(reinterpret_cast<std::uintptr_t>(blocks.back().at) % alignof(std::max_align_t) == 0);
    } else {
      std::swap(blocks[below(blocks.size())], blocks.back());
      REQUIRE(is_whole(blocks.back()));
      remove(blocks.back(), below(2) == 0);
      blocks.pop_back();
    }
  }
  // What one thread made another frees, and takes for its own blocks.
  bool all_whole = true;
  std::thread other([&] {
    for (const Block& block : blocks) all_whole = all_whole && is_whole(block);
    for (const Block& block : blocks) remove(block, true);
    for (Block& block : blocks) block = make(block.size, 7);
  });
  other.join();
  CHECK(all_whole);
  CHECK(std::all_of(blocks.begin(), blocks.end(), is_whole));
  for (const Block& block : blocks) remove(block, false);
}

TEST_CASE("small blocks: what does not fit the memory is refused") {
  // Volatile: not for the compiler to see.
  const volatile std::size_t most = std::numeric_limits<std::size_t>::max();
  CHECK_THROWS_AS(static_cast<void>(::operator new(most)), std::bad_alloc);
  CHECK_THROWS_AS(static_cast<void>(::operator new(most / 2 - 8)), std::bad_alloc);
  CHECK(::operator new(most / 2, std::nothrow) == nullptr);
}

}  // namespace bitjoule::small_blocks_test
