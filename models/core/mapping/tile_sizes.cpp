#include "core/mapping/tile_sizes.h"

#include <cmath>

#include "core/index.h"

namespace bitjoule {
namespace {

/// Bytes of the largest request.
std::int64_t request_bytes(const MappingProblem& p) {
  const std::int64_t burst = p.memory.burst_bytes;
  return burst * p.machine.dma.bursts_per_request(burst);
}

constexpr std::int64_t TileIndex::*kTileAxes[] = {&TileIndex::g, &TileIndex::b, &TileIndex::r,
                                                  &TileIndex::c, &TileIndex::n, &TileIndex::k};

}  // namespace

TileSizes::TileSizes(const MappingProblem& p, const TileLayout& layout, Stream stream) {
  for (int dim = 0; dim < 3; ++dim)
    depends_[at(dim)] = layout.reuse().depends(stream, static_cast<LoopDim>(dim));
  boxes_ = layout.boxes(stream);
  const std::int64_t request = request_bytes(p);
  const bool moves = layout.moves(stream);
  for (const TileBox& box : boxes_)
    sizes_.push_back(moves ? size_of(p, layout, stream, box, request) : Size());
}

const TileSizes::Size& TileSizes::of(TileIndex i) const {
  if (!depends_[0]) i.b = i.r = i.c = 0;
  if (!depends_[1]) i.n = 0;
  if (!depends_[2]) i.k = 0;
  const auto inside = [&](const TileBox& box) {
    for (const auto axis : kTileAxes)
      if (i.*axis < box.first.*axis || i.*axis >= box.first.*axis + box.count.*axis) return false;
    return true;
  };
  if (last_ < boxes_.size() && inside(boxes_[last_])) return sizes_[last_];
  for (last_ = 0; last_ < boxes_.size(); ++last_)
    if (inside(boxes_[last_])) return sizes_[last_];
  static const Size kNothing;
  return kNothing;  // a tile that lies in the padding
}

void TileSizes::add_bounds(std::int64_t TileIndex::*axis, std::vector<std::int64_t>* bounds) const {
  for (const TileBox& box : boxes_) {
    bounds->push_back(box.first.*axis);
    bounds->push_back(box.first.*axis + box.count.*axis);
  }
}

/// Requests are aligned to their size: where in one the tensor begins counts, too.
const TileSizes& KnownTileSizes::of(const Tiling& tiling, const TileLayout& layout, Stream stream) {
  SizesKey key = stream_key(tiling, stream);
  key.back() = layout.range(stream).begin % request_bytes(p_);
  auto& known = known_[at(static_cast<std::int64_t>(stream))];
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, TileSizes(p_, layout, stream)).first;
  return found->second;
}

TileSizes::Size TileSizes::size_of(const MappingProblem& p, const TileLayout& layout, Stream stream,
                                   const TileBox& box, std::int64_t request) {
  const Transfer transfer = layout.transfer(stream, box.first);
  Copies copies{};
  double tiles = 1;
  std::size_t i = 0;
  for (const auto axis : kTileAxes) {
    Region::Stride& copy = copies[i++];
    copy.count = box.count.*axis;
    tiles *= static_cast<double>(copy.count);
    if (copy.count == 1) continue;
    TileIndex next = box.first;
    ++(next.*axis);
    copy.bits = layout.transfer(stream, next).region.base_bits - transfer.region.base_bits;
  }
  Size size;
  if (transfer.region.empty()) return size;
  const double bursts =
      static_cast<double>(moved(transfer.region, copies, p.memory.burst_bytes).bursts);
  const double requests = request == p.memory.burst_bytes
                              ? bursts
                              : static_cast<double>(moved(transfer.region, copies, request).bursts);
  size.requests = requests / tiles;
  size.bursts = bursts / requests;
  size.elements = transfer.dequantize;
  if (transfer.dequantize > 0)
    size.last_elements = ceil_div(p.memory.burst_bytes * 8, p.path.weights.code_bits) *
                         static_cast<std::int64_t>(std::lround(size.bursts));
  return size;
}

}  // namespace bitjoule
