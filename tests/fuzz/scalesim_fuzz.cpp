
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  return fuzz::accept_or_refuse([&] {
    const std::string text = fuzz::text_of(data, size);
    fuzz::accept_or_refuse([&] { import_scalesim_topology(Blob::from_memory("f.csv", text), {}); });
    import_scalesim_config(Blob::from_memory("f.cfg", text), {});
  });
}
