#include "run/layer_result.h"

#include <fmt/format.h>

#include "core/dram/stats_sum.h"
#include "core/error.h"

namespace bitjoule {

DramStats dram_of_layers(const std::vector<LayerResult>& layers) {
  if (layers.size() == 1 && layers[0].repeat == 1) return layers[0].outcome.dram;
  std::vector<DramEpochs> epochs;
  for (const LayerResult& r : layers) epochs.push_back({&r.outcome.dram, r.repeat});
  return sum_of_epochs(epochs);
}

void require_verified(const LayerResult& layer) {
  if (!layer.check) return;
  const OutputCheck& check = *layer.check;
  const std::string name = layer.name.empty() ? "" : layer.name + ": ";
  // First, as outputs then differ for that reason.
  if (check.overflows > 0)
    throw Error(
        ErrorKind::kVerification,
        fmt::format("{}{} sums left the range of the 32-bit accumulators", name, check.overflows));
  if (check.wrong > 0)
    throw Error(ErrorKind::kVerification,
                fmt::format("{}{} of {} outputs differ from the oracle; {}", name, check.wrong,
                            check.checked, check.first_difference));
}

}  // namespace bitjoule
