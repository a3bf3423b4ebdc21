#include "core/dram/train.h"

namespace bitjoule {

void Train::begin(const DramStandard& standard, const DramDevice& device, DramCommand command,
                  std::int64_t bus_free, std::int64_t data_clock_until, std::int64_t limit) {
  head_ = tail_ = 0;
  same_bank_ = 0;
  last_bank_ = -1;
  needs_one_bank_ = false;
  for (std::size_t b = 0; b < banks_.size(); ++b) {
    const auto bank = static_cast<std::int64_t>(b);
    banks_[b].row = device.open_row(bank);
    banks_[b].ready = device.earliest_of_bank(command, bank);
    banks_[b].last = -1;
    groups_[banks_[b].group] = device.earliest_of_group(command, bank);
  }
  gap_ = device.column_gap(command);
  shared_ = device.earliest_in_rank(command, 0);
  bus_free_ = bus_free;
  bus_cycles_ = standard.bus_cycles[index_of(command)];
  limit_ = limit;
  last_start_ = bus_free - bus_cycles_;
  // A data clock that never stops costs nothing.
  cas_ = standard.data_clock_after_read > 0 ? 1 : 0;
  data_clock_ = command == DramCommand::kRead ? standard.data_clock_after_read
                                              : standard.data_clock_after_write;
  data_clock_until_ = data_clock_until;
}

}  // namespace bitjoule
