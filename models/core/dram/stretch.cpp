#include "core/dram/stretch.h"

namespace bitjoule {

Stretch::Stretch(const DramStandard& standard)
    : two_step_activate_(standard.two_step_activate),
      banks_(at(standard.banks)),
      bids_(standard.banks, standard.organization.banks_per_group) {}

void Stretch::begin(DramDevice* device, DramCommand command, std::int64_t bus, std::int64_t order) {
  device_ = device;
  command_ = command;
  order_ = order;
  size_ = owners_ = 0;
  free_ = opening_ = kNone;
  bursts_.clear();
  bids_.begin(bus, command);
  for (std::size_t b = 0; b < banks_.size(); ++b) {
    const auto bank = static_cast<std::int64_t>(b);
    banks_[b] = Bank{};
    banks_[b].row = device_->open_row(bank);
    for (const StretchBids::Kind kind :
         {StretchBids::kColumn, StretchBids::kActivate, StretchBids::kPrecharge})
      update_gates(kind, bank);
  }
}

void Stretch::begin_bids() {
  for (std::size_t b = 0; b < banks_.size(); ++b) {
    if (banks_[b].owner != kNone) ++owners_;
    bid_first(static_cast<std::int32_t>(b));
  }
}

/// Of a bank that does not bid: as the first burst has come, or at the beginning. A hit does not
/// hold back an older burst to another row: both bid.
void Stretch::bid_first(std::int32_t b) {
  Bank& bank = banks_[at(b)];
  if (bank.head == kNone || b == opening_) return;
  if (bank.owner != kNone) {
    bank.column = bank.owner;
    return bid(StretchBids::kColumn, bank.owner, BankBids::kOwner);
  }
  if (bank.row == DramDevice::kClosed)
    return bid(StretchBids::kActivate, bank.head, BankBids::kRow);
  bid_again(b, &bank);
}

Stretch::Choice Stretch::choose(std::int64_t bus, Simd simd) const {
  return choice_of(bids_.first(bus, opening_ == kNone, simd), bus);
}

Stretch::Choice Stretch::consider(const Choice& choice, std::int32_t bank, std::int64_t bus) const {
  const std::int64_t first = bids_.first_of(bank, bus, opening_ == kNone);
  return first < choice.key ? choice_of(first, bus) : choice;
}

/// The bank bids for nothing else.
void Stretch::activate(const Choice& choice) {
  Bank& bank = banks_[at(choice.bank)];
  Burst& burst = bursts_[at(choice.entry)];
  burst.activated = true;
  device_->issue(DramCommand::kAct, choice.bank, burst.row, choice.start);
  update_gates(DramCommand::kAct, choice.bank);
  bank.row = burst.row;
  bank.owner = choice.entry;
  ++owners_;
  bids_.clear(StretchBids::kActivate, choice.bank);
  opening_ = choice.bank;
  if (!two_step_activate_) finish_activate();
}

void Stretch::finish_activate() {
  Bank& bank = banks_[at(opening_)];
  bank.column = bank.owner;
  bid(StretchBids::kColumn, bank.owner, BankBids::kOwner);
  opening_ = kNone;
}

void Stretch::precharge(const Choice& choice) {
  Bank& bank = banks_[at(choice.bank)];
  bursts_[at(choice.entry)].precharged = true;
  device_->issue(DramCommand::kPre, choice.bank, 0, choice.start);
  update_gates(DramCommand::kPre, choice.bank);
  bank.row = DramDevice::kClosed;
  bids_.clear(StretchBids::kPrecharge, choice.bank);
  if (bank.column != kNone) bids_.clear(StretchBids::kColumn, choice.bank);
  bank.column = kNone;
  bid(StretchBids::kActivate, bank.head, BankBids::kRow);
}

inline void Stretch::unlink(Bank* bank, std::int32_t index) {
  std::int32_t before = kNone;
  for (std::int32_t i = bank->head; i != index; i = burst(i).next) before = i;
  Burst& b = bursts_[at(index)];
  (before == kNone ? bank->head : bursts_[at(before)].next) = b.next;
  if (bank->tail == index) bank->tail = before;
  b.next = free_;
  free_ = index;
  --size_;
}

/// Bids of the bank for its open row and for another one.
inline void Stretch::bid_again(std::int32_t b, Bank* bank) {
  std::int32_t hit = bank->head;
  while (hit != kNone && burst(hit).row != bank->row) hit = burst(hit).next;
  bank->column = hit;
  if (hit != bank->head) bid(StretchBids::kPrecharge, bank->head, BankBids::kRow);
  if (hit == kNone) return bids_.clear(StretchBids::kColumn, b);
  bid(StretchBids::kColumn, hit, BankBids::kColumn);
}

void Stretch::serve(const Choice& choice) {
  Bank& bank = banks_[at(choice.bank)];
  device_->issue_column_now(command_, choice.bank, choice.start);
  bank.last = choice.start;
  update_gates(command_, choice.bank);
  if (bank.owner != kNone) {
    bank.owner = kNone;
    --owners_;
  }
  unlink(&bank, choice.entry);
  bid_again(choice.bank, &bank);
}

std::vector<std::int32_t> Stretch::known_by_age() const {
  std::vector<std::int32_t> all;
  for (const Bank& bank : banks_)
    for (std::int32_t i = bank.head; i != kNone; i = burst(i).next) all.push_back(i);
  std::sort(all.begin(), all.end(),
            [this](std::int32_t a, std::int32_t b) { return burst(a).order < burst(b).order; });
  return all;
}

/// Of what only commands of other kinds ask for. Every rule is a maximum over rising cycles: of
/// each bank the last command counts alone.
void Stretch::tell_device() {
  for (std::size_t b = 0; b < banks_.size(); ++b)
    if (banks_[b].last >= 0)
      device_->issue_column(command_, static_cast<std::int64_t>(b), banks_[b].last);
}

}  // namespace bitjoule
