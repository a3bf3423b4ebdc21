// A config.json, a byte 0, and a .safetensors file: every tensor is read as its scheme stores it.
#include <algorithm>
#include <boost/json.hpp>

#include "fuzz/fuzz.h"
#include "sim/formats/checkpoint.h"
#include "sim/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  const std::uint8_t* split = std::find(data, data + size, std::uint8_t{0});
  if (split == data + size) return 0;
  const auto length = static_cast<std::size_t>(split - data);
  boost::system::error_code error;
  const boost::json::value config = boost::json::parse(fuzz::text_of(data, length), error);
  if (error || !config.is_object()) return 0;
  return fuzz::accept_or_refuse([&] {
    CheckpointFiles files;
    files.source = "f.safetensors";
    for (StoredTensor& tensor : parse_safetensors(
             Blob::from_memory("f.safetensors", fuzz::text_of(split + 1, size - length - 1))))
      files.tensors.push_back({std::move(tensor), "f.safetensors"});
    Checkpoint checkpoint("f", checkpoint_rules(config.get_object()), std::move(files));
    for (const Checkpoint::Entry& entry : checkpoint.entries())
      fuzz::accept_or_refuse([&] {
        const bool experts = entry.form.experts > 0;
        const std::string name = entry.tensor.name + (experts ? "[0]" : "");
        tensor_values(checkpoint.get(name));
        for (const char* part : {"[0:1/2]", "[8:16/32]", "[0:1/2]T", "[:1:2/2]"})
          fuzz::accept_or_refuse([&] { tensor_values(checkpoint.get(name + part)); });
      });
  });
}
