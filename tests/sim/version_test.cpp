#include "sim/version.h"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("version: three numbers") {
  CHECK(std::string(bitjoule::version()).find('.') != std::string::npos);
}
