// Outcomes of layers that have been simulated, kept for runs to come.
#pragma once

#include <optional>
#include <string>

#include "core/result/layer_outcome.h"

namespace bitjoule {

/// Keeps outcomes by a text of everything that they depend on: machine, memory, layer, formats and
/// tiling, and where layers overlap their neighbours; not prices, names or values.
class OutcomeStore {
 public:
  OutcomeStore() = default;
  virtual ~OutcomeStore() = default;
  OutcomeStore(const OutcomeStore&) = delete;
  OutcomeStore& operator=(const OutcomeStore&) = delete;

  virtual std::optional<LayerOutcome> find(const std::string& key) = 0;
  virtual void put(const std::string& key, const LayerOutcome& outcome) = 0;
};

/// Fewer bursts than this are simulated in less time than it takes to look them up.
inline constexpr std::int64_t kBurstsWorthKeeping = 2048;

/// An outcome as text, and back: nothing where it is not what outcome_text() makes.
std::string outcome_text(const LayerOutcome& outcome);
std::optional<LayerOutcome> read_outcome(const std::string& text);

}  // namespace bitjoule
