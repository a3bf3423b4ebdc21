// The architectures of GGUF files that are imported, one row each. Keys and defaults: llama.cpp's
// llama-arch.cpp and llama-model.cpp.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/import/transformer.h"

namespace bitjoule {

/// A key behind the architecture's name, and the parameter of the base that it gives.
struct GgufKey {
  const char* key;
  const char* parameter;
};

/// How an architecture with expert_count is a mixture of experts.
struct GgufMixture {
  bool exists = false;
  const char* width = nullptr;   ///< key of the experts' width; nullptr: feed_forward_length
  bool normalized = false;       ///< weights of the chosen experts are divided by their sum
  bool has_shared_gate = false;  ///< an MLP beside them, weighted by a sigmoid
  bool is_deepseek = false;      ///< keys of its routers, and an MLP beside the experts
};

/// An architecture. Norms are stored as they multiply, also Gemma's (1 is added by the converter).
struct GgufArchitecture {
  const char* name;
  bool interleaved_rope;  ///< as llama.cpp's rope types: NORM, else NEOX
  std::vector<std::pair<const char*, const char*>> fixed;  ///< parameters that it implies
  std::vector<GgufKey> keys;                               ///< beside those of all
  std::set<std::string> other_layers;   ///< layers of the common tensors that it has not
  std::vector<ModelTensorRow> tensors;  ///< beside the common ones
  bool has_windows = false;
  std::int64_t window = 0;           ///< where the file says none; 0: no layer has one
  std::int64_t period = 1, run = 1;  ///< of `period` layers the first `run` have it
  GgufMixture mixture = {};
  bool latent = false;  ///< keys and values of all heads are made of one row
  const char* epsilon = "attention.layer_norm_rms_epsilon";
  bool rotates_partly = false;  ///< rope.dimension_count may be less than a head
  /// Of a model with so many layers, scores are divided by the root of hidden / heads, not of a
  /// head's size; 0: of none.
  std::int64_t other_scale_layers = 0;

  const char* base = "base/llama.yaml";
  bool is_t5 = false;  ///< an encoder and a decoder, whose tensors are all of `tensors`

  /// Names of the files' tensors.
  ModelTensors names() const;
};

const std::vector<GgufArchitecture>& gguf_architectures();

/// Keys behind the architecture's name that change nothing, or are read for all architectures.
const std::set<std::string>& gguf_harmless_keys();

}  // namespace bitjoule
