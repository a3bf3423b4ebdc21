#include "core/mapping/stored_rows.h"

#include <algorithm>

#include "core/mapping/data_path.h"
#include "core/mapping/region.h"

namespace bitjoule {
namespace {

std::int64_t whole_blocks(const StorageLayout& layout, std::int64_t elements) {
  return main_bits(layout,
                   layout.interleaved() ? align(elements, layout.block_elements) : elements);
}

}  // namespace

bool has_row_scales(const StorageLayout& layout) {
  return !layout.interleaved() && layout.scales.present() && layout.scales.group != kWholeTensor;
}

std::int64_t scale_entry_bits(const StorageLayout& layout) {
  if (layout.interleaved() || layout.scales.group == kWholeTensor) return 0;
  return layout.scales.bits + layout.zero_points.bits + layout.mins.bits;
}

std::int64_t scale_bits(const StorageLayout& layout, std::int64_t count) {
  const std::int64_t bits = count * scale_entry_bits(layout);
  return layout.tables.present() ? bits + ceil_div(count, layout.tables.group) * layout.tables.bits
                                 : bits;
}

std::int64_t StoredRows::row_scale_bits() const {
  return has_row_scales(*layout)
             ? align(scale_bits(*layout, groups_per_row(layout->scales, length)), 8)
             : 0;
}

std::int64_t StoredRows::place(std::int64_t element) const {
  if (!has_row_scales(*layout)) return whole_blocks(*layout, element);
  const std::int64_t rows = element / length, rest = element % length;
  std::int64_t bits = main_bits(*layout, element) + rows * row_scale_bits();
  if (layout->scales.group > 0) {
    const std::int64_t ended = rest / layout->scales.group;
    bits += ended * scale_entry_bits(*layout);
    if (layout->tables.present()) bits += ended / layout->tables.group * layout->tables.bits;
  }
  return bits;
}

std::int64_t StoredRows::bits(std::int64_t first, std::int64_t end) const {
  return has_row_scales(*layout) ? place(end) - place(first) : whole_blocks(*layout, end - first);
}

std::int64_t StoredRows::most_bits(std::int64_t count) const {
  if (!has_row_scales(*layout)) return whole_blocks(*layout, count);
  const std::int64_t group = layout->scales.group;
  // Rows that end among them end a group each, and perhaps one more that they share with none.
  const std::int64_t ended = count / length + 1 + (group > 0 ? count / group : 0);
  return main_bits(*layout, count) + align(scale_bits(*layout, ended), 8);
}

bool StoredRows::repeats(std::int64_t elements) const {
  if (!has_row_scales(*layout) || elements % length == 0) return true;
  return in_whole_blocks(elements) && length % layout->scales.group == 0 &&
         !layout->tables.present() && scale_entry_bits(*layout) % 8 == 0;
}

bool StoredRows::in_whole_blocks(std::int64_t elements) const {
  if (!has_row_scales(*layout) || elements % length == 0) return true;
  const std::int64_t group = layout->scales.group;
  return group > 0 && elements % group == 0 && length % group == 0;
}

}  // namespace bitjoule
