// What config.json says of attention: rotations, windows and the scale of scores.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/import/config_object.h"
#include "sim/import/hf_families.h"
#include "sim/import/transformer.h"

namespace bitjoule {

/// A config.json that is being read; `parameters` hold its sizes already.
struct HfReading {
  const ConfigObject& config;
  const HfFamily& family;
  std::map<std::string, std::string>& parameters;
  TransformerFile& network;
  std::vector<std::string>& notes;
};

/// Adds the parameters of a mixture of experts.
void set_mixture(const HfReading& reading);

/// Adds those of latent keys and values.
void set_latent(const HfReading& reading);

/// The scores' scale of latent attention, whose heads are those of the decompressed form.
constexpr const char* kLatentScale = "=1 / sqrt(nope_dim + rope_dim)";

/// Adds what rope_scaling of type yarn means. False where the network cannot have its values.
bool set_yarn(const HfReading& reading, const ConfigObject& rope);

/// Adds the parameters of attention. Throws an input Error for what is not supported.
void set_attention(const HfReading& reading);

}  // namespace bitjoule
