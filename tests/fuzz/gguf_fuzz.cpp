#include "fuzz/fuzz.h"
#include "sim/formats/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  return fuzz::accept_or_refuse([&] {
    const Blob blob = Blob::from_memory("f.gguf", fuzz::text_of(data, size));
    fuzz::decode_all(parse_gguf(blob).tensors);
    import_gguf(blob, {});
  });
}
