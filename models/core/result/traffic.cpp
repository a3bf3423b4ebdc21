#include "core/result/traffic.h"

namespace bitjoule {
namespace {

std::int64_t scale_share(const StorageLayout& layout, std::int64_t bytes) {
  const std::int64_t side_bits = layout.scales.bits + layout.mins.bits;
  return layout.interleaved() ? bytes / layout.block_bytes * side_bits / 8 : 0;
}

}  // namespace

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
