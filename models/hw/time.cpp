#include "hw/time.h"

#include "core/error.h"

namespace bitjoule {

void use_femtosecond_resolution() {
  try {
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
  } catch (const sc_core::sc_report&) {  // set before, perhaps to this
  }
  require_femtosecond_resolution();
}

void require_femtosecond_resolution() {
  if (sc_core::sc_time(1, sc_core::SC_PS).value() != 1000)
    throw input_error(
        "SystemC's time resolution: expected 1 fs; call sc_set_time_resolution(1, SC_FS) before "
        "anything else");
}

}  // namespace bitjoule
