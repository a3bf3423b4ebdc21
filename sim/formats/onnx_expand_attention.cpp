// Attention of ONNX and of com.microsoft as products, a softmax and moves of elements.
#include <algorithm>
#include <cmath>

#include "sim/formats/onnx_attention_parts.h"

namespace bitjoule {
namespace {

using Names = std::vector<std::string>;

/// Queries [batch, heads, rows, depth] meet keys and values [batch, key heads, columns, depth].
struct Attention {
  std::string q, k, v;
  std::int64_t batch = 1, heads = 1, key_heads = 1, rows = 1, columns = 1, depth = 1, values = 1;
  double scale = 0;  ///< 0: 1 / sqrt(depth)
  double softcap = 0;
  bool causal = false;     ///< row i of `rows` sees columns - rows + i + 1 columns
  std::int64_t reach = 0;  ///< of those, the last so many; 0: all
  std::string kept;        ///< bool: columns that are seen; others get `hidden`
  double hidden = -1e30;
  std::string added;  ///< to the scores
};

/// With past keys and values in front; they become outputs.
std::string with_past(OnnxWriter& w, int past, const std::string& fresh, int present,
                      const std::string& part) {
  std::string all = fresh;
  if (w.has(past)) all = joined(w, {w.node.input(past), fresh}, 2, part + "_all");
  if (!wants(w, present)) return all;
  w.add("Identity", {all}, part + "_present");
  return w.to_output(present);
}

/// Names of what was made between scores and results.
struct OnTheWay {
  std::string scores, capped, masked, shares;
};

/// [batch, heads, rows, values].
std::string attended(OnnxWriter& w, const Attention& a, OnTheWay* seen = nullptr) {
  if (a.heads < 1 || a.key_heads < 1 || a.heads % a.key_heads != 0)
    w.node.fail(fmt::format("{} heads meet {} of keys", a.heads, a.key_heads));
  const std::int64_t group = a.heads / a.key_heads;
  const double scale = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(a.depth));
  std::string q = w.add("Mul", {a.q, w.number("scale", scale)}, "scaled");
  if (group > 1) q = w.reshaped(q, {a.batch, a.key_heads, group * a.rows, a.depth}, "grouped");
  const std::string keys = moved(w, a.k, {0, 1, 3, 2}, "turned");
  std::string s = w.add("MatMul", {q, keys}, "scores");
  if (group > 1) s = w.reshaped(s, {a.batch, a.heads, a.rows, a.columns}, "scores_by_head");
  OnTheWay found;
  found.scores = s;
  if (a.softcap != 0) {
    const std::string cap = w.number("softcap", a.softcap);
    const std::string within = w.add("Tanh", {w.add("Div", {s, cap}, "capped_in")}, "capped_tanh");
    s = w.add("Mul", {within, cap}, "capped");
  }
  found.capped = s;
  if (!a.added.empty()) s = w.add("Add", {s, a.added}, "biased");
  if (!a.kept.empty()) s = w.add("Where", {a.kept, s, w.number("hidden", a.hidden)}, "masked");
  found.masked = s;
  std::string p = w.add("CausalSoftmax", {s}, "shares");
  w.with("causal", a.causal ? a.rows : std::int64_t{0})
      .with("reach", a.reach)
      .in_domain(kOwnDomain);
  found.shares = p;
  if (seen != nullptr) *seen = found;
  if (group > 1) p = w.reshaped(p, {a.batch, a.key_heads, group * a.rows, a.columns}, "rows");
  std::string y = w.add("MatMul", {p, a.v}, "attended");
  if (group > 1) y = w.reshaped(y, {a.batch, a.heads, a.rows, a.values}, "by_head");
  return y;
}

/// [batch, rows, heads * depth] of [batch, heads, rows, depth], as the node's output.
void yield_rows(OnnxWriter& w, const std::string& y, const Attention& a) {
  const std::string by_row = moved(w, y, {0, 2, 1, 3}, "by_row");
  w.add("Reshape", {by_row, w.sized("output_shape", {a.batch, a.rows, a.heads * a.values})});
}
std::string by_head(OnnxWriter& w, const std::string& x, std::int64_t batch, std::int64_t rows,
                    std::int64_t heads, std::int64_t depth, const std::string& part) {
  return moved(w, w.reshaped(x, {batch, rows, heads, depth}, part + "_rows"), {0, 2, 1, 3},
               part + "_heads");
}

// com.microsoft's masks.

/// Bools [batch, 1, 1 or rows, columns] of a mask by column, by row and column, or of lengths.
std::string kept_by(OnnxWriter& w, int operand, const Attention& a) {
  const Shape mask = w.shape(operand);
  const std::string& name = w.node.input(operand);
  const std::string zero = w.sized("mask_zero", {0}, true);
  if (mask == Shape{a.batch}) {
    const std::string places = w.sized("places", counted(0, a.columns), true);
    const std::string lengths = unsqueezed(w, name, {1}, "lengths");
    return unsqueezed(w, w.add("Less", {places, lengths}, "kept_columns"), {1, 2}, "kept");
  }
  std::string as_int = w.add("Cast", {name}, "mask_int");
  w.with("to", std::int64_t{onnx::TensorProto::INT32});
  if (mask == Shape{a.batch, a.columns})
    as_int = unsqueezed(w, as_int, {1, 2}, "mask_wide");
  else if (mask == Shape{a.batch, a.rows, a.columns})
    as_int = unsqueezed(w, as_int, {1}, "mask_wide");
  else
    w.node.fail(fmt::format("its mask has {} axes of other sizes than are supported", mask.size()));
  return w.add("Greater", {as_int, zero}, "kept");
}

/// Q, K and V in one row, [batch, rows, 3 parts].
void from_joined(OnnxWriter& w, const std::string& all, Attention& a, std::int64_t key_depth,
                 std::int64_t value_depth) {
  const std::int64_t q = a.heads * key_depth;
  const std::string parts[] = {cut(w, all, 2, 0, q, "q"), cut(w, all, 2, q, 2 * q, "k"),
                               cut(w, all, 2, 2 * q, 2 * q + a.heads * value_depth, "v")};
  a.q = by_head(w, parts[0], a.batch, a.rows, a.heads, key_depth, "q");
  a.k = by_head(w, parts[1], a.batch, a.rows, a.heads, key_depth, "k");
  a.v = by_head(w, parts[2], a.batch, a.rows, a.heads, value_depth, "v");
}

/// past and present [2, batch, heads, columns, depth].
void with_joined_past(OnnxWriter& w, int past, Attention& a) {
  a.columns = a.rows;
  if (w.has(past)) {
    const Shape shape = w.shape(past);
    if (shape.size() != 5 || shape[0] != 2) w.node.fail("past: expected [2, batch, heads, ..]");
    a.columns += shape[3];
    const auto part = [&](std::int64_t i, const std::string& fresh, const char* name) {
      const std::string one = cut(w, w.node.input(past), 0, i, i + 1, name);
      const std::string flat =
          w.reshaped(one, {shape[1], shape[2], shape[3], shape[4]}, std::string(name) + "_4d");
      return joined(w, {flat, fresh}, 2, std::string(name) + "_all");
    };
    if (shape[3] > 0) {
      a.k = part(0, a.k, "past_k");
      a.v = part(1, a.v, "past_v");
    }
  }
  if (!wants(w, 1)) return;
  joined(w, {unsqueezed(w, a.k, {0}, "present_k"), unsqueezed(w, a.v, {0}, "present_v")}, 0,
         "present");
  w.to_output(1);
}

void finish_microsoft(OnnxWriter& w, Attention& a, int mask, int past, int bias) {
  a.key_heads = a.heads;
  with_joined_past(w, past, a);
  a.scale = w.node.real("scale", 0);
  a.causal = w.node.integer("unidirectional", 0) != 0;
  a.hidden = w.node.real("mask_filter_value", -10000);
  if (w.node.integer("do_rotary", 0) != 0) w.node.fail("do_rotary is not supported");
  if (w.has(mask)) a.kept = kept_by(w, mask, a);
  if (bias >= 0 && w.has(bias)) a.added = w.node.input(bias);
  yield_rows(w, attended(w, a), a);
}

void ms_attention(OnnxWriter& w) {
  const Shape x = w.shape(0), weights = w.shape(1);
  if (x.empty() || weights.empty()) return;
  refuse_operands(w, {{6, "past_sequence_length"}});
  if (x.size() != 3 || weights.size() != 2) w.node.fail("expected rows [batch, rows, inputs]");
  Attention a;
  a.batch = x[0];
  a.rows = x[1];
  a.heads = w.count("num_heads");
  Shape sizes = w.node.integers("qkv_hidden_sizes");
  if (sizes.empty()) sizes = Shape(3, weights[1] / 3);
  if (a.heads < 1 || sizes.size() != 3 || sizes[0] != sizes[1] || sizes[0] % a.heads != 0 ||
      sizes[2] % a.heads != 0 || sizes[0] + sizes[1] + sizes[2] != weights[1])
    w.node.fail("its weights do not fit its heads");
  std::string all = w.add("MatMul", {w.node.input(0), w.node.input(1)}, "projected");
  if (w.has(2)) all = w.add("Add", {all, w.node.input(2)}, "projected_and_bias");
  a.depth = sizes[0] / a.heads;
  a.values = sizes[2] / a.heads;
  from_joined(w, all, a, a.depth, a.values);
  finish_microsoft(w, a, 3, 4, 5);
}

/// The projection alone is of integers.
void qattention(OnnxWriter& w) {
  const Shape x = w.shape(0), weights = w.shape(1);
  const std::string scale = w.add("Mul", {w.node.input(3), w.node.input(4)}, "scales");
  if (x.empty() || weights.empty()) {  // only constants are asked for
    w.add("Mul", {w.node.input(0), scale}, "projected");
    return;
  }
  if (x.size() != 3 || weights.size() != 2) w.node.fail("expected rows [batch, rows, inputs]");
  Attention a;
  a.batch = x[0];
  a.rows = x[1];
  a.heads = w.count("num_heads");
  if (a.heads < 1 || weights[1] % (3 * a.heads) != 0)
    w.node.fail("its weights do not fit its heads");
  a.depth = a.values = weights[1] / 3 / a.heads;
  Names codes = {w.node.input(0), w.node.input(1), w.node.input(6), w.node.input(7)};
  while (codes.back().empty()) codes.pop_back();
  const std::string sums = w.add("MatMulInteger", codes, "sums");
  const std::string real = w.add("Cast", {sums}, "real");
  w.with("to", std::int64_t{onnx::TensorProto::FLOAT});
  const std::string scaled = w.add("Mul", {real, scale}, "projected");
  const std::string all = w.add("Add", {scaled, w.node.input(2)}, "projected_and_bias");
  from_joined(w, all, a, a.depth, a.values);
  finish_microsoft(w, a, 5, 8, -1);
}

/// Queries, keys and values apart, or packed; keys and values may be of another sequence.
void multi_head_attention(OnnxWriter& w) {
  const Shape q = w.shape(0), k = w.shape(1), v = w.shape(2);
  if (q.empty()) return;
  refuse_operands(w, {{8, "past_sequence_length"}, {9, "cache_indirection"}});
  refuse_outputs(w, 3);
  Attention a;
  a.heads = a.key_heads = w.count("num_heads");
  if (q.size() < 3 || a.heads < 1) w.node.fail("expected queries and num_heads");
  a.batch = q[0];
  a.rows = a.columns = q[1];
  Names rows = {w.node.input(0), w.node.input(1), w.node.input(2)};
  if (q.size() == 5) {  // [batch, rows, heads, 3, depth]
    a.depth = a.values = q[4];
    const char* const parts[] = {"q", "k", "v"};
    for (std::size_t i = 0; i < 3; ++i) {
      const auto at = static_cast<std::int64_t>(i);
      rows[i] = w.reshaped(cut(w, w.node.input(0), 3, at, at + 1, parts[i]),
                           {a.batch, a.rows, a.heads * a.depth}, std::string(parts[i]) + "_flat");
    }
  } else if (q.size() != 3 || k.empty()) {
    w.node.fail("this packing of its operands is not supported");
  } else {
    a.depth = a.values = q[2] / a.heads;
    a.columns = w.size(1, k.size() == 3 ? 1 : 2);
    if (k.size() == 5) {  // [batch, columns, heads, 2, depth]
      a.columns = k[1];
      const char* const parts[] = {"k", "v"};
      for (std::size_t i = 0; i < 2; ++i) {
        const auto at = static_cast<std::int64_t>(i);
        rows[i + 1] =
            w.reshaped(cut(w, w.node.input(1), 3, at, at + 1, parts[i]),
                       {a.batch, a.columns, a.heads * a.depth}, std::string(parts[i]) + "_flat");
      }
    } else if (v.size() == 3) {
      a.values = v[2] / a.heads;
    } else if (v.size() == 4) {
      a.values = v[3];
    }
  }
  const std::int64_t widths[] = {a.depth, a.depth, a.values};
  if (w.has(3)) {
    std::int64_t first = 0;
    const char* const parts[] = {"q_bias", "k_bias", "v_bias"};
    for (std::size_t i = 0; i < 3; ++i) {
      const std::int64_t n = a.heads * widths[i];
      // Keys and values by head are those of a pass before, which added it.
      if (i > 0 && w.shape(static_cast<int>(i)).size() == 4) continue;
      const std::string part = cut(w, w.node.input(3), 0, first, first + n, parts[i]);
      rows[i] = w.add("Add", {rows[i], part}, std::string(parts[i]) + "ed");
      first += n;
    }
  }
  a.q = by_head(w, rows[0], a.batch, a.rows, a.heads, a.depth, "q");
  a.k = k.size() == 4 ? rows[1] : by_head(w, rows[1], a.batch, a.columns, a.heads, a.depth, "k");
  a.v = v.size() == 4 ? rows[2] : by_head(w, rows[2], a.batch, a.columns, a.heads, a.values, "v");
  if (w.has(6)) a.columns += w.size(6, 2);
  a.k = with_past(w, 6, a.k, 1, "k");
  a.v = with_past(w, 7, a.v, 2, "v");
  a.scale = w.node.real("scale", 0);
  a.causal = w.node.integer("unidirectional", 0) != 0;
  a.hidden = w.node.real("mask_filter_value", -10000);
  if (w.has(4)) a.kept = kept_by(w, 4, a);
  if (w.has(5)) a.added = w.node.input(5);
  yield_rows(w, attended(w, a), a);
}

/// Keys and values of fewer heads, with a cache, rotary embedding and a window.
void group_query_attention(OnnxWriter& w) {
  const Shape q = w.shape(0);
  if (q.empty()) return;
  refuse_operands(w, {{11, "head_sink"}, {12, "k_scale"}, {13, "v_scale"}});
  refuse_outputs(w, 3);
  Attention a;
  a.heads = w.count("num_heads");
  a.key_heads = w.count("kv_num_heads");
  if (q.size() != 3 || a.heads < 1 || a.key_heads < 1)
    w.node.fail("expected rows, num_heads and kv_num_heads");
  if (w.node.integer("smooth_softmax", 0) != 0) w.node.fail("smooth_softmax is not supported");
  a.batch = q[0];
  a.rows = q[1];
  const bool packed = !w.has(1);
  a.depth = a.values = q[2] / (packed ? a.heads + 2 * a.key_heads : a.heads);
  Names rows = {w.node.input(0), w.node.input(1), w.node.input(2)};
  if (packed) {
    const std::int64_t at_k = a.heads * a.depth, at_v = at_k + a.key_heads * a.depth;
    rows = {cut(w, w.node.input(0), 2, 0, at_k, "q"), cut(w, w.node.input(0), 2, at_k, at_v, "k"),
            cut(w, w.node.input(0), 2, at_v, q[2], "v")};
  }
  a.q = by_head(w, rows[0], a.batch, a.rows, a.heads, a.depth, "q");
  a.k = by_head(w, rows[1], a.batch, a.rows, a.key_heads, a.depth, "k");
  a.v = by_head(w, rows[2], a.batch, a.rows, a.key_heads, a.depth, "v");
  const std::int64_t past = w.has(3) ? w.size(3, 2) : 0;
  if (w.node.integer("do_rotary", 0) != 0) {
    Rotation r;
    r.depth = a.depth;
    r.rotated = 2 * w.size(7, 1);
    r.interleaved = w.node.integer("rotary_interleaved", 0) != 0;
    const auto angles = [&](int cache_at, const std::string& part) {
      if (w.has(9)) {
        const std::string taken =
            w.add("Gather", {w.node.input(cache_at), w.node.input(9)}, part + "_taken");
        return unsqueezed(w, taken, {1}, part);
      }
      return unsqueezed(w, cut(w, w.node.input(cache_at), 0, past, past + a.rows, part + "_rows"),
                        {0, 1}, part);
    };
    r.cos = angles(7, "cos");
    r.sin = angles(8, "sin");
    a.q = rotated(w, a.q, {a.batch, a.heads, a.rows}, r, "q");
    a.k = rotated(w, a.k, {a.batch, a.key_heads, a.rows}, r, "k");
  }
  a.columns = past + a.rows;
  a.k = with_past(w, past > 0 ? 3 : -1, a.k, 1, "k");
  a.v = with_past(w, past > 0 ? 4 : -1, a.v, 2, "v");
  a.scale = w.node.real("scale", 0);
  a.softcap = w.node.real("softcap", 0);
  a.causal = true;
  a.reach = std::max<std::int64_t>(0, w.node.integer("local_window_size", -1));
  // Columns up to the last token of a sequence; shorter ones are padded behind.
  const std::string places = w.sized("places", counted(0, a.columns), true);
  const std::string lengths = w.reshaped(w.node.input(5), {a.batch, 1, 1, 1}, "lengths");
  a.kept = w.add("LessOrEqual", {places, lengths}, "kept");
  if (w.has(10)) a.added = w.node.input(10);
  yield_rows(w, attended(w, a), a);
}

/// ONNX's own, of opset 23.
void attention(OnnxWriter& w) {
  const Shape q = w.shape(0), k = w.shape(1), v = w.shape(2);
  if (q.empty() || k.empty() || v.empty()) return;
  refuse_operands(w, {{6, "nonpad_kv_seqlen"}});
  const bool flat = q.size() == 3;
  if (q.size() != k.size() || k.size() != v.size() || (!flat && q.size() != 4))
    w.node.fail("expected three operands of 3 or 4 axes");
  Attention a;
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
  const std::int64_t past = w.has(4) ? w.size(4, 2) : 0, fresh = a.columns;
  a.columns += past;
  a.k = with_past(w, 4, a.k, 1, "k");
  a.v = with_past(w, 5, a.v, 2, "v");
  a.scale = w.node.real("scale", 0);
  a.softcap = w.node.real("softcap", 0);
  a.causal = w.node.integer("is_causal", 0) != 0;
  const bool aligned = fresh == a.rows;  // a causal softmax ends with the last column
  if (w.has(3)) {
    const Shape mask = w.shape(3);
    if (mask.empty() || mask.back() != a.columns)
      w.node.fail("a mask of fewer columns than keys is not supported");
    if (w.is_bool(3))
      a.kept = w.node.input(3);
    else
      a.added = w.node.input(3);
  }
  const std::int64_t yielded = w.node.integer("qk_matmul_output_mode", 0);
  // A mask that is yielded has to be there.
  if (a.causal && (!aligned || (wants(w, 3) && yielded == 2))) {
    w.check_made({a.rows, a.columns});
    std::vector<double> seen;
    for (std::int64_t i = 0; i < a.rows; ++i)
      for (std::int64_t j = 0; j < a.columns; ++j) seen.push_back(j <= i + past ? 0 : -1e30);
    const std::string triangle = w.sized_reals("causal", seen, {a.rows, a.columns});
    a.added = a.added.empty() ? triangle : w.add("Add", {a.added, triangle}, "mask_and_causal");
    a.causal = false;
  }
  OnTheWay seen;
  const std::string y = attended(w, a, &seen);
  if (wants(w, 3)) {
    const std::string* const stages[] = {&seen.scores, &seen.capped, &seen.masked, &seen.shares};
    if (yielded < 0 || yielded > 3)
      w.node.fail(fmt::format("qk_matmul_output_mode {} is not known", yielded));
    w.add("Identity", {*stages[yielded]}, "qk");
    w.to_output(3);
  }
  if (flat)
    yield_rows(w, y, a);
  else
    w.add("Identity", {y});
}

/// Words, places and segments, added and normalized.
void embed_layer_norm(OnnxWriter& w) {
  const Shape ids = w.shape(0);
  if (ids.empty()) return;
  if (ids.size() != 2) w.node.fail("expected ids [batch, rows]");
  std::string sum = w.add("Gather", {w.node.input(2), w.node.input(0)}, "words");
  const std::string places = w.has(8) ? w.node.input(8) : w.sized("places", counted(0, ids[1]));
  sum = w.add("Add", {sum, w.add("Gather", {w.node.input(3), places}, "positions")},
              "words_and_positions");
  if (w.has(4) && w.has(1))
    sum =
        w.add("Add", {sum, w.add("Gather", {w.node.input(4), w.node.input(1)}, "segments")}, "all");
  if (wants(w, 2)) {
    w.add("Identity", {sum}, "embedding_sum");
    w.to_output(2);
  }
  if (wants(w, 1)) {
    if (w.has(7)) {
      w.add("ReduceSum", {w.node.input(7), w.sized("mask_axes", {1})}, "mask_index");
      w.with("keepdims", std::int64_t{0});
    } else {
      w.sized("mask_index", Shape(static_cast<std::size_t>(ids[0]), 0), true);
    }
    w.to_output(1);
  }
  w.add("LayerNormalization", {sum, w.node.input(5), w.node.input(6)});
  w.with("epsilon", w.node.real("epsilon", 1e-12));
}

}  // namespace

std::vector<OnnxExpansion> onnx_attention_expansions() {
  static const char* const kMs = "com.microsoft";
  return {
      {"", "Attention", attention},
      {"", "RotaryEmbedding", rotary_embedding},
      {kMs, "Attention", ms_attention},
      {kMs, "EmbedLayerNormalization", embed_layer_norm},
      {kMs, "GroupQueryAttention", group_query_attention},
      {kMs, "MultiHeadAttention", multi_head_attention},
      {kMs, "QAttention", qattention},
      {kMs, "RotaryEmbedding", rotary_embedding},
  };
}

}  // namespace bitjoule
