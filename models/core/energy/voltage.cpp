#include "core/energy/voltage.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "core/error.h"

namespace bitjoule {

EnergyTable at_voltage(EnergyTable table, const std::optional<Volts>& supply) {
  if (!supply) return table;
  if (!table.voltage)
    throw input_error(fmt::format(
        "voltage: {} V: the energy table \"{}\" has no rule for other supplies than its own ({})",
        supply->value, table.name, table.node));
  const VoltageRule& rule = *table.voltage;
  if (*supply < rule.lowest || *supply > rule.highest)
    throw input_error(fmt::format(
        "voltage: expected {} V to {} V, where the rule of the energy table \"{}\" holds, got {} V",
        rule.lowest.value, rule.highest.value, table.name, supply->value));
  table.supply = supply;
  return table;
}

double supply_factor(const EnergyTable& table, double exponent) {
  if (!table.supply || !table.voltage) return 1;
  return std::pow(table.supply->value / table.voltage->nominal.value, exponent);
}

Hertz highest_clock(const EnergyTable& table, Hertz nominal) {
  const double factor = table.voltage ? supply_factor(table, table.voltage->frequency) : 1;
  return Hertz(static_cast<std::int64_t>(static_cast<double>(nominal.value) * factor));
}

void check_supply(const AcceleratorConfig& machine, const EnergyTable& table) {
  const EnergyTable supplied = at_voltage(table, machine.voltage);
  if (machine.voltage && !machine.max_clock)
    throw input_error(
        "voltage: needs max_clock, the highest clock at the nominal voltage, so that the clock at "
        "another one can be checked");
  if (!machine.max_clock) return;
  const Hertz most = highest_clock(supplied, *machine.max_clock);
  if (machine.clock > most)
    throw input_error(fmt::format(
        "clock: expected at most {:.4g} MHz{}, got {:.4g} MHz",
        static_cast<double>(most.value) / 1e6,
        machine.voltage ? fmt::format(" at {} V (max_clock x ({} / {})^{})", machine.voltage->value,
                                      machine.voltage->value, table.voltage->nominal.value,
                                      table.voltage->frequency)
                        : std::string(", the max_clock"),
        static_cast<double>(machine.clock.value) / 1e6));
}

}  // namespace bitjoule
