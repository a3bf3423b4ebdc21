#include "core/mapping/tile_fit.h"

#include <algorithm>
#include <utility>

#include "core/mapping/input_scales.h"
#include "core/mapping/input_taps.h"
#include "core/mapping/tile_bytes.h"
#include "core/mapping/window.h"

namespace bitjoule {
namespace {

/// The largest number up to `limit` of which `bytes`, which rises with it, takes no more than
/// `capacity`.
template <class F>
std::int64_t most_within(Bytes capacity, std::int64_t limit, F bytes) {
  if (bytes(limit) <= capacity.value) return limit;
  std::int64_t fits = 0, beyond = limit;
  while (fits + 1 < beyond) {
    const std::int64_t middle = fits + (beyond - fits) / 2;
    (bytes(middle) <= capacity.value ? fits : beyond) = middle;
  }
  return fits;
}

constexpr std::int64_t kMany = std::int64_t{1} << 48;  // more elements than any tile has

}  // namespace

TileFit::TileFit(const MappingProblem& problem, const MappingSpace& space)
    : p_(problem), space_(space) {
  const Lowered& l = p_.layer;
  const BuffersConfig& b = p_.machine.buffers;
  const std::vector<std::int64_t>& sizes_n = space.sizes[kAxisN];
  inputs_ = most_within(usable(b.input), kMany, [&](std::int64_t elements) {
    return buffer_bytes(p_.path.activations.layout, elements);
  });
  results_ = most_within(usable(b.output), kMany, [&](std::int64_t elements) {
    return buffer_bytes(p_.path.output.layout, elements);
  });
  for (const std::int64_t n : sizes_n) stored_n_.push_back(stored_weights(p_, n, 1).n);
  const std::int64_t rows = l.extents.groups * std::max(l.extents.n, stored_n_.back());
  for (const std::int64_t k : space.sizes[kAxisK]) {
    looks_.push_back(looks_of(k, false));
    if (l.k_rows) continue;
    const std::int64_t stored_k = stored_weights(p_, 1, k).k;
    weight_rows_.push_back(most_within(usable(b.weight), rows, [&](std::int64_t n) {
      return weight_buffer_bytes(p_, 1, n, stored_k);
    }));
    parameter_rows_.push_back(most_within(
        usable(b.scale), rows, [&](std::int64_t n) { return parameter_bytes(p_, 1, n, k); }));
  }
  whole_ = looks_of(l.extents.k, true);
  has_input_scales_ = scale_entry_bits(p_.path.activations.layout) > 0 ||
                      p_.path.activations.layout.tables.present();
}

TileFit::Looks TileFit::looks_of(std::int64_t k, bool full_k) {
  const Lowered& l = p_.layer;
  const InputTaps taps = input_taps(l, k, full_k);
  for (std::size_t i = 0; i < windows_.size(); ++i)
    if (windows_[i].taps_h == taps.rows && windows_[i].taps_w == taps.cols)
      return {i, taps.channels};
  Window window{taps.rows, taps.cols, {}, {}};
  const bool skips = skips_columns(p_);
  for (const std::int64_t r : space_.sizes[kAxisR])
    window.rows.push_back(map_span(r, l.stride_h, taps.rows, l.dilation_h, true, l.height));
  for (const std::int64_t c : space_.sizes[kAxisC])
    window.cols.push_back(map_span(c, l.stride_w, taps.cols, l.dilation_w, skips, l.width));
  windows_.push_back(std::move(window));
  return {windows_.size() - 1, taps.channels};
}

bool TileFit::operator()(std::size_t scheme, const std::array<std::uint16_t, kAxes>& entries,
                         bool inputs) const {
  const auto size = [&](std::size_t axis) { return space_.sizes[axis][entries[axis]]; };
  const std::int64_t groups = size(kAxisG);
  return (p_.layer.k_rows ||
          groups * stored_n_[entries[kAxisN]] <= weight_rows_[entries[kAxisK]]) &&
         groups * size(kAxisB) * size(kAxisR) * size(kAxisC) * size(kAxisN) <= results_ &&
         scales_fit(scheme, entries) && (!inputs || inputs_fit(scheme, entries));
}

/// The largest of each that counts, whether or not one tile has them all.
bool TileFit::all() const {
  if (p_.layer.k_rows || has_input_scales_) return false;
  const auto largest = [](const std::vector<std::int64_t>& of) {
    return *std::max_element(of.begin(), of.end());
  };
  const auto least = [](const std::vector<std::int64_t>& of) {
    return *std::min_element(of.begin(), of.end());
  };
  const auto size = [this](std::size_t axis) { return space_.sizes[axis].back(); };
  const std::int64_t groups = size(kAxisG), n = size(kAxisN);
  std::int64_t window = 0;
  for (const Window& w : windows_) window = std::max(window, largest(w.rows) * largest(w.cols));
  std::int64_t channels = whole_.channels;
  for (const Looks& looks : looks_) channels = std::max(channels, looks.channels);
  return groups * largest(stored_n_) <= least(weight_rows_) &&
         groups * size(kAxisB) * size(kAxisR) * size(kAxisC) * n <= results_ &&
         groups * n <= least(parameter_rows_) &&
         groups * size(kAxisB) * window * channels <= inputs_;
}

bool TileFit::inputs_fit(std::size_t scheme,
                         const std::array<std::uint16_t, kAxes>& entries) const {
  const Looks& looks = space_.schemes[scheme].input_full_k ? whole_ : looks_[entries[kAxisK]];
  const Window& window = windows_[looks.window];
  return space_.sizes[kAxisG][entries[kAxisG]] * space_.sizes[kAxisB][entries[kAxisB]] *
             window.rows[entries[kAxisR]] * window.cols[entries[kAxisC]] * looks.channels <=
         inputs_;
}

/// Scales of inputs depend on pixels too; and rows of n, whose bytes and groups are rounded up, are
/// asked for tile by tile.
bool TileFit::scales_fit(std::size_t scheme,
                         const std::array<std::uint16_t, kAxes>& entries) const {
  if (!has_input_scales_ && !p_.layer.k_rows)
    return space_.sizes[kAxisG][entries[kAxisG]] * space_.sizes[kAxisN][entries[kAxisN]] <=
           parameter_rows_[entries[kAxisK]];
  std::array<std::int64_t, kAxes> tile{};
  for (std::size_t a = 0; a < kAxes; ++a) tile[a] = space_.sizes[a][entries[a]];
  const TileFootprint f = tile_footprint(p_, space_.tiling(scheme, tile));
  return f.scale <= usable(p_.machine.buffers.scale) &&
         (!p_.layer.k_rows || f.weight <= usable(p_.machine.buffers.weight));
}

}  // namespace bitjoule
