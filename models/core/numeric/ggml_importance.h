// Scales of GGML's blocks where it is known what elements are multiplied by: as llama.cpp's
// importance matrix chooses them (make_qx_quants, make_qkx3_quants and make_qp_quants of
// ggml-quants.c, with which quantize_row_q*_impl quantize).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace bitjoule {

/// Whether a format's blocks are chosen so: q4_0, q4_1, q5_0, q5_1 and the K-quants. q8_0 has
/// nothing to choose, and llama.cpp takes the nearest codes there too.
bool has_importance_blocks(const std::string& format);

/// The blocks of rows x k weights, finite ones, k a multiple of the block's 32 or 256 elements. The
/// squared error of element i of a row counts importance[i] (the mean square of its input) *
/// sqrt(mean square of the row + w_i^2) times; in K-quants the mean square is that of the 256, in
/// q3_k to q5_k taken twice, and in q6_k the importance counts alone.
std::vector<std::uint8_t> importance_blocks(const std::string& format, const float* data,
                                            std::int64_t rows, std::int64_t k,
                                            const std::vector<double>& importance);

/// What fits n <= 32 elements x best where the squared error of x_i counts w_i times.
struct WeightedFit {
  float scale = 0, min = 0;
  std::array<std::uint8_t, 32> codes{};
};

/// x ~ scale * (code - half): of 19 scales around that which gives the extreme the last code, the
/// one whose codes explain most.
WeightedFit fit_scale(const float* x, const float* w, int n, int half);

/// x ~ scale * code + min, min at most 0, codes of 0..top: the least of 37 ranges, refined by least
/// squares.
WeightedFit fit_range(const float* x, const float* w, int n, int top);

/// x >= 0 ~ factor * integer of 0..top: of 9 factors the least, then single integers are moved.
float fit_positive(const float* x, const float* w, int n, int top, int* integers);

}  // namespace bitjoule
