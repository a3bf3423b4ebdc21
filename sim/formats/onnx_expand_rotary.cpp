// Rotary embedding as products and moves of elements.
#include <algorithm>

#include "sim/formats/onnx_attention_parts.h"

namespace bitjoule {

std::string rotated(OnnxWriter& w, const std::string& x, const Shape& lead, const Rotation& r,
                    const std::string& part) {
  const std::int64_t half = r.rotated / 2, last = r.axis;
  const std::string first = r.interleaved ? cut(w, x, last, 0, r.rotated, part + "_even", 2)
                                          : cut(w, x, last, 0, half, part + "_first");
  const std::string second = r.interleaved ? cut(w, x, last, 1, r.rotated, part + "_odd", 2)
                                           : cut(w, x, last, half, r.rotated, part + "_second");
  const auto product = [&](const std::string& a, const std::string& b, const char* name) {
    return w.add("Mul", {a, b}, part + name);
  };
  const std::string real =
      w.add("Sub", {product(first, r.cos, "_fc"), product(second, r.sin, "_ss")}, part + "_real");
  const std::string imaginary = w.add(
      "Add", {product(first, r.sin, "_fs"), product(second, r.cos, "_sc")}, part + "_imaginary");
  std::string y;
  if (r.interleaved) {
    const std::string pairs = joined(w,
                                     {unsqueezed(w, real, {last + 1}, part + "_real_wide"),
                                      unsqueezed(w, imaginary, {last + 1}, part + "_imag_wide")},
                                     last + 1, part + "_pairs");
    Shape flat = lead;
    flat.push_back(r.rotated);
    y = w.reshaped(pairs, flat, part + "_turned");
  } else {
    y = joined(w, {real, imaginary}, last, part + "_turned");
  }
  if (r.rotated == r.depth) return y;
  return joined(w, {y, cut(w, x, last, r.rotated, r.depth, part + "_rest")}, last, part + "_whole");
}

void rotary_embedding(OnnxWriter& w) {
  const bool microsoft = w.node.proto().domain() == "com.microsoft";
  const Shape x = w.shape(0);
  const int cos_at = microsoft ? 2 : 1, ids_at = microsoft ? 1 : 3;
  const Shape cache = w.shape(cos_at);
  if (x.empty() || cache.empty()) return;
  if (x.size() != 3 && x.size() != 4) w.node.fail("expected 3 or 4 axes");
  if (w.node.real("scale", 1) != 1) w.node.fail("scale is not supported");
  const bool by_head = x.size() == 4;
  Rotation r;
  r.interleaved = w.node.integer("interleaved", 0) != 0;
  r.rotated = w.node.integer("rotary_embedding_dim", 0);
  if (r.rotated == 0) r.rotated = 2 * cache.back();
  std::int64_t heads = by_head ? x[1] : w.node.integer("num_heads", 0);
  if (r.rotated < 2 || heads < 0 || heads > 65536) w.node.fail("its caches do not fit its heads");
  if (heads == 0) heads = x[2] / r.rotated;
  const std::int64_t batch = x[0], rows = by_head ? x[2] : x[1];
  r.depth = by_head ? x[3] : x[2] / std::max<std::int64_t>(1, heads);
  if (heads < 1 || r.rotated % 2 != 0 || r.rotated > r.depth || cache.back() != r.rotated / 2)
    w.node.fail("its caches do not fit its heads");
  const auto angles = [&](int cache_at, const char* part) {
    std::string found = w.node.input(cache_at);
    const std::string name = part;
    if (w.has(ids_at)) {
      std::string ids = w.node.input(ids_at);
      if (volume_of(w.shape(ids_at)) == 1 && batch * rows != 1)
        ids = w.add("Add", {ids, w.sized("row_places", counted(0, rows))}, name + "_places");
      const std::string taken = w.add("Gather", {found, ids}, name + "_taken");
      const bool one = volume_of(w.shape(ids_at)) == 1 && batch * rows != 1;
      found = w.reshaped(taken, {one ? 1 : batch, rows, r.rotated / 2}, name + "_rows");
    }
    return unsqueezed(w, found, {by_head ? 1 : 2}, name);
  };
  r.cos = angles(cos_at, "cos");
  r.sin = angles(cos_at + 1, "sin");
  if (by_head) {
    w.add("Identity", {rotated(w, w.node.input(0), {batch, heads, rows}, r, "x")});
    return;
  }
  const std::string apart = w.reshaped(w.node.input(0), {batch, rows, heads, r.depth}, "apart");
  const std::string y = rotated(w, apart, {batch, rows, heads}, r, "x");
  w.add("Reshape", {y, w.sized("output_shape", x)});
}

}  // namespace bitjoule
