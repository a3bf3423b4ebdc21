// ONNX's own operators of attention: RotaryEmbedding, and Attention by what its queries see.
#include <algorithm>
#include <cmath>

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
  if (heads < 1 || r.rotated % 2 != 0 || r.rotated > r.depth || cache.back() < r.rotated / 2)
    w.node.fail("its caches do not fit its heads");
  const auto last = static_cast<std::int64_t>(cache.size()) - 1;
  const auto angles = [&](int cache_at, const char* part) {
    std::string found = w.node.input(cache_at);
    const std::string name = part;
    if (cache.back() > r.rotated / 2)  // made for whole heads
      found = cut(w, found, last, 0, r.rotated / 2, name + "_used");
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

namespace {

// ONNX's own Attention (opsets 23 and up): what each query sees of the keys, by masks, causality,
// windows and lengths.

/// A query of row i stands at the place i + `first` and sees the keys from
/// `left` places before it to `right` behind it; -1: all of that side.
struct Sight {
  std::int64_t rows = 1, columns = 1;
  std::int64_t first = 0;
  std::int64_t left = -1, right = -1;

  bool is_all() const { return left < 0 && right < 0; }
  bool sees(std::int64_t row, std::int64_t column) const {
    const std::int64_t ahead = column - row - first;
    return (left < 0 || -ahead <= left) && (right < 0 || ahead <= right);
  }
  bool has_blind_row() const {
    for (std::int64_t i = 0; i < rows; ++i) {
      bool any = false;
      for (std::int64_t j = 0; j < columns && !any; ++j) any = sees(i, j);
      if (!any) return true;
    }
    return false;
  }
};

void keep_also(OnnxWriter& w, Attention& a, const std::string& seen, const std::string& part) {
  a.kept = a.kept.empty() ? seen : w.add("And", {a.kept, seen}, part);
}

/// Constant bools of what is seen.
void keep_in_sight(OnnxWriter& w, Attention& a, const Sight& sight) {
  w.check_made({sight.rows, sight.columns});
  Shape seen;
  for (std::int64_t i = 0; i < sight.rows; ++i)
    for (std::int64_t j = 0; j < sight.columns; ++j) seen.push_back(sight.sees(i, j) ? 1 : 0);
  a.zero_where_blind = a.zero_where_blind || sight.has_blind_row();
  keep_also(w, a,
            w.sized_of(onnx::TensorProto::BOOL, "in_sight", seen, {sight.rows, sight.columns}),
            "kept_in_sight");
}

/// The keys of a sequence are the first so many of its columns, and its queries
/// stand at their end: what is seen follows from comparisons of lengths with
/// constants.
void keep_by_lengths(OnnxWriter& w, Attention& a, const Sight& sight) {
  const std::string lengths = w.reshaped(w.node.input(6), {a.batch, 1, 1, 1}, "lengths");
  keep_also(w, a, w.add("Less", {w.sized("places", counted(0, a.columns)), lengths}, "filled"),
            "kept_filled");
  w.check_made({a.rows, a.columns});
  // A length n puts row i at i + n - rows: j - i - n + rows <= right, and >=
  // -left.
  const auto bounds = [&](std::int64_t by, const std::string& part) {
    Shape all;
    for (std::int64_t i = 0; i < a.rows; ++i)
      for (std::int64_t j = 0; j < a.columns; ++j) all.push_back(j - i + a.rows + by);
    return w.sized_of(onnx::TensorProto::INT64, part, all, {a.rows, a.columns});
  };
  if (sight.right >= 0)
    keep_also(w, a,
              w.add("LessOrEqual", {bounds(-sight.right, "least_length"), lengths}, "not_ahead"),
              "kept_not_ahead");
  if (sight.left >= 0)
    keep_also(w, a,
              w.add("GreaterOrEqual", {bounds(sight.left, "most_length"), lengths}, "not_behind"),
              "kept_not_behind");
  a.zero_where_blind = true;
}

/// The operands by head, with the past in front of keys and values; how many of
/// these that is.
std::int64_t take_operands(OnnxWriter& w, Attention& a) {
  const Shape q = w.shape(0), k = w.shape(1), v = w.shape(2);
  const bool flat = q.size() == 3;
  if (q.size() != k.size() || k.size() != v.size() || (!flat && q.size() != 4))
    w.node.fail("expected three operands of 3 or 4 axes");
  a.batch = q[0];
  a.heads = flat ? w.count("q_num_heads") : q[1];
  a.key_heads = flat ? w.count("kv_num_heads") : k[1];
  if (a.heads < 1 || a.key_heads < 1) w.node.fail("q_num_heads and kv_num_heads: expected both");
  a.rows = q[flat ? 1 : 2];
  a.columns = k[flat ? 1 : 2];
  a.depth = flat ? q[2] / a.heads : q[3];
  a.values = flat ? v[2] / a.key_heads : v[3];
  const auto split = [&](int operand, std::int64_t rows, std::int64_t heads, std::int64_t depth,
                         const char* part) {
    const std::string& x = w.node.input(operand);
    return flat ? by_head(w, x, a.batch, rows, heads, depth, part) : x;
  };
  a.q = split(0, a.rows, a.heads, a.depth, "q");
  a.k = split(1, a.columns, a.key_heads, a.depth, "k");
  a.v = split(2, a.columns, a.key_heads, a.values, "v");
  const std::int64_t past = w.has(4) ? w.size(4, 2) : 0;
  a.columns += past;
  a.k = with_past(w, 4, a.k, 1, "k");
  a.v = with_past(w, 5, a.v, 2, "v");
  return past;
}

/// A mask of fewer columns than there are keys: those behind it are not seen.
std::string padded_mask(OnnxWriter& w, Attention& a, Shape mask) {
  const std::int64_t missing = a.columns - mask.back();
  if (missing == 0) return w.node.input(3);
  Shape seen = counted(0, a.columns);
  for (std::int64_t& place : seen) place = place < mask.back() ? 1 : 0;
  a.kept = w.sized_of(onnx::TensorProto::BOOL, "has_mask", seen, {a.columns});
  const auto axis = static_cast<std::int64_t>(mask.size()) - 1;
  mask.back() = missing;
  w.check_made(mask);
  const std::string rest =
      w.sized_of(w.type(3), "no_mask", Shape(static_cast<std::size_t>(volume_of(mask)), 0), mask);
  return joined(w, {w.node.input(3), rest}, axis, "whole_mask");
}

void take_mask(OnnxWriter& w, Attention& a) {
  if (!w.has(3)) return;
  const Shape mask = w.shape(3);
  if (mask.empty() || mask.back() > a.columns)
    w.node.fail(fmt::format("a mask of more columns than there are keys ({})", a.columns));
  a.zero_where_blind = true;
  const std::string whole = padded_mask(w, a, mask);
  if (w.is_bool(3)) {
    a.kept = whole;  // nothing is seen where it was padded
    return;
  }
  a.added = whole;
  if (w.type(3) != w.type(0)) {  // integers are added as numbers
    a.added = w.add("Cast", {whole}, "mask_real");
    w.with("to", std::int64_t{w.type(0)});
  }
  const std::optional<std::vector<double>> values = w.reals(3);
  a.may_be_infinite = !values || std::any_of(values->begin(), values->end(),
                                             [](double x) { return std::isinf(x); });
}

std::int64_t window(const OnnxWriter& w, const char* attribute) {
  const std::int64_t size = w.node.integer(attribute, -1);
  if (size < -1) w.node.fail(fmt::format("{}: expected -1 or more, got {}", attribute, size));
  return size;
}

}  // namespace

void onnx_attention(OnnxWriter& w) {
  if (w.shape(0).empty() || w.shape(1).empty() || w.shape(2).empty()) return;
  Attention a;
  const std::int64_t past = take_operands(w, a);
  a.scale = w.node.real("scale", 0);
  a.softcap = w.node.real("softcap", 0);
  take_mask(w, a);
  const std::int64_t yielded = w.node.integer("qk_matmul_output_mode", 0);
  if (yielded < 0 || yielded > 3)
    w.node.fail(fmt::format("qk_matmul_output_mode {} is not known", yielded));
  a.yields_hidden = wants(w, 3) && yielded == 2;
  Sight sight{a.rows, a.columns, past, window(w, "left_window_size"),
              window(w, "right_window_size")};
  if (w.node.integer("is_causal", 0) != 0) sight.right = 0;
  if (w.has(6)) {
    if (w.has(4) || w.has(5)) w.node.fail("nonpad_kv_seqlen does not go with past keys");
    keep_by_lengths(w, a, sight);
  } else if (sight.right == 0 && past + a.rows == a.columns && !a.yields_hidden) {
    a.causal = true;  // such a softmax ends with the last column
    a.reach = sight.left + 1;
  } else if (!sight.is_all()) {
    keep_in_sight(w, a, sight);
  }
  OnTheWay seen;
  const std::string y = attended(w, a, &seen);
  if (wants(w, 3)) {
    const std::string* const stages[] = {&seen.scores, &seen.capped, &seen.masked, &seen.shares};
    w.add("Identity", {*stages[yielded]}, "qk");
    w.to_output(3);
  }
  if (w.shape(0).size() == 3)
    yield_rows(w, y, a);
  else
    w.add("Identity", {y});
}

}  // namespace bitjoule
