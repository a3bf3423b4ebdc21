
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  return fuzz::accept_or_refuse(
      [&] { import_onnx(Blob::from_memory("f.onnx", fuzz::text_of(data, size)), {}); });
}
