#include "sim/formats/checkpoint_parts.h"

#include <fmt/format.h>

#include <charconv>
#include <initializer_list>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/numeric/tensor_values.h"

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
      : part_(part), columns_(shape.size() == 2 ? shape[1] : 1), rows_(shape[0]) {
    if (part.kind == TensorPart::Kind::kColumns && shape.size() == 1) std::swap(columns_, rows_);
  }

  bool exist() const {
    if (part_.kind == TensorPart::Kind::kByPart)
      return part_.of > 0 && part_.first > 0 && part_.of <= rows_ / part_.first &&
             rows_ % (part_.of * part_.first) == 0;
    const std::int64_t of = part_.kind == TensorPart::Kind::kColumns ? columns_ : part_.of;
    return part_.first >= 0 && part_.first < part_.end && part_.end <= of &&
           (part_.kind == TensorPart::Kind::kColumns || rows_ % of == 0);
  }
  std::int64_t count() const { return part_.end - part_.first; }
  std::vector<std::int64_t> shape(bool vector) const {
    const bool by_part = part_.kind == TensorPart::Kind::kByPart;
    if (by_part) return vector ? std::vector{rows_} : std::vector{rows_, columns_};
    if (part_.kind == TensorPart::Kind::kColumns)
      return vector ? std::vector{count()} : std::vector{rows_, count()};
    return {rows_ / part_.of, part_.transposed ? columns_ : count(),
            part_.transposed ? count() : columns_};
  }
  std::int64_t operator()(std::int64_t i) const {
    if (part_.kind == TensorPart::Kind::kColumns)
      return i / count() * columns_ + part_.first + i % count();
    if (part_.kind == TensorPart::Kind::kByPart) {  // `first` parts of `of` rows
      const std::int64_t row = i / columns_, heads = rows_ / (part_.first * part_.of);
      const std::int64_t which = row / part_.of / heads, head = row / part_.of % heads;
      return ((head * part_.first + which) * part_.of + row % part_.of) * columns_ + i % columns_;
    }
    const std::int64_t inner = i % (count() * columns_);
    const std::int64_t row = part_.transposed ? inner % count() : inner / columns_;
    const std::int64_t column = part_.transposed ? inner / count() : inner % columns_;
    return (i / (count() * columns_) * part_.of + part_.first + row) * columns_ + column;
  }

 private:
  const TensorPart& part_;
  std::int64_t columns_, rows_;
};

}  // namespace

std::optional<TensorPart> tensor_part(const std::string& name) {
  TensorPart part;
  const std::size_t open = name.rfind('[');
  part.transposed = !name.empty() && name.back() == 'T';
  const std::size_t close = name.size() - (part.transposed ? 2 : 1);
  if (open == std::string::npos || close <= open || name[close] != ']') return {};
  part.whole = name.substr(0, open);
  const char* at = name.data() + open + 1;
  const char* const end = name.data() + close + 1;
  if (read_numbers(at, end, {{&part.first, ':'}, {&part.end, '/'}, {&part.of, ']'}})) return part;
  if (part.transposed) return {};
  part.kind = TensorPart::Kind::kByPart;
  if (read_numbers(at, end, {{&part.first, 'x'}, {&part.of, ']'}})) return part;
  part.kind = TensorPart::Kind::kColumns;
  if (*at == ':' && read_numbers(at + 1, end, {{&part.first, ':'}, {&part.end, ']'}})) return part;
  return {};
}

StoredTensor part_of(const std::string& where, const std::string& name, const TensorPart& part,
                     const StoredTensor& whole) {
  const std::size_t rank = whole.shape.size();
  const bool heads = part.kind == TensorPart::Kind::kHeadRows;
  if ((rank != 2 && (rank != 1 || heads)) || !Places(part, whole.shape).exist())
    throw input_error(fmt::format("{}: no such rows: {} of a tensor of {}", where, name,
                                  shape_text(whole.shape)));
  const Places places(part, whole.shape);
  const std::vector<float> values = tensor_values(whole);
  StoredTensor tensor;
  tensor.name = name;
  tensor.type = find_stored_type("fp32");
  tensor.shape = places.shape(rank == 1);
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
