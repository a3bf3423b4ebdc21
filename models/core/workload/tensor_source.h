// Where the values of a tensor come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitjoule {

/// How a tensor in a file lies: as the simulator reads it (n rows of k; filters x kh x kw x
/// channels; NHWC), with the rows last (k rows of n), or channels before height and width.
enum class TensorLayout { kNative, kTransposed, kChannelsFirst };

inline const char* const kExpertPlace = "{expert}";

/// A seeded generator, a tensor of a file (.npy, .safetensors, .gguf, .onnx; `tensor` is empty for
/// .npy), numbers that the network itself holds, or at run time an input or layer of it.
struct TensorSource {
  enum class Generator { kNormal, kUniform, kOutliers };
  Generator generator = Generator::kNormal;
  /// Outliers: this share of the channels (at least one) is `outlier_factor` times as large.
  /// Defaults: LLM.int8() (Dettmers et al., NeurIPS 2022): about 0.1 % of the features, up to 20
  /// times the others.
  double outlier_share = 0.001;
  double outlier_factor = 20;
  std::string file;
  std::string tensor;
  std::string input;  ///< name of a network input or layer, where it is computed
  TensorLayout layout = TensorLayout::kNative;
  /// Of a network's layer: the elements themselves.
  std::vector<double> values;
  bool integers = false;  ///< of `values`: integers, not reals
  /// At run time, of a mixture: at least 0, the expert whose tensor it is. Its number stands for
  /// kExpertPlace in the name of the tensor, or is an index of the tensor's first axis.
  std::int64_t expert = -1;
  bool from_file() const { return !file.empty(); }
};

}  // namespace bitjoule
