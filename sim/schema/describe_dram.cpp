#include "sim/schema/describe_dram.h"

#include <fmt/format.h>

#include "core/dram/priced_device.h"
#include "core/dram/rows.h"
#include "sim/config/visitors.h"

namespace bitjoule {

/// A list by states must price power-down where the controller has it: found after the run else.
static void check_power_down(const CycleDramConfig& device, const DramPrices& prices) {
  const auto* commands = std::get_if<DramPerCommand>(&prices.scheme);
  Action action;
  action.primitive = Primitive::kDramPowerDown;
  if (device.controller.power_down == 0 || commands == nullptr || command_price(*commands, action))
    return;
  throw input_error(fmt::format("energy: power-down, which the controller has, is not priced: {}",
                                missing_price(*commands, action)));
}

template <class V>
void describe(V& v, DramConfig& c) {
  v.template base<DramConfig>();
  const bool is_cycle = std::holds_alternative<CycleDramConfig>(c.model);
  DramModel model = is_cycle ? DramModel::kCycle : DramModel::kIdeal;
  IdealDramConfig ideal = is_cycle ? IdealDramConfig() : std::get<IdealDramConfig>(c.model);
  CycleDramConfig cycle = is_cycle ? std::get<CycleDramConfig>(c.model) : CycleDramConfig();
  v.field("name", c.name, "shown in reports");
  v.required("model", model, "bandwidth and latency, or controller and devices");
  v.when(model == DramModel::kIdeal, "model: ideal", [&] { describe_ideal(v, ideal); });
  v.when(model == DramModel::kCycle, "model: cycle", [&] { describe_cycle(v, cycle); });
  if (model == DramModel::kIdeal) c.model = ideal;
  if (model == DramModel::kCycle) c.model = cycle;
  v.field("energy", c.energy,
          "of the device itself: for `sim dram`, and for runs beside the table's");
  v.check([&] {
    make_dram_engine(c);
    if (std::holds_alternative<IdealDramConfig>(c.model) && c.energy &&
        std::holds_alternative<DramPerCommand>(c.energy->scheme))
      throw input_error("energy: per_command needs model: cycle; an ideal DRAM counts bits alone");
    if (c.energy) check_own_prices(*c.energy);
    const auto* device = std::get_if<CycleDramConfig>(&c.model);
    if (device != nullptr && c.energy) {
      check_priced_device(*c.energy, device->organization, device->timing, c.name, "energy");
      check_power_down(*device, *c.energy);
    }
  });
}

BITJOULE_DESCRIBED(DramOrganization)
BITJOULE_DESCRIBED(DramTiming)
BITJOULE_DESCRIBED(CommandBusConfig)
BITJOULE_DESCRIBED(ConstraintRow)
BITJOULE_DESCRIBED(DramProtocol)
BITJOULE_DESCRIBED(WatermarksConfig)
BITJOULE_DESCRIBED(DramControllerConfig)
BITJOULE_DESCRIBED(DramConfig)

}  // namespace bitjoule
