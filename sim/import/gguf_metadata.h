// Sizes out of a GGUF file's metadata and tensors.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/formats/gguf.h"
#include "sim/import/import.h"

namespace bitjoule {

/// Parameters of a base file, as texts.
using GgufParameters = std::map<std::string, std::string>;

/// nullptr: the file has none of that name.
const StoredTensor* find_tensor(const GgufFile& file, const std::string& name);
/// A number or flag of the metadata; nothing where it is of another kind.
std::optional<double> number_of(const GgufValue& value);
double number_at(const GgufFile& file, const std::string& key, double otherwise);
/// A positive number as text.
std::string real_text(const GgufFile& file, const std::string& key, const std::string& otherwise);
[[noreturn]] void refuse(const GgufFile& file, const std::string& key, const std::string& what);

/// Those of base/encoder_decoder.yaml for the architecture t5.
GgufParameters t5_parameters(const GgufFile& file, const ImportOptions& options,
                             std::vector<std::string>& notes);

}  // namespace bitjoule
