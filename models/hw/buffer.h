// One SRAM of the machine: counts its accesses and knows what it holds.
#pragma once

#include <cstdint>
#include <systemc>
#include <vector>

#include "hw/interfaces.h"

namespace bitjoule {

class Buffer : public sc_core::sc_module, public BufferIf {
 public:
  sc_core::sc_export<BufferIf> port;

  /// `name` is also that of its signal in a trace: NAME.level_bytes.
  Buffer(sc_core::sc_module_name name, const BufferConfig& config);

  void start();

  std::int64_t accesses(Bits bits) const override;
  void access(const BufferCounts& done) override;
  void occupy(Cycles at, Bits bits) override { changes_.push_back({at, bits.value}); }
  void vacate(Cycles at, Bits bits) override { changes_.push_back({at, -bits.value}); }

  /// After the run: completes the counts by the highest level. Throws an internal Error where the
  /// buffer held more than its capacity, or is not empty again.
  BufferCounts finish(Trace* trace);

 private:
  struct Change {
    Cycles at;
    std::int64_t bits = 0;
  };

  BufferConfig config_;
  BufferCounts counts_;
  std::vector<Change> changes_;  ///< in any order: modules may speak of later cycles
};

}  // namespace bitjoule
