// What a run is bound by, and whose each cycle is.
#include "core/machine/bound.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/mapping/array_timing.h"

namespace bitjoule::bound_test {
namespace {

using ByCause = std::vector<std::pair<Cause, std::int64_t>>;

StallBreakdown breakdown(const ByCause& cycles) {
  StallBreakdown b;
  for (const auto& [cause, n] : cycles) b[cause] = n;
  return b;
}

}  // namespace

TEST_CASE("bound: what is in use nearly always, else what most cycles go to") {
  struct Row {
    ByCause stalls, dma;
    const char* bound;
  };
  const Row kRows[] = {
      // Weights enter most of the time: no matter that the array steps, too.
      {{{Cause::kWeightLoad, 865}, {Cause::kArrayBusy, 29}, {Cause::kDramRead, 106}},
       {{Cause::kDramRead, 400}},
       "weight_load"},
      // ... unless the memory has nothing to give all the while.
      {{{Cause::kWeightLoad, 865}, {Cause::kArrayBusy, 29}, {Cause::kDramRead, 106}},
       {{Cause::kDramRead, 900}},
       "dram"},
      {{{Cause::kFillDrain, 676}, {Cause::kArrayBusy, 324}},
       {{Cause::kDmaWindow, 950}},
       "dma_window"},
      {{{Cause::kFillDrain, 676}, {Cause::kArrayBusy, 324}},
       {{Cause::kDmaWindow, 899}},
       "fill_drain"},
      {{{Cause::kArrayBusy, 960}, {Cause::kDramRead, 40}}, {{Cause::kDramRead, 940}}, "compute"},
      {{{Cause::kArrayBusy, 920}, {Cause::kDramRead, 80}}, {{Cause::kDramRead, 940}}, "dram"},
      // Reads and writes wait for the same memory.
      {{{Cause::kDramRead, 300}, {Cause::kDramWrite, 300}, {Cause::kArrayBusy, 400}}, {}, "dram"},
      {{{Cause::kDmaRate, 500}, {Cause::kArrayBusy, 400}, {Cause::kIdle, 100}}, {}, "dma_rate"},
      {{{Cause::kDramLatency, 500}, {Cause::kArrayBusy, 500}}, {}, "compute"},
      {{{Cause::kDramLatency, 501}, {Cause::kArrayBusy, 499}}, {}, "dram_latency"},
      {{{Cause::kDequantizer, 6}, {Cause::kVector, 4}}, {}, "dequantizer"},
      {{{Cause::kOutput, 6}, {Cause::kBufferPort, 4}}, {}, "output"},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.bound);
    BoundEvidence evidence;
    evidence.held = breakdown(row.stalls);
    evidence.dma = breakdown(row.dma);
    const std::string bound = bound_name(evidence);
    CHECK(bound == row.bound);
    CHECK(bound_advice(bound, evidence) != "");
  }
}

TEST_CASE("attribution: a gap belongs to what came last") {
  // The array drains in [10, 20), the operands of the next fold come in cycle 16, or in 30.
  for (const std::int64_t ready : {16, 30}) {
    Attribution attribution;
    attribution.wait(Cycles(0), Cause::kDramRead);
    attribution.cover(Cause::kArrayBusy, 10);
    attribution.wait(Cycles(ready), Cause::kIdle);
    const std::int64_t begin = std::max<std::int64_t>(ready, 20);  // no overlap
    attribution.gap(Cycles(20), Cycles(20), Cycles(begin));
    CHECK(attribution.covered() == Cycles(begin));
    // At 16 nothing is lost by the memory: the array drains until 20 anyway.
    CHECK(attribution.breakdown()[Cause::kFillDrain] == (ready == 16 ? 10 : 0));
    CHECK(attribution.breakdown()[Cause::kDramRead] == (ready == 16 ? 0 : 20));
  }
}

TEST_CASE("attribution: a wait is known for what it was when it ends") {
  Attribution attribution;
  attribution.wait(Cycles(0), Cause::kDramRead);
  attribution.wait(Cycles(5), Cause::kOutput);
  attribution.wait(Cycles(8), Cause::kDramRead);
  attribution.resolve(Cause::kDramRead, Cause::kDmaWindow);
  attribution.wait(Cycles(12), Cause::kDramRead);
  attribution.resolve(Cause::kDramRead, Cause::kDramLatency);
  attribution.wait(Cycles(20), Cause::kDramRead);
  attribution.fill(Cycles(22));
  const StallBreakdown& b = attribution.breakdown();
  CHECK(b[Cause::kDmaWindow] == 5 + 4);
  CHECK(b[Cause::kOutput] == 3);
  CHECK(b[Cause::kDramLatency] == 8);
  CHECK(b[Cause::kDramRead] == 2);
  CHECK(b.total() == 22);
}

