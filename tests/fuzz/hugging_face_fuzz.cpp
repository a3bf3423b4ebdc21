
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  return fuzz::accept_or_refuse([&] {
    import_hugging_face(Blob::from_memory("config.json", fuzz::text_of(data, size)), {});
  });
}
