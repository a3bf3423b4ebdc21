// The chunks of each kind of vector operator.
#include <functional>
#include <numeric>

#include "core/mapping/vector_builder.h"

namespace bitjoule {

/// Elements of an operand that results begin..end need, from element `first` on.
std::int64_t VectorBuilder::streamed_range(const VectorOperand& operand, std::int64_t begin,
                                           std::int64_t end, std::int64_t& first) const {
  if (broadcasts(op_) && operand.elements < op_.elements()) {
    const std::int64_t count = std::min(end - begin, operand.elements);
    first = std::min(begin % operand.elements, operand.elements - count);
    return count;
  }
  __extension__ using wide = __int128;
  const auto at = [&](std::int64_t result) {
    return static_cast<std::int64_t>(static_cast<wide>(result) * operand.elements / op_.elements());
  };
  first = at(begin);
  return at(end) - first;
}

std::int64_t VectorBuilder::streamed_bits(std::int64_t elements) const {
  std::int64_t bits = 0, first = 0;
  for (const VectorOperand& operand : operands_)
    if (!operand.resident)
      bits += stored_bits(in_, streamed_range(operand, 0, elements, first) + 1);
  return bits;
}

/// Rows, or single elements: results in order, and the part of every operand that they need.
void VectorBuilder::stream() {
  const std::int64_t all = op_.elements();
  const std::int64_t step = takes_rows(op_) ? op_.cols : std::min(all, alignment());
  const std::int64_t size = largest(step, all, [this](std::int64_t n) { return streamed_bits(n); });
  const bool one_scale = op_.kind == VectorKind::kQuantize && scale_bits(op_.elements()) == 0;
  if (size == 0 && (op_.kind == VectorKind::kSoftmax || one_scale) && !on_chip())
    return stream_pieces();
  if (size == 0 && op_.kind == VectorKind::kCombine && scale_bits(op_.cols) == 0) {
    combine_columns();
    return;
  }
  if (size == 0)
    refuse(fmt::format("a row of {} results", step), streamed_bits(step), stored_bits(out_, step));
  for (std::int64_t begin = 0; begin < all; begin += size) {
    const std::int64_t end = std::min(begin + size, all);
    VectorChunk chunk;
    chunk.elements = end - begin;
    chunk.output = output_region(begin, chunk.elements);
    for (const VectorOperand& operand : operands_) {
      if (operand.resident) continue;
      Region r;
      std::int64_t first = 0;
      const std::int64_t elements = streamed_range(operand, begin, end, first);
      r.base_bits = operand.base * 8 + stored_bits(in_, first);
      r.run_bits = stored_bits(in_, elements);
      load(r, elements, chunk);
    }
    finish(chunk);
  }
}

/// Rows of scores, or tensors with one scale, that no buffer holds: they come piece by piece, again
/// in each pass.
void VectorBuilder::stream_pieces() {
  VectorOp row = op_;
  row.rows = 1;
  const auto work_of = [&](std::int64_t cols) {
    row.cols = cols;
    return vector_work(row);
  };
  const std::int64_t cols = op_.cols, passes = static_cast<std::int64_t>(work_of(1).size());
  const auto one = work_of(1), two = work_of(2);
  const std::int64_t step = std::min(cols, alignment());
  const std::int64_t size =
      largest(step, cols, [this](std::int64_t n) { return stored_bits(in_, n); });
  if (size == 0)
    refuse(fmt::format("a piece of {} results", step), stored_bits(in_, step),
           stored_bits(out_, step));
  for (std::int64_t first = 0; first < op_.elements(); first += cols)
    for (std::int64_t pass = 0; pass < passes; ++pass)
      for (std::int64_t begin = 0; begin < cols; begin += size) {
        const auto p = static_cast<std::size_t>(pass);
        VectorChunk piece;
        piece.elements = std::min(size, cols - begin);
        Region r;
        r.base_bits = operands_[0].base * 8 + stored_bits(in_, first + begin);
        r.run_bits = stored_bits(in_, piece.elements);
        load(r, piece.elements, piece);
        if (pass > 0) piece.output = r;
        if (pass == passes - 1) piece.output = output_region(first + begin, piece.elements);
        // Counts are those of elements and of the row, which the first piece has.
        std::vector<VectorWork> work = work_of(piece.elements)[p];
        for (std::size_t i = 0; i < work.size() && begin > 0; ++i)
          work[i].count -= 2 * one[p][i].count - two[p][i].count;
        finish_piece(piece, work, pass == passes - 1);
      }
}

/// Some columns of one row: the same columns of the results of all its experts, and its weights.
void VectorBuilder::combine_columns() {
  const std::int64_t chosen = op_.routing->chosen, experts = op_.routing->experts;
  const auto input_bits = [&](std::int64_t n) {
    return chosen * stored_bits(in_, n) + stored_bits(in_, experts);
  };
  const std::int64_t width = largest(alignment(), op_.cols, input_bits);
  if (width == 0)
    refuse(fmt::format("a part of a row, {} results", alignment()), input_bits(alignment()),
           stored_bits(out_, alignment()));
  for (std::int64_t row = 0; row < op_.rows; ++row)
    for (std::int64_t column = 0; column < op_.cols; column += width) {
      VectorChunk chunk;
      chunk.elements = std::min(width, op_.cols - column);
      chunk.output = output_region(row * op_.cols + column, chunk.elements);
      Region results;
      results.base_bits =
          operands_[0].base * 8 + stored_bits(in_, row * chosen * op_.cols + column);
      results.run_bits = stored_bits(in_, chunk.elements);
      results.strides[2] = {chosen, stored_bits(in_, op_.cols)};
      load(results, chosen * chunk.elements, chunk);
      Region weights;
      weights.base_bits = operands_[1].base * 8 + stored_bits(in_, row * experts);
      weights.run_bits = stored_bits(in_, experts);
      load(weights, experts, chunk);
      finish(chunk);
    }
}

/// Rows of results of all channels where they fit, else one row of some channels.
void VectorBuilder::pool() {
  const Conv2d& w = *op_.window;
  const std::int64_t pixel = w.out_width();
  const auto first_row = [&](std::int64_t r) {
    return std::max<std::int64_t>(0, r * w.stride_h - w.pad_top);
  };
  const auto end_row = [&](std::int64_t r) {
    return std::min(w.height,
                    (r - 1) * w.stride_h - w.pad_top + w.dilation_h * (w.kernel_h - 1) + 1);
  };
  const auto input_bits = [&](std::int64_t rows, std::int64_t channels) {
    const std::int64_t high =
        std::min(w.height, (rows - 1) * w.stride_h + w.dilation_h * (w.kernel_h - 1) + 1);
    return high * w.width * stored_bits(in_, channels);
  };
  const std::int64_t row = pixel * w.channels;
  std::int64_t channels = w.channels;
  std::int64_t rows = largest(row, w.out_height() * row,
                              [&](std::int64_t n) { return input_bits(n / row, channels); }) /
                      row;
  if (rows == 0) {
    rows = 1;
    channels = largest(pixel * alignment(), row,
                       [&](std::int64_t n) { return input_bits(1, n / pixel); }) /
               pixel;
    if (channels == 0)
      refuse("a row of windows", input_bits(1, alignment()),
             stored_bits(out_, pixel * alignment()));
  }
  for (std::int64_t b = 0; b < w.batch; ++b)
    for (std::int64_t r0 = 0; r0 < w.out_height(); r0 += rows)
      for (std::int64_t c0 = 0; c0 < w.channels; c0 += channels) {
        const std::int64_t r1 = std::min(r0 + rows, w.out_height());
        const std::int64_t c = std::min(channels, w.channels - c0);
        const std::int64_t h0 = first_row(r0), high = std::max<std::int64_t>(0, end_row(r1) - h0);
        VectorChunk chunk;
        chunk.elements = (r1 - r0) * pixel * c;
        chunk.output = output_region(((b * w.out_height() + r0) * pixel) * w.channels + c0, c);
        chunk.output.strides[2] = {(r1 - r0) * pixel, stored_bits(out_, w.channels)};
        Region r;
        r.base_bits = operands_[0].base * 8 +
                      stored_bits(in_, (b * w.height + h0) * w.width * w.channels + c0);
        r.run_bits = stored_bits(in_, c);
        r.strides[2] = {high * w.width, stored_bits(in_, w.channels)};
        load(r, high * w.width * c, chunk);
        finish(chunk);
      }
}

/// Each operand in turn is copied to where it belongs.
void VectorBuilder::concatenate() {
  const std::size_t axis = op_.axes.empty() ? 0 : static_cast<std::size_t>(op_.axes[0]);
  const auto product = [](auto begin, auto end) {
    return std::accumulate(begin, end, std::int64_t{1}, std::multiplies<>());
  };
  std::vector<std::int64_t> inner;
  for (const auto& shape : op_.operand_shapes)
    inner.push_back(product(
        shape.begin() + static_cast<std::ptrdiff_t>(std::min(axis, shape.size())), shape.end()));
  const std::int64_t row = std::accumulate(inner.begin(), inner.end(), std::int64_t{0});
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    concatenate(operands_[i], operands_[i].elements / inner[i], inner[i], offset, row);
    offset += inner[i];
  }
}

