// What the machine should have computed for an attention, query by query and number by number.
// Shares no code with mapping, exec or hw.
#pragma once

#include <cstdint>
#include <vector>

#include "core/numeric/mac.h"
#include "core/numeric/quantized_tensor.h"
#include "core/workload/attention.h"

namespace bitjoule {

/// What bits depend on beside the operands.
struct AttentionOrder {
  std::int64_t keys = 1;        ///< of a tile, counted from the first that its queries see
  std::int64_t queries = 1;     ///< of a head in a tile
  std::int64_t scores_k = 1;    ///< numbers of a partial sum of scores
  std::int64_t context_k = 1;   ///< keys of a partial sum of the context
  bool grouped_scores = false;  ///< each partial sum of scores is scaled by itself
};

struct AttentionOracle {
  const Attention& op;
  const MacType scores_mac, context_mac;
  const QuantizedTensor &queries, &keys, &values;
  const std::vector<float>& sinks;
  TensorFormat probabilities;
  AttentionOrder order;

  /// All results of one query of a head: value_dim floats, before the output format.
  std::vector<float> at(std::int64_t head, std::int64_t query) const;

 private:
  float score(std::int64_t head, std::int64_t query, std::int64_t key) const;
  std::vector<float> tile_scores(std::int64_t head, std::int64_t query, std::int64_t begin,
                                 std::int64_t end) const;
  float context(const float* p, std::int64_t row, std::int64_t count, std::int64_t n) const;
};

/// In float64 from real numbers, with one softmax over all keys.
std::vector<double> attention_reference(const Attention& op, const std::vector<double>& queries,
                                        const std::vector<double>& keys,
                                        const std::vector<double>& values,
                                        const std::vector<double>& sinks);

}  // namespace bitjoule
