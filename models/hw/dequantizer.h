// Turns stored codes into the floats of the MACs. It stands between the weight buffer and the
// array, where it bounds the array's rates (core/mapping, array_rates), or between the DMA and the
// weight buffer, where it bounds how fast tiles arrive.
#pragma once

#include <systemc>

#include "hw/interfaces.h"

namespace bitjoule {

class Dequantizer : public sc_core::sc_module, public DequantizerIf {
 public:
  sc_core::sc_export<DequantizerIf> port;

  Dequantizer(sc_core::sc_module_name name, const DequantizerConfig& config);

  void start(const LayerRun& run);

  void pass(std::int64_t weights, std::int64_t inputs) override;
  Cycles pass_tile(std::int64_t elements, std::int64_t last_elements, Cycles first_arrival,
                   Cycles last_arrival) override;
  Cycles free_from() const override { return free_; }

 private:
  DequantizerConfig config_;
  LayerRun run_;
  Cycles free_{0};  ///< on the DRAM side: the lanes are done with the tile before
};

}  // namespace bitjoule
