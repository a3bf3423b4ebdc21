// operator new of the program: blocks of up to 512 bytes come from lists of freed ones of their
// size, a thread's own. A point of a sweep asks for ten thousand, which the C library finds and
// takes back in some two hundred instructions each, a tenth of what the point takes.
//
// Ahead of each block stands of which size it is, so that whoever deletes it needs not know. Blocks
// that a thread frees are its own from then on, whoever asked for them; what it holds when it ends
// is lost: threads are few and live for a moment (sweep/parallel.h).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

// Sanitizers watch blocks of the C library.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

constexpr std::size_t kUnit = 16, kSizes = 32;          // sizes are multiples of the unit
constexpr std::size_t kChunk = std::size_t{64} << 10U;  // asked for at once, for blocks of any size

struct alignas(kUnit) Head {
  std::size_t units;  // of the block; 0: it is the C library's
};
static_assert(sizeof(Head) == kUnit);
struct Freed {
  Freed* next;
};

struct OfThread {
  Freed* freed[kSizes + 1];
  char *begin, *end;  // of a chunk, what no block has had yet
};
thread_local OfThread of_thread;

void* from_library(std::size_t size) {
  for (;;) {
    if (void* const memory = std::malloc(size)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void* behind_head(void* memory, std::size_t units) { return new (memory) Head{units} + 1; }

/// A block that was not there before.
void* new_block(std::size_t units) {
  OfThread& own = of_thread;
  const std::size_t size = sizeof(Head) + units * kUnit;
  if (static_cast<std::size_t>(own.end - own.begin) < size) {
    own.begin = static_cast<char*>(from_library(kChunk));  // what was left is less than a block
    own.end = own.begin + kChunk;
  }
  void* const memory = own.begin;
  own.begin += size;
  return behind_head(memory, units);
}

}  // namespace

void* operator new(std::size_t size) {
  if (size > kSizes * kUnit) {
    if (size > PTRDIFF_MAX) throw std::bad_alloc();
    return behind_head(from_library(sizeof(Head) + size), 0);
  }
  const std::size_t units = size == 0 ? 1 : (size + kUnit - 1) / kUnit;
  Freed*& list = of_thread.freed[units];
  Freed* const block = list;
  if (block == nullptr) return new_block(units);
  list = block->next;
  return block;
}

void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  Head* const head = static_cast<Head*>(block) - 1;
  if (head->units == 0) return std::free(head);
  Freed*& list = of_thread.freed[head->units];
  list = new (block) Freed{list};
}

void operator delete(void* block, std::size_t) noexcept { operator delete(block); }
#endif
