// What the controller decides, command by command, with every cycle as the sum of its timings.
#include <doctest/doctest.h>

#include <algorithm>

#include "core/dram/cycle.h"
#include "core/dram/driver.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_dram.h"

namespace bitjoule::test::dram_controller_test {
namespace {

// Of DDR4-2400.
constexpr std::int64_t kRcd = 16, kRp = 16, kRas = 39, kCwl = 12, kBurst = 4, kRtp = 9,
                       kRefi = 9364, kRowBytes = 8192;

struct Sent {
  std::int64_t cycle;
  DramCommand command;
  std::int64_t bank, row;
  bool operator==(const Sent& o) const {
    return cycle == o.cycle && command == o.command && bank == o.bank && row == o.row;
  }
};
doctest::String toString(const Sent& s) {  // NOLINT(readability-identifier-naming): doctest's name
  return (std::to_string(s.cycle) + " " + kDramCommandNames[index_of(s.command)] + " bank " +
          std::to_string(s.bank) + " row " + std::to_string(s.row))
      .c_str();
}

/// Mapped as row, bank, bank group, column.
std::int64_t address(std::int64_t row, std::int64_t bank, std::int64_t group) {
  return ((row * 4 + bank) * 4 + group) * kRowBytes;
}
TimedRequest request(std::int64_t address, bool write, std::int64_t cycle) {
  return {{address, 64, write, 0}, cycle};
}

/// The commands for these requests, in order of time, and those due by `until` afterwards.
std::vector<Sent> commands(const std::vector<TimedRequest>& requests, std::int64_t until,
                           std::vector<Override> overrides = {}) {
  overrides.insert(overrides.begin(), {"mapping", "[row, bank, bank_group, column]"});
  class Source : public RequestSource {
   public:
    explicit Source(const std::vector<TimedRequest>& requests) : requests_(requests) {}
    bool next(TimedRequest* r) override {
      if (next_ == requests_.size()) return false;
      *r = requests_[next_++];
      return true;
    }

   private:
    const std::vector<TimedRequest>& requests_;
    std::size_t next_ = 0;
  };
  CycleDram dram(std::get<CycleDramConfig>(
      read_document<DramConfig>(file_source("ddr4-2400-x8.yaml"), overrides).model));
  std::vector<DramCommandRecord> trace;
  dram.record(&trace);
  Source source(requests);
  drive(&dram, &source);
  dram.stats(until);
  std::vector<Sent> sent;
  for (const DramCommandRecord& r : trace) sent.push_back({r.cycle, r.command, r.bank, r.row});
  std::stable_sort(sent.begin(), sent.end(),
                   [](const Sent& a, const Sent& b) { return a.cycle < b.cycle; });
  return sent;
}

using C = DramCommand;

}  // namespace

TEST_CASE("dram controller: a row serves the burst that it was opened for before a refresh") {
  const std::int64_t accepted = kRefi - 10, act = accepted + 1, read = act + kRcd;
  REQUIRE(read > kRefi);  // due between ACT and RD
  const std::int64_t close = std::max(act + kRas, read + kRtp);
  CHECK(commands({request(address(5, 0, 0), false, accepted)}, 2 * kRefi - 1) ==
        std::vector<Sent>{{act, C::kAct, 0, 5},
                          {read, C::kRead, 0, 5},
                          {close, C::kPreAll, 0, 0},
                          {close + kRp, C::kRefAll, 0, 0}});
}

TEST_CASE("dram controller: a hit that must wait does not hold back an older burst") {
  // A opens row 0; B wants row 1 of the same bank; D writes elsewhere; C, younger than B, hits row
  // 0 but waits for the write's data (tWTR_S), while B's PRE waits for tRAS only.
  const std::int64_t a = 1, d = 22, write = d + kRcd, c = write, close = a + kRas;
  const std::vector<Sent> sent =
      commands({request(address(0, 0, 0), false, a - 1), request(address(1, 0, 0), false, a),
                request(address(0, 0, 1), true, d - 1), request(address(0, 0, 0) + 64, false, c)},
               0, {{"controller.unified_queue", "true"}});
  const std::int64_t act = close + kRp, read = act + kRcd;
  const std::int64_t again = std::max(read + kRtp, act + kRas);
  CHECK(write + kCwl + kBurst + 3 > close);  // C could not have gone first
  CHECK(sent == std::vector<Sent>{{a, C::kAct, 0, 0},
                                  {a + kRcd, C::kRead, 0, 0},
                                  {d, C::kAct, 4, 0},
                                  {write, C::kWrite, 4, 0},
                                  {close, C::kPre, 0, 1},
                                  {act, C::kAct, 0, 1},
                                  {read, C::kRead, 0, 1},
                                  {again, C::kPre, 0, 0},
                                  {again + kRp, C::kAct, 0, 0},
                                  {again + kRp + kRcd, C::kRead, 0, 0}});
}

TEST_CASE("dram controller: a change of the queues' mode does not close a row in vain") {
  // The read's row is opened; then the write queue passes its high watermark with writes to another
  // row of the same bank. The read is served first: one ACT per row.
  std::vector<TimedRequest> requests = {request(address(0, 0, 0), false, 0)};
  for (std::int64_t i = 0; i < 32; ++i)
    requests.push_back(request(address(1, 0, 0) + 64 * i, true, 1));
  const std::vector<Sent> sent = commands(requests, 0);
  const auto opened =
      std::count_if(sent.begin(), sent.end(), [](const Sent& s) { return s.command == C::kAct; });
  CHECK(opened == 2);
  CHECK(sent[1] == Sent{1 + kRcd, C::kRead, 0, 0});
}

TEST_CASE(
    "dram controller: an entry is free with its burst's column command, or with its row's "
    "activate") {
  // A queue of one burst; two reads of closed rows in different bank groups.
  constexpr std::int64_t kRrdS = 4;
  const std::vector<TimedRequest> reads = {request(address(0, 0, 0), false, 0),
                                           request(address(0, 0, 1), false, 0)};
  // The slot is taken again in the clock of the command that frees it; the next command follows a
  // clock later.
  const std::int64_t first_read = 1 + kRcd;
  const std::vector<Sent> one_by_one = {{1, DramCommand::kAct, 0, 0},
                                        {first_read, DramCommand::kRead, 0, 0},
                                        {first_read + 1, DramCommand::kAct, 4, 0},
                                        {first_read + 1 + kRcd, DramCommand::kRead, 4, 0}};
  std::vector<Override> overrides = {{"controller.read_queue", "1"}};
  CHECK(commands(reads, 100, overrides) == one_by_one);
  overrides.push_back({"controller.release_on_activate", "true"});
  CHECK(commands(reads, 100, overrides) ==
        std::vector<Sent>{{1, DramCommand::kAct, 0, 0},
                          {1 + kRrdS, DramCommand::kAct, 4, 0},
                          {first_read, DramCommand::kRead, 0, 0},
                          {1 + kRrdS + kRcd, DramCommand::kRead, 4, 0}});
  overrides.push_back({"controller.scheduler", "fcfs"});  // the oldest burst alone is served
  CHECK(commands(reads, 100, overrides) == one_by_one);
  // A single write: its row is open, its entry free, and nothing else waits.
  CHECK(commands({request(address(0, 0, 0), true, 0)}, 100,
                 {{"controller.release_on_activate", "true"}, {"controller.scheduler", "fcfs"}}) ==
        std::vector<Sent>{{1, DramCommand::kAct, 0, 0}, {first_read, DramCommand::kWrite, 0, 0}});
}

}  // namespace bitjoule::test::dram_controller_test
