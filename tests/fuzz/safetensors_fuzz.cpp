#include "fuzz/fuzz.h"
#include "sim/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  return fuzz::accept_or_refuse([&] {
    fuzz::decode_all(
        parse_safetensors(Blob::from_memory("f.safetensors", fuzz::text_of(data, size))));
  });
}
