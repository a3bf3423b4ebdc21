// How GGML chooses the scales of a group of a K-quant when it has no importance weights: the
// procedures behind quantize_row_q2_K_ref to quantize_row_q6_K_ref of ggml-quants.c, operation by
// operation in fp32 (make_qkx2_quants, make_q3_quants, make_qx_quants there), so that blocks equal
// GGML's byte by byte where its compiler contracts nothing. Eight groups side by side.
#pragma once

#include <cstdint>

namespace bitjoule {

constexpr int kGroupLanes = 8;    ///< groups that are searched at once
constexpr int kGroupLength = 32;  ///< elements of the longest group

/// x[i][g] is element i of group g; finite. Codes likewise.
struct GroupBatch {
  float x[kGroupLength][kGroupLanes];
  std::uint8_t codes[kGroupLength][kGroupLanes];
  float scale[kGroupLanes];
  float min[kGroupLanes];  ///< negated minimum, at least 0
};

/// x ~ scale * q - min with q in 0..top. Candidates spread the range over top + first, top + first
/// + 0.1, ... steps; each is refined by weighted least squares, and the least weighted error wins.
struct MinSearch {
  int top;
  float first;
  int steps;           ///< candidates less one
  bool mean_weighted;  ///< weights are |x| + root mean square, and errors squared; else |x|,
                       ///< absolute
};
/// A group of equal values gets scale 0.
void search_scale_and_min(const MinSearch& search, int n, GroupBatch& batch);

/// x ~ scale * (q - half), q in 0..2 half - 1, weighted by x^2: 19 candidates around the one that
/// gives the extreme the code 0. The scale may be negative.
void search_scale(int n, int half, GroupBatch& batch);

/// The same by coordinate descent: up to five rounds that move single codes.
void descend_scale(int n, int half, GroupBatch& batch);

/// round_half_even, for any value: beyond +-2^22 it stays there, NaN is 0.
int nearest_code(float value);

}  // namespace bitjoule
