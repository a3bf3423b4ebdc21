#include "core/mapping/energy_rates.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kMany = std::int64_t{1} << 30;
// Refreshes and nanoseconds of a run are whole.
constexpr double kRoundedCycles = 1000;

class Rates {
 public:
  Rates(const MappingProblem& p, EnergyModel& model) : p_(p), model_(model) {}

  double of(std::int64_t MachineCounts::*count) {
    MappingEstimate e;
    e.counts.*count = kMany;
    return price(e);
  }
  /// Of the additions of a MAC, where the words that have the cheapest ones are full of them.
  double of_adds() {
    const bool tree = adds_in_tree(p_);
    double least = 0;
    for (std::int64_t products = 1; products <= p_.path.macs_per_pe; ++products) {
      MappingEstimate e;
      count_adds(products, tree, kMany, e.counts.adds);
      const double rate = price(e) / static_cast<double>(products);
      if (products == 1 || rate < least) least = rate;
    }
    return least;
  }
  double of(BufferCounts MachineCounts::*buffer, std::int64_t BufferCounts::*access) {
    MappingEstimate e;
    (e.counts.*buffer).*access = kMany;
    return price(e);
  }
  double of(ArrayMove move) {
    MappingEstimate e;
    e.counts.moves[move] = kMany;
    return price(e);
  }
  double of_bursts(Tensor tensor, std::int64_t MachineCounts::*bits) {
    MappingEstimate e;
    e.traffic.burst_bytes = p_.memory.burst_bytes;
    e.traffic[tensor].bursts = kMany;
    e.counts.*bits = kMany * p_.memory.burst_bytes * 8;
    return price(e);
  }
  double of_cycles() {
    MappingEstimate e;
    e.cycles = kMany;
    return price(e);
  }

 private:
  double price(const MappingEstimate& e) { return model_.price(e) / static_cast<double>(kMany); }

  const MappingProblem& p_;
  EnergyModel& model_;
};

}  // namespace

EnergyRates energy_rates(const MappingProblem& p, EnergyModel& model) {
  EnergyRates r;
  if (!p.prices) return r;
  Rates rates(p, model);
  const GemmExtents& e = p.layer.extents;
  const auto elements = static_cast<double>(p.layer.output_elements());
  const auto words = [](double bits, const BufferConfig& buffer) {
    return bits / static_cast<double>(buffer.port_width.value);
  };
  r.dram_read = rates.of_bursts(Tensor::kInputs, &MachineCounts::dram_read_bits);
  r.dram_write = rates.of_bursts(Tensor::kOutputs, &MachineCounts::dram_write_bits);
  r.cycle = rates.of_cycles();
  r.free_cycles = p.memory.refresh_cycles + p.memory.bank_refresh_cycles + kRoundedCycles;
  r.input_read = rates.of(&MachineCounts::input, &BufferCounts::reads);
  r.input_write = rates.of(&MachineCounts::input, &BufferCounts::writes);
  r.weight_read = rates.of(&MachineCounts::weight, &BufferCounts::reads);
  r.weight_write = rates.of(&MachineCounts::weight, &BufferCounts::writes);
  r.accumulator_read = rates.of(&MachineCounts::accumulator, &BufferCounts::reads);
  r.accumulator_write = rates.of(&MachineCounts::accumulator, &BufferCounts::writes);
  r.accumulate = rates.of(&MachineCounts::accumulations);
  if (p.path.scale_group != 0) r.group_result = rates.of(&MachineCounts::group_results);
  if (p.path.weights.zero_points) {
    r.activation_sum = rates.of(&MachineCounts::activation_sums);
    r.correction = rates.of(&MachineCounts::corrections);
  }
  if (p.path.weights.dequantized)
    r.dequantize_weight = rates.of(&MachineCounts::dequantized_weights);
  if (p.path.activations.dequantized)
    r.dequantize_input = rates.of(&MachineCounts::dequantized_inputs);
  for (std::size_t i = 0; i < kArrayMoves; ++i) r.moves[i] = rates.of(static_cast<ArrayMove>(i));
  const BuffersConfig& b = p.machine.buffers;
  const double bits = static_cast<double>(p.path.output.code_bits);
  r.fixed =
      (rates.of(&MachineCounts::macs) + rates.of_adds()) * static_cast<double>(e.macs()) +
      rates.of(&MachineCounts::outputs) * elements +
      r.accumulator_read * words(elements * 32, b.accumulator) +
      rates.of(&MachineCounts::output, &BufferCounts::writes) * words(elements * bits, b.output) +
      rates.of(&MachineCounts::output, &BufferCounts::reads) * words(elements * bits, b.output);
  return r;
}

}  // namespace bitjoule
