#include "sim/report/waveform.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>

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

TEST_CASE("waveform: a timeline has one track per unit and times in microseconds") {
  Trace trace;
  trace.add("array", "tile", Cycles(1000), Cycles(3000));
  trace.add("dma", "64 B", Cycles(0), Cycles(1000));
  trace.add("array", "next tile", Cycles(2000), Cycles(4000));  // drawn behind the one ahead
  const boost::json::value json =
      boost::json::parse(timeline_text(trace, Clock::from_frequency(Hertz(1'000'000'000)), "run"));
  std::string text;
  for (const boost::json::value& event : json.at("traceEvents").as_array()) {
    text += fmt::format("{} {} ", event.at("ph").as_string().c_str(), event.at("tid").as_int64());
    if (event.at("ph").as_string() == "X")
      text += fmt::format("{} {:.3g}+{:.3g} us, {}\n", event.at("name").as_string().c_str(),
                          event.at("ts").as_double(), event.at("dur").as_double(),
                          event.at("args").at("begin_cycle").as_int64());
    else
      text += boost::json::serialize(event.at("args")) + "\n";
  }
  CHECK(text ==
        "M 0 {\"name\":\"run\"}\n"
        "M 1 {\"name\":\"array\"}\nM 1 {\"sort_index\":1}\nX 1 tile 1+2 us, 1000\n"
        "M 2 {\"name\":\"dma\"}\nM 2 {\"sort_index\":2}\nX 2 64 B 0+1 us, 0\n"
        "X 1 next tile 3+1 us, 2000\n");
}

TEST_CASE("waveform: a trace without signals records none, one that would not end is refused") {
  Trace activities(false);
  activities.change(activities.add_signal("array.busy", 1), Cycles(1), 1);
  CHECK(activities.sorted_changes().empty());
  Trace trace(true, 3);
  const std::int32_t signal = trace.add_signal("array.busy", 1);
  for (int i = 0; i < 3; ++i) trace.change(signal, Cycles(7), 1);
  CHECK_THROWS_WITH_AS(trace.change(signal, Cycles(7), 1),
                       doctest::Contains("by cycle 7 alone; trace a smaller layer"), Error);
}

}  // namespace bitjoule::waveform_test
