// One machine at both fidelities: what one computes and counts, the other must.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/mapping/division.h"
#include "core/mapping/mapper.h"
#include "hw/accelerator.h"
#include "run/layer_runner.h"
#include "run/output_check.h"

namespace bitjoule::test {

inline void compare(const LayerOutcome& fast, const LayerOutcome& pe) {
  CHECK(fast.cycles.value == pe.cycles.value);
  for (std::size_t i = 0; i < kCauses; ++i) {
    CAPTURE(cause_name(static_cast<Cause>(i)));
    CHECK(fast.stalls.cycles[i] == pe.stalls.cycles[i]);
    CHECK(fast.evidence.held.cycles[i] == pe.evidence.held.cycles[i]);
    CHECK(fast.evidence.dma.cycles[i] == pe.evidence.dma.cycles[i]);
  }
  CHECK(fast.counts == pe.counts);
  for (std::size_t i = 0; i < kTensors; ++i) {
    CHECK(fast.traffic.tensors[i].bursts == pe.traffic.tensors[i].bursts);
    CHECK(fast.traffic.tensors[i].read_bytes == pe.traffic.tensors[i].read_bytes);
  }
}

class MachinePair {
 public:
  MachinePair(const std::string& name, const AcceleratorConfig& machine, const DramConfig& dram)
      : machine_(machine),
        fast_(std::make_unique<Accelerator>((name + "_fast").c_str(), machine, dram,
                                            Fidelity::kFast)),
        pe_(std::make_unique<Accelerator>((name + "_pe").c_str(), machine, dram, Fidelity::kPe)) {}

  const AcceleratorConfig& machine() const { return machine_; }

  const MemoryPort& memory() const { return fast_->memory(); }

  /// Runs a program on both, without values, and checks that they agree: what came of it.
  LayerOutcome run(const MappingProblem& problem, const Program& program) {
    LayerOutcome fast = fast_->run(problem, program, nullptr);
    compare(fast, pe_->run(problem, program, nullptr));
    check_occupancy(problem.machine.buffers, fast.counts);
    CHECK(fast.stalls.total() == fast.cycles.value);
    return fast;
  }

  /// Runs one layer on both and checks that they agree with each other and with the oracle. Returns
  /// why the layer does not fit the machine; empty where it ran, with `mapped`.
  std::string run(const Layer& layer, const Precision& precision, const MappingPins& pins = {},
                  Mapping* mapped = nullptr) {
    MappingProblem problem;
    Mapping mapping;
    try {
      problem = make_problem(machine_, fast_->memory(), layer.op, precision, pins, layer.stage);
      mapping = map_layer(problem, pins);
      problem = configured(problem, mapping);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::kInput) throw;
      return e.what();
    }
    problem.data.counted = true;
    if (mapped != nullptr) *mapped = mapping;
    const Program program = make_program(problem, mapping.tiling);
    RunOptions options;
    options.verify = Verify::kFull;
    LayerCheck fast_check(problem, mapping.tiling, layer, requantization(precision), options);
    LayerCheck pe_check(problem, mapping.tiling, layer, requantization(precision), options);
    const LayerOutcome fast = fast_->run(problem, program, &fast_check.values());
    const LayerOutcome pe = pe_->run(problem, program, &pe_check.values());
    compare(fast, pe);
    CHECK(fast.counts.macs == problem.layer.extents.macs());
    for (std::size_t i = 0; i < kTensors; ++i) {  // what the mapping says is what is moved
      const TensorTraffic& said = mapping.estimate.traffic.tensors[i];
      DramTraffic moved = fast.traffic;
      add_block_scales(problem.path, moved);
      CHECK(said.read_bytes == moved.tensors[i].read_bytes);
      CHECK(said.write_bytes == moved.tensors[i].write_bytes);
      CHECK(said.bursts == moved.tensors[i].bursts);
    }
    CHECK(mapping.estimate.array_cycles == compute_cycles(problem, program));
    CHECK(mapping.estimate.counts == without_peaks(fast.counts));
    check_occupancy(problem.machine.buffers, fast.counts);
    CHECK(fast.stalls.total() == fast.cycles.value);
    const OutputCheck a = fast_check.finish(), b = pe_check.finish();
    // A sum that left the accumulators is reported; what it leaves there is no result.
    if (a.overflows == 0) {
      CHECK_MESSAGE(a.wrong == 0, a.first_difference);
      CHECK_MESSAGE(b.wrong == 0, b.first_difference);
    }
    CHECK(a.overflows == b.overflows);
    CHECK(fast_check.values().outputs() == pe_check.values().outputs());
    return "";
  }

