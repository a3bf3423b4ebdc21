#include "core/dram/engine.h"

#include "core/dram/cycle.h"
#include "core/dram/ideal.h"

namespace bitjoule {

std::unique_ptr<DramEngine> make_dram_engine(const DramConfig& config) {
  if (const auto* ideal = std::get_if<IdealDramConfig>(&config.model)) {
    return std::make_unique<IdealDram>(*ideal);
  }
  return std::make_unique<CycleDram>(std::get<CycleDramConfig>(config.model));
}

}  // namespace bitjoule
