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

void rotary_embedding(OnnxWriter& writer);

}  // namespace bitjoule
