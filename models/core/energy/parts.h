// What a machine consists of, for its leakage and its area.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "core/energy/action.h"
#include "core/units.h"

namespace bitjoule {

enum class PartKind {
  kMac,   ///< a MAC of `type` within a PE
  kSram,  ///< a bank of `capacity` with ports of `width`
  kLane,  ///< a lane of a unit
  kOnce,  ///< there is one
};

struct MachinePart {
  std::string component;
  PartKind kind = PartKind::kLane;
  std::int64_t units = 1;
  std::string type = {};     ///< of MACs
  bool is_scalable = false;  ///< MACs: they compose wider products of narrower ones
  Bits width{0};             ///< of memories
  Bytes capacity{0};
  bool shares_a_port = true;  ///< memories: never read and written in one cycle
};

inline bool operator==(const MachinePart& a, const MachinePart& b) {
  const auto members = [](const MachinePart& p) {
    const auto& [component, kind, units, type, is_scalable, width, capacity, shares_a_port] = p;
    return std::tie(component, kind, units, type, is_scalable, width, capacity, shares_a_port);
  };
  return members(a) == members(b);
}

/// Adds what the parts leak in a time: of each, units x nanoseconds.
void append_leakage(const std::vector<MachinePart>& parts, std::int64_t nanoseconds,
                    Counts* counts);

}  // namespace bitjoule
