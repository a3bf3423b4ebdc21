// Attention before the machine: the tiles it is cut into, and its program (docs/attention.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/machine/setting.h"
#include "core/mapping/program.h"
#include "core/mapping/tiling.h"
#include "core/workload/attention.h"

namespace bitjoule {

/// Both products have the same machine and memory. The second operand of `scores` are the keys, of
/// `context` the values; its first operand are the probabilities.
struct AttentionProblem {
  Attention op;
  MappingProblem scores, context;
};

/// How probabilities are stored between vector unit and array: as activations are; integers with
/// one scale, that of 1 for the largest code, as no probability of a tile exceeds 1. Throws an
/// input Error for formats whose scales would have to be found tile by tile.
TensorFormat probability_format(const TensorFormat& activations);

/// The problem of checked operations, the activations of `context` being probabilities. Its sums
/// become floats at the end of each fold, whatever the MAC, as they are rescaled.
AttentionProblem attention_problem(const Attention& op, MappingProblem scores,
                                   MappingProblem context);

/// A tile: `queries` of each of `heads` that share keys and values, and `keys` of these.
struct AttentionTiling {
  std::int64_t heads = 1, queries = 1, keys = 1;
  std::int64_t rows() const { return heads * queries; }
};

/// The queries of some heads, which stay while the keys that they see go by.
struct QueryTile {
  std::int64_t h0 = 0, h1 = 1, q0 = 0, q1 = 1;
  KeyRange keys;
  std::int64_t rows() const { return (h1 - h0) * (q1 - q0); }
};
/// Those of a group, in the order of execution.
std::vector<QueryTile> query_tiles(const Attention& op, const AttentionTiling& tiling);

struct AttentionMapping {
  MachineSetting setting;
  AttentionTiling tiling;
  std::vector<std::string> notes;  ///< pins that do not go with attention, a line each
};

/// The tiling that takes the least time by a rule (docs/attention.md, "Tiles"), or the least
/// traffic where that is the objective; `tile.m` pins the queries, `tile.n` the keys. Throws an
/// input Error that names the buffer and what it would have to hold where nothing fits.
AttentionMapping map_attention(const AttentionProblem& problem, const MappingPins& pins);

/// The problem with its machine as a mapping has it: one setting, buffers divided.
AttentionProblem configured(AttentionProblem problem, const AttentionMapping& mapping);

/// The program on a configured problem. Throws an input Error where the tensors exceed the DRAM.
Program make_attention_program(const AttentionProblem& problem, const AttentionTiling& tiling);

/// What the vector unit does for a tile of scores, before the sums of a further tile of keys are
/// added to those of the tiles ahead, and for the results of a query tile, of so many rows.
VectorJob scores_job(const AttentionProblem& problem, std::int64_t rows, std::int64_t keys);
VectorJob rescale_job(const AttentionProblem& problem, std::int64_t rows);
VectorJob results_job(const AttentionProblem& problem, std::int64_t rows);

/// Of a product: `rows` queries, and keys first..end of what a query tile sees.
ComputeOp scores_operation(const AttentionProblem& problem, std::int64_t rows, KeyRange keys);
ComputeOp context_operation(const AttentionProblem& problem, std::int64_t rows, KeyRange keys);

/// Of the trained scores that belong to no key: fp32.
std::int64_t sink_bytes(const Attention& op);

/// Scores that are sums of integers become floats in the vector unit.
bool has_integer_scores(const AttentionProblem& problem);

}  // namespace bitjoule
