// One SRAM of the machine, or a role's share of one: counts its accesses and knows what it holds.
#pragma once

#include <cstdint>
#include <string>
#include <systemc>
#include <vector>

#include "hw/interfaces.h"

namespace bitjoule {

/// What an SRAM holds over time.
class BufferLevel {
 public:
  void clear() { changes_.clear(); }
  /// In any order: modules may speak of later cycles.
  void change(Cycles at, std::int64_t bits) { changes_.push_back({at, bits}); }
  void add(const BufferLevel& other) {
    changes_.insert(changes_.end(), other.changes_.begin(), other.changes_.end());
  }

  /// The highest level in bytes; in a trace, the signal NAME.level_bytes. Throws an internal Error
  /// where it is above `capacity`, or not zero in the end.
  std::int64_t peak_bytes(const std::string& name, Bytes capacity, Trace* trace);

 private:
  struct Change {
    Cycles at;
    std::int64_t bits = 0;
  };
  std::vector<Change> changes_;
};

class Buffer : public sc_core::sc_module, public BufferIf {
 public:
  sc_core::sc_export<BufferIf> port;

  /// `name` is also that of its signal in a trace: NAME.level_bytes.
  explicit Buffer(sc_core::sc_module_name name);

  /// A layer begins, which has the buffer so.
  void start(const BufferConfig& config);

  std::int64_t accesses(Bits bits) const override;
  void access(const BufferCounts& done) override;
  void occupy(Cycles at, Bits bits) override { level_.change(at, bits.value); }
  void vacate(Cycles at, Bits bits) override { level_.change(at, -bits.value); }

  /// After the run: completes the counts by the highest level. Throws an internal Error where the
  /// buffer held more than its capacity, or is not empty again.
  BufferCounts finish(Trace* trace);
  const BufferLevel& level() const { return level_; }

 private:
  BufferConfig config_;
  BufferCounts counts_;
  BufferLevel level_;
};

}  // namespace bitjoule
