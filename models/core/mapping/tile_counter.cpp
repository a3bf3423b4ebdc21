#include "core/mapping/tile_counter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/few.h"
#include "core/mapping/folds.h"
#include "core/mapping/split.h"

namespace bitjoule {
namespace {

/// Equal lengths of an axis, and how many there are.
class Lengths {
 public:
  void add(std::int64_t length, std::int64_t count) {
    for (std::size_t i = 0; i < size_; ++i)
      if (all_[i].first == length) return void(all_[i].second += count);
    all_[size_++] = {length, count};
  }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.begin() + static_cast<std::ptrdiff_t>(size_); }

 private:
  // Pixels of tiles have one of two lengths along each of three axes, and two of folds in each.
  std::array<std::pair<std::int64_t, std::int64_t>, 16> all_{};
  std::size_t size_ = 0;
};

Lengths lengths_of(std::int64_t total, std::int64_t piece) {
  Lengths lengths;
  Split(total, piece).each([&](std::int64_t size, std::int64_t n) { lengths.add(size, n); });
  return lengths;
}

/// The pieces of pieces: folds in tiles.
template <class F>
Lengths split_further(const Lengths& tiles, F step) {
  Lengths folds;
  for (const auto& [size, count] : tiles)
    Split(size, step(size)).each([&, tiles_of_size = count](std::int64_t length, std::int64_t n) {
      folds.add(length, n * tiles_of_size);
    });
  return folds;
}

Lengths pixels_of_tiles(const Lowered& l, const Tiling& t) {
  Lengths pixels;
  Split(l.batch, t.batch).each([&](std::int64_t b, std::int64_t nb) {
    Split(l.out_height, t.out_rows).each([&](std::int64_t r, std::int64_t nr) {
      Split(l.out_width, t.out_cols).each([&](std::int64_t c, std::int64_t nc) {
        pixels.add(b * r * c, nb * nr * nc);
      });
    });
  });
  return pixels;
}

/// Folds whose counts depend on their part of k alike.
struct DepthClass {
  std::int64_t k0, k1, count;
  ScaleBits scales;
};

/// The parts of k that the folds of all tiles along it have.
Few<DepthClass, 6> depths_of(const MappingProblem& p, const Tiling& t) {
  Few<DepthClass, 6> classes;
  const std::int64_t depth = p.layer.extents.k;
  const auto add = [&](std::int64_t k0, std::int64_t k1, std::int64_t count) {
    const ScaleBits scales = fold_scale_bits(p, k0, k1);
    for (DepthClass& c : classes)
      if (c.k1 - c.k0 == k1 - k0 && (c.k0 > 0) == (k0 > 0) && c.scales.weights == scales.weights &&
          c.scales.inputs == scales.inputs)
        return void(c.count += count);
    classes.push_back({k0, k1, count, scales});
  };
  // Without scales, folds of a length are alike but for the first of all.
  const ScaleBits all = fold_scale_bits(p, 0, depth);
  const bool alike = all.weights == 0 && all.inputs == 0;
  for (std::int64_t k = 0; k < depth; k += t.k) {
    const std::int64_t end = std::min(k + t.k, depth), step = fold_k(p, end - k);
    const std::int64_t tiles = alike && k > 0 ? std::max<std::int64_t>(1, (depth - k) / t.k) : 1;
    std::int64_t k0 = k;
    if (alike) {
      const Split folds(end - k, step);
      if (k == 0) add(0, folds.size, 1), k0 += folds.size;
      const std::int64_t whole = (end - k0) / step;
      if (whole > 0) add(k0, k0 + step, whole * tiles);
      k0 += whole * step;
    }
    for (; k0 < end; k0 += step) add(k0, std::min(k0 + step, end), tiles);
    k += (tiles - 1) * t.k;
  }
  return classes;
}

/// Parts of n that folds have, `count` times in all tiles.
struct ColumnClass {
  std::int64_t n0, n1, count;
};

/// Where weights lie as rows of n, scales begin with some of them; else only lengths matter.
Few<ColumnClass, 6> columns_of(const MappingProblem& p, const Tiling& t) {
  const std::int64_t all = p.layer.extents.n;
  Few<ColumnClass, 6> classes;
  if (column_scale_bits(p, 0, all) == 0) {
    const Lengths lengths = split_further(lengths_of(all, t.n), [&](std::int64_t size) {
      return fold_extents(p, {t.m(), size, t.k}).n;
    });
    for (const auto& [n, count] : lengths) classes.push_back({0, n, count});
    return classes;
  }
  for (std::int64_t n = 0; n < all; n += t.n) {
    const std::int64_t end = std::min(n + t.n, all),
                       step = fold_extents(p, {t.m(), end - n, t.k}).n;
    for (std::int64_t n0 = n; n0 < end; n0 += step)
      classes.push_back({n0, std::min(n0 + step, end), 1});
  }
  return classes;
}

}  // namespace

