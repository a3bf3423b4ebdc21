// A machine that has more of something is not slower for it: whatever the smaller one does, the
// larger one can do too. Energy is compared where prices stay: a larger buffer costs more per
// access.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "support/random_mapping.h"

namespace bitjoule::monotone_test {
namespace {

constexpr unsigned kSeeds[] = {20261129, 77003};
#ifdef __SANITIZE_ADDRESS__  // ten times slower
constexpr int kMachines = 3;
#else
constexpr int kMachines = 30;
#endif

struct More {
  std::string what;
  bool prices_stay;
  std::function<void(MappingProblem&)> give;
};

std::vector<More> kinds() {
  const auto buffer = [](BufferConfig BuffersConfig::*config) {
    return [config](MappingProblem& p) {
      BufferConfig& b = p.machine.buffers.*config;
      b.capacity = Bytes(2 * b.capacity.value);
    };
  };
  return {
      {"input capacity", false, buffer(&BuffersConfig::input)},
      {"weight capacity", false, buffer(&BuffersConfig::weight)},
      {"accumulator capacity", false, buffer(&BuffersConfig::accumulator)},
      {"output capacity", false, buffer(&BuffersConfig::output)},
      {"bandwidth", true, [](MappingProblem& p) { p.memory.bytes_per_cycle *= 2; }},
      {"lanes", true,
       [](MappingProblem& p) {
         p.machine.dequantizer.lanes *= 2;
         p.machine.output_unit.lanes *= 2;
       }},
      {"outstanding requests", true, [](MappingProblem& p) { p.machine.dma.outstanding *= 2; }}};
}

double value(const MappingProblem& p, MappingObjective objective) {
  MappingPins pins;
  pins.objective = objective;
  const MappingEstimate e = map_layer(p, pins).estimate;
  switch (objective) {
    case MappingObjective::kTraffic:
      return static_cast<double>(e.moved_bytes());
    case MappingObjective::kCycles:
      return static_cast<double>(e.cycles);
    case MappingObjective::kEnergy:
      return e.energy_pj;
    case MappingObjective::kEdp:
      break;
  }
  return e.energy_pj * static_cast<double>(e.cycles);
}

void check_seed(unsigned seed) {
  MESSAGE("seed ", seed);
  test::MappingRandom random(seed);
  double worst = 0;
  for (int done = 0; done < kMachines;) {
    MappingProblem p;
    std::vector<std::pair<MappingObjective, double>> before;
    try {
      p = test::random_mapping_problem(random, 40, 16, 512, 1 << 14);
      // Lanes work in step with the ports: those that wait for a port make a batch longer.
      for (BufferConfig* b : {&p.machine.buffers.accumulator, &p.machine.buffers.output})
        b->port_width = Bits(1 << 14);
      for (const MappingObjective o : {MappingObjective::kTraffic, MappingObjective::kCycles,
                                       MappingObjective::kEnergy, MappingObjective::kEdp})
        before.emplace_back(o, value(p, o));
    } catch (const Error&) {
      continue;  // what does not go together, or does not fit
    }
    CAPTURE(done);
    ++done;
    for (const More& more : kinds()) {
      CAPTURE(more.what);
      MappingProblem larger = p;
      more.give(larger);
      for (const auto& row : before) {
        const MappingObjective objective = row.first;
        const double least = row.second;
        const bool energy =
            objective == MappingObjective::kEnergy || objective == MappingObjective::kEdp;
        if (energy && !more.prices_stay) continue;
        CAPTURE(static_cast<int>(objective));
        const double now = value(larger, objective);
        CHECK(now <= least * 1.01);
        worst = std::max(worst, now / least);
      }
    }
  }
  MESSAGE(kMachines, " machines; at worst ", worst, " of what it cost before");
}

}  // namespace

TEST_CASE("mapper: more of anything costs no more than 1 % of the objective") {
  for (const unsigned seed : kSeeds) check_seed(seed);
}

}  // namespace bitjoule::monotone_test
