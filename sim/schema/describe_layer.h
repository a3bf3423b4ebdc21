// Keys of layer files and of `precision`.
#pragma once

#include <cstdint>

#include "core/enums.h"
#include "core/numeric/format.h"
#include "core/numeric/mac.h"
#include "core/numeric/storage.h"
#include "core/numeric/tensor_format.h"
#include "core/workload/layer.h"
#include "sim/config/describe.h"

namespace bitjoule {

template <>
struct FileKind<Layer> {
  static constexpr const char* kFolder = "layers";
};

/// Of the output unit and of operators of codes.
inline Rule activation_names() { return one_of({"", "relu", "relu6", "relu_n1_to_1"}); }

template <class V>
void describe(V& v, Gemm& c);
template <class V>
void describe(V& v, Matmul& c);

template <class V>
void describe(V& v, Conv2d& c);

template <class V>
void describe_source(V& v, TensorSource& c) {
  v.field("generator", c.generator, "seeded values, where no file is named");
  v.when(c.generator == TensorSource::Generator::kOutliers, "generator: outliers", [&] {
    v.field("outlier_share", c.outlier_share, "of the channels, at least one", range(0, 1));
    v.field("outlier_factor", c.outlier_factor, "how much larger they are", at_least(0));
  });
  v.field("file", c.file,
          ".npy, .safetensors, .gguf, .onnx, or a checkpoint's directory, beside the file that "
          "names it",
          file_name());
  v.field("values", c.values, "instead, in a network: the elements themselves");
  v.field("input", c.input, "instead: the input or layer of the network that provides it");
  v.when(!c.values.empty(), "values",
         [&] { v.field("integers", c.integers, "the elements are integers, not reals"); });
  v.when(c.from_file() || !c.input.empty(), "file or input",
         [&] { v.field("tensor", c.tensor, "its name, where the file has several"); });
  v.when(c.from_file() || !c.input.empty() || !c.values.empty(), "file, values or input",
         [&] { v.field("layout", c.layout, "order of its elements"); });
}

template <class V>
void describe(V& v, TensorSource& c);

/// `bias: true`, or where its values come from.
struct BiasFile {
  bool add = true;
  TensorSource values;
};

template <class V>
void describe(V& v, BiasFile& c);
template <class V>
void describe(V& v, Layer& c);

template <class V>
void describe(V& v, TensorFormat& c);
template <class V>
void describe(V& v, OperandTransform& c);
template <class V>
void describe(V& v, Precision& c);

}  // namespace bitjoule