TileCounts TileCounter::count(const Tiling& t) {
  TileCounts counts;
  std::optional<TileLayout> layout;
  for (const Stream stream : kStreams) {
    const auto i = static_cast<std::size_t>(stream);
    std::optional<StreamCounts>& known = streams_[i][stream_key(t, stream)];
    if (!known) {
      if (!layout) layout.emplace(p_, t);
      known = transfers(*layout, stream);
    }
    counts.streams[i] = *known;
  }
  std::optional<Work>& known =
      work_[{{t.groups, t.batch, t.out_rows, t.out_cols, t.n, t.k, t.groups_at_once}}];
  if (!known) known = work(t);
  counts.work = known->counts;
  counts.folds = known->folds;
  return counts;
}

/// Where a tensor begins does not count: with a burst.
StreamCounts TileCounter::transfers(const TileLayout& layout, Stream stream) const {
  StreamCounts all;
  if (!layout.moves(stream)) return all;
  const std::int64_t burst = p_.memory.burst_bytes;
  for (const TileBox& box : layout.boxes(stream)) {
    const Transfer transfer = layout.transfer(stream, box.first);
    const Region& region = transfer.region;
    Copies copies{};
    std::size_t axis = 0;
    std::int64_t tiles = 1;
    for (const auto index : {&TileIndex::g, &TileIndex::b, &TileIndex::r, &TileIndex::c,
                             &TileIndex::n, &TileIndex::k}) {
      Region::Stride& copy = copies[axis++];
      copy.count = box.count.*index;
      tiles *= copy.count;
      if (copy.count == 1) continue;
      TileIndex next = box.first;
      ++(next.*index);
      copy.bits = layout.transfer(stream, next).region.base_bits - region.base_bits;
    }
    const Moved some = moved(region, copies, burst);
    all.moved.bytes += some.bytes;
    all.moved.bursts += some.bursts;
    TransferCounts buffers;
    if (stream == Stream::kOutputs) {
      StoreOp op;
      op.sram_bits = transfer.sram_bits;
      buffers = transfer_counts(p_, op);
    } else {
      LoadOp op;
      op.tensor = tensor_of(stream);
      op.region = region;
      op.sram_bits = transfer.sram_bits;
      op.dequantize = transfer.dequantize;
      buffers = transfer_counts(p_, op);
    }
    all.buffers.add(buffers, tiles);
  }
  const TripCounts& trips = layout.trips();
  const TileIndex last{trips.groups - 1,   trips.batch - 1, trips.out_rows - 1,
                       trips.out_cols - 1, trips.n - 1,     trips.k - 1};
  const TileIndex edge = stream == Stream::kOutputs ? last : TileIndex{};
  all.edge = bursts_of(layout.transfer(stream, edge).region, burst);
  return all;
}

TileCounter::Work TileCounter::work(const Tiling& t) const {
  const Lowered& l = p_.layer;
  Work all;
  const auto add = [&](const MachineCounts& some, std::int64_t times) {
    each_count([times](std::int64_t& sum, std::int64_t x) { sum += x * times; }, all.counts, some);
  };
  const Lengths pixels = pixels_of_tiles(l, t), filters = lengths_of(l.extents.n, t.n);
  const Lengths group_tiles = lengths_of(l.extents.groups, t.groups);
  const Lengths groups = split_further(group_tiles, [&](std::int64_t) { return t.groups_at_once; });
  const Lengths ms = split_further(pixels, [&](std::int64_t size) {
    return fold_extents(p_, {size, t.n, t.k}).m;
  });
  const Few<ColumnClass, 6> ns = columns_of(p_, t);
  for (const DepthClass& k : depths_of(p_, t))
    for (const auto& [m, m_count] : ms)
      for (const auto& [n0, n1, n_count] : ns)
        for (const auto& [g, g_count] : groups) {
          FoldJob job;
          job.g1 = g, job.m1 = m, job.n0 = n0, job.n1 = n1, job.k0 = k.k0, job.k1 = k.k1;
          shape_fold(p_, job);
          MachineCounts some;
          count_fold(p_, job, some);
          const std::int64_t folds = g_count * m_count * n_count * k.count;
          add(some, folds);
          all.folds += folds;
        }
  for (const auto& [g, g_count] : group_tiles)
    for (const auto& [m, m_count] : pixels)
      for (const auto& [n, n_count] : filters) {
        MachineCounts some;
        count_output(p_, Tile{0, g, 0, 1, 0, 1, 0, m, 0, n, 0, 1}, some);
        add(some, g_count * m_count * n_count);
      }
  return all;
}

}  // namespace bitjoule
