#include "hw/time.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"

namespace bitjoule {
namespace {

bool is_femtosecond(const sc_core::sc_time& resolution) {
  return std::abs(resolution.to_seconds() * 1e15 - 1) < 1e-6;
}

}  // namespace

Femtoseconds next_foreign_activity(Femtoseconds now) {
  const sc_core::sc_time pending = sc_core::sc_time_to_pending_activity();
  const auto limit = static_cast<sc_dt::uint64>((kForever - now).value);
  return pending.value() < limit ? now + to_femtoseconds(pending) : kForever;  // or none pends
}

void use_femtosecond_resolution() {
  // To ask first would fix the resolution that there is. Whatever a test bench does with errors,
  // this one is caught.
  using Handler = sc_core::sc_report_handler;
  const sc_core::sc_actions before =
      Handler::set_actions(sc_core::SC_ID_SET_TIME_RESOLUTION_, sc_core::SC_THROW);
  try {
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
  } catch (const sc_core::sc_report&) {  // fixed already: right or wrong, as follows
  }
  Handler::set_actions(sc_core::SC_ID_SET_TIME_RESOLUTION_, before);
  const sc_core::sc_time resolution = sc_core::sc_get_time_resolution();
  if (!is_femtosecond(resolution))
    throw input_error(
        fmt::format("the time resolution of SystemC: expected 1 fs, got {}, which times that were "
                    "made before have "
                    "fixed: call bitjoule::use_femtosecond_resolution() first in sc_main",
                    resolution.to_string()));
}

}  // namespace bitjoule
