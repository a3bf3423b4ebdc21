#include "hw/residency.h"

#include <algorithm>

namespace bitjoule {
namespace {

sc_core::sc_port<BufferIf>& buffer_of(Tensor tensor, BufferPorts& buffers) {
  switch (tensor) {
    case Tensor::kInputs:
      return buffers.input;
    case Tensor::kWeights:
      return buffers.weight;
    case Tensor::kScales:
    case Tensor::kBiases:
      return buffers.scale;
    case Tensor::kOutputs:
      break;
  }
  return buffers.output;
}

void arrive(const LoadOp& op, Cycles at, BufferPorts& buffers) {
  buffer_of(op.tensor, buffers)->occupy(at, Bits(op.sram_bits));
  const Bits scales = block_scale_bits(op);
  if (scales.value > 0) buffers.scale->occupy(at, scales);
}

void depart(const LoadOp& op, Cycles at, BufferPorts& buffers) {
  buffer_of(op.tensor, buffers)->vacate(at, Bits(op.sram_bits));
  const Bits scales = block_scale_bits(op);
  if (scales.value > 0) buffers.scale->vacate(at, scales);
}

void vacate(Bits bits, Cycles at, sc_core::sc_port<BufferIf>& buffer) {
  if (bits > Bits(0)) buffer->vacate(at, bits);
}

Bits partial_sums(const ComputeOp& op) {
  return Bits(op.tile.groups() * op.tile.m() * op.tile.n() * 32);
}

}  // namespace

void Residency::leave(const std::vector<LoadOp>& loads, Queue& queue, std::int64_t needed_next,
                      Cycles at, BufferPorts& buffers) {
  // The next operation reads the latest load of each tensor that it needs; none reads an older.
  for (; needed_next >= 0 && queue.seen < static_cast<std::size_t>(needed_next); ++queue.seen)
    queue.latest[static_cast<std::size_t>(loads[queue.seen].tensor)] = queue.seen;
  for (std::size_t tensor = 0; tensor < kTensors; ++tensor) {
    std::size_t& first = queue.first_held[tensor];
    const std::size_t keep = needed_next < 0 ? loads.size() : queue.latest[tensor];
    for (; first < keep; ++first)
      if (static_cast<std::size_t>(loads[first].tensor) == tensor)
        depart(loads[first], at, buffers);
  }
}

void Residency::leave(const std::vector<LoadOp>& loads, std::size_t& first, std::int64_t end,
                      Cycles at, BufferPorts& buffers) {
  for (; first < static_cast<std::size_t>(end); ++first) depart(loads[first], at, buffers);
}

void Residency::on_token(Token token, std::int64_t index, Cycles at, BufferPorts& buffers) {
  const auto i = static_cast<std::size_t>(index);
  const Program& p = *program_;
  switch (token) {
    case Token::kInputLoaded:
      arrive(p.input_loads[i], at, buffers);
      break;
    case Token::kWeightLoaded:
      arrive(p.weight_loads[i], at, buffers);
      break;
    case Token::kAccepted:  // of a vector operator there are no partial sums
      if (!p.computes.empty() && p.computes[i].first_k)
        buffers.accumulator->occupy(at, partial_sums(p.computes[i]));
      break;
    case Token::kReleased: {
      if (p.computes.empty()) {
        leave(p.input_loads, inputs_left_, p.vectors[i].inputs_needed, at, buffers);
        leave(p.weight_loads, weights_left_, p.vectors[i].weights_done, at, buffers);
        break;
      }
      vacate(p.computes[i].freed_inputs, at, buffers.input);
      const bool last = i + 1 == p.computes.size();
      leave(p.input_loads, input_queue_, last ? -1 : p.computes[i + 1].inputs_needed, at, buffers);
      leave(p.weight_loads, weight_queue_, last ? -1 : p.computes[i + 1].weights_needed, at,
            buffers);
      break;
    }
    case Token::kOutput:
      if (!p.outputs.empty()) {
        const auto compute = static_cast<std::size_t>(p.outputs[i].compute);
        buffers.accumulator->vacate(at, partial_sums(p.computes[compute]));
      }
      for (std::int64_t s = 0; s < p.stores_per_output; ++s) {
        const std::int64_t store = index * p.stores_per_output + s;
        buffers.output->occupy(at, Bits(p.stores[static_cast<std::size_t>(store)].sram_bits));
      }
      break;
    case Token::kStored:
      buffers.output->vacate(at, Bits(p.stores[i].sram_bits));
      break;
    case Token::kFetchedAhead:
      arrive(next_->weight_loads[i], at, buffers);
      break;
    case Token::kVectorDone:
      vacate(p.vectors[i].freed_sums, at, buffers.accumulator);
      if (p.vectors[i].held_inputs > Bits(0)) buffers.input->occupy(at, p.vectors[i].held_inputs);
      break;
    case Token::kWeightArrived:
    case Token::kComputed:
    case Token::kVectorBegun:
      break;
  }
}

void Residency::hand_over(std::int64_t loads, Cycles at, BufferPorts& buffers) {
  std::size_t first = 0;
  if (loads > 0) leave(next_->weight_loads, first, loads, at, buffers);
}

}  // namespace bitjoule
