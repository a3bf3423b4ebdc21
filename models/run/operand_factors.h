// The factors of transformations of operands, from the weights that meet them and a calibration.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/numeric/operand_transform.h"
#include "core/workload/network.h"
#include "run/calibration.h"

namespace bitjoule {

class LayerTensors;

class OperandFactors {
 public:
  /// Both must outlive it.
  OperandFactors(const Calibration& calibration, const Precision& run)
      : calibration_(calibration), run_(run) {}

  /// Of the group of layers of that name (TransformRole) in a network with_transforms(), whose
  /// weights are among `tensors`. Throws an input Error as Calibration does.
  const std::vector<float>& get(const std::string& group, const Network& network,
                                const LayerTensors& tensors);

 private:
  const Calibration& calibration_;
  const Precision& run_;
  std::map<std::string, std::vector<float>> known_;
};

}  // namespace bitjoule
