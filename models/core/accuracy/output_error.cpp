#include "core/accuracy/output_error.h"

#include <cmath>
#include <limits>

namespace bitjoule {

double OutputError::sqnr_db() const {
  return noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
}

}  // namespace bitjoule
