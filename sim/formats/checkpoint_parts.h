// Parts of a checkpoint's tensor, and other orders of its rows, by what stands behind its name.
#pragma once

#include <optional>
#include <string>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// "NAME[0:2/5]": the rows 0 and 1 of each five, of heads; with a T behind it each head's matrix
/// transposed. "NAME[3x64]": rows that alternate from head to head, 64 of the first part, of the
/// second and of the third, as those of all heads' first parts, and so on. "NAME[:0:64]": 64
/// columns of a matrix, or elements of a vector.
struct TensorPart {
  enum class Kind { kHeadRows, kByPart, kColumns };
  Kind kind = Kind::kHeadRows;
  std::string whole;  ///< the tensor's own name
  std::int64_t first = 0, end = 0, of = 0;
  bool transposed = false;
};

/// Nothing where the name is that of a tensor.
std::optional<TensorPart> tensor_part(const std::string& name);

/// In fp32. Throws an input Error that begins with `where` where `whole` has no such part.
StoredTensor part_of(const std::string& where, const std::string& name, const TensorPart& part,
                     const StoredTensor& whole);

}  // namespace bitjoule
