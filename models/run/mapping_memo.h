// Mappings that this process has searched for, for layers that come again: in other points of a
// sweep, in other runs.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/mapping/finalists.h"

namespace bitjoule {

/// All that the mapping of a layer depends on but for prices and, where finalists are simulated,
/// who simulates them. `layer`: a text of the operator, its stage and formats.
std::string mapping_key(const MappingProblem& problem, const std::string& layer,
                        const MappingPins& pins);

/// Keeps mappings by a text of all that they depend on but for prices (key.h), and by the prices
/// that their search asked for: a table of another name, or one that differs in what the layer
/// never does, has the same. The oldest are forgotten.
class MappingMemo {
 public:
  /// The one of the process.
  static MappingMemo& instance();

  using Search = std::function<Mapping(std::vector<PricesAsked>& asked)>;
  /// What is known for `key` at the problem's prices; null: nothing.
  const Mapping* find(const std::string& key, const MappingProblem& problem) const;
  /// The same, or what `search` yields.
  Mapping find_or(const std::string& key, const MappingProblem& problem, const Search& search);

  std::int64_t searches() const { return searches_; }
  std::size_t size() const { return ages_.size(); }
  void clear();

  static constexpr std::size_t kMost = 2000;  ///< mappings, of a few KB each

 private:
  struct Known {
    std::vector<PricesAsked> prices;
    Mapping mapping;
  };
  std::map<std::string, std::deque<Known>> known_;
  std::deque<std::string> ages_;  // keys, of each mapping one, the oldest first
  std::int64_t searches_ = 0;
};

}  // namespace bitjoule
