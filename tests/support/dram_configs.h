// A small DRAM for tests that read no files: round timings, all different.
#pragma once

#include "core/dram/config.h"

namespace bitjoule::test {

/// 2 bank groups x 2 banks, 16 rows of 8 bursts of 32 bytes; 1 ns clock.
inline CycleDramConfig small_dram() {
  using C = DramCommand;
  using L = TimingLevel;
  CycleDramConfig c;
  c.organization = {1, 1, 2, 2, 16, 64, 32, 8, 8};
  c.timing.tCK = Femtoseconds(1'000'000);
  c.timing.values = {{"tBURST", 4}, {"CL", 10},   {"CWL", 8},    {"tRCD", 9},
                     {"tRP", 7},    {"tRAS", 20}, {"tRC", 27},   {"tRRD", 5},
                     {"tFAW", 30},  {"tCCD", 4},  {"tCCD_L", 6}, {"tRTP", 6},
                     {"tWR", 11},   {"tWTR", 3},  {"tRFC", 100}, {"tREFI", 1000}};
  c.protocol.constraints = {
      {L::kBank, {C::kAct}, {C::kRead, C::kWrite}, "tRCD", 1},
      {L::kBank, {C::kAct}, {C::kPre, C::kPreAll}, "tRAS", 1},
      {L::kBank, {C::kAct}, {C::kAct, C::kRefAll}, "tRC", 1},
      {L::kBank, {C::kRead}, {C::kPre, C::kPreAll}, "tRTP", 1},
      {L::kBank, {C::kWrite}, {C::kPre, C::kPreAll}, "CWL + tBURST + tWR", 1},
      {L::kBank, {C::kPre}, {C::kAct, C::kRefAll}, "tRP", 1},
      {L::kRank, {C::kPreAll}, {C::kAct, C::kRefAll}, "tRP", 1},
      {L::kRank, {C::kAct}, {C::kAct}, "tRRD", 1},
      {L::kRank, {C::kAct}, {C::kAct}, "tFAW", 4},
      {L::kRank, {C::kRead}, {C::kRead}, "tCCD", 1},
      {L::kRank, {C::kWrite}, {C::kWrite}, "tCCD", 1},
      {L::kBankGroup, {C::kRead}, {C::kRead}, "tCCD_L", 1},
      {L::kBankGroup, {C::kWrite}, {C::kWrite}, "tCCD_L", 1},
      {L::kRank, {C::kRead}, {C::kWrite}, "CL + tBURST + 2 - CWL", 1},
      {L::kRank, {C::kWrite}, {C::kRead}, "CWL + tBURST + tWTR", 1},
      {L::kRank, {C::kRefAll}, {C::kAct, C::kRefAll}, "tRFC", 1},
  };
  return c;
}

}  // namespace bitjoule::test
