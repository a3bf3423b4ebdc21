#include "core/mapping/traffic.h"

namespace bitjoule {
namespace {

std::int64_t scale_share(const StorageLayout& layout, std::int64_t bytes) {
  const std::int64_t side_bits = layout.scales.bits + layout.mins.bits;
  return layout.interleaved() ? bytes / layout.block_bytes * side_bits / 8 : 0;
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
  const auto share = [&traffic](Tensor tensor, const StorageLayout& layout) {
    TensorTraffic& t = traffic[tensor];
    t.scale_read_bytes = scale_share(layout, t.read_bytes);
    t.scale_write_bytes = scale_share(layout, t.write_bytes);
  };
  share(Tensor::kInputs, path.activations.layout);
  share(Tensor::kWeights, path.weights.layout);
  share(Tensor::kOutputs, path.output.layout);
}

}  // namespace bitjoule
