#include "core/workload/attention.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace bitjoule {

KeyRange visible_keys(const Attention& a, std::int64_t q0, std::int64_t q1) {
  const VectorOp& s = a.softmax;
  // A query without a mask sees all keys.
  const auto end_of = [&](std::int64_t query) {
    return s.causal > 0 ? a.keys() - s.causal + query + 1 : a.keys();
  };
  const std::int64_t end = end_of(q1 - 1);
  return {s.reach > 0 ? std::max<std::int64_t>(0, end_of(q0) - s.reach) : 0, end};
}

void check_attention(const Attention& a) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw input_error(fmt::format("attention: {}", what));
  };
  gemm_extents(a.scores);
  gemm_extents(a.context);
  check_vector_op(a.softmax);
  require(a.softmax.kind == VectorKind::kSoftmax, "expected a softmax between the products");
  require(!a.scores.k_rows, "keys: expected a row for each of them");
  require(a.context.k_rows,
          "values: expected a row for each of them (matmul.k_rows), which a tile of keys goes by");
  require(a.scores.batch == a.context.batch && a.scores.shared == a.context.shared &&
              a.scores.m == a.context.m && a.scores.n == a.context.k,
          "scores and context are of other heads, queries or keys");
  require(a.softmax.rows == a.scores.batch * a.scores.m && a.softmax.cols == a.scores.n,
          "the softmax is not of rows of the scores");
  require(a.softmax.causal == 0 || a.softmax.causal == a.scores.m,
          "softmax.causal: expected the queries of a head");
  require(!a.softmax.distances,
          "scores of distances (softmax.distances) are not added to tiles of keys; choose unfused");
  require(vector_alpha(a.softmax) > 0, "softmax.alpha: expected a positive number");
  require(!a.softcap || a.softcap->elements() == a.softmax.elements(),
          "the cap is not of the scores");
}

}  // namespace bitjoule
