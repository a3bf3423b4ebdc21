// Whether prices of a DRAM are those of the DRAM that they are to price.
#pragma once

#include <string>
#include <vector>

#include "core/dram/config.h"

namespace bitjoule {

/// Throws an input Error with a line per difference where `prices` are by the currents of a rank
/// with other devices, banks or bursts than the DRAM `name` has, or with another row cycle: tRC
/// hardly differs between the rates and dies of a standard. `where` is the path of `prices`.
void check_priced_device(const DramPrices& prices, const DramOrganization& organization,
                         const DramTiming& timing, const std::string& name,
                         const std::string& where);

/// Times that the currents of `prices` were measured with and that the DRAM `name` has otherwise:
/// a burst's of another rate, unless the list says that it is for that one; a refresh's of another
/// die.
std::vector<std::string> device_notes(const DramPrices& prices, const DramTiming& timing,
                                      const std::string& name);

}  // namespace bitjoule