/// `outer` pieces of `inner` elements, to `offset` in rows of `row` elements.
void VectorBuilder::concatenate(const VectorOperand& operand, std::int64_t outer,
                                std::int64_t inner, std::int64_t offset, std::int64_t row) {
  const auto input_bits = [this](std::int64_t n) { return stored_bits(in_, n); };
  const std::int64_t whole = largest(inner, outer * inner, input_bits);
  const std::int64_t part = whole > 0 ? inner : largest(alignment(), inner, input_bits);
  if (part == 0) refuse("a block", stored_bits(in_, alignment()), stored_bits(out_, alignment()));
  const std::int64_t rows = std::max<std::int64_t>(1, whole / inner);
  for (std::int64_t o = 0; o < outer; o += rows)
    for (std::int64_t i = 0; i < inner; i += part) {
      const std::int64_t taken = std::min(rows, outer - o), width = std::min(part, inner - i);
      VectorChunk chunk;
      chunk.elements = taken * width;
      chunk.output = output_region(o * row + offset + i, width);
      chunk.output.strides[2] = {taken, stored_bits(out_, row)};
      Region r;
      r.base_bits = operand.base * 8 + stored_bits(in_, o * inner + i);
      r.run_bits = stored_bits(in_, chunk.elements);
      load(r, chunk.elements, chunk);
      finish(chunk);
    }
}

