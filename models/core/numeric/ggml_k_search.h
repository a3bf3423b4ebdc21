// Scales for the K-quants: this project's own deterministic search. GGML weighs errors by
// heuristics that differ between its versions; here each group minimises its plain squared error
// over a few candidate scales, each refined by least squares.
#pragma once

namespace bitjoule {

/// x ~ scale * q - min with q in 0..top, scale >= 0, min >= 0.
struct ScaleAndMin {
  double scale = 0, min = 0;
};
ScaleAndMin search_scale_and_min(const float* x, int n, int top);

/// x ~ scale * q with q in -half..half - 1; the scale may be negative.
double search_scale(const float* x, int n, int half);

}  // namespace bitjoule
