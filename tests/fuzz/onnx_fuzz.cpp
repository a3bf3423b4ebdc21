
#include "fuzz/fuzz.h"
#include "sim/formats/onnx_values.h"
#include "sim/import/onnx_import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  const Blob blob = Blob::from_memory("f.onnx", fuzz::text_of(data, size));
  ImportOptions options;
  options.skip_unknown = true;
  fuzz::accept_or_refuse([&] { import_onnx(blob, {}); });
  fuzz::accept_or_refuse([&] { import_onnx(blob, options); });
  return fuzz::accept_or_refuse([&] { fuzz::decode_all(onnx_tensors(blob)); });
}
