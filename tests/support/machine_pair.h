// One machine at both fidelities: what one computes and counts, the other must.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "hw/accelerator.h"
#include "sim/run/layer_runner.h"
#include "sim/run/output_check.h"

namespace bitjoule::test {

inline void compare(const LayerOutcome& fast, const LayerOutcome& pe) {
  CHECK(fast.cycles.value == pe.cycles.value);
  for (std::size_t i = 0; i < kCauses; ++i) {
    CAPTURE(cause_name(static_cast<Cause>(i)));
    CHECK(fast.stalls.cycles[i] == pe.stalls.cycles[i]);
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

  /// Runs one layer on both and checks that they agree with each other and with the oracle. Returns
  /// why the layer does not fit the machine; empty where it ran.
  std::string run(const Layer& layer, const Precision& precision, const MappingPins& layouts = {}) {
    MappingProblem problem;
    Mapping mapping;
    try {
      problem = make_problem(machine_, fast_->memory(), layer.op, precision, layouts, layer.stage);
      mapping = map_layer(problem, {});
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::kInput) throw;
      return e.what();
    }
    const Program program = make_program(problem, mapping.tiling);
    RunOptions options;
    options.verify = Verify::kFull;
    LayerCheck fast_check(problem, mapping.tiling, layer, precision.requantize, options);
    LayerCheck pe_check(problem, mapping.tiling, layer, precision.requantize, options);
    const LayerOutcome fast = fast_->run(problem, program, &fast_check.values());
    const LayerOutcome pe = pe_->run(problem, program, &pe_check.values());
    compare(fast, pe);
    CHECK(fast.counts.macs == problem.layer.extents.macs());
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

 private:
  AcceleratorConfig machine_;
  std::unique_ptr<Accelerator> fast_, pe_;
};

}  // namespace bitjoule::test
