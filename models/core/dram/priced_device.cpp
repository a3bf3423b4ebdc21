#include "core/dram/priced_device.h"

#include <fmt/format.h>

#include "core/dram/address_map.h"
#include "core/error.h"

namespace bitjoule {

void check_priced_device(const DramPrices& prices, const DramOrganization& organization,
                         const std::string& name, const std::string& where) {
  const auto* commands = std::get_if<DramPerCommand>(&prices.scheme);
  if (commands == nullptr || !commands->currents) return;
  const DramOrganization& o = organization;
  const DramCurrents& currents = *commands->currents;
  std::string problems;
  const auto compare = [&](const char* key, std::int64_t expected, std::int64_t got) {
    if (expected == got) return;
    problems += fmt::format(
        "{}{}.per_command.currents.{}: expected {} as the DRAM \"{}\" has them, got {}: prices of "
        "another memory",
        problems.empty() ? "" : "\n", where, key, expected, name, got);
  };
  compare("devices", o.channel_width / o.device_width, currents.devices);
  compare("banks", o.bank_groups * o.banks_per_group, currents.banks);
  compare("burst", burst_bytes(o), currents.burst.value);
  if (!problems.empty()) throw input_error(problems);
}

}  // namespace bitjoule
