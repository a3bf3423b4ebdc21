// Attention of ONNX and of com.microsoft as products, a softmax and moves of elements.
#include <algorithm>
#include <cmath>

#include "sim/formats/onnx_attention_parts.h"

namespace bitjoule {

using Names = std::vector<std::string>;

std::string with_past(OnnxWriter& w, int past, const std::string& fresh, int present,
                      const std::string& part) {
  std::string all = fresh;
  if (w.has(past)) all = joined(w, {w.node.input(past), fresh}, 2, part + "_all");
  if (!wants(w, present)) return all;
  w.add("Identity", {all}, part + "_present");
  return w.to_output(present);
}

namespace {

/// What a score that is not seen becomes: a finite one, as constants have to
/// be, or the logarithm of 0.
std::string hidden_score(OnnxWriter& w, const Attention& a, const std::string& scores) {
  if (a.yields_hidden) {
    const std::string noughts = w.add("Mul", {scores, w.number("nought", 0)}, "noughts");
    return w.add("Log", {noughts}, "never");
  }
  constexpr double kLowestHalf = -65504;
  const bool half = w.type(0) == onnx::TensorProto::FLOAT16;
  return w.number("hidden", half ? std::max(a.hidden, kLowestHalf) : a.hidden);
}

/// Which scores are not minus infinity, as far as a mask that is added makes
/// them so.
std::string finite_scores(OnnxWriter& w, const std::string& scores) {
  constexpr double kLowest = -3.4028234663852886e38;
  if (w.type(0) == onnx::TensorProto::FLOAT)
    return w.add("GreaterOrEqual", {scores, w.number("lowest", kLowest)}, "finite");
  // Sums below the lowest number of a narrower type are finite here, and far
  // above four times it.
  const std::string quarter = w.add("Mul", {scores, w.number("quarter", 0.25)}, "quarters");
  const bool half = w.type(0) == onnx::TensorProto::FLOAT16;
  return w.add("GreaterOrEqual", {quarter, w.number("lowest", half ? -65504 : -3e38)}, "finite");
}

/// The shares of a row that sees nothing, which are equal or no numbers, become
/// zeros.
std::string without_blind(OnnxWriter& w, const Attention& a, const std::string& scores,
                          const std::string& shares) {
  std::string seen = a.kept;
  if (a.may_be_infinite) {
    const std::string finite = finite_scores(w, scores);
    seen = seen.empty() ? finite : w.add("And", {seen, finite}, "seen");
  }
  if (seen.empty()) return shares;
  return w.add("Where", {seen, shares, w.number("share_of_blind", 0)}, "shares_or_zero");
}

}  // namespace

std::string attended(OnnxWriter& w, const Attention& a, OnTheWay* seen) {
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
  if (!a.kept.empty()) s = w.add("Where", {a.kept, s, hidden_score(w, a, s)}, "masked");
  found.masked = s;
  std::string p = w.add("CausalSoftmax", {s}, "shares");
  w.with("causal", a.causal ? a.rows : std::int64_t{0})
      .with("reach", a.reach)
      .in_domain(kOwnDomain);
  if (a.zero_where_blind) p = without_blind(w, a, s, p);
  found.shares = p;
  if (seen != nullptr) *seen = found;
  if (group > 1) p = w.reshaped(p, {a.batch, a.key_heads, group * a.rows, a.columns}, "rows");
  std::string y = w.add("MatMul", {p, a.v}, "attended");
  if (group > 1) y = w.reshaped(y, {a.batch, a.heads, a.rows, a.values}, "by_head");
  return y;
}

void yield_rows(OnnxWriter& w, const std::string& y, const Attention& a) {
  const std::string by_row = moved(w, y, {0, 2, 1, 3}, "by_row");
  w.add("Reshape", {by_row, w.sized("output_shape", {a.batch, a.rows, a.heads * a.values})});
}
std::string by_head(OnnxWriter& w, const std::string& x, std::int64_t batch, std::int64_t rows,
                    std::int64_t heads, std::int64_t depth, const std::string& part) {
  return moved(w, w.reshaped(x, {batch, rows, heads, depth}, part + "_rows"), {0, 2, 1, 3},
               part + "_heads");
}

namespace {

// com.microsoft's masks.

/// Bools [batch, 1, 1 or rows, columns] of a mask by column, by row and column, of ends, or of ends
/// and then starts of what is seen; none where it masks nothing.
std::string kept_by(OnnxWriter& w, int operand, const Attention& a) {
  const Shape mask = w.shape(operand);
  const std::string& name = w.node.input(operand);
  if (mask == Shape{a.batch} || mask == Shape{2 * a.batch}) {
    const std::string places = w.sized("places", counted(0, a.columns), true);
    const auto bounds = [&](std::int64_t first, const char* part) {
      const std::string those =
          mask[0] == a.batch ? name : cut(w, name, 0, first, first + a.batch, part);
      return unsqueezed(w, those, {1}, std::string(part) + "_column");
    };
    std::string kept = w.add("Less", {places, bounds(0, "ends")}, "kept_columns");
    if (mask[0] > a.batch) {
      const std::string begun =
          w.add("GreaterOrEqual", {places, bounds(a.batch, "starts")}, "begun_columns");
      kept = w.add("And", {kept, begun}, "kept_between");
    }
    return unsqueezed(w, kept, {1, 2}, "kept");
  }
  if (mask.size() == 2 && mask[1] == 1 && a.columns != 1) return "";  // a dummy, as the manual says
  std::string as_int = w.add("Cast", {name}, "mask_int");
  w.with("to", std::int64_t{onnx::TensorProto::INT32});
  if (mask == Shape{a.batch, a.columns})
    as_int = unsqueezed(w, as_int, {1, 2}, "mask_wide");
  else if (mask == Shape{a.batch, a.rows, a.columns})
    as_int = unsqueezed(w, as_int, {1}, "mask_wide");
  else
    w.node.fail(fmt::format("its mask has {} axes of other sizes than are supported", mask.size()));
  return w.add("Greater", {as_int, w.sized("mask_zero", {0}, true)}, "kept");
}

/// Adds `mask_filter_value` to the scores of columns that a mask hides, as these operators do: rows
/// that see no column keep the shares that they would have without a mask.
void add_mask(OnnxWriter& w, int mask, int bias, Attention& a) {
  if (bias >= 0 && w.has(bias)) a.added = w.node.input(bias);
  const std::string kept = w.has(mask) ? kept_by(w, mask, a) : "";
  if (kept.empty()) return;
  constexpr double kLowestHalf = -65504;
  double filter = w.node.real("mask_filter_value", -10000);
  if (w.type(0) == onnx::TensorProto::FLOAT16) filter = std::max(filter, kLowestHalf);
  const std::string added =
      w.add("Where", {kept, w.number("seen", 0), w.number("filter", filter)}, "mask_added");
  a.added = a.added.empty() ? added : w.add("Add", {added, a.added}, "mask_and_bias");
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
  if (w.node.integer("do_rotary", 0) != 0) w.node.fail("do_rotary is not supported");
  add_mask(w, mask, bias, a);
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
  add_mask(w, 4, 5, a);
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
      {"", "Attention",
       "is_causal:i kv_num_heads:i left_window_size:i q_num_heads:i "
       "qk_matmul_output_mode:i right_window_size:i scale:f softcap:f "
       "softmax_precision:i",
       onnx_attention},
      {"", "RotaryEmbedding", "interleaved:i num_heads:i rotary_embedding_dim:i", rotary_embedding},
      {kMs, "Attention",
       "do_rotary:i mask_filter_value:f num_heads:i "
       "past_present_share_buffer:i=0 qkv_hidden_sizes:I "
       "rotary_embedding_dim:i=0 scale:f unidirectional:i",
       ms_attention},
      {kMs, "EmbedLayerNormalization", "epsilon:f mask_index_type:i=0", embed_layer_norm},
      {kMs, "GroupQueryAttention",
       "do_rotary:i k_quant_type:s=NONE kv_cache_bit_width:i=0 kv_num_heads:i "
       "local_window_size:i num_heads:i qk_output:i=0 rotary_interleaved:i "
       "scale:f smooth_softmax:i softcap:f v_quant_type:s=NONE",
       group_query_attention},
      {kMs, "MultiHeadAttention", "mask_filter_value:f num_heads:i scale:f unidirectional:i",
       multi_head_attention},
      {kMs, "QAttention",
       "do_rotary:i mask_filter_value:f num_heads:i "
       "past_present_share_buffer:i=0 scale:f unidirectional:i",
       qattention},
      {kMs, "RotaryEmbedding",
       "interleaved:i is_packed_batching:i=0 num_heads:i "
       "rotary_embedding_dim:i scale:f",
       rotary_embedding},
  };
}

}  // namespace bitjoule
