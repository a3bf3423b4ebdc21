// How far outputs are from their reference, as sums that may be added up.
#pragma once

#include <cstdint>

namespace bitjoule {

struct OutputError {
  double signal = 0, noise = 0;  ///< sums of squares: of the reference, of the differences

  void add(const float* values, const double* reference, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      const double difference = static_cast<double>(values[i]) - reference[i];
      signal += reference[i] * reference[i];
      noise += difference * difference;
    }
  }
  OutputError& operator+=(const OutputError& more) {
    signal += more.signal;
    noise += more.noise;
    return *this;
  }
  /// 10 log10(signal / noise): +infinity where nothing differs.
  double sqnr_db() const;
};

}  // namespace bitjoule
