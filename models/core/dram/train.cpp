#include "core/dram/train.h"

namespace bitjoule {

void Train::begin(const DramStandard& standard, const DramDevice& device, DramCommand command,
                  std::int64_t bus_free, std::int64_t data_clock_until, std::int64_t limit) {
  now_ = Now{};
  for (std::size_t b = 0; b < banks_.size(); ++b) {
    const auto bank = static_cast<std::int64_t>(b);
    banks_[b].row = device.open_row(bank);
    banks_[b].ready = device.earliest_of_bank(command, bank);
    banks_[b].last = -1;
    groups_[banks_[b].group] = device.earliest_of_group(command, bank);
  }
  gap_ = device.column_gap(command);
  now_.shared = device.earliest_in_rank(command, 0);
  now_.bus_free = bus_free;
  bus_cycles_ = standard.bus_cycles[index_of(command)];
  limit_ = limit;
  now_.last_start = bus_free - bus_cycles_;
  // A data clock that never stops costs nothing.
  cas_ = standard.data_clock_after_read > 0 ? 1 : 0;
  data_clock_ = command == DramCommand::kRead ? standard.data_clock_after_read
                                              : standard.data_clock_after_write;
  now_.data_clock_until = data_clock_until;
}

}  // namespace bitjoule
