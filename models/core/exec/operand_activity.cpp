#include "core/exec/operand_activity.h"

#include <algorithm>

#include "core/exec/layer_values.h"
#include "core/index.h"

namespace bitjoule {
namespace {

std::uint32_t mask_of(const OperandPath& operand) {
  return static_cast<std::uint32_t>((std::uint64_t{1} << operand.operand_bits) - 1);
}
OperandCode input_code(const DataPath& path) {
  return {mask_of(path.activations), path.mac.fp, OperandCount::kInputZeros,
          OperandCount::kInputToggles};
}
OperandCode weight_code(const DataPath& path) {
  return {mask_of(path.weights), path.mac.fp, OperandCount::kWeightZeros,
          OperandCount::kWeightToggles};
}

}  // namespace

OperandCode west_code(const MappingProblem& p) {
  return dataflow_of(p).inputs_stay() ? weight_code(p.path) : input_code(p.path);
}

OperandCode north_code(const MappingProblem& p) {
  return dataflow_of(p).inputs_stay() ? input_code(p.path) : weight_code(p.path);
}

OperandActivity::OperandActivity(const MappingProblem& problem)
    : p_(problem), west_code_(west_code(problem)), north_code_(north_code(problem)) {
  const ArrayConfig& array = problem.machine.array;
  west_.resize(at(array.rows * array.cols * problem.path.macs_per_pe));
  north_.resize(west_.size());
}

std::size_t OperandActivity::multiplier(std::int64_t row, std::int64_t column,
                                        std::int64_t lane) const {
  return at((row * p_.machine.array.cols + column) * p_.path.macs_per_pe + lane);
}

void OperandActivity::count(const LayerValues& values, const Tile& tile, const FoldJob& job,
                            OperandCounts& counts) {
  if (values.is_integer())
    count_panels(values.integer_inputs().row(0), values.integer_weights().row(0),
                 values.integer_inputs().k, tile, job, counts);
  else
    count_panels(values.float_inputs().row(0), values.float_weights().row(0),
                 values.float_inputs().k, tile, job, counts);
}

template <class T>
void OperandActivity::count_panels(const T* inputs, const T* weights, std::int64_t row,
                                   const Tile& tile, const FoldJob& job, OperandCounts& counts) {
  const ArrayDataflow& dataflow = dataflow_of(p_);
  for (std::int64_t g = job.g0; g < job.g1; ++g) {
    const std::int64_t group = g - tile.g0, from = job.k0 - tile.k0;
    const auto input = [&](std::int64_t m, std::int64_t k) {
      return inputs[(group * tile.m() + job.m0 + m) * row + from + k];
    };
    const auto weight = [&](std::int64_t n, std::int64_t k) {
      return weights[(group * tile.n() + job.n0 - tile.n0 + n) * row + from + k];
    };
    if (dataflow.outputs_stay()) {
      count_zeros(job.m(), job.n(), job.k(), input, weight, counts);
      count_outputs(job, g - job.g0, input, weight, counts);
    } else if (dataflow.inputs_stay()) {
      count_zeros(job.n(), job.m(), job.k(), weight, input, counts);
      count_stationary(job, g - job.g0, weight, input, counts);
    } else {
      count_zeros(job.m(), job.n(), job.k(), input, weight, counts);
      count_stationary(job, g - job.g0, input, weight, counts);
    }
  }
}

template <class West, class North>
void OperandActivity::count_zeros(std::int64_t rows, std::int64_t cols, std::int64_t depth,
                                  West west, North north, OperandCounts& counts) const {
  for (std::int64_t k = 0; k < depth; ++k) {
    std::int64_t in_west = 0, in_north = 0;
    for (std::int64_t i = 0; i < rows; ++i) in_west += west(i, k) == 0 ? 1 : 0;
    for (std::int64_t j = 0; j < cols; ++j) in_north += north(j, k) == 0 ? 1 : 0;
    counts[west_code_.zeros] += in_west * cols;
    counts[north_code_.zeros] += in_north * rows;
    counts[OperandCount::kZeroMacs] += in_west * cols + in_north * rows - in_west * in_north;
  }
}

/// Every column has the same stream from the west, behind its own last operand; what stays toggles
/// once.
template <class West, class North>
void OperandActivity::count_stationary(const FoldJob& job, std::int64_t group, West west,
                                       North north, OperandCounts& counts) {
  const std::int64_t macs = p_.path.macs_per_pe;
  for (std::int64_t k = 0; k < job.k(); ++k) {
    const std::uint32_t first = west_code_(west(0, k));
    std::uint32_t last = first;
    std::int64_t inner = 0;
    for (std::int64_t s = 1; s < job.shape.steps; ++s)
      inner += toggle(last, west_code_(west(s, k)));
    const std::int64_t row = group * job.shape.block_rows() + k / macs;
    for (std::int64_t c = 0; c < job.shape.block_cols(); ++c) {
      const std::size_t i = multiplier(row, group * job.shape.block_cols() + c, k % macs);
      counts[west_code_.toggles] += inner + toggle(west_[i], first);
      west_[i] = last;
      counts[north_code_.toggles] += toggle(north_[i], north_code_(north(c, k)));
    }
  }
}

/// The operands of a multiplier are every `macs`-th of a row from either side.
template <class West, class North>
void OperandActivity::count_outputs(const FoldJob& job, std::int64_t group, West west, North north,
                                    OperandCounts& counts) {
  struct Stream {
    std::uint32_t first, last;
    std::int64_t inner;
  };
  const std::int64_t macs = p_.path.macs_per_pe;
  const auto streams = [&](std::int64_t count, std::int64_t lane, const OperandCode& code,
                           auto operand) {
    std::vector<Stream> all;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint32_t first = code(operand(i, lane));
      Stream s{first, first, 0};
      for (std::int64_t k = lane + macs; k < job.k(); k += macs)
        s.inner += toggle(s.last, code(operand(i, k)));
      all.push_back(s);
    }
    return all;
  };
  for (std::int64_t lane = 0; lane < std::min(macs, job.k()); ++lane) {
    const std::vector<Stream> rows = streams(job.m(), lane, west_code_, west);
    const std::vector<Stream> cols = streams(job.n(), lane, north_code_, north);
    for (std::int64_t r = 0; r < job.m(); ++r)
      for (std::int64_t c = 0; c < job.n(); ++c) {
        const std::size_t i = multiplier(group * job.shape.block_rows() + r,
                                         group * job.shape.block_cols() + c, lane);
        const Stream &w = rows[at(r)], &n = cols[at(c)];
        counts[west_code_.toggles] += w.inner + toggle(west_[i], w.first);
        counts[north_code_.toggles] += n.inner + toggle(north_[i], n.first);
        west_[i] = w.last, north_[i] = n.last;
      }
  }
}

}  // namespace bitjoule
