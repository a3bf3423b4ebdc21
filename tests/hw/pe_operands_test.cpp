// One PE: the operands of its multipliers, counted bit by bit.
#include <doctest/doctest.h>

#include "hw/pe.h"
#include "hw/time.h"

namespace bitjoule {

TEST_CASE("pe: zeros and toggling bits of its multipliers, by hand") {
  use_femtosecond_resolution();
  Pe<std::int16_t, std::int32_t> pe("pe");
  PeRules rules;
  rules.operands = true;
  rules.west = {0xff, {}, OperandCount::kInputZeros, OperandCount::kInputToggles};
  rules.north = {0xf, {}, OperandCount::kWeightZeros, OperandCount::kWeightToggles};
  MachineCounts counts;
  const std::int16_t weights[2] = {3, -1};  // 0011, 1111
  // 00000001, 00000000; 00000011, 11111111; 00000000, 00000000.
  const std::int16_t inputs[3][2] = {{1, 0}, {3, -1}, {0, 0}};
  Word<std::int16_t> stays;
  stays.lanes = weights;
  stays.count = 2;
  stays.valid = true;
  stays.fold = 1;
  pe.step_stationary({}, stays, {}, 0, rules, counts);
  for (const auto& step : inputs) {
    Word<std::int16_t> word;
    word.lanes = step;
    word.count = 2;
    word.valid = true;
    word.fold = 1;
    pe.step_stationary(word, {}, {}, 0, rules, counts);
  }
  CHECK(counts.macs == 6);
  CHECK(counts.adds.tree[0] == 3);
  CHECK(counts.adds.wide == 3);
  CHECK(counts.operands[OperandCount::kInputZeros] == 3);
  CHECK(counts.operands[OperandCount::kWeightZeros] == 0);
  CHECK(counts.operands[OperandCount::kZeroMacs] == 3);
  // From zeros: 1 and 0 bits; then 1 and 8; then 2 and 8.
  CHECK(counts.operands[OperandCount::kInputToggles] == 1 + (1 + 8) + (2 + 8));
  CHECK(counts.operands[OperandCount::kWeightToggles] == 2 + 4);
}

}  // namespace bitjoule
