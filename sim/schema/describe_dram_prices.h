// Keys of what DRAM costs: parts of energy tables and of DRAM files.
#pragma once

#include "core/energy/dram_prices.h"
#include "core/enums.h"
#include "sim/config/describe.h"

namespace bitjoule {

template <>
struct FileKind<DramPrices> {
  static constexpr const char* kFolder = "energy/dram";
};

template <>
inline const std::vector<EnumRow<DramStandby>>& enum_rows() {
  static const std::vector<EnumRow<DramStandby>> kRows = {
      {DramStandby::kAnyBank, "any_bank", "with any bank open a rank draws IDD3N"},
      {DramStandby::kPerBank, "per_bank",
       "IDD3N is of all banks open: k of B draw IDD2N + k / B (IDD3N - IDD2N)"}};
  return kRows;
}

/// The keys that say where figures come from.
template <class V>
void describe_source(V& v, Provenance& c) {
  v.required("boundary", c.boundary, "what the figure includes");
  v.field("source", c.source, "publication, table, figure; default: the table's source");
  v.field("derived", c.derived, "computed from other figures instead of quoted");
}

/// Those of a single figure, with how sure it is.
template <class V>
void describe_provenance(V& v, Provenance& c) {
  describe_source(v, c);
  v.field("uncertainty", c.uncertainty, "factor by which sources differ, up or down; 1: not stated",
          range(1, 1000));
}

/// A factor by which sources differ, up or down.
inline Rule factor() { return range(1, 100); }
/// Milliamperes, volts, ohms.
inline Rule amount() { return range(0, 1'000'000); }

template <class V>
void describe(V& v, DramPerAccess& c);
template <class V>
void describe(V& v, DramSupply& c);
template <class V>
void describe(V& v, DramCurrents& c);
template <class V>
void describe(V& v, DramTermination& c);
template <class V>
void describe(V& v, DramToggling& c);
template <class V>
void describe(V& v, DramPhy& c);
template <class V>
void describe(V& v, DramUncertainty& c);
template <class V>
void describe(V& v, DramPerCommand& c);
template <class V>
void describe(V& v, DramPrices& c);

}  // namespace bitjoule
