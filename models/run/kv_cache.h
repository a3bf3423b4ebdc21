// The keys and values of the tokens that earlier passes have seen.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/workload/layer.h"
#include "run/network_tensor.h"

namespace bitjoule {

/// One cache for each product that reads its second operand from it. A cache grows along the
/// tokens: along n for keys ([group][tokens][k]), along k for values ([group][tokens][n], or
/// [group][n][tokens] without `k_rows`).
class KvCache {
 public:
  enum class Along { kN, kK, kUnknown };

  /// The second operand of `product`: `fresh`, which holds the newest tokens alone, behind what is
  /// cached under `reader`. The sequence has `context` tokens then; a product of fewer (a sliding
  /// window) sees the last of them, and one of more counts itself. Tokens that no pass has computed
  /// are random values from `seed`. `along` is the axis of the tokens, if it is known; else the
  /// sizes tell. Throws an input Error where the elements do not fit.
  NetworkTensor append(const std::string& reader, const Matmul& product, const NetworkTensor& fresh,
                       Along along, std::int64_t context, std::uint64_t seed);
  bool knows(const std::string& reader) const { return caches_.count(reader) != 0; }
  /// The second operand of a product that reads what is cached under `reader` and appends nothing.
  NetworkTensor whole(const std::string& reader, const Matmul& product, std::uint64_t seed);

 private:
  /// By token: the elements of all groups.
  struct Tokens {
    std::vector<std::vector<float>> values;
    std::vector<std::vector<double>> reference;
    /// The first `count`; those that nobody has computed are made up.
    void resize(std::int64_t count, std::int64_t per_token, std::uint64_t seed);
  };
  std::map<std::string, Tokens> caches_;
};

}  // namespace bitjoule
