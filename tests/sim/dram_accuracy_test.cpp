// Cycles of the streams that DRAMsim3, Ramulator 2 and DRAMSys were measured with under the same
// timing, window and rules (docs/dram.md): what they agree on, and how far they spread.
#include <doctest/doctest.h>

#include "core/dram/driver.h"
#include "sim/commands/dram_traffic.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"

namespace bitjoule::test::dram_accuracy_test {
namespace {

const char* const kM1 = "[row, bank, bank_group, column]";
const char* const kM2 = "[row, bank, column, bank_group]";

enum class Pattern { kSequentialReads, kSequentialWrites, kThreeReadsOneWrite, kRandomReads };

struct Measured {
  const char* file;
  const char* mapping;
  Pattern pattern;
  std::int64_t min, max;  // cycles of the simulators
  double tolerance;       // beyond that range
};

constexpr double kSequential = 0.01, kOther = 0.05;

const Measured kMeasured[] = {
    {"ddr4-2400-x8", kM1, Pattern::kSequentialReads, 87696, 87787, 0.0},
    {"ddr4-2400-x8", kM1, Pattern::kSequentialWrites, 87917, 87917, 0.0},
    {"ddr4-2400-x8", kM1, Pattern::kThreeReadsOneWrite, 235579, 237400, kOther},
    {"ddr4-2400-x8", kM1, Pattern::kRandomReads, 136657, 136967, kOther},
    {"ddr4-2400-x8", kM2, Pattern::kSequentialReads, 68859, 68928, 0.0},
    {"ddr4-2400-x8", kM2, Pattern::kSequentialWrites, 69030, 69030, 0.0},
    {"ddr4-2400-x8", kM2, Pattern::kThreeReadsOneWrite, 236853, 256710, kOther},
    {"ddr4-2400-x8", kM2, Pattern::kRandomReads, 136767, 137053, kOther},
    {"lpddr4-3200", kM1, Pattern::kSequentialReads, 285983, 286034, kSequential},
    {"lpddr4-3200", kM1, Pattern::kSequentialWrites, 286878, 288357, kSequential},
    {"lpddr4-3200", kM1, Pattern::kThreeReadsOneWrite, 944709, 954690, kOther},
    {"lpddr4-3200", kM1, Pattern::kRandomReads, 365715, 404361, kOther},
    {"hbm2-2000", kM1, Pattern::kSequentialReads, 71033, 71338, kSequential},
    {"hbm2-2000", kM1, Pattern::kSequentialWrites, 71239, 71433, kSequential},
    {"hbm2-2000", kM1, Pattern::kThreeReadsOneWrite, 254475, 267669, kOther},
    {"hbm2-2000", kM1, Pattern::kRandomReads, 102677, 106706, kOther},
    {"lpddr5-6400", kM1, Pattern::kSequentialReads, 81193, 81193, kSequential},
    {"lpddr5-6400", kM1, Pattern::kSequentialWrites, 82113, 82113, kSequential},
    {"lpddr5-6400", kM1, Pattern::kThreeReadsOneWrite, 263192, 265967, kOther},
    {"lpddr5-6400", kM1, Pattern::kRandomReads, 113824, 114449, kSequential},
    {"lpddr5-6400", kM2, Pattern::kSequentialReads, 70111, 70111, kSequential},
    {"lpddr5-6400", kM2, Pattern::kSequentialWrites, 70784, 70784, kSequential},
    {"lpddr5-6400", kM2, Pattern::kThreeReadsOneWrite, 295086, 295684, kOther},
    {"lpddr5-6400", kM2, Pattern::kRandomReads, 181594, 181594, kOther},
};

DramConfig read(const std::string& file, const std::string& mapping) {
  return read_document<DramConfig>(file_source(file + ".yaml"), {{"mapping", mapping}});
}

PatternOptions options_of(Pattern pattern, const DramOrganization& o) {
  PatternOptions p;
  p.name = "sequential";
  if (pattern == Pattern::kSequentialWrites) p.write = true;
  if (pattern == Pattern::kRandomReads) {
    p.name = "random";
    p.count = 20000;
    p.range = std::int64_t{64} << 22;
  }
  if (pattern == Pattern::kThreeReadsOneWrite) {
    p.name = "streams";
    p.gap = (64 << 20) + o.columns * o.channel_width / 8;
    p.write_count = 4096;
  }
  return p;
}

/// Latencies of single reads: bank closed, row open, other row open.
std::vector<std::int64_t> isolated(const std::string& file) {
  class Reads : public RequestSource {
   public:
    explicit Reads(std::vector<TimedRequest> reads) : reads_(std::move(reads)) {}
    bool next(TimedRequest* r) override {
      if (next_ == reads_.size()) return false;
      *r = reads_[next_++];
      return true;
    }

   private:
    std::vector<TimedRequest> reads_;
    std::size_t next_ = 0;
  };
  const DramConfig config = read(file, kM1);
  const DramOrganization& o = std::get<CycleDramConfig>(config.model).organization;
  const std::int64_t next_row = o.columns * o.channel_width / 8 * o.bank_groups * o.banks_per_group;
  const std::vector<TimedRequest> reads = {
      {{0, 64, false, 0}, 1000}, {{64, 64, false, 0}, 1500}, {{next_row, 64, false, 0}, 2000}};
  std::vector<std::int64_t> latencies;
  for (std::size_t n = 1; n <= reads.size(); ++n) {  // the sum grows by the n-th latency
    const auto engine = make_dram_engine(config);
    Reads source({reads.begin(), reads.begin() + static_cast<std::ptrdiff_t>(n)});
    const Histogram latency = drive(engine.get(), &source).latency;
    std::int64_t sum = std::llround(latency.mean() * static_cast<double>(latency.count()));
    for (const std::int64_t before : latencies) sum -= before;
    latencies.push_back(sum);
  }
  return latencies;
}

}  // namespace

TEST_CASE("dram accuracy: streams take the cycles that other simulators take") {
  for (const Measured& m : kMeasured) {
    const DramConfig config = read(m.file, m.mapping);
    const auto engine = make_dram_engine(config);
    TrafficShape shape;
    shape.capacity = engine->capacity().value;
    const auto source = make_pattern(
        options_of(m.pattern, std::get<CycleDramConfig>(config.model).organization), shape);
    const auto cycles = static_cast<double>(drive(engine.get(), source.get()).cycles);
    CAPTURE(m.file);
    CAPTURE(m.mapping);
    CAPTURE(static_cast<int>(m.pattern));
    CHECK(cycles >= static_cast<double>(m.min) * (1 - m.tolerance));
    CHECK(cycles <= static_cast<double>(m.max) * (1 + m.tolerance));
  }
}

TEST_CASE("dram accuracy: single reads take exactly the sum of their timings") {
  using Latencies = std::vector<std::int64_t>;  // one clock from acceptance to the first command
  CHECK(isolated("ddr4-2400-x8") == Latencies{1 + 16 + 16 + 4, 1 + 16 + 4, 1 + 16 + 16 + 16 + 4});
  // Two bursts of the same bank group; a clock of CAS before the first RD, because the data clock
  // has stopped; tRCD counts from the first half of the activate.
  CHECK(isolated("lpddr5-6400") ==
        Latencies{1 + 15 + 1 + 4 + 17 + 2, 1 + 1 + 4 + 17 + 2, 1 + 15 + 15 + 1 + 4 + 17 + 2});
  // Start to start: RD to data 3 + RL + tDQSCK, PRE to ACT two clocks less than tRP.
  CHECK(isolated("lpddr4-3200") ==
        Latencies{1 + 29 + 8 + 37 + 8, 1 + 8 + 37 + 8, 1 + 27 + 29 + 8 + 37 + 8});
  // tRCD from, and tRP to, the second clock of ACT.
  CHECK(isolated("hbm2-2000") ==
        Latencies{1 + 15 + 4 + 14 + 2, 1 + 4 + 14 + 2, 1 + 13 + 15 + 4 + 14 + 2});
}

namespace {

std::int64_t cycles_of(const DramConfig& config, const PatternOptions& pattern,
                       std::int64_t bytes) {
  const auto engine = make_dram_engine(config);
  TrafficShape shape;
  shape.capacity = engine->capacity().value;
  shape.request_bytes = bytes;
  return drive(engine.get(), make_pattern(pattern, shape).get()).cycles;
}

}  // namespace

TEST_CASE("dram accuracy: so many channels serve so many times the stream in the same time") {
  // Bursts go to the channels in turn, so each sees what one alone would.
  constexpr std::int64_t kChannels = 16, kBurst = 32, kPerChannel = 4000;
  PatternOptions stream;
  stream.name = "sequential";
  stream.count = kPerChannel;
  const DramConfig one = read("hbm2-2000", kM2);
  const std::int64_t alone = cycles_of(one, stream, kBurst);
  stream.count = kPerChannel * kChannels;
  const DramConfig stack = read("hbm2-2000-stack", "[row, bank, column, bank_group, channel]");
  CHECK(cycles_of(stack, stream, kBurst) == alone);
  // Requests of two bursts to one channel each keep all of them as busy.
  stream.count = kPerChannel * kChannels / 2;
  const DramConfig lines =
      read("hbm2-2000-stack", "[row, bank, column, bank_group, channel, column:1]");
  const DramConfig line = read("hbm2-2000", "[row, bank, column, bank_group, column:1]");
  PatternOptions half = stream;
  half.count = kPerChannel / 2;
  CHECK(cycles_of(lines, stream, 2 * kBurst) == cycles_of(line, half, 2 * kBurst));
}

TEST_CASE("dram accuracy: LPDDR4's strided reads wait for the command bus, not for tRC") {
  // Two reads per row in every second of eight banks. A row cycle is tRC where commands take a
  // clock. RD takes four, and where one and PRE can start in the same clock it goes first: PRE, and
  // with it the next ACT, come four later.
  constexpr std::int64_t kRc = 97, kColumn = 4, kRows = 500;
  PatternOptions strided;
  strided.name = "strided";
  strided.stride = 2 * 2048;
  strided.count = 4 * kRows;
  const auto per_row = [&](const std::vector<Override>& more) {
    std::vector<Override> overrides = {{"controller.refresh", "none"}};
    overrides.insert(overrides.end(), more.begin(), more.end());
    const auto config = read_document<DramConfig>(file_source("lpddr4-3200.yaml"), overrides);
    PatternOptions twice = strided;
    twice.count *= 2;
    return (cycles_of(config, twice, 64) - cycles_of(config, strided, 64)) / kRows;
  };
  CHECK(per_row({}) == kRc + kColumn);
  CHECK(per_row({{"protocol.command_bus.column", "1"}}) == kRc);
  CHECK(per_row({{"controller.page_policy", "closed"}}) == kRc);  // rows close without a command
}

TEST_CASE("dram accuracy: LPDDR5's random reads with entries that an activate frees") {
  // Ramulator 2 alone was measured: its controllers move a request to its bank as they open the
  // row.
  const auto cycles = [](bool release) {
    DramConfig config = read("lpddr5-6400", kM1);
    std::get<CycleDramConfig>(config.model).controller.release_on_activate = release;
    PatternOptions random;
    random.name = "random";
    random.count = 20000;
    random.range = std::int64_t{64} << 22;
    return static_cast<double>(cycles_of(config, random, 64));
  };
  CHECK(cycles(true) <= 114449 * 1.01);
  CHECK(cycles(true) >= 113824 * 0.99);
  CHECK(cycles(false) > cycles(true));
}

}  // namespace bitjoule::test::dram_accuracy_test
