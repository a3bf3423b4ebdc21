// Where the requests of `sim dram` come from: trace files and generated patterns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/dram/driver.h"

namespace bitjoule {

struct PatternRow {
  const char* name;
  const char* summary;
  std::vector<const char*> options;  ///< that have an effect
};

/// What every source needs to know of the DRAM and of its requests.
struct TrafficShape {
  std::int64_t request_bytes = 64;  ///< whole bursts
  std::int64_t capacity = 0;
};

/// Parameters of the patterns; each uses some of them.
struct PatternOptions {
  std::string name;
  std::int64_t count = 16384;  ///< requests, or steps of the streams
  bool write = false;
  std::int64_t base = 0;
  std::int64_t stride = 4096;
  std::int64_t seed = 42;
  std::int64_t range = 0;  ///< bytes from `base`; 0: to the end of the capacity
  std::int64_t interval = 0;
  std::int64_t streams = 4;
  std::int64_t write_streams = 1;
  std::int64_t write_count = -1;  ///< steps that the writing streams take part in; -1: all
  std::int64_t gap = 64 << 20;    ///< bytes from stream to stream
};

const std::vector<PatternRow>& pattern_rows();

/// Throws an input Error for an unknown name, or if an address would lie beyond the capacity.
std::unique_ptr<RequestSource> make_pattern(const PatternOptions& options,
                                            const TrafficShape& shape);

/// A trace file, line by line: `LD 0x40` / `ST 0x40` (Ramulator 2), or `0x40 READ 12` /
/// `0x40 WRITE 12` (DRAMsim3: offered from that memory clock on). Addresses are rounded down to
/// whole requests. Empty lines and lines with # are skipped. Throws an input Error that names the
/// line.
std::unique_ptr<RequestSource> open_trace(const std::string& path, const TrafficShape& shape);

}  // namespace bitjoule
