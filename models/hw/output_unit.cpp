#include "hw/output_unit.h"

namespace bitjoule {

OutputUnit::OutputUnit(sc_core::sc_module_name name)
    : sc_module(name), from_sequencer("from_sequencer"), to_sequencer("to_sequencer") {
  from_sequencer.bind(*this);
}

void OutputUnit::issue(const OutputOp& op, Cycles usable) {
  const MappingProblem& p = *run_.problem;
  const std::int64_t batches = ceil_div(op.elements, p.machine.output_unit.lanes);
  const Tile& tile = run_.program->computes[static_cast<std::size_t>(op.compute)].tile;
  MachineCounts done;
  count_output(p, tile, done);
  run_.counts->outputs += done.outputs;
  to_accumulator_buffer->access(done.accumulator);
  to_output_buffer->access(done.output);
  to_scale_buffer->access(done.scale);
  if (run_.values != nullptr) run_.values->finish(tile);
  const Cycles end = usable + p.machine.output_unit.latency + Cycles(batches * output_interval(p));
  if (run_.trace != nullptr) run_.trace->add("output unit", tile_name(tile), usable, end);
  to_sequencer->give(Token::kOutput, end);
}

}  // namespace bitjoule
