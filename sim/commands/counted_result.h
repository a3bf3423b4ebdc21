// What a result file says a run counted, for pricing it again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/dram/config.h"
#include "core/energy/parts.h"
#include "core/energy/table.h"

namespace bitjoule {

/// What one run, or one layer of a network, counted.
struct CountedPart {
  std::string name;
  std::int64_t repeat = 1;
  Counts counts;
};

/// The DRAM of the run, as far as prices go.
struct CountedDram {
  std::string name = "the DRAM";
  std::optional<DramPrices> prices;
  std::optional<DramOrganization> organization;  ///< empty: it is ideal, or not told
  DramTiming timing;                             ///< without a name: likewise
  DramPricing counted = DramPricing::kTable;
};

struct CountedResult {
  CountedPart total;
  std::vector<CountedPart> layers;
  CountedDram dram;
  std::optional<Volts> voltage;    ///< of the run's machine
  std::vector<MachinePart> parts;  ///< of the machine; a result of an older version has none
  double time_s = 0, macs = 0;
  std::int64_t pes = 0;           ///< of the array; 0: not told
  std::string table;              ///< that priced the run; empty: not told
  bool has_density = false;       ///< zeros are what a share of the operands would give
  bool mapped_by_energy = false;  ///< energy was a part of the mapper's objective
};

/// Of a result file; what it lacks is empty. Throws an input Error with all problems of the file.
CountedResult read_counted(const std::string& path);

}  // namespace bitjoule
