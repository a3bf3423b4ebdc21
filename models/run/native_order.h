// From the order in which a file keeps a tensor's elements to the one in which the simulator reads
// them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/workload/layer.h"

namespace bitjoule {

/// Operands of a layer as the simulator reads them: NHWC, or [batch][m][k]; filters x kernel_h x
/// kernel_w x channels, n x k, or [batch][n][k]; and the result.
std::vector<std::int64_t> input_shape(const LayerOp& op);
std::vector<std::int64_t> weight_shape(const LayerOp& op);
std::vector<std::int64_t> output_shape(const LayerOp& op);

class NativeOrder {
 public:
  /// Throws an input Error starting with `where` if a tensor of `shape` in `layout` does not hold
  /// what `native` asks for; sizes of 1 do not count.
  NativeOrder(const std::string& where, TensorLayout layout,
              const std::vector<std::int64_t>& native, const std::vector<std::int64_t>& shape);
  /// For a tensor that is known to have the elements that `native` asks for.
  NativeOrder(TensorLayout layout, const std::vector<std::int64_t>& native);

  /// The elements lie in native order already.
  bool is_native() const;
  template <class T>
  std::vector<T> apply(const std::vector<T>& from) const;

 private:
  std::vector<std::int64_t> native_;
  std::vector<std::size_t> order_;  ///< the native dimension that each dimension of the file is
};

}  // namespace bitjoule
