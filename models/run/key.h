// Text that is equal exactly where structs are: made from every member of theirs.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/dram/config.h"
#include "core/machine/machine.h"
#include "core/mapping/tiling.h"
#include "core/mapping/vector_program.h"
#include "core/workload/network.h"
#include "core/workload/pins.h"

namespace bitjoule {

/// Every member of a struct, in order. A member that is missing here does not compile: a structured
/// binding names all of them.
inline auto members(const Gemm& s) {
  const auto& [m, n, k] = s;
  return std::tie(m, n, k);
}
inline auto members(const Matmul& s) {
  const auto& [batch, m, n, k, shared, k_rows, lower] = s;
  return std::tie(batch, m, n, k, shared, k_rows, lower);
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
inline auto members(const RopeScaling& s) {
  const auto& [factor, low_frequency, high_frequency, original] = s;
  return std::tie(factor, low_frequency, high_frequency, original);
}
inline auto members(const Routing& s) {
  const auto& [experts, chosen, scores, normalized, scale, biased, groups, kept_groups,
               group_best] = s;
  return std::tie(experts, chosen, scores, normalized, scale, biased, groups, kept_groups,
                  group_best);
}
inline auto members(const CodeScale& s) {
  const auto& [scale, zero_point] = s;
  return std::tie(scale, zero_point);
}
inline auto members(const VectorCodes& s) {
  const auto& [operands, output, activation, delegated, keeps_axes] = s;
  return std::tie(operands, output, activation, delegated, keeps_axes);
}
inline auto members(const Resize& s) {
  const auto& [coordinates, rounding, scales] = s;
  return std::tie(coordinates, rounding, scales);
}
inline auto members(const Distances& s) {
  const auto& [buckets, farthest] = s;
  return std::tie(buckets, farthest);
}
inline auto members(const VectorOp& s) {
  const auto& [kind, rows, cols, reduced, operands, window, count_padding, table_rows, causal,
               reach, heads, position, tokens, alibi, sinks, distances, routing, interleaved,
               rotated, scaling, alpha, beta, bias, shape, operand_shapes, axes, starts, steps,
               resize, codes] = s;
  return std::tie(kind, rows, cols, reduced, operands, window, count_padding, table_rows, causal,
                  reach, heads, position, tokens, alibi, sinks, distances, routing, interleaved,
                  rotated, scaling, alpha, beta, bias, shape, operand_shapes, axes, starts, steps,
                  resize, codes);
}
inline auto members(const TensorFormat& s) {
  const auto& [format, granularity, group_size, symmetric, scale, zero_point] = s;
  return std::tie(format, granularity, group_size, symmetric, scale, zero_point);
}
inline auto members(const OperandTransform& s) {
  const auto& [kind, strength] = s;
  return std::tie(kind, strength);
}
inline auto members(const Precision& s) {
  const auto& [weights, activations, output, mac, requantize, quantizer, transform, static_scales,
               recipe] = s;
  return std::tie(weights, activations, output, mac, requantize, quantizer, transform,
                  static_scales, recipe);
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
  const auto& [inputs, parameters, output, quantizer, static_scales] = s;
  return std::tie(inputs, parameters, output, quantizer, static_scales);
}

inline auto members(const OutputStage& s) {
  const auto& [bias, activation] = s;
  return std::tie(bias, activation);
}
inline auto members(const Tiling& s) {
  const auto& [groups, batch, out_rows, out_cols, n, k, input_full_k, order, fold_order,
               groups_at_once, single] = s;
  return std::tie(groups, batch, out_rows, out_cols, n, k, input_full_k, order, fold_order,
                  groups_at_once, single);
}
inline auto members(const PeConfig& s) {
  const auto& [width, packing, adders] = s;
  return std::tie(width, packing, adders);
}
inline auto members(const ArrayConfig& s) {
  const auto& [rows, cols, dataflow, other_dataflows, overlap, edge_folds, group_folds,
               weight_tiles, pe] = s;
  return std::tie(rows, cols, dataflow, other_dataflows, overlap, edge_folds, group_folds,
                  weight_tiles, pe);
}
inline auto members(const BufferConfig& s) {
  const auto& [capacity, banks, port_width, double_buffered, either_buffering] = s;
  return std::tie(capacity, banks, port_width, double_buffered, either_buffering);
}
inline auto members(const UnifiedBufferConfig& s) {
  const auto& [sram, roles] = s;
  return std::tie(sram, roles);
}
inline auto members(const BuffersConfig& s) {
  const auto& [input, weight, accumulator, output, scale, unified, divided] = s;
  return std::tie(input, weight, accumulator, output, scale, unified, divided);
}
inline auto members(const DequantizerConfig& s) {
  const auto& [lanes, latency, placement] = s;
  return std::tie(lanes, latency, placement);
}
inline auto members(const OutputUnitConfig& s) {
  const auto& [lanes, latency] = s;
  return std::tie(lanes, latency);
}
inline auto members(const VectorUnitConfig& s) {
  const auto& [lanes, latency] = s;
  return std::tie(lanes, latency);
}
inline auto members(const DmaConfig& s) {
  const auto& [request, outstanding, requests_per_cycle, queue] = s;
  return std::tie(request, outstanding, requests_per_cycle, queue);
}
/// But for the name and the supply, which change no cycle.
inline auto members(const AcceleratorConfig& s) {
  const auto& [name, clock, voltage, max_clock, array, buffers, dequantizer, output_unit,
               vector_unit, dma] = s;
  (void)name, (void)voltage, (void)max_clock;
  return std::tie(clock, array, buffers, dequantizer, output_unit, vector_unit, dma);
}
inline auto members(const IdealDramConfig& s) {
  const auto& [bandwidth, latency, burst, capacity] = s;
  return std::tie(bandwidth, latency, burst, capacity);
}
inline auto members(const ConstraintRow& s) {
  const auto& [level, preceding, following, latency, window] = s;
  return std::tie(level, preceding, following, latency, window);
}
inline auto members(const DramOrganization& s) {
  const auto& [channels, ranks, bank_groups, banks_per_group, rows, columns, channel_width,
               device_width, burst_length] = s;
  return std::tie(channels, ranks, bank_groups, banks_per_group, rows, columns, channel_width,
                  device_width, burst_length);
}
inline auto members(const DramTiming& s) {
  const auto& [tck, values] = s;
  return std::tie(tck, values);
}
inline auto members(const CommandBusConfig& s) {
  const auto& [split, two_step_activate, activate, precharge, column, refresh] = s;
  return std::tie(split, two_step_activate, activate, precharge, column, refresh);
}
inline auto members(const DramProtocol& s) {
  const auto& [command_bus, read_latency, write_latency, data_clock_after_read,
               data_clock_after_write, banks_per_refresh, constraints] = s;
  return std::tie(command_bus, read_latency, write_latency, data_clock_after_read,
                  data_clock_after_write, banks_per_refresh, constraints);
}
inline auto members(const WatermarksConfig& s) {
  const auto& [high, low] = s;
  return std::tie(high, low);
}
inline auto members(const DramControllerConfig& s) {
  const auto& [scheduler, page_policy, refresh, read_queue, write_queue, unified_queue,
               release_on_activate, watermarks, age_limit, power_down] = s;
  return std::tie(scheduler, page_policy, refresh, read_queue, write_queue, unified_queue,
                  release_on_activate, watermarks, age_limit, power_down);
}
inline auto members(const CycleDramConfig& s) {
  const auto& [organization, timing, protocol, mapping, controller] = s;
  return std::tie(organization, timing, protocol, mapping, controller);
}
/// But for the name and the prices, which take no time.
inline auto members(const DramConfig& s) {
  const auto& [name, model, energy] = s;
  (void)name, (void)energy;
  return std::tie(model);
}

/// The part of an operator that its cost depends on: constants and positions do not count.
inline VectorOp without_values(VectorOp op) {
  if (op.kind != VectorKind::kAffine) {  // whose beta may be nothing to add
    op.alpha.reset();
    op.beta.reset();
  }
  op.bias = 1;
  if (op.kind != VectorKind::kEmbedding) op.position = 0;  // where its rows lie
  op.interleaved = false;
  op.codes.reset();
  return op;
}

template <class T>
struct IsQuantity : std::false_type {};
template <class Tag, class Rep>
struct IsQuantity<Quantity<Tag, Rep>> : std::true_type {};

template <class T>
void append_key(const T& value, std::string& key);

inline void append_key(const std::string& text, std::string& key) {
  key += std::to_string(text.size()) + ":" + text;
}
inline void append_key(const BufferRoles& roles, std::string& key) {
  for (const BufferRole role : kBufferRoles) key += roles.has(role) ? '1' : '0';
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
template <class T, std::size_t Size>
void append_key(const std::array<T, Size>& values, std::string& key) {
  for (const T& value : values) append_key(value, key);
}
template <class T>
void append_key(const std::map<std::string, T>& values, std::string& key) {
  key += std::to_string(values.size()) + "{";
  for (const auto& [name, value] : values) {
    append_key(name, key);
    append_key(value, key);
  }
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
  } else if constexpr (IsQuantity<T>::value) {
    append_key(value.value, key);
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
