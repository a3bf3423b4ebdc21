#include "hw/time.h"

// The shared SystemC library calls this from a main() of its own. Our programs have their own
// main() and start the kernel with sc_start(), so it is never reached; it only satisfies the
// linker.
int sc_main(int, char**);  // NOLINT(readability-redundant-declaration)
int sc_main(int, char**) { return 1; }

namespace bitjoule {

void use_femtosecond_resolution() {
  static const bool done = (sc_core::sc_set_time_resolution(1, sc_core::SC_FS), true);
  static_cast<void>(done);
}

}  // namespace bitjoule
