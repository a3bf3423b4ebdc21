#include "fuzz/fuzz.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/network_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  return fuzz::accept_or_refuse([&] {
    const Source source = text_source("f.yaml", fuzz::text_of(data, size));
    fuzz::accept_or_refuse([&] { read_document<RunFile>(source); });
    read_network(source);
  });
}
