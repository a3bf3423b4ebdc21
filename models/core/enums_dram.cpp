#include "core/enums.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<DramCommand>>& enum_rows() {
  static const std::vector<EnumRow<DramCommand>> kRows = [] {
    std::vector<EnumRow<DramCommand>> rows;
    for (int i = 0; i < kDramCommands; ++i)
      rows.push_back(
          {static_cast<DramCommand>(i), kDramCommandNames[static_cast<std::size_t>(i)], ""});
    return rows;
  }();
  return kRows;
}

template <>
const std::vector<EnumRow<TimingLevel>>& enum_rows() {
  static const std::vector<EnumRow<TimingLevel>> kRows = {
      {TimingLevel::kBank, "bank", "the same bank"},
      {TimingLevel::kBankGroup, "bank_group", "the banks of the same group"},
      {TimingLevel::kRank, "rank", "the banks of the same rank"},
      {TimingLevel::kOtherRanks, "other_ranks", "the other ranks of the channel"},
      {TimingLevel::kChannel, "channel", "the whole channel"}};
  return kRows;
}

template <>
const std::vector<EnumRow<PagePolicy>>& enum_rows() {
  static const std::vector<EnumRow<PagePolicy>> kRows = {
      {PagePolicy::kOpen, "open", "a row stays open until another is needed"},
      {PagePolicy::kClosed, "closed", "a row without waiting requests is closed"}};
  return kRows;
}

template <>
const std::vector<EnumRow<RefreshPolicy>>& enum_rows() {
  static const std::vector<EnumRow<RefreshPolicy>> kRows = {
      {RefreshPolicy::kNone, "none", "no refresh"},
      {RefreshPolicy::kAllBank, "all_bank", "REFab to each rank every tREFI"},
      {RefreshPolicy::kPerBank, "per_bank", "REFpb to bank after bank"}};
  return kRows;
}

template <>
const std::vector<EnumRow<DramScheduler>>& enum_rows() {
  static const std::vector<EnumRow<DramScheduler>> kRows = {
      {DramScheduler::kFcfs, "fcfs", "the oldest request first"},
      {DramScheduler::kFrFcfs, "fr_fcfs", "row hits first, then the oldest"}};
  return kRows;
}

}  // namespace bitjoule
