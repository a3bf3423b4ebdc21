#include "run/mapping_memo.h"

#include <utility>

#include "run/key.h"

namespace bitjoule {
namespace {

/// The machine as far as layers with MACs go.
std::string machine_text(AcceleratorConfig machine) {
  machine.vector_unit = {};
  return key_text(machine);
}

/// What a memory that is asked itself is made of: mostly the last one's.
const std::string& sampled_text(const std::shared_ptr<const ResolvedDram>& sampled) {
  struct Last {
    std::shared_ptr<const ResolvedDram> sampled;
    std::string text;
  };
  thread_local Last last;
  if (sampled != last.sampled) last = {sampled, sampled ? key_text(sampled->config()) : ""};
  return last.text;
}

/// A member that is missing here does not compile.
std::string memory_text(const MemoryPort& m) {
  const auto& [burst_bytes, bytes_per_cycle, latency_cycles, row_cycles, ranks, sampled,
               hit_latency, write_latency, open_latency, refresh_lost, refresh_cycles, refresh_busy,
               bank_refresh_cycles, bank_refresh_busy, banks_per_rank, rank_refreshes,
               row_open_cycles, core_period, capacity] = m;
  std::string key;
  const auto add = [&key](const auto&... member) { (append_key(member, key), ...); };
  add(burst_bytes, bytes_per_cycle, latency_cycles, row_cycles, ranks, hit_latency, write_latency,
      open_latency, refresh_lost, refresh_cycles, refresh_busy, bank_refresh_cycles,
      bank_refresh_busy, banks_per_rank, rank_refreshes, row_open_cycles, core_period, capacity);
  return key + sampled_text(sampled);
}

}  // namespace

std::string mapping_key(const MappingProblem& p, const std::string& layer,
                        const MappingPins& pins) {
  return machine_text(p.machine) + memory_text(p.memory) + layer + key_text(p.weight_layout) +
         key_text(p.activation_layout) + key_text(p.activations) + key_text(p.stores_outputs) +
         key_text(p.kv_page) + key_text(static_cast<const TilePins&>(pins)) +
         key_text(pins.finalists);
}

MappingMemo& MappingMemo::instance() {
  static MappingMemo memo;
  return memo;
}

const Mapping* MappingMemo::find(const std::string& key, const MappingProblem& problem) const {
  const auto found = known_.find(key);
  if (found != known_.end())
    for (const Known& known : found->second)
      if (same_prices(problem, known.prices)) return &known.mapping;
  return nullptr;
}

Mapping MappingMemo::find_or(const std::string& key, const MappingProblem& problem,
                             const Search& search) {
  if (const Mapping* known = find(key, problem)) return *known;
  ++searches_;
  Known anew;
  anew.mapping = search(anew.prices);
  if (ages_.size() == kMost) {
    const auto oldest = known_.find(ages_.front());
    oldest->second.pop_front();
    if (oldest->second.empty()) known_.erase(oldest);
    ages_.pop_front();
  }
  Mapping mapping = anew.mapping;
  known_[key].push_back(std::move(anew));
  ages_.push_back(key);
  return mapping;
}

void MappingMemo::clear() {
  known_.clear();
  ages_.clear();
}

}  // namespace bitjoule
