#include "core/dram/engine.h"

#include <utility>

#include "core/dram/cycle.h"
#include "core/dram/ideal.h"

namespace bitjoule {

std::unique_ptr<DramEngine> make_dram_engine(const DramConfig& config) {
  if (const auto* ideal = std::get_if<IdealDramConfig>(&config.model)) {
    return std::make_unique<IdealDram>(*ideal);
  }
  return std::make_unique<CycleDram>(std::get<CycleDramConfig>(config.model));
}

ResolvedDram::ResolvedDram(DramConfig config) : config_(std::move(config)) {
  if (const auto* cycle = std::get_if<CycleDramConfig>(&config_.model))
    standard_ = resolve_standard(*cycle);
}

std::unique_ptr<DramEngine> ResolvedDram::engine() const {
  if (!standard_) return make_dram_engine(config_);
  return std::make_unique<CycleDram>(std::get<CycleDramConfig>(config_.model), *standard_);
}

}  // namespace bitjoule
