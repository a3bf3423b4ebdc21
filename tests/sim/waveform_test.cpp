#include "sim/report/waveform.h"

#include <doctest/doctest.h>

#include "core/error.h"

namespace bitjoule::waveform_test {

TEST_CASE("waveform: a VCD has scopes, initial values and changes in order of time") {
  Trace trace;
  const std::int32_t busy = trace.add_signal("array.busy", 1);
  const std::int32_t level = trace.add_signal("dma.bursts", 4);
  trace.change(level, Cycles(3), 5);
  trace.change(busy, Cycles(2), 1);
  trace.change(busy, Cycles(3), 0);
  trace.change(level, Cycles(3), 6);  // the last change of a cycle counts
  CHECK(vcd_text(trace, Clock::from_frequency(Hertz(1'000'000'000)), "c") ==
        "$comment c $end\n$timescale 1 ps $end\n"
        "$scope module array $end\n$var wire 1 ! busy $end\n$upscope $end\n"
        "$scope module dma $end\n$var wire 4 \" bursts $end\n$upscope $end\n"
        "$enddefinitions $end\n#0\n$dumpvars\n0!\nb0 \"\n$end\n"
        "#2000\n1!\n#3000\n0!\nb110 \"\n");
}

TEST_CASE("waveform: a trace without signals records none, one that would not end is refused") {
  Trace activities(false);
  activities.change(activities.add_signal("array.busy", 1), Cycles(1), 1);
  activities.change(activities.add_counter("buffer.level_bytes", 32), Cycles(1), 7);
  CHECK(activities.sorted_changes().size() == 1);  // but for counters
  Trace trace(true, 3);
  const std::int32_t signal = trace.add_signal("array.busy", 1);
  for (int i = 0; i < 3; ++i) trace.change(signal, Cycles(7), 1);
  CHECK_THROWS_WITH_AS(trace.change(signal, Cycles(7), 1),
                       doctest::Contains("by cycle 7 alone; trace a smaller layer"), Error);
}

}  // namespace bitjoule::waveform_test
