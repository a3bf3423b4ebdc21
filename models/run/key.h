// Text that is equal exactly where structs are: made from every member of theirs.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/mapping/vector_program.h"
#include "core/workload/network.h"

namespace bitjoule {

/// Every member of a struct, in order. A member that is missing here does not compile: a structured
/// binding names all of them.
inline auto members(const Gemm& s) {
  const auto& [m, n, k] = s;
  return std::tie(m, n, k);
}
inline auto members(const Matmul& s) {
  const auto& [batch, m, n, k, shared] = s;
  return std::tie(batch, m, n, k, shared);
}
inline auto members(const Conv2d& s) {
  const auto& [batch, height, width, channels, filters, kernel_h, kernel_w, stride_h, stride_w,
               pad_top, pad_left, pad_bottom, pad_right, dilation_h, dilation_w, groups] = s;
  return std::tie(batch, height, width, channels, filters, kernel_h, kernel_w, stride_h, stride_w,
                  pad_top, pad_left, pad_bottom, pad_right, dilation_h, dilation_w, groups);
}
inline auto members(const PoolWindow& s) {
  static_assert(sizeof(PoolWindow) ==
                sizeof(Conv2d) + sizeof s.beyond_bottom + sizeof s.beyond_right);
  return std::tuple_cat(members(static_cast<const Conv2d&>(s)),
                        std::tie(s.beyond_bottom, s.beyond_right));
}
inline auto members(const VectorOp& s) {
  const auto& [kind, rows, cols, reduced, operands, window, count_padding, table_rows, causal,
               heads, position, tokens, interleaved, alpha, beta, bias, shape, operand_shapes, axes,
               starts, steps] = s;
  return std::tie(kind, rows, cols, reduced, operands, window, count_padding, table_rows, causal,
                  heads, position, tokens, interleaved, alpha, beta, bias, shape, operand_shapes,
                  axes, starts, steps);
}
inline auto members(const TensorFormat& s) {
  const auto& [format, granularity, group_size, symmetric, scale, zero_point] = s;
  return std::tie(format, granularity, group_size, symmetric, scale, zero_point);
}
inline auto members(const Precision& s) {
  const auto& [weights, activations, output, mac, requantize] = s;
  return std::tie(weights, activations, output, mac, requantize);
}
inline auto members(const ObjectiveWeights& s) {
  const auto& [energy, cycles, traffic] = s;
  return std::tie(energy, cycles, traffic);
}
inline auto members(const TilePins& s) {
  const auto& [objective, weights, order, tile_m, tile_n, tile_k, tile_batch, tile_rows, tile_cols,
               tile_groups, fold_order, dataflow] = s;
  return std::tie(objective, weights, order, tile_m, tile_n, tile_k, tile_batch, tile_rows,
                  tile_cols, tile_groups, fold_order, dataflow);
}
inline auto members(const VectorFormats& s) {
  const auto& [inputs, parameters, output] = s;
  return std::tie(inputs, parameters, output);
}

template <class T>
void append_key(const T& value, std::string& key);

inline void append_key(const std::string& text, std::string& key) {
  key += std::to_string(text.size()) + ":" + text;
}
template <class T>
void append_key(const std::optional<T>& value, std::string& key) {
  key += value ? '+' : '-';
  if (value) append_key(*value, key);
}
template <class T>
void append_key(const std::vector<T>& values, std::string& key) {
  key += std::to_string(values.size()) + "[";
  for (const T& value : values) append_key(value, key);
}
template <class... Ts>
void append_key(const std::variant<Ts...>& value, std::string& key) {
  key += std::to_string(value.index()) + "|";
  std::visit([&key](const auto& v) { append_key(v, key); }, value);
}
template <class T>
void append_key(const T& value, std::string& key) {
  if constexpr (std::is_enum_v<T>) {
    append_key(static_cast<std::int64_t>(value), key);
  } else if constexpr (std::is_integral_v<T>) {
    key += std::to_string(value) + " ";
  } else if constexpr (std::is_same_v<T, double>) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    append_key(bits, key);
  } else {
    std::apply([&key](const auto&... member) { (append_key(member, key), ...); }, members(value));
  }
}

template <class T>
std::string key_text(const T& value) {
  std::string key;
  append_key(value, key);
  return key;
}

}  // namespace bitjoule
