// How little traffic a layer could do with, whatever its mapping: docs/mapping.md, "Lower bounds".
#pragma once

#include "core/mapping/tiling.h"

namespace bitjoule {

struct TrafficBound {
  double compulsory = 0;  ///< bytes: every tensor once, as far as any output looks at it
  /// Bytes by 2 MACs / sqrt(R S): Hong and Kung (1981) and Irony, Toledo and Tiskin (2004) for
  /// products, with S elements on chip; for convolutions Chen et al. (2020), and Demmel and Dinh
  /// (2018), with R windows that share an input.
  double classical = 0;
  double on_chip = 0;  ///< S: the smallest elements that all buffers together hold
  double reuse = 1;    ///< R = kernel / stride, in both directions
  double least() const { return compulsory > classical ? compulsory : classical; }
};
TrafficBound traffic_bound(const MappingProblem& problem);

}  // namespace bitjoule
