// The loops over a row of PEs: by hand, and in all forms alike.
#include "hw/pe_kernels.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "hw/pe_grid.h"
#include "hw/time.h"

namespace bitjoule::pe_kernels_test {
namespace {

/// A row of PEs with whatever its registers may hold: few folds and groups, so that many meet.
struct Row {
  Row(std::size_t pes, std::mt19937& random)
      : fold(pes),
        even(pes),
        odd(pes),
        north(pes),
        reach(pes),
        other_reach(pes),
        group(pes),
        other_group(pes) {
    const auto any = [&random](int n) { return static_cast<int>(random() % unsigned(n)); };
    for (std::size_t i = 0; i < pes; ++i) {
      fold[i] = static_cast<std::uint32_t>(any(4));
      even[i] = any(3) == 0 ? kNothingKept : 2;
      odd[i] = any(3) == 0 ? kNothingKept : static_cast<std::uint32_t>(1 + 2 * any(2));
      north[i] = static_cast<std::uint32_t>(any(3));
      reach[i] = static_cast<std::uint16_t>(any(200));
      other_reach[i] = static_cast<std::uint16_t>(any(200));
      group[i] = any(2);
      other_group[i] = any(2);
    }
  }
  PeRowStep step() const {
    PeRowStep s;
    s.pes = static_cast<std::int64_t>(fold.size());
    s.column = 17;
    s.row = 60;
    s.fold = fold.data();
    s.reach = reach.data();
    s.kept[0] = even.data();
    s.kept[1] = odd.data();
    s.sum_reach = s.north_reach = other_reach.data();
    s.north_fold = north.data();
    s.group = group.data();
    s.north_group = other_group.data();
    return s;
  }
  std::vector<std::uint32_t> fold, even, odd, north;
  std::vector<std::uint16_t> reach, other_reach;
  std::vector<std::int32_t> group, other_group;
};

bool same(const PeRowCounts& a, const PeRowCounts& b) {
  return a.west == b.west && a.north == b.north && a.meet == b.meet;
}

std::uint32_t bits(float value) {
  std::uint32_t pattern = 0;
  std::memcpy(&pattern, &value, sizeof pattern);
  return pattern;
}

}  // namespace

TEST_CASE("pe kernels: words meet those of their own fold, or group") {
  const std::uint32_t fold[4] = {3, 4, kNoWord, 5}, even[4] = {2, 4, kNothingKept, 4},
                      odd[4] = {3, kNothingKept, kNothingKept, 3};
  const std::uint16_t reach[4] = {9, 8, 0, 9}, sum_reach[4] = {3, 2, 4, 0};
  const std::uint32_t north_fold[4] = {3, 4, 5, kNoWord};
  const std::int32_t group[4] = {0, 1, 0, 0}, north_group[4] = {0, 0, 0, 0};
  PeRowStep s;
  s.pes = 4, s.column = 7, s.row = 2;
  s.fold = fold, s.reach = reach, s.sum_reach = s.north_reach = sum_reach;
  s.kept[0] = even, s.kept[1] = odd;
  s.north_fold = north_fold, s.group = group, s.north_group = north_group;
  std::uint32_t meets[4] = {};
  const PeRowCounts passing = step_passing(s, meets, Simd::kPortable);
  CHECK(passing.west == 1);   // columns 7 to 10 against 9, 8, 0, 9
  CHECK(passing.north == 2);  // row 2 against 3, 2, 4, 0
  CHECK(passing.meet == 2);
  CHECK((meets[0] == ~0U && meets[1] == ~0U && meets[2] == 0 && meets[3] == 0));
  const PeRowCounts meeting = step_meeting(s, meets, Simd::kPortable);
  CHECK(meeting.meet == 1);
  CHECK((meets[0] == ~0U && meets[1] == 0 && meets[2] == 0 && meets[3] == 0));
}

TEST_CASE("pe kernels: a sum that leaves int32 wraps and is told") {
  const std::uint32_t meets[3] = {~0U, ~0U, 0}, fold[3] = {1, 2, 1};
  const std::int16_t west[3] = {2, -3, 9}, even[3] = {7, 5, 7}, odd[3] = {1, 9, 7};
  std::int32_t sum[3] = {std::numeric_limits<std::int32_t>::max() - 1, 15, 4};
  std::uint8_t overflow[3] = {};
  for (const Simd simd : {Simd::kPortable, best_simd()}) {
    sum[0] = std::numeric_limits<std::int32_t>::max() - 1, sum[1] = 15, overflow[0] = 0;
    multiply_lane(LaneStep{3, meets, fold}, west, even, odd, sum, overflow, simd);
    CHECK(sum[0] == std::numeric_limits<std::int32_t>::min());  // + 2 x 1
    CHECK(sum[1] == 0);                                         // 15 - 3 x 5
    CHECK(sum[2] == 4);
    CHECK((overflow[0] == 1 && overflow[1] == 0 && overflow[2] == 0));
  }
}

TEST_CASE("pe kernels: all forms give the same bits") {
  std::mt19937 random(7);
  for (std::size_t pes = 1; pes <= 100; ++pes) {
    const Row row(pes, random);
    std::vector<std::uint32_t> portable(pes), vectors(pes);
    CHECK(same(step_meeting(row.step(), portable.data(), Simd::kPortable),
               step_meeting(row.step(), vectors.data(), best_simd())));
    CHECK(portable == vectors);
    CHECK(same(step_passing(row.step(), portable.data(), Simd::kPortable),
               step_passing(row.step(), vectors.data(), best_simd())));
    CHECK(portable == vectors);

    const LaneStep lane = {static_cast<std::int64_t>(pes), portable.data(), row.fold.data()};
    std::vector<std::int16_t> west(pes), even(pes), odd(pes);
    std::vector<float> float_west(pes), float_even(pes), float_odd(pes), float_sum(pes);
    std::vector<std::int32_t> sum(pes);
    for (std::size_t i = 0; i < pes; ++i) {
      west[i] = static_cast<std::int16_t>(random());
      even[i] = static_cast<std::int16_t>(random());
      odd[i] = static_cast<std::int16_t>(random());
      sum[i] = static_cast<std::int32_t>(random());
      float_west[i] = static_cast<float>(west[i]) / 3;
      float_even[i] = static_cast<float>(even[i]) / 7;
      float_odd[i] = static_cast<float>(odd[i]) / 11;
      float_sum[i] = i % 5 == 0 ? -0.0F : static_cast<float>(sum[i]) / 13;
    }
    auto other_sum = sum;
    auto other_float_sum = float_sum;
    std::vector<std::uint8_t> overflow(pes), other_overflow(pes);
    multiply_lane(lane, west.data(), even.data(), odd.data(), sum.data(), overflow.data(),
                  Simd::kPortable);
    multiply_lane(lane, west.data(), even.data(), odd.data(), other_sum.data(),
                  other_overflow.data(), best_simd());
    CHECK(sum == other_sum);
    CHECK(overflow == other_overflow);
    multiply_lane(lane, float_west.data(), float_even.data(), float_odd.data(), float_sum.data(),
                  nullptr, Simd::kPortable);
    multiply_lane(lane, float_west.data(), float_even.data(), float_odd.data(),
                  other_float_sum.data(), nullptr, best_simd());
    for (std::size_t i = 0; i < pes; ++i) CHECK(bits(float_sum[i]) == bits(other_float_sum[i]));
  }
}

TEST_CASE("pe grid: less than 100 bytes a PE in a large array") {
  use_femtosecond_resolution();
  struct Holder : sc_core::sc_module {
    explicit Holder(sc_core::sc_module_name name) : sc_module(name) {
      ArrayConfig config;
      config.rows = config.cols = 512;
      grid = make_integer_grid(config);
    }
    std::unique_ptr<PeGrid> grid;
  };
  for (const Dataflow dataflow : {Dataflow::kWeightStationary, Dataflow::kOutputStationary}) {
    const auto in_use = [] {
      const auto info = mallinfo2();
      return info.uordblks + info.hblkhd;
    };
    const std::size_t before = in_use();
    Holder holder(dataflow == Dataflow::kWeightStationary ? "ws" : "os");
    holder.grid->begin(pe_dataflow(dataflow), {}, 4, true);
    CHECK(static_cast<double>(in_use() - before) / (512 * 512) < 100);
  }
}

}  // namespace bitjoule::pe_kernels_test