  /// Runs layers one after the other, the weights of each fetched while the one ahead runs. Returns
  /// how many bursts were; layers that do not fit the machine are left out. One pin for each layer.
  std::int64_t run_overlapped(const std::vector<Layer>& layers, const Precision& precision,
                              const std::vector<MappingPins>& pins) {
    std::vector<LayerProgram> programs;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Layer& layer = layers[i];
      try {
        LayerProgram p;
        p.problem =
            make_problem(machine_, fast_->memory(), layer.op, precision, pins[i], layer.stage);
        p.mapping = map_layer(p.problem, pins[i]);
        p.problem = configured(p.problem, p.mapping);
        p.program = make_program(p.problem, p.mapping.tiling);
        programs.push_back(std::move(p));
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::kInput) throw;
      }
    }
    std::int64_t bursts = 0;
    LayerNeighbours fast_beside, pe_beside;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      CAPTURE(i);
      const LayerProgram& p = programs[i];
      if (i + 1 < programs.size()) {
        fast_beside.next = pe_beside.next = &programs[i + 1].program;
        fast_beside.next_problem = pe_beside.next_problem = &programs[i + 1].problem;
      } else {
        fast_beside.next = pe_beside.next = nullptr;
      }
      const LayerOutcome alone = fast_->run(p.problem, p.program, nullptr);
      const LayerOutcome fast = fast_->run(p.problem, p.program, nullptr, nullptr, fast_beside);
      const LayerOutcome pe = pe_->run(p.problem, p.program, nullptr, nullptr, pe_beside);
      compare(fast, pe);
      check_same_work(fast, alone);
      CHECK(fast.stalls.total() == fast.cycles.value);
      CHECK(fast.ahead.usable == pe.ahead.usable);
      CHECK(fast.ahead.bursts == pe.ahead.bursts);
      CHECK(fast.ahead.all_bursts == pe.ahead.all_bursts);
      CHECK(fast.ahead.dequantizer_free == pe.ahead.dequantizer_free);
      bursts += fast.ahead.all_bursts;
      fast_beside.ahead = fast.ahead;
      pe_beside.ahead = pe.ahead;
    }
    return bursts;
  }

  /// What an estimate knows.
  static MachineCounts without_peaks(MachineCounts counts) {
    for (BufferCounts* buffer :
         {&counts.input, &counts.weight, &counts.accumulator, &counts.output, &counts.scale})
      buffer->peak_bytes = 0;
    counts.unified_peak_bytes = 0;
    counts.operands = {};  // nor values
    return counts;
  }

 private:
  /// The roles of a unified buffer together hold no more than each at its fullest, and no less than
  /// any.
  static void check_occupancy(const BuffersConfig& buffers, const MachineCounts& counts) {
    const BufferCounts* const roles[] = {&counts.input, &counts.weight, &counts.accumulator,
                                         &counts.output, &counts.scale};
    std::int64_t all = 0;
    for (const BufferRole role : kBufferRoles) {
      const BufferCounts& one = *roles[static_cast<std::size_t>(role)];
      CHECK(one.peak_bytes <= buffers.of(role).capacity.value);
      if (!buffers.unifies(role)) continue;
      all += one.peak_bytes;
      CHECK(counts.unified_peak_bytes >= one.peak_bytes);
    }
    CHECK(counts.unified_peak_bytes <= all);
    if (buffers.unified) CHECK(all <= buffers.unified->sram.capacity.value);
  }

  /// What a layer does and moves does not depend on when its weights came.
  static void check_same_work(const LayerOutcome& beside, const LayerOutcome& alone) {
    CHECK(beside.counts.macs == alone.counts.macs);
    CHECK(beside.counts.weight.reads == alone.counts.weight.reads);
    CHECK(beside.counts.weight.writes == alone.counts.weight.writes);
    CHECK(beside.counts.scale.reads == alone.counts.scale.reads);
    CHECK(beside.counts.scale.writes == alone.counts.scale.writes);
    CHECK(beside.counts.dequantized_weights == alone.counts.dequantized_weights);
    CHECK(beside.counts.dram_read_bits == alone.counts.dram_read_bits);
    for (std::size_t i = 0; i < kTensors; ++i) {
      CHECK(beside.traffic.tensors[i].bursts == alone.traffic.tensors[i].bursts);
      CHECK(beside.traffic.tensors[i].read_bytes == alone.traffic.tensors[i].read_bytes);
      CHECK(beside.traffic.tensors[i].write_bytes == alone.traffic.tensors[i].write_bytes);
    }
    CHECK(beside.dram->read_bytes + beside.dram->write_bytes ==
          beside.traffic.total().bursts * beside.traffic.burst_bytes +
              (beside.ahead.all_bursts - beside.handed_on) * beside.traffic.burst_bytes);
  }

  AcceleratorConfig machine_;
  std::unique_ptr<Accelerator> fast_, pe_;
};

}  // namespace bitjoule::test
