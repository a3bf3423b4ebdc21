// NumPy's .npy, versions 1 to 3, C order, little-endian (NEP 1 and numpy.lib.format).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// Throws an input Error that names the file and the place for anything but a whole, legal array of
/// integers, bools or floats in C order.
StoredTensor parse_npy(const Blob& blob);

/// The bytes of a version 1 file. `data` holds stored_bytes(*type, shape) bytes.
std::string npy_bytes(const StoredType& type, const std::vector<std::int64_t>& shape,
                      const void* data);
/// Writes an fp32 array. Throws an input Error if the file cannot be written.
void write_npy(const std::string& path, const std::vector<std::int64_t>& shape,
               const std::vector<float>& values);

}  // namespace bitjoule
