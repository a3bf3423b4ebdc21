// The refresh half of the channel's controller.
#include <algorithm>

#include "core/dram/channel.h"

namespace bitjoule {

void DramChannel::consider_refresh(Choice* best) {
  if (refresh_.interval() == 0) return;
  for (std::int64_t rank = 0; rank < standard_.organization.ranks; ++rank) {
    if (refresh_.due(rank) > best->cycle || waits_for_owner(rank)) continue;
    const Choice c = refresh_choice(rank);
    if (c.cycle <= best->cycle) *best = c;
  }
}

/// Whether a row that the next refresh of `rank` would close still has its owner.
bool DramChannel::waits_for_owner(std::int64_t rank) const {
  const std::int64_t begin = rank * standard_.banks_per_rank;
  for (std::int64_t b = begin; b < begin + standard_.banks_per_rank; ++b)
    if (is_owned(b) && refresh_.includes(rank, b)) return true;
  return false;
}

/// What the next refresh of `rank` needs: its banks closed, then the refresh itself.
DramChannel::Choice DramChannel::refresh_choice(std::int64_t rank) {
  Choice c;
  c.bank = rank * standard_.banks_per_rank;
  std::int64_t earliest = 0;
  if (!refresh_.per_bank()) {
    c.command = device_.open_banks(rank) > 0 ? DramCommand::kPreAll : DramCommand::kRefAll;
    earliest = device_.earliest_of_rank(c.command, rank);
  } else {
    c.command = DramCommand::kRefBank;
    c.bank = refresh_.first_bank(rank);
    const std::int64_t end = (rank + 1) * standard_.banks_per_rank;
    for (std::int64_t b = c.bank; b < end; b += refresh_.stride()) {
      if (device_.open_row(b) != DramDevice::kClosed) {
        c.command = DramCommand::kPre;
        c.bank = b;
        earliest = device_.earliest(c.command, b);
        break;
      }
      earliest = std::max(earliest, device_.earliest(c.command, b));
    }
  }
  c.cycle = std::max({refresh_.due(rank), earliest, bus_free_[bus_of(c.command)]});
  c.start = c.cycle;
  return c;
}

void DramChannel::issue_refresh(const Choice& choice) {
  const std::int64_t rank = device_.rank_of(choice.bank);
  const std::int64_t end = (rank + 1) * standard_.banks_per_rank;
  note(choice.command, choice.bank, 0, choice.start);
  switch (choice.command) {
    case DramCommand::kPre:
      device_.issue(choice.command, choice.bank, 0, choice.start);
      bid_again(choice.bank);
      return;
    case DramCommand::kPreAll:
      device_.issue_to_rank(choice.command, rank, choice.start);
      rank_changed(rank);
      return;
    case DramCommand::kRefAll:
      device_.issue_to_rank(choice.command, rank, choice.start);
      break;
    default:
      for (std::int64_t b = choice.bank; b < end; b += refresh_.stride()) {
        device_.issue(choice.command, b, 0, choice.start);
      }
  }
  rank_changed(rank);
  refresh_.done(rank, 1);
  refresh_end_ = choice.start + standard_.refresh_cycles[index_of(choice.command)];
}

}  // namespace bitjoule
