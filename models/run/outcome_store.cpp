#include "run/outcome_store.h"

#include <array>
#include <charconv>
#include <tuple>
#include <type_traits>
#include <vector>

#include "run/key.h"

namespace bitjoule {
namespace {

template <class S, class T>
constexpr bool kIs = std::is_same_v<std::remove_const_t<S>, T>;

/// Every member of a part of an outcome, constant or not, in order: one that is missing here does
/// not compile.
template <class S>
auto parts(S& s) {
  if constexpr (kIs<S, Histogram> || kIs<S, BandwidthTimeline>) {
    return s.parts();
  } else if constexpr (kIs<S, StallBreakdown>) {
    auto& [cycles] = s;
    return std::tie(cycles);
  } else if constexpr (kIs<S, BoundEvidence>) {
    auto& [held, dma, macs, slots, more_rows, more_cols, narrower, inputs_stay, overlap] = s;
    return std::tie(held, dma, macs, slots, more_rows, more_cols, narrower, inputs_stay, overlap);
  } else if constexpr (kIs<S, BufferCounts>) {
    auto& [reads, writes, peak] = s;
    return std::tie(reads, writes, peak);
  } else if constexpr (kIs<S, MachineCounts>) {
    auto& [macs, slots, adds, moves, operands, input, weight, accumulator, output, scale, weights,
           inputs, accumulations, groups, sums, corrections, outputs, unified, vector, widened,
           narrowed, read, written] = s;
    return std::tie(macs, slots, adds, moves, operands, input, weight, accumulator, output, scale,
                    weights, inputs, accumulations, groups, sums, corrections, outputs, unified,
                    vector, widened, narrowed, read, written);
  } else if constexpr (kIs<S, PeAdds>) {
    auto& [wide, tree] = s;
    return std::tie(wide, tree);
  } else if constexpr (kIs<S, ArrayMoves> || kIs<S, OperandCounts>) {
    auto& [counts] = s;
    return std::tie(counts);
  } else if constexpr (kIs<S, TensorTraffic>) {
    auto& [read, written, bursts, scales_read, scales_written] = s;
    return std::tie(read, written, bursts, scales_read, scales_written);
  } else if constexpr (kIs<S, DramTraffic>) {
    auto& [tensors, burst_bytes] = s;
    return std::tie(tensors, burst_bytes);
  } else if constexpr (kIs<S, DataBusCycles>) {
    auto& [busy, idle, refresh, activate, turnaround, column] = s;
    return std::tie(busy, idle, refresh, activate, turnaround, column);
  } else if constexpr (kIs<S, DramStates>) {
    auto& [open, closed, power_down, refreshing, open_banks, power_downs] = s;
    return std::tie(open, closed, power_down, refreshing, open_banks, power_downs);
  } else if constexpr (kIs<S, DramStats>) {
    auto& [period, cycles, reads, writes, read_bytes, write_bytes, hits, misses, conflicts,
           commands, ranks, refreshes, states, syncs, unit, latency, queued, max_queued, bus,
           timeline] = s;
    return std::tie(period, cycles, reads, writes, read_bytes, write_bytes, hits, misses, conflicts,
                    commands, ranks, refreshes, states, syncs, unit, latency, queued, max_queued,
                    bus, timeline);
  } else if constexpr (kIs<S, WeightsAhead>) {
    auto& [usable, bursts, all_bursts, dequantizer_free] = s;
    return std::tie(usable, bursts, all_bursts, dequantizer_free);
  } else {
    static_assert(kIs<S, LayerOutcome>);
    auto& [cycles, stalls, evidence, counts, traffic, dram, ahead, handed_on] = s;
    return std::tie(cycles, stalls, evidence, counts, traffic, dram, ahead, handed_on);
  }
}

void put(std::int64_t value, std::string& text) {
  std::array<char, 24> digits;
  text.append(digits.data(), std::to_chars(digits.begin(), digits.end(), value).ptr);
  text += ' ';
}

/// Whole numbers between spaces; false at the first text that is none.
class Numbers {
 public:
  explicit Numbers(const std::string& text) : at_(text.data()), end_(text.data() + text.size()) {}
  bool is_at_end() const { return at_ == end_; }
  bool take(std::int64_t& value) {
    const auto [next, error] = std::from_chars(at_, end_, value);
    if (error != std::errc() || next == end_ || *next != ' ') return false;
    at_ = next + 1;
    return true;
  }

 private:
  const char *at_, *end_;
};

template <class T>
struct IsArray : std::false_type {};
template <class T, std::size_t Size>
struct IsArray<std::array<T, Size>> : std::true_type {};
template <class T>
struct IsList : std::false_type {};
template <class T>
struct IsList<std::vector<T>> : std::true_type {};

template <class T>
struct IsShared : std::false_type {};
template <class T>
struct IsShared<Shared<T>> : std::true_type {};

template <class T>
void write(const T& value, std::string& text) {
  if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    put(static_cast<std::int64_t>(value), text);
  } else if constexpr (IsQuantity<T>::value) {
    put(value.value, text);
  } else if constexpr (IsArray<T>::value || IsList<T>::value) {
    if (IsList<T>::value) put(static_cast<std::int64_t>(value.size()), text);
    for (const auto& item : value) write(item, text);
  } else if constexpr (IsShared<T>::value) {
    write(*value, text);
  } else {
    std::apply([&text](const auto&... part) { (write(part, text), ...); }, parts(value));
  }
}

template <class T>
bool read(Numbers& numbers, T& value) {
  if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    std::int64_t number = 0;
    if (!numbers.take(number)) return false;
    value = static_cast<T>(number);
    return true;
  } else if constexpr (IsQuantity<T>::value) {
    return numbers.take(value.value);
  } else if constexpr (IsShared<T>::value) {
    return read(numbers, value.edit());
  } else if constexpr (IsList<T>::value) {
    constexpr std::int64_t kMost = 1 << 20;  // of a histogram there are 65537
    std::int64_t size = 0;
    if (!numbers.take(size) || size < 0 || size > kMost) return false;
    value.resize(static_cast<std::size_t>(size));
    for (auto& item : value)
      if (!read(numbers, item)) return false;
    return true;
  } else if constexpr (IsArray<T>::value) {
    for (auto& item : value)
      if (!read(numbers, item)) return false;
    return true;
  } else {
    return std::apply([&numbers](auto&... part) { return (read(numbers, part) && ...); },
                      parts(value));
  }
}

}  // namespace

std::string outcome_text(const LayerOutcome& outcome) {
  std::string text;
  write(outcome, text);
  return text;
}

std::optional<LayerOutcome> read_outcome(const std::string& text) {
  LayerOutcome outcome;
  Numbers numbers(text);
  if (!read(numbers, outcome) || !numbers.is_at_end()) return std::nullopt;
  return outcome;
}

}  // namespace bitjoule
