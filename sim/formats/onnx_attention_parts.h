// Steps that the expansions of attention share: moves of elements by sizes of data, and the rotary
// embedding of queries and keys.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {

inline std::string moved(OnnxWriter& w, const std::string& x, const Shape& perm,
                         const std::string& part) {
  std::string y = w.add("Transpose", {x}, part);
  w.with("perm", perm);
  return y;
}
inline std::string cut(OnnxWriter& w, const std::string& x, std::int64_t axis, std::int64_t first,
                       std::int64_t end, const std::string& part, std::int64_t step = 1) {
  return w.add("Slice",
               {x, w.sized(part + "_from", {first}), w.sized(part + "_to", {end}),
                w.sized(part + "_axis", {axis}), w.sized(part + "_step", {step})},
               part);
}
inline std::string joined(OnnxWriter& w, const std::vector<std::string>& parts, std::int64_t axis,
                          const std::string& part) {
  std::string y = w.add("Concat", parts, part);
  w.with("axis", axis);
  return y;
}
/// An axis of one element at that place.
inline std::string unsqueezed(OnnxWriter& w, const std::string& x, const Shape& axes,
                              const std::string& part) {
  return w.add("Unsqueeze", {x, w.sized(part + "_axes", axes)}, part);
}
inline bool wants(const OnnxWriter& w, int output) { return !w.node.output(output).empty(); }
inline void refuse_outputs(const OnnxWriter& w, int first) {
  for (int i = first; i < w.node.outputs(); ++i)
    if (wants(w, i)) w.node.fail(fmt::format("its output {} is not supported", i + 1));
}
inline void refuse_operands(const OnnxWriter& w,
                            std::initializer_list<std::pair<int, const char*>> those) {
  for (const auto& [operand, name] : those)
    if (w.has(operand)) w.node.fail(fmt::format("operand {} is not supported", name));
}

struct Rotation {
  std::string cos, sin;  ///< that broadcast to half of what is rotated
  std::int64_t depth = 1, rotated = 1, axis = 3;
  bool interleaved = false;
};

/// Pairs of the last axis of `x`, whose other sizes are `lead`, turned by their angles.
std::string rotated(OnnxWriter& w, const std::string& x, const Shape& lead, const Rotation& r,
                    const std::string& part);

/// Queries [batch, heads, rows, depth] meet keys and values [batch, key heads,
/// columns, depth].
struct Attention {
  std::string q, k, v;
  std::int64_t batch = 1, heads = 1, key_heads = 1, rows = 1, columns = 1, depth = 1, values = 1;
  double scale = 0;  ///< 0: 1 / sqrt(depth)
  double softcap = 0;
  bool causal = false;     ///< row i of `rows` sees columns - rows + i + 1 columns
  std::int64_t reach = 0;  ///< of those, the last so many; 0: all
  std::string kept;        ///< bool: columns that are seen; others get `hidden`
  double hidden = -1e30;
  bool yields_hidden = false;     ///< what is not seen is a result: minus infinity
  bool zero_where_blind = false;  ///< rows that see no column yield zeros
  bool may_be_infinite = false;   ///< what is added hides columns by minus infinity
  std::string added;              ///< to the scores
};

/// Names of what was made between scores and results.
struct OnTheWay {
  std::string scores, capped, masked, shares;
};

/// With past keys and values in front; they become outputs.
std::string with_past(OnnxWriter& w, int past, const std::string& fresh, int present,
                      const std::string& part);
/// [batch, heads, rows, values].
std::string attended(OnnxWriter& w, const Attention& a, OnTheWay* seen = nullptr);
/// [batch, rows, heads * depth] of [batch, heads, rows, depth], as the node's
/// output.
void yield_rows(OnnxWriter& w, const std::string& y, const Attention& a);
std::string by_head(OnnxWriter& w, const std::string& x, std::int64_t batch, std::int64_t rows,
                    std::int64_t heads, std::int64_t depth, const std::string& part);

void rotary_embedding(OnnxWriter& writer);
void onnx_attention(OnnxWriter& writer);  ///< ONNX's own

}  // namespace bitjoule
