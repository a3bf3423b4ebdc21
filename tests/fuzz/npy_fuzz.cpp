#include "fuzz/fuzz.h"
#include "sim/formats/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  return fuzz::accept_or_refuse([&] {
    fuzz::decode_all({parse_npy(Blob::from_memory("f.npy", fuzz::text_of(data, size)))});
  });
}
