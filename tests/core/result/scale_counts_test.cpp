// How many scales are read and converted, by hand.
#include <doctest/doctest.h>

#include "core/mapping/machine_counts.h"

namespace bitjoule::scale_counts_test {
namespace {

/// int4 weights with a scale of fp16 per 128, made floats at the edge of a 32 x 32 array of fp32
/// MACs.
MappingProblem problem_of(const LayerOp& op, const std::string& activations = "fp32") {
  Precision precision;
  precision.weights.format = "int4";
  precision.weights.granularity = Granularity::kPerGroup;
  precision.weights.group_size = 128;
  precision.weights.scale = "fp16";
  precision.activations.format = activations;
  precision.activations.granularity = Granularity::kPerGroup;
  precision.activations.group_size = 16;
  precision.activations.scale = "fp16";
  precision.mac = "fp32";
  MappingProblem p;
  p.layer = lower(op);
  p.path = resolve_data_path(precision, p.machine.array.pe);
  p.machine.array.rows = p.machine.array.cols = 32;
  return p;
}

/// Counts of the folds of a layer in one tile.
MachineCounts whole_layer(const MappingProblem& p) {
  const Lowered& l = p.layer;
  const Tile tile{0, l.extents.groups, 0, l.batch,     0, l.out_height,
                  0, l.out_width,      0, l.extents.n, 0, l.extents.k};
  MachineCounts counts;
  for_each_fold(p, tile, [&](const FoldJob& job) { count_fold(p, job, counts); });
  return counts;
}

std::int64_t count_of(const MappingProblem& p, const std::string& activity) {
  for (const Action& action : priced_actions(p, whole_layer(p)))
    if (action.component == "dequantizer" && action.activity == activity) return action.count;
  return 0;
}

}  // namespace

TEST_CASE("scales: a short last group has a whole one, in each row") {
  // Two groups of k, 128 and 2, in each of 64 rows; folds of 32 k, in which no group begins twice.
  const MappingProblem p = problem_of(Gemm{4, 64, 130});
  CHECK(count_of(p, "convert_scale_weights") == 64 * 2);
  CHECK(count_of(p, "convert_weights") == 64 * 130);
  // Groups begin with k = 0 and k = 128: 32 columns of 16 bits, by words of the scale buffer.
  const std::int64_t words = ceil_div(32 * 16, p.machine.buffers.scale.port_width.value);
  CHECK(whole_layer(p).scale.reads == 2 * 2 * words);  // of two folds of columns
}

TEST_CASE("scales: groups of channels begin anew with each kernel position") {
  Conv2d conv;
  conv.height = conv.width = 4;
  conv.channels = 20;  // 16 and 4
  conv.filters = 8;
  conv.kernel_h = conv.kernel_w = 2;
  const std::int64_t m = 9, positions = 4;
  const MappingProblem p = problem_of(conv, "int8");
  // A pixel of the result has its own copy of the window, for each fold of columns (here one).
  CHECK(count_of(p, "convert_scale_inputs") == m * positions * 2);
  CHECK(count_of(p, "convert_inputs") == m * positions * 20);
  // Depthwise: 20 groups of one channel, each with one scale.
  conv.groups = conv.filters = 20;
  CHECK(count_of(problem_of(conv, "int8"), "convert_scale_inputs") == 20 * m * positions);
}

}  // namespace bitjoule::scale_counts_test
