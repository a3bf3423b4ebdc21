// Bursts that no tiling of a box moves fewer than.
#include <algorithm>

#include "core/mapping/bounds_view.h"
#include "core/mapping/region.h"

namespace bitjoule {

/// Of inputs, each fetched once: with all of k.
double Bounds::once_together(const View& v) const {
  if (!v.together || inputs_on_chip(p_)) return 0;
  const Lowered& l = p_.layer;
  const double burst = real(p_.memory.burst_bytes) * 8, groups = real(l.extents.groups);
  double pixel = real(main_bits(p_.path.activations.layout, l.channels)) * groups / burst;
  if (l.interleaved_groups && p_.activation_layout == DramLayout::kRowMajor && v.least[kAxisG] > 1)
    pixel = std::max(pixel, real(v.least[kAxisG]));
  return pixel * real(l.batch) * v.least_of(t_.rows_fetched, kAxisR) *
         v.least_of(t_.cols_fetched, kAxisC);
}

/// ... and in parts of k.
double Bounds::once_apart(const View& v) const {
  if (!v.apart || inputs_on_chip(p_)) return 0;
  return v.least_of(t_.k_input_bursts, kAxisK);
}

/// Tile after tile each begins with a burst; of rows that are cut, each part has bursts of its own.
double Bounds::weight_bursts(const View& v) const {
  if (p_.weight_layout == DramLayout::kTiled)
    return std::max(weights_, real(v.least[kAxisG] * v.loops[1] * v.loops[2]));
  const std::size_t along = p_.layer.k_rows ? kAxisN : kAxisK;
  if (v.least[along] == 1) return weights_;
  return std::max(weights_,
                  v.least_of(t_.weight_row_bursts, along) * real(p_.layer.stored_rows().rows));
}

double Bounds::output_bursts(const View& v) const {
  if (outputs_ == 0 || p_.activation_layout == DramLayout::kTiled) return outputs_;
  const Lowered& l = p_.layer;
  const double pixels = real(l.extents.m), groups = real(l.extents.groups);
  if (v.least[kAxisN] > 1)
    return std::max(outputs_, v.least_of(t_.n_output_bursts, kAxisN) * pixels * groups);
  if (l.interleaved_groups && v.least[kAxisG] > 1)
    return std::max(outputs_, real(v.least[kAxisG]) * pixels);
  return outputs_;
}

/// Of the first tile: its weights, and its inputs where no window reaches beyond the map.
double Bounds::first_bursts(const View& v) const {
  const Lowered& l = p_.layer;
  const double burst = real(p_.memory.burst_bytes) * 8, groups = real(v.lo[kAxisG]);
  const double weights =
      real(v.lo[kAxisN] * v.lo[kAxisK] * p_.path.weights.layout.least_code_bits());
  double inputs = 0;
  if (p_.activations == ActivationMemory::kDram && l.kernel_h * l.kernel_w == 1 && l.pad_top == 0 &&
      l.pad_left == 0 && (l.out_height - 1) * l.stride_h < l.height &&
      (l.out_width - 1) * l.stride_w < l.width)
    inputs = real(v.m() * (v.apart ? std::min(v.lo[kAxisK], l.channels) : l.channels) *
                  p_.path.activations.layout.least_code_bits());
  return whole(groups * weights / burst) + whole(groups * inputs / burst);
}

}  // namespace bitjoule