/// Only the rows looked up are read.
void VectorBuilder::look_up() {
  const std::int64_t row = region_bytes(parameters_, 1, op_.cols).total();
  const std::int64_t result = stored_bits(out_, op_.cols);
  const std::int64_t room = usable(p_.machine.buffers.weight).value;
  const std::int64_t rows = std::min(room / row, output_room_ / result);
  if (rows == 0)
    throw input_error(
        fmt::format("embedding: a row of {} B exceeds {} B of the weight buffer, or "
                    "{} B {} B of the output buffer",
                    row, room, ceil_div(result, 8), output_room_ / 8));
  for (std::int64_t begin = 0; begin < op_.rows; begin += rows) {
    const std::int64_t end = std::min(begin + rows, op_.rows);
    VectorChunk chunk;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t index = default_index(op_, i);
      LoadOp op;
      op.tensor = Tensor::kWeights;
      op.region = Region::contiguous(table_ + index * row, row);
      op.sram_bits = row * 8;
      op.releases_needed = reused(chunks(), p_.machine.buffers.weight);
      program_.weight_loads.push_back(op);
    }
    chunk.elements = chunk.streamed = (end - begin) * op_.cols;
    chunk.streamed_bits = (end - begin) * row * 8;
    chunk.output = output_region(begin * op_.cols, chunk.elements);
    finish(chunk);
  }
}

}  // namespace bitjoule
