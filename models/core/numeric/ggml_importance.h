// Scales of GGML's blocks of 32 where it is known what elements are multiplied by: as llama.cpp's
// importance matrix chooses them (make_qx_quants and make_qkx3_quants of ggml-quants.c, with which
// quantize_row_q4_0_impl and its kin quantize).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitjoule {

/// Whether a format's blocks are chosen so: q4_0, q4_1, q5_0, q5_1. q8_0 has nothing to choose, and
/// llama.cpp takes the nearest codes there too.
bool has_importance_blocks(const std::string& format);

/// The blocks of rows x k weights, finite ones, k a multiple of 32. The squared error of element i
/// of a row counts importance[i] (the mean square of its input) * sqrt(mean square of the row +
/// w_i^2) times. Of q4_0 and q5_0: of 19 scales around that which gives the extreme the last code,
/// the one whose codes explain most; of q4_1 and q5_1 the least of 37 ranges, refined by least
/// squares.
std::vector<std::uint8_t> importance_blocks(const std::string& format, const float* data,
                                            std::int64_t rows, std::int64_t k,
                                            const std::vector<double>& importance);

}  // namespace bitjoule
