#include "hw/output_unit.h"

#include <algorithm>

namespace bitjoule {

std::int64_t output_interval(const MappingProblem& p) {
  const BuffersConfig& b = p.machine.buffers;
  const std::int64_t lanes = p.machine.output_unit.lanes;
  return std::max(
      ceil_div(lanes * 32, b.accumulator.banks * b.accumulator.port_width.value),
      ceil_div(lanes * p.path.output.code_bits, b.output.banks * b.output.port_width.value));
}

OutputUnit::OutputUnit(sc_core::sc_module_name name)
    : sc_module(name), from_sequencer("from_sequencer"), to_sequencer("to_sequencer") {
  from_sequencer.bind(*this);
}

void OutputUnit::issue(const OutputOp& op, Cycles usable) {
  const MappingProblem& p = *run_.problem;
  const std::int64_t batches = ceil_div(op.elements, p.machine.output_unit.lanes);
  run_.counts->outputs += op.elements;
  to_accumulator_buffer->read(to_accumulator_buffer->accesses(Bits(op.elements * 32)));
  to_output_buffer->write(to_output_buffer->accesses(Bits(op.elements * p.path.output.code_bits)));
  // Integer results are scaled per channel: a scale for each of them.
  if (p.path.mac.is_integer && p.path.scale_group == 0 &&
      p.path.weights.layout.scales.group == kWholeRow)
    to_scale_buffer->read(
        to_scale_buffer->accesses(Bits(op.elements * p.path.weights.layout.scales.bits)));
  to_scale_buffer->read(to_scale_buffer->accesses(Bits(op.elements * p.bias_bits())));
  const Tile& tile = run_.program->computes[static_cast<std::size_t>(op.compute)].tile;
  // ... and one for each token, where tokens have their own.
  if (p.path.mac.is_integer && p.path.scale_group == 0 &&
      p.path.activations.layout.scales.group == kWholeRow)
    to_scale_buffer->read(to_scale_buffer->accesses(
        Bits(tile.groups() * tile.m() * p.path.activations.layout.scales.bits)));
  if (run_.values != nullptr) run_.values->finish(tile);
  const Cycles end = usable + p.machine.output_unit.latency + Cycles(batches * output_interval(p));
  if (run_.trace != nullptr) run_.trace->add("output unit", tile_name(tile), usable, end);
  to_sequencer->give(Token::kOutput, end);
}

}  // namespace bitjoule