TEST_CASE(
    "attribution: with overlap, operands that come late are not the drain of the fold ahead") {
  ArrayRates rates;
  Fold fold;
  fold.rows = fold.cols = 32;
  fold.load_rows = 32;
  fold.steps = 1;
  for (const Overlap overlap : {Overlap::kNone, Overlap::kWeights, Overlap::kFull}) {
    CAPTURE(static_cast<int>(overlap));
    ArrayTimeline timeline(overlap, rates);
    Attribution attribution;
    attribution.wait(Cycles(0), Cause::kDramRead);
    timeline.issue(0, fold, &attribution);
    CHECK(attribution.covered() == Cycles(33));
    // The last MAC is at 33 + 62; operands come at 200.
    timeline.issue(200, fold, &attribution);
    CHECK(attribution.breakdown()[Cause::kDramRead] == 200 - 33);
    CHECK(attribution.breakdown()[Cause::kFillDrain] == 0);
  }
}

TEST_CASE("attribution: whole intervals are held by what makes them longer than a cycle") {
  ArrayRates rates;
  rates.load_interval = rates.stream_interval = 2;
  rates.load_cause = Cause::kDequantizer;
  rates.stream_cause = Cause::kBufferPort;
  Fold fold;
  fold.rows = fold.load_rows = 8;
  fold.steps = 5;
  ArrayTimeline timeline(Overlap::kNone, rates);
  Attribution attribution;
  timeline.issue(0, fold, &attribution);
  const StallBreakdown &causes = attribution.breakdown(), &held = attribution.held();
  CHECK(causes[Cause::kWeightLoad] == 8);
  CHECK(causes[Cause::kDequantizer] == 8);
  CHECK(causes[Cause::kArrayBusy] == 5);
  CHECK(causes[Cause::kBufferPort] == 5);
  CHECK(held[Cause::kDequantizer] == 16);
  CHECK(held[Cause::kBufferPort] == 10);
  CHECK(held.total() == causes.total());
}

TEST_CASE("attribution: of a slow drain what is beyond a row per cycle is the output's") {
  ArrayRates rates;
  rates.drain_interval = 3;
  Fold fold;
  fold.rows = 4;
  fold.cols = 3;
  fold.steps = 5;
  fold.drains = true;
  ArrayTimeline timeline(Overlap::kFull, rates);
  Attribution attribution;
  timeline.issue(0, fold, &attribution);
  // Streams in [0, 5); 12 cycles of drain end when the next 5 steps do: they begin in cycle 12.
  CHECK(timeline.issue(0, fold, &attribution).stream_begin == 12);
  timeline.drain(attribution);
  // The last MAC is done at 17 + 4 + 3 - 2 = 22, and 4 rows leave in 3 cycles each.
  CHECK(timeline.out_end() == 34);
  const StallBreakdown &causes = attribution.breakdown(), &held = attribution.held();
  CHECK(causes[Cause::kArrayBusy] == 10);
  CHECK(causes[Cause::kFillDrain] == 5 + 4);
  CHECK(causes[Cause::kOutput] == 7 + 8);
  CHECK(held[Cause::kFillDrain] == 5);
  CHECK(held[Cause::kOutput] == 7 + 12);
  CHECK(held.total() == 34);
}

TEST_CASE("advice: of layers on several dataflows, what most of their rows are of") {
  BoundEvidence weights, inputs;
  weights.held[Cause::kWeightLoad] = 600;
  inputs.held[Cause::kWeightLoad] = 500;
  inputs.inputs_stay = inputs.array_work();
  CHECK(bound_advice("weight_load", weights).find("rows of weights") == 0);
  CHECK(bound_advice("weight_load", inputs).find("rows of inputs") == 0);
  BoundEvidence both = weights;
  both += inputs;
  CHECK(bound_advice("weight_load", both).find("rows of weights") == 0);
  inputs *= 2;
  both += inputs;
  CHECK(bound_advice("weight_load", both).find("rows of inputs") == 0);
}

TEST_CASE("advice: of what is known, and no overlap where there is all") {
  BoundEvidence e;
  e.held[Cause::kArrayBusy] = 1000;
  e.macs = 5;
  e.mac_slots = 1000;
  CHECK(bound_advice("compute", e).find("0.5 % of its multipliers") != std::string::npos);
  CHECK(bound_advice("compute", e).find("more of them change nothing") != std::string::npos);
  e.more_cols = 1000;
  e.macs = 900;
  CHECK(bound_advice("compute", e) == "the array multiplies; more columns of PEs");
  e.more_rows = e.narrower = 500;
  CHECK(bound_advice("compute", e) == "the array multiplies; more PEs or narrower numbers");
  for (const char* bound : {"weight_load", "fill_drain"}) {
    e.overlap = Overlap::kFull;
    CHECK(bound_advice(bound, e).find("overlap") == std::string::npos);
    e.overlap = Overlap::kNone;
    CHECK(bound_advice(bound, e).find("or overlap: full") != std::string::npos);
  }
  e.dma[Cause::kDramRead] = 899;
  CHECK(bound_advice("dram", e).find("all the time") == std::string::npos);
  e.dma[Cause::kDramWrite] = 1;
  CHECK(bound_advice("dram", e).find("all the time") != std::string::npos);
  CHECK(bound_advice("output", e).find("latency") != std::string::npos);
}

}  // namespace bitjoule::bound_test
