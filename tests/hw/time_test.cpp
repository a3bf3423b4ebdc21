#include "hw/time.h"

#include <doctest/doctest.h>

namespace bitjoule::time_test {

TEST_CASE("time: one femtosecond is one step of simulated time") {
  bitjoule::use_femtosecond_resolution();
  bitjoule::use_femtosecond_resolution();
  CHECK(bitjoule::to_sc_time(bitjoule::Femtoseconds(833'000)) ==
        sc_core::sc_time(833, sc_core::SC_PS));
  sc_core::sc_start(10, sc_core::SC_NS);
  CHECK(bitjoule::to_femtoseconds(sc_core::sc_time_stamp()).value == 10'000'000);
}

}  // namespace bitjoule::time_test
