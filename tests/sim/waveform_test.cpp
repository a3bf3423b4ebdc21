#include "sim/report/waveform.h"

#include <doctest/doctest.h>

#include <boost/json.hpp>

namespace bitjoule {

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

TEST_CASE("waveform: a timeline has one track per unit and times in microseconds") {
  Trace trace;
  trace.add("array", "tile", Cycles(1000), Cycles(3000));
  const boost::json::value json =
      boost::json::parse(timeline_text(trace, Clock::from_frequency(Hertz(1'000'000'000))));
  const boost::json::array& events = json.at("traceEvents").as_array();
  REQUIRE(events.size() == 2);
  CHECK(events[0].at("args").at("name").as_string() == "array");
  CHECK(events[1].at("ts").as_double() == doctest::Approx(1.0));
  CHECK(events[1].at("dur").as_double() == doctest::Approx(2.0));
}

}  // namespace bitjoule
