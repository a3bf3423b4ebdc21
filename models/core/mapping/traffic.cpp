#include "core/mapping/traffic.h"

#include "core/mapping/stored_rows.h"

namespace bitjoule {
namespace {

std::int64_t scale_share(const OperandPath& operand, std::int64_t bytes) {
  const StorageLayout& layout = operand.layout;
  const std::int64_t side_bits = layout.scales.bits + layout.mins.bits;
  if (layout.interleaved()) return bytes / layout.block_bytes * side_bits / 8;
  if (operand.scaled_row == 0) return 0;
  const StoredRows rows{&layout, operand.scaled_row};
  const std::int64_t row = rows.row_bits(), whole = bytes * 8 / row;  // the rest is of no whole row
  return (whole * rows.row_scale_bits() + (bytes * 8 - whole * row) * rows.row_scale_bits() / row) /
         8;
}

}  // namespace

TensorTraffic& TensorTraffic::operator+=(const TensorTraffic& other) {
  read_bytes += other.read_bytes;
  write_bytes += other.write_bytes;
  bursts += other.bursts;
  scale_read_bytes += other.scale_read_bytes;
  scale_write_bytes += other.scale_write_bytes;
  return *this;
}

TensorTraffic& TensorTraffic::operator*=(std::int64_t n) {
  for (std::int64_t* bytes :
       {&read_bytes, &write_bytes, &bursts, &scale_read_bytes, &scale_write_bytes})
    *bytes *= n;
  return *this;
}

DramTraffic& DramTraffic::operator+=(const DramTraffic& other) {
  burst_bytes = other.burst_bytes;
  for (std::size_t i = 0; i < kTensors; ++i) tensors[i] += other.tensors[i];
  return *this;
}

DramTraffic& DramTraffic::operator*=(std::int64_t n) {
  for (TensorTraffic& t : tensors) t *= n;
  return *this;
}

TensorTraffic DramTraffic::apart(Tensor t) const {
  TensorTraffic told = (*this)[t];
  told.read_bytes -= told.scale_read_bytes;
  told.write_bytes -= told.scale_write_bytes;
  if (t == Tensor::kScales) {
    const TensorTraffic all = total();
    told.read_bytes += all.scale_read_bytes;
    told.write_bytes += all.scale_write_bytes;
  }
  return told;
}

void add_block_scales(const DataPath& path, DramTraffic& traffic) {
  const auto share = [&traffic](Tensor tensor, const OperandPath& operand) {
    TensorTraffic& t = traffic[tensor];
    t.scale_read_bytes = scale_share(operand, t.read_bytes);
    t.scale_write_bytes = scale_share(operand, t.write_bytes);
  };
  share(Tensor::kInputs, path.activations);
  share(Tensor::kWeights, path.weights);
  share(Tensor::kOutputs, path.output);
}

}  // namespace bitjoule
