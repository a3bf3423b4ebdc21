#include "core/machine/bound.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace bitjoule {
namespace {

constexpr double kMostSlots = 0.5;  // of an array's MACs: with fewer at work it is called empty

/// Whether something holds for most of the cycles in which steps or rows enter.
bool mostly(std::int64_t cycles, const BoundEvidence& e) {
  return cycles > 0 && 2 * cycles >= e.array_work();
}

std::string compute_advice(const BoundEvidence& e) {
  const double share =
      e.mac_slots > 0 ? static_cast<double>(e.macs) / static_cast<double>(e.mac_slots) : 0;
  std::string text =
      share >= kMostSlots
          ? "the array multiplies"
          : fmt::format("the array is occupied, but {:.3g} % of its multipliers have work",
                        share * 100);
  const bool rows = mostly(e.more_rows, e), cols = mostly(e.more_cols, e);
  std::string more = rows && cols ? "more PEs"
                     : rows       ? "more rows of PEs"
                     : cols       ? "more columns of PEs"
                                  : "";
  if (mostly(e.narrower, e)) more += more.empty() ? "narrower numbers" : " or narrower numbers";
  if (rows || cols) return text + "; " + more;
  text += ", and all that it can spread over its PEs is in it at once: more of them change nothing";
  return text + "; " + (more.empty() ? "" : more + " or ") + "another dataflow";
}

std::string load_advice(const BoundEvidence& e) {
  std::string text =
      mostly(e.inputs_stay, e)
          ? "rows of inputs enter for few steps each; a larger n"
          : "rows of weights enter for few steps each; more tokens or a larger batch";
  if (mostly(e.more_cols, e)) text += ", more columns of PEs";
  if (e.overlap == Overlap::kNone || e.overlap == Overlap::kDrain) text += ", or overlap: full";
  return text;
}

}  // namespace

BoundEvidence& BoundEvidence::operator+=(const BoundEvidence& other) {
  held += other.held;
  dma += other.dma;
  macs += other.macs;
  mac_slots += other.mac_slots;
  more_rows += other.more_rows;
  more_cols += other.more_cols;
  narrower += other.narrower;
  inputs_stay += other.inputs_stay;
  overlap = other.overlap;
  return *this;
}

BoundEvidence& BoundEvidence::operator*=(std::int64_t n) {
  held *= n;
  dma *= n;
  for (std::int64_t* count : {&macs, &mac_slots, &more_rows, &more_cols, &narrower, &inputs_stay})
    *count *= n;
  return *this;
}

const char* bound_name(const BoundEvidence& e) {
  using Bound = std::pair<const char*, std::int64_t>;
  const auto by_cycles = [](const Bound& a, const Bound& b) { return a.second < b.second; };
  const Bound used[] = {{"dram", e.dma[Cause::kDramRead] + e.dma[Cause::kDramWrite]},
                        {"compute", e.held[Cause::kArrayBusy]},
                        {cause_name(Cause::kDmaWindow), e.dma[Cause::kDmaWindow]},
                        {cause_name(Cause::kDmaRate), e.dma[Cause::kDmaRate]}};
  const Bound most = *std::max_element(std::begin(used), std::end(used), by_cycles);
  const std::int64_t total = e.held.total();
  if (total > 0 && static_cast<double>(most.second) >= kBoundShare * static_cast<double>(total))
    return most.first;
  std::array<Bound, kCauses> causes;
  for (std::size_t i = 0; i < kCauses; ++i)
    causes[i] = {cause_name(static_cast<Cause>(i)), e.held.cycles[i]};
  causes[static_cast<std::size_t>(Cause::kArrayBusy)].first = "compute";
  causes[static_cast<std::size_t>(Cause::kDramRead)] = {
      "dram", e.held[Cause::kDramRead] + e.held[Cause::kDramWrite]};
  causes[static_cast<std::size_t>(Cause::kDramWrite)].second = 0;
  return std::max_element(causes.begin(), causes.end(), by_cycles)->first;
}

std::string bound_advice(std::string_view bound, const BoundEvidence& e) {
  if (bound == "compute") return compute_advice(e);
  if (bound == "weight_load") return load_advice(e);
  if (bound == "fill_drain")
    return std::string("folds fill and drain the array; more steps per fold") +
           (e.overlap == Overlap::kFull ? "" : ", or overlap: full");
  if (bound == "dram") {
    const std::int64_t busy = e.dma[Cause::kDramRead] + e.dma[Cause::kDramWrite];
    const bool always =
        static_cast<double>(busy) >= kBoundShare * static_cast<double>(e.held.total());
    return std::string(always ? "the memory moves data nearly all the time"
                              : "more cycles wait for the memory than for anything else") +
           "; more bandwidth or fewer bytes";
  }
  static constexpr std::pair<const char*, const char*> kAdvice[] = {
      {"dequantizer", "the dequantizer's lanes or latency; more lanes, or larger tiles"},
      {"output",
       "the output unit, its latency, or the ports of the accumulator or output buffer; more "
       "lanes, "
       "wider ports or more banks"},
      {"buffer_port", "a buffer's ports; wider ports or more banks"},
      {"vector", "the vector unit; more lanes"},
      {"idle", "the machine's own latency between tiles; larger tiles"},
      {"dma_window", "as many requests as may be are outstanding; more of them or larger ones"},
      {"dma_rate", "requests leave as fast as they may; more per cycle or larger ones"},
      {"dram_latency",
       "too little is asked for ahead of time; a memory of less latency, larger tiles or two "
       "halves of buffers"},
  };
  for (const auto& [name, advice] : kAdvice)
    if (bound == name) return advice;
  return "";
}

}  // namespace bitjoule
