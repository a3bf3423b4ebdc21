// Attention as one operation: scores, softmax and context together, tile by tile of the keys, so
// that no score leaves the chip (docs/attention.md).
#pragma once

#include <cstdint>
#include <optional>

#include "core/workload/layer.h"
#include "core/workload/vector_op.h"

namespace bitjoule {

/// The operations that it takes the place of. Scores are queries times keys, context is weights
/// times values; consecutive heads share keys and values.
struct Attention {
  Matmul scores;                    ///< batch heads of m queries x n keys, k numbers each
  std::optional<VectorOp> softcap;  ///< of the scores, before the softmax
  VectorOp softmax;                 ///< scale, mask, window, ALiBi and sinks
  Matmul context;                   ///< batch heads of m queries x n numbers, over k keys (k_rows)

  /// Heads that read the same keys and values, and how many such groups there are.
  std::int64_t shared() const { return scores.shared; }
  std::int64_t groups() const { return scores.batch / scores.shared; }
  std::int64_t queries() const { return scores.m; }
  std::int64_t keys() const { return scores.n; }
  std::int64_t key_dim() const { return scores.k; }
  std::int64_t value_dim() const { return context.n; }
};

/// Half open.
struct KeyRange {
  std::int64_t first = 0, end = 0;
  std::int64_t count() const { return end - first; }
};

/// The keys that one at least of the queries q0..q1 of a head sees.
KeyRange visible_keys(const Attention& attention, std::int64_t q0, std::int64_t q1);

/// Throws an input Error where the parts are not those of one attention.
void check_attention(const Attention& attention);

}  // namespace bitjoule
