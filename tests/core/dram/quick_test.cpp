// The quick DRAM: times from the timings by hand, and near those of the one with commands.
#include "core/dram/quick.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "core/dram/driver.h"
#include "support/dram_configs.h"

namespace bitjoule::quick_test {
namespace {

constexpr std::int64_t kBurst = 32, kGroup = 8 * kBurst, kRow = 4 * kGroup;
constexpr std::int64_t kRcd = 9, kRp = 7, kRas = 20, kCl = 10, kData = 4, kCcd = 4, kCcdGroup = 6;

CycleDramConfig config(std::int64_t channels) {
  CycleDramConfig c = test::small_dram();
  c.organization.channels = channels;
  if (channels > 1) c.mapping = {"row", "bank", "bank_group", "column", "channel"};
  c.controller.refresh = RefreshPolicy::kNone;
  return c;
}

class Listed : public RequestSource {
 public:
  explicit Listed(std::vector<DramRequest> requests) : requests_(std::move(requests)) {}
  bool next(TimedRequest* request) override {
    if (at_ == requests_.size()) return false;
    request->request = requests_[at_++];
    return true;
  }

 private:
  std::vector<DramRequest> requests_;
  std::size_t at_ = 0;
};

std::vector<DramRequest> reads(const std::vector<std::int64_t>& addresses) {
  std::vector<DramRequest> all;
  for (const std::int64_t address : addresses) all.push_back({address, kBurst, false, all.size()});
  return all;
}

/// Clocks until the last data, by the quick model and by commands.
std::pair<std::int64_t, std::int64_t> both(const std::vector<DramRequest>& requests,
                                           std::int64_t channels = 1) {
  DramConfig dram;
  dram.model = config(channels);
  const ResolvedDram resolved(dram);
  const auto clocks = [&](std::unique_ptr<DramEngine> engine) {
    Listed source(requests);
    return drive_by_events(engine.get(), &source).cycles;
  };
  return {clocks(resolved.quick_engine()), clocks(resolved.engine())};
}

}  // namespace

TEST_CASE("quick dram: rows, bank groups and conflicts take their timings") {
  // Accepted in clock 0, served from clock 1 on.
  const std::int64_t one = 1 + kRcd + kCl + kData;
  CHECK(both(reads({0})).first == one);
  CHECK(both(reads({0, kBurst, 2 * kBurst})).first == one + 2 * kCcdGroup);
  CHECK(both(reads({0, kRow})).first == 1 + kRas + kRp + kRcd + kCl + kData);
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 8; ++i) {
    groups.push_back(i * kBurst);
    groups.push_back(kGroup + i * kBurst);
  }
  CHECK(both(reads(groups)).first - one >= 15 * kCcd);
  CHECK(both(reads(groups)).first - one <= 16 * kCcd + kCcdGroup);
}

TEST_CASE("quick dram: streams take about what they take by commands") {
  for (const std::int64_t stride : {kBurst, 2 * kBurst, 3 * kBurst, kGroup, 5 * kGroup})
    for (const bool writes : {false, true}) {
      CAPTURE(stride);
      CAPTURE(writes);
      std::vector<DramRequest> all;
      for (std::int64_t i = 0; i < 600; ++i) {
        const bool write = writes && i % 2 == 1;
        const std::int64_t address =
            ((write ? 7 * kRow : 0) + i / (writes ? 2 : 1) * stride) % (16 * kRow);
        all.push_back({address, kBurst, write, static_cast<std::uint64_t>(i)});
      }
      const auto [quick, exact] = both(all);
      CAPTURE(quick);
      CAPTURE(exact);
      CHECK(static_cast<double>(quick) <= 1.3 * static_cast<double>(exact));
      CHECK(static_cast<double>(quick) >= 0.8 * static_cast<double>(exact));
    }
}

TEST_CASE("quick dram: each channel takes a burst in a clock") {
  constexpr std::int64_t kChannels = 8, kRequest = kChannels * kBurst;  // two bursts a clock leave
  std::vector<DramRequest> all;
  for (std::int64_t i = 0; i < 100; ++i)
    all.push_back({i * kRequest, kRequest, false, static_cast<std::uint64_t>(i)});
  const auto [quick, exact] = both(all, kChannels);
  CHECK(exact < 100 * kChannels);  // more than one of all channels
  CHECK(std::abs(quick - exact) <= exact / 50);
}

}  // namespace bitjoule::quick_test
