// Keys of DRAM files.
#pragma once

#include <fmt/format.h>

#include <variant>

#include "core/dram/address_map.h"
#include "core/dram/config.h"
#include "core/dram/engine.h"
#include "sim/config/describe.h"
#include "sim/schema/describe_energy.h"

namespace bitjoule {

enum class DramModel { kIdeal, kCycle };

template <>
inline const std::vector<EnumRow<DramModel>>& enum_rows() {
  static const std::vector<EnumRow<DramModel>> kRows = {
      {DramModel::kIdeal, "ideal", "a bandwidth and a latency"},
      {DramModel::kCycle, "cycle", "controller, banks and timing constraints"}};
  return kRows;
}

template <>
struct FileKind<DramConfig> {
  static constexpr const char* kFolder = "dram";
};

/// What standards share: its own file, so that speed grades do not repeat it.
template <>
struct FileKind<DramProtocol> {
  static constexpr const char* kFolder = "dram/protocols";
};

template <class V>
void describe(V& v, DramOrganization& c);
template <class V>
void describe(V& v, DramTiming& c);
template <class V>
void describe(V& v, CommandBusConfig& c);
template <class V>
void describe(V& v, ConstraintRow& c);
template <class V>
void describe(V& v, DramProtocol& c);
template <class V>
void describe(V& v, WatermarksConfig& c);
template <class V>
void describe(V& v, DramControllerConfig& c);
template <class V>
void describe(V& v, DramConfig& c);

}  // namespace bitjoule
