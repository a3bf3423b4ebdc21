// How a vector operator is cut into chunks that fit the buffers: the builder of its program.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/mapping/vector_program.h"

namespace bitjoule {

/// Bits of consecutive elements; blocks are whole.
inline std::int64_t stored_bits(const StorageLayout& layout, std::int64_t elements) {
  return main_bits(layout,
                   layout.interleaved() ? align(elements, layout.block_elements) : elements);
}

/// Rows are normalised, reduced or rotated as one.
inline bool takes_rows(const VectorOp& op) {
  return op.kind <= VectorKind::kRope || op.kind == VectorKind::kLrn;
}

/// Parameters that are read for each result; one for a whole row (a sink) is not counted.
inline std::int64_t parameter_reads_per_result(const VectorOp& op) {
  return op.kind == VectorKind::kRoute || op.distances ? 1 : vector_row(op.kind).parameters_per_col;
}

/// One activation that the operator reads.
struct VectorOperand {
  std::int64_t elements = 0;
  std::int64_t base = 0;  ///< byte address
  bool resident = false;  ///< loaded once, into the weight buffer
};

/// What one chunk reads and yields.
struct VectorChunk {
  std::int64_t elements = 0;  ///< of the output
  std::int64_t streamed = 0;  ///< operand elements that were loaded for it
  std::int64_t streamed_bits = 0;
  Region output;
};

/// A program part by part: tensors are placed, then each kind of operator cuts its work into chunks
/// (vector_chunks.cpp), each of which is loaded, computed and stored (vector_program.cpp).
class VectorBuilder {
 public:
  VectorBuilder(const MappingProblem& problem, const VectorOp& op)
      : p_(problem),
        op_(op),
        in_(problem.path.activations.layout),
        parameters_(problem.path.weights.layout),
        out_(problem.path.output.layout),
        input_room_(usable(problem.machine.buffers.input).value * 8),
        output_room_(usable(problem.machine.buffers.output).value * 8) {}

  Program build() {
    place_tensors();
    if (op_.kind == VectorKind::kEmbedding)
      look_up();
    else if (op_.kind == VectorKind::kConcat)
      concatenate();
    else if (op_.window)
      pool();
    else
      stream();
    program_.vectors.back().weights_done = static_cast<std::int64_t>(program_.weight_loads.size());
    free_weight_slots();
    return std::move(program_);
  }

 private:
  void place_tensors();
  void place_operands(std::int64_t free_bytes);
  void free_weight_slots();
  std::int64_t place(std::int64_t bytes);
  void keep(std::int64_t base, std::int64_t bytes, std::int64_t bits_per_result);
  void stream();
  void stream_pieces();
  void combine_columns();
  void pool();
  void concatenate();
  void concatenate(const VectorOperand& operand, std::int64_t outer, std::int64_t inner,
                   std::int64_t offset, std::int64_t row);
  void look_up();
  std::int64_t streamed_range(const VectorOperand& operand, std::int64_t begin, std::int64_t end,
                              std::int64_t& first) const;
  std::int64_t streamed_bits(std::int64_t elements) const;
  void load(const Region& region, std::int64_t elements, VectorChunk& chunk);
  void finish(const VectorChunk& chunk);
  void finish_piece(const VectorChunk& piece, const std::vector<VectorWork>& work, bool is_last);
  VectorJob next_job() const;
  void store(const VectorChunk& chunk);
  std::int64_t port_cycles(const VectorJob& job) const;

  /// The largest multiple of `step`, at most `limit`, that fits both buffers; 0 if none does.
  template <class Bits>
  std::int64_t largest(std::int64_t step, std::int64_t limit, Bits input_bits) const {
    const auto fits = [&](std::int64_t n) {
      return input_bits(n) <= input_room_ && stored_bits(out_, n) + scale_bits(n) <= output_room_;
    };
    std::int64_t low = 0, high = ceil_div(limit, step);
    while (low < high) {
      const std::int64_t middle = (low + high + 1) / 2;
      if (fits(std::min(middle * step, limit)))
        low = middle;
      else
        high = middle - 1;
    }
    return std::min(low * step, limit);
  }
  [[noreturn]] void refuse(const std::string& what, std::int64_t in_bits,
                           std::int64_t out_bits) const {
    throw input_error(
        fmt::format("{}: {} takes {} B of the input buffer and {} B of the output buffer; {} B and "
                    "{} B are usable",
                    vector_row(op_.kind).name, what, ceil_div(in_bits, 8), ceil_div(out_bits, 8),
                    input_room_ / 8, output_room_ / 8));
  }
  /// Of the scales that rows of results get; `elements` are whole rows.
  std::int64_t scale_bits(std::int64_t elements) const {
    if (op_.kind != VectorKind::kQuantize) return 0;
    return side_bytes(out_, region_bytes(out_, elements / op_.cols, op_.cols)) * 8;
  }
  std::int64_t alignment() const { return std::max(region_alignment(in_), region_alignment(out_)); }
  Region output_region(std::int64_t first, std::int64_t elements) const {
    Region r;
    r.base_bits = output_ * 8 + stored_bits(out_, first);
    r.run_bits = stored_bits(out_, elements);
    return r;
  }
  bool on_chip() const { return inputs_on_chip(p_); }
  std::int64_t weight_slots() const { return p_.machine.buffers.weight.double_buffered ? 2 : 1; }
  std::int64_t chunks() const { return static_cast<std::int64_t>(program_.vectors.size()); }
  static std::int64_t reused(std::int64_t index, const BufferConfig& buffer) {
    return std::max<std::int64_t>(0, index - (buffer.double_buffered ? 2 : 1) + 1);
  }

  const MappingProblem& p_;
  const VectorOp& op_;
  const StorageLayout &in_, &parameters_, &out_;
  std::int64_t input_room_, output_room_;  // bits
  std::vector<VectorOperand> operands_;
  std::int64_t end_ = 0, table_ = 0, output_ = 0, scales_ = 0;  // byte addresses
  std::int64_t resident_bits_ = 0;  // read from the weight buffer for each result
  std::int64_t results_begun_ = 0;  // of chunks with scales, which are rows in order
  Program program_;
};

}  // namespace bitjoule
