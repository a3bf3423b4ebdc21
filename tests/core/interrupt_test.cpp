#include "core/interrupt.h"

#include <doctest/doctest.h>

#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/numeric/quantized_tensor.h"

namespace bitjoule::interrupt_test {

TEST_CASE("interrupt: checks are those of the innermost scope of their thread") {
  int outer = 0, inner = 0;
  check_interrupt();  // nobody listens
  {
    const InterruptScope one([&] { ++outer; });
    check_interrupt();
    {
      const InterruptScope two([&] { ++inner; });
      check_interrupt();
      std::thread([] { check_interrupt(); }).join();
    }
    check_interrupt();
  }
  check_interrupt();
  CHECK(outer == 2);
  CHECK(inner == 1);
}

TEST_CASE("interrupt: short steps ask once in 2^20 of them") {
  int asked = 0;
  const InterruptScope scope([&] { ++asked; });
  for (int i = 0; i < 3 * (1 << 10); ++i) check_interrupt_after(1 << 10);
  CHECK(asked == 3);
}

TEST_CASE("interrupt: a module's scope hands on what its caller asks") {
  CHECK(!interrupt_check());
  int asked = 0;
  const InterruptScope scope([&] { ++asked; });
  const std::function<void()> check = interrupt_check();
  std::thread([&] {
    const InterruptScope inside(check);
    check_interrupt();
    const InterruptScope none({});
    check_interrupt();
  }).join();
  CHECK(asked == 1);
}

TEST_CASE("interrupt: what a check throws stops an encoding between two rows") {
  const std::int64_t rows = 10, k = 512;  // shorter rows are worked on together
  const std::vector<float> x(static_cast<std::size_t>(rows * k), 1.0F);
  for (const char* format : {"int8", "q4_0"}) {
    TensorFormat f;
    f.format = format;
    int checks = 0;
    const InterruptScope scope([&] {
      if (++checks == 4) throw std::runtime_error("enough");
    });
    CHECK_THROWS_WITH(QuantizedTensor::quantize(f, x.data(), rows, k), "enough");
    CHECK(checks == 4);
    CHECK_NOTHROW(QuantizedTensor::quantize(f, x.data(), rows, k));
    CHECK(checks == 4 + rows);
  }
}

}  // namespace bitjoule::interrupt_test
