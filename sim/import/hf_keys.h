// The keys of Hugging Face's config.json that the importer does not read, by what they mean.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sim/import/config_object.h"

namespace bitjoule {

/// Keys of tokenizers, training, generation and the library: they change no tensor.
const std::set<std::string>& hf_harmless_keys();

/// Keys that change shapes, bytes or values of a model in ways that the networks here have not.
const std::vector<UnsupportedKey>& hf_unsupported_keys();

}  // namespace bitjoule
