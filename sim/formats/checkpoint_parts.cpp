#include "sim/formats/checkpoint_parts.h"

#include <fmt/format.h>

#include <charconv>
#include <initializer_list>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/numeric/storage.h"
#include "core/numeric/tensor_values.h"
#include "sim/formats/checkpoint_schemes.h"

namespace bitjoule {
namespace {

/// Numbers, each followed by its character; false: that is not what stands there.
bool read_numbers(const char* at, const char* end,
                  std::initializer_list<std::pair<std::int64_t*, char>> numbers) {
  for (const auto& [value, behind] : numbers) {
    const auto [rest, error] = std::from_chars(at, end, *value);
    if (error != std::errc() || rest == end || *rest != behind) return false;
    at = rest + 1;
  }
  return at == end;
}

/// Where element i of the part stands in the whole.
class Places {
 public:
  Places(const TensorPart& part, const std::vector<std::int64_t>& shape)
      : part_(part), columns_(shape.size() == 2 ? shape[1] : 1), rows_(shape[0]) {}

  bool exist() const {
    const std::int64_t among = part_.columns ? columns_ : rows_;
    return part_.first >= 0 && part_.first < part_.end && part_.end <= part_.of &&
           among % part_.of == 0;
  }
  std::int64_t count() const { return part_.end - part_.first; }
  std::vector<std::int64_t> shape(bool vector) const {
    if (part_.columns) return {rows_, columns_ / part_.of * count()};
    if (vector) return {rows_ / part_.of * count()};
    return {rows_ / part_.of, part_.transposed ? columns_ : count(),
            part_.transposed ? count() : columns_};
  }
  /// Row `row` of the part, in the whole.
  std::int64_t whole_row(std::int64_t row) const {
    return row / count() * part_.of + part_.first + row % count();
  }
  std::int64_t operator()(std::int64_t i) const {
    if (part_.columns) {
      const std::int64_t width = columns_ / part_.of * count();
      return i / width * columns_ + whole_row(i % width);
    }
    const std::int64_t inner = i % (count() * columns_);
    const std::int64_t row = part_.transposed ? inner % count() : inner / columns_;
    const std::int64_t column = part_.transposed ? inner / count() : inner % columns_;
    return whole_row(i / (count() * columns_) * count() + row) * columns_ + column;
  }

 private:
  const TensorPart& part_;
  std::int64_t columns_, rows_;
};

bool keeps_format(const TensorPart& part, const StorageLayout& layout, std::int64_t rows,
                  std::int64_t k) {
  if (part.columns || part.transposed || layout.interleaved()) return false;
  const bool shares_tables = layout.tables.present() && layout.tables.group != kWholeRow;
  if (layout.scales.rows == 1 && !shares_tables) return true;
  const std::int64_t first_scale = part.first * groups_per_row(layout.scales, k);
  return part.of == rows && part.first % layout.scales.rows == 0 &&
         (!shares_tables || first_scale % layout.tables.group == 0);
}

std::shared_ptr<const PackedValues> rows_of(const PackedValues& whole, const Places& places,
                                            std::int64_t rows, std::int64_t whole_rows,
                                            std::int64_t k) {
  const FieldWriter from(whole, whole_rows, k);
  FieldWriter to(whole.format, rows, k);
  for (std::int64_t row = 0; row < rows; ++row) to.copy_row(row, from, places.whole_row(row));
  auto values = std::make_shared<PackedValues>(whole);
  values->bytes = to.take();
  return values;
}

}  // namespace

std::optional<TensorPart> tensor_part(const std::string& name) {
  TensorPart part;
  const std::size_t open = name.rfind('[');
  part.transposed = !name.empty() && name.back() == 'T';
  const std::size_t close = name.size() - (part.transposed ? 2 : 1);
  if (open == std::string::npos || close <= open + 1 || name[close] != ']') return {};
  part.whole = name.substr(0, open);
  part.columns = name[open + 1] == ':';
  const char* at = name.data() + open + (part.columns ? 2 : 1);
  const char* const end = name.data() + close + 1;
  const bool is_part =
      read_numbers(at, end, {{&part.first, ':'}, {&part.end, '/'}, {&part.of, ']'}});
  if (!is_part || part.of < 1 || (part.columns && part.transposed)) return {};
  return part;
}

bool keeps_format(const std::string& name, const TensorFormat& format, std::int64_t rows,
                  std::int64_t k) {
  const std::optional<TensorPart> part = tensor_part(name);
  return part && keeps_format(*part, storage_layout(format), rows, k);
}

StoredTensor part_of(const std::string& where, const std::string& name, const TensorPart& part,
                     const StoredTensor& whole) {
  const std::size_t rank = whole.shape.size();
  const bool needs_matrix = part.columns || part.transposed;
  if ((rank != 2 && (rank != 1 || needs_matrix)) || !Places(part, whole.shape).exist())
    throw input_error(fmt::format("{}: no such part: {} of a tensor of {}", where, name,
                                  shape_text(whole.shape)));
  const Places places(part, whole.shape);
  StoredTensor tensor;
  tensor.name = name;
  tensor.shape = places.shape(rank == 1);
  if (whole.packed != nullptr &&
      keeps_format(part, storage_layout(whole.packed->format), whole.shape[0], whole.shape[1])) {
    tensor.packed = rows_of(*whole.packed, places, tensor.elements() / whole.shape[1],
                            whole.shape[0], whole.shape[1]);
    tensor.type = &tensor.packed->type;
    tensor.blob = whole.blob;
    return tensor;
  }
  const std::vector<float> values = tensor_values(whole);
  tensor.type = find_stored_type("fp32");
  auto own = std::make_shared<std::vector<float>>();
  own->reserve(static_cast<std::size_t>(tensor.elements()));
  for (std::int64_t i = 0; i < tensor.elements(); ++i)
    own->push_back(values[static_cast<std::size_t>(places(i))]);
  tensor.bytes = own->size() * sizeof(float);
  tensor.blob = Blob(whole.blob.name(), own, own->data(), tensor.bytes);
  tensor.data = tensor.blob.data();
  return tensor;
}

}  // namespace bitjoule
