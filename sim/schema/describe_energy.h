// Keys of energy tables.
#pragma once

#include "core/energy/table.h"
#include "core/enums.h"
#include "sim/config/describe.h"
#include "sim/schema/describe_dram_prices.h"

namespace bitjoule {

template <>
struct FileKind<EnergyTable> {
  static constexpr const char* kFolder = "energy";
};

template <>
struct FileKind<SramPrices> {
  static constexpr const char* kFolder = "energy/sram";
};

template <>
struct FileKind<AreaPrices> {
  static constexpr const char* kFolder = "energy/area";
};

template <class V>
void describe(V& v, ArithmeticPrice& c);
template <class V>
void describe(V& v, WidthRule& c);
template <class V>
void describe(V& v, MovePrice& c);
template <class V>
void describe(V& v, ScalableMultiplier& c);
template <class V>
void describe(V& v, DataDependence& c);
template <class V>
void describe(V& v, SramPoint& c);
template <class V>
void describe(V& v, SramPrices& c);
template <class V>
void describe(V& v, LeakagePrice& c);
template <class V>
void describe(V& v, VoltageRule& c);
template <class V>
void describe(V& v, MacArea& c);
template <class V>
void describe(V& v, SramDensity& c);
template <class V>
void describe(V& v, ComponentArea& c);
template <class V>
void describe(V& v, AreaPrices& c);
template <class V>
void describe(V& v, Unpriced& c);
template <class V>
void describe(V& v, EnergyTable& c);

}  // namespace bitjoule
