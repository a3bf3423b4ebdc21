// Parts of a checkpoint's tensor, and other orders of its rows, by what stands behind its name.
#pragma once

#include <optional>
#include <string>

#include "core/numeric/stored_tensor.h"
#include "core/numeric/tensor_format.h"

namespace bitjoule {

/// "NAME[0:2/5]": the rows 0 and 1 of each five (of heads, of gates that alternate), or elements of
/// a vector; with a T behind it the matrix of each such part transposed. "NAME[:0:2/5]": columns.
struct TensorPart {
  std::string whole;  ///< the tensor's own name
  bool columns = false;
  std::int64_t first = 0, end = 0, of = 0;
  bool transposed = false;
};

/// Nothing where the name is that of a tensor.
std::optional<TensorPart> tensor_part(const std::string& name);

/// Whether that part of a quantized matrix of `rows` x `k` has fields of its own, and stays as it
/// is stored.
bool keeps_format(const std::string& name, const TensorFormat& format, std::int64_t rows,
                  std::int64_t k);

/// As it is stored, or in fp32. Throws an input Error that begins with `where` where `whole` has no
/// such part.
StoredTensor part_of(const std::string& where, const std::string& name, const TensorPart& part,
                     const StoredTensor& whole);

}  // namespace bitjoule
