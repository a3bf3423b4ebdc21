// How the weights of a Hugging Face checkpoint are stored: quantization_config, and MLX's
// `quantization`. Sources: the methods' own configuration classes and loaders, as docs/formats.md
// names them.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sim/import/config_object.h"

namespace bitjoule {

/// Which weights are quantized, and as what.
struct HfQuantization {
  std::string method;         ///< "gptq", "mlx", ...
  boost::json::value format;  /// of a layer's precision; null: as they were trained
  bool embeddings = false;    ///< token embeddings as well
  bool head = false;          ///< and the output matrix
  /// Parts of module names ("lm_head", "self_attn.v_proj", "model.layers.0.") that stay as they
  /// were trained.
  std::vector<std::string> kept;
  /// If there, the modules of a block that are quantized; all others stay.
  std::optional<std::vector<std::string>> only;

  /// Whether a module of that full name ("model.layers.3.mlp.up_proj") is quantized.
  bool covers(const std::string& module, const std::string& in_block) const;
};

/// Nothing where the checkpoint is not quantized. Throws an input Error that names the key for
/// methods and settings that no number format stores; notes are what changes nothing that is
/// counted. `dtype` is the number format of what is not quantized.
std::optional<HfQuantization> read_quantization(const ConfigObject& config,
                                                const std::string& dtype,
                                                std::vector<std::string>& notes);

/// The same of an hf_quant_config.json, which NVIDIA's Model Optimizer writes beside config.json.
std::optional<HfQuantization> read_modelopt_file(const ConfigObject& file,
                                                 std::vector<std::string>& notes);

}  // namespace bitjoule
