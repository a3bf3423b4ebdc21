#include <algorithm>

#include "core/mapping/folds.h"

namespace bitjoule {
namespace {

/// Keeps the longest of several intervals and its cause; the first named wins a tie.
struct Slowest {
  std::int64_t interval = 1;
  Cause cause = Cause::kBufferPort;
  void consider(std::int64_t candidate, Cause why) {
    if (candidate > interval) interval = candidate, cause = why;
  }
};

std::int64_t port_cycles(std::int64_t bits, const BufferConfig& buffer) {
  return ceil_div(bits, buffer.banks * buffer.port_width.value);
}

bool larger(const FoldExtents& a, const FoldExtents& b) {
  return a.m > b.m || a.n > b.n || a.k > b.k;
}

}  // namespace

ArrayRates array_rates(const MappingProblem& p, std::int64_t groups_at_once) {
  return array_rates(p, groups_at_once, p.machine.buffers);
}

ArrayRates array_rates(const MappingProblem& p, std::int64_t groups_at_once,
                       const BuffersConfig& buffers) {
  const ArrayDataflow& dataflow = dataflow_of(p);
  const std::int64_t macs = p.path.macs_per_pe;
  const DequantizerConfig& dq = p.machine.dequantizer;
  const bool weights_at_edge = dequantizes_at_edge(p);
  const bool inputs_at_edge = p.path.activations.dequantized;
  const FoldEntries entries =
      dataflow.entries(side_by_side(dataflow.shape(largest_fold(p), macs), groups_at_once));

  const auto weights = [&](Slowest& s) {
    const std::int64_t elements = entries.weights.width * macs;
    if (weights_at_edge) s.consider(ceil_div(elements, dq.lanes), Cause::kDequantizer);
    s.consider(port_cycles(elements * weight_read_bits(p), buffers.weight), Cause::kBufferPort);
  };
  const auto inputs = [&](Slowest& s) {
    const std::int64_t elements = entries.inputs.width * macs;
    if (inputs_at_edge) s.consider(ceil_div(elements, dq.lanes), Cause::kDequantizer);
    s.consider(port_cycles(elements * p.path.activations.code_bits, buffers.input),
               Cause::kBufferPort);
  };
  const auto results = [&](Slowest& s) {
    const std::int64_t count = entries.results.width;
    s.consider(port_cycles(count * 32, buffers.accumulator), Cause::kOutput);
    if (p.path.scale_group != 0)
      s.consider(ceil_div(count, p.machine.output_unit.lanes), Cause::kOutput);
  };

  Slowest load, stream, drain;
  stream.consider(p.path.mac_passes, Cause::kArrayBusy);
  inputs(dataflow.inputs_stay() ? load : stream);
  weights(dataflow.weights_stay() ? load : stream);
  if (!dataflow.outputs_stay()) results(stream);
  results(drain);
  ArrayRates rates;
  rates.load_interval = load.interval;
  rates.load_cause = load.cause;
  rates.stream_interval = stream.interval;
  rates.stream_cause = stream.cause;
  rates.drain_interval = drain.interval;
  const auto latency = [&](bool inputs_do, bool weights_do) {
    return (inputs_do && inputs_at_edge) || (weights_do && weights_at_edge) ? dq.latency.value : 0;
  };
  rates.load_latency = latency(dataflow.inputs_stay(), dataflow.weights_stay());
  rates.stream_latency = latency(!dataflow.inputs_stay(), !dataflow.weights_stay());
  return rates;
}

std::int64_t output_interval(const MappingProblem& p) {
  const std::int64_t lanes = p.machine.output_unit.lanes;
  return std::max(port_cycles(lanes * 32, p.machine.buffers.accumulator),
                  port_cycles(lanes * p.path.output.code_bits, p.machine.buffers.output));
}

void add_array_limits(const MappingProblem& p, BoundEvidence& evidence) {
  const ArrayDataflow& dataflow = dataflow_of(p);
  const FoldExtents now = largest_fold(p);
  const std::int64_t groups = most_groups_at_once(p);
  const auto fewer = [&](const MappingProblem& with) {
    return larger(largest_fold(with), now) || most_groups_at_once(with) > groups;
  };
  const std::int64_t work = evidence.array_work();
  MappingProblem other = p;
  other.machine.array.rows *= 2;
  if (fewer(other)) evidence.more_rows += work;
  other = p;
  other.machine.array.cols *= 2;
  if (fewer(other)) evidence.more_cols += work;
  other = p;
  other.path.macs_per_pe *= 2;
  const auto steps = [&](const MappingProblem& with) {
    return dataflow.shape(now, with.path.macs_per_pe).steps;
  };
  if (p.path.mac_passes > 1 || fewer(other) || steps(other) < steps(p)) evidence.narrower += work;
  if (dataflow.inputs_stay()) evidence.inputs_stay += work;
  evidence.overlap = p.machine.array.overlap;
}

}  // namespace bitjoule
