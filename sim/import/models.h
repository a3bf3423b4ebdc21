// The families of language models, and what each may come from: `sim list models`.
#pragma once

#include <string>
#include <vector>

namespace bitjoule {

struct ModelFamily {
  std::string name;        ///< model_type of config.json
  std::string config;      ///< of config.json alone: "yes"
  std::string directory;   ///< of one with weights beside it: with values, or generated ones
  std::string gguf;        ///< the architecture of GGUF files; "no"
  std::string particular;  ///< what is not as in Llama
};

/// In the order of docs/networks.md.
std::vector<ModelFamily> model_families();

}  // namespace bitjoule
