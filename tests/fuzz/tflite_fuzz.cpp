#include "fuzz/fuzz.h"
#include "sim/formats/tflite_model.h"
#include "sim/import/tflite_import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  const Blob blob = Blob::from_memory("f.tflite", fuzz::text_of(data, size));
  ImportOptions options;
  options.skip_unknown = true;
  fuzz::accept_or_refuse([&] { import_tflite(blob, {}); });
  fuzz::accept_or_refuse([&] { import_tflite(blob, options); });
  return fuzz::accept_or_refuse([&] { fuzz::decode_all(tflite_tensors(blob)); });
}
