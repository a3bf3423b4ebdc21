// Constants of TensorFlow Lite models that do not lie in the file as layers read them: sparse ones,
// and weights that operators widen before they are used.
#include <fmt/format.h>

#include <cstring>

#include "core/error.h"
#include "sim/formats/tflite_model.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 26;  // of what is made here

/// The elements of a sparse tensor, level by level of its storage (schema: SparsityParameters).
class SparseReader {
 public:
  explicit SparseReader(const TfliteTensor& tensor) : tensor_(tensor) {
    const TfliteTable& sparsity = *tensor.sparsity;
    for (const std::int32_t axis : sparsity.numbers<std::int32_t>(0).all()) order_.push_back(axis);
    for (const std::int32_t axis : sparsity.numbers<std::int32_t>(1).all()) blocks_.push_back(axis);
    for (const TfliteTable& level : sparsity.tables(2)) levels_.push_back(level_of(level));
    check();
  }

  /// Dense, of elements of `width` bytes; throws an input Error where the levels are no such.
  std::string dense(std::size_t width) {
    width_ = width;
    left_ = volume_of(tensor_.shape);
    if (left_ > kMostElements) refuse();
    steps_ = 4 * left_ + 4096;
    bytes_.assign(static_cast<std::size_t>(left_) * width, '\0');
    index_.assign(levels_.size(), 0);
    visit(0, 0);
    return std::move(bytes_);
  }

 private:
  struct Level {
    bool is_sparse = false;
    std::int64_t size = 1;  // dense
    Shape segments, indices;
  };

  [[noreturn]] void refuse() const {
    throw input_error(
        fmt::format("tensor \"{}\": its sparsity is not that of its shape and data", tensor_.name));
  }

  static Shape integers(const TfliteTable& level, int slot) {
    const auto vector = level.table(slot + 1);
    if (!vector) return {};
    const auto widened = [](const auto& values) { return Shape(values.begin(), values.end()); };
    switch (level.scalar<std::uint8_t>(slot, 0)) {
      case 1:
        return widened(vector->numbers<std::int32_t>(0).all());
      case 2:
        return widened(vector->numbers<std::uint16_t>(0).all());
      case 3:
        return widened(vector->numbers<std::uint8_t>(0).all());
      default:
        return {};
    }
  }

  static Level level_of(const TfliteTable& table) {
    Level level;
    level.is_sparse = table.scalar<std::uint8_t>(0, 0) == 1;
    level.size = table.scalar<std::int32_t>(1, 0);
    if (level.is_sparse) {
      level.segments = integers(table, 2);
      level.indices = integers(table, 4);
    }
    return level;
  }

  void check() {
    const std::size_t rank = tensor_.shape.size();
    std::vector<bool> seen(levels_.size());
    if (levels_.size() != order_.size() || order_.size() != rank + blocks_.size()) refuse();
    for (const std::int64_t axis : order_) {
      if (axis < 0 || axis >= static_cast<std::int64_t>(seen.size())) refuse();
      if (seen[static_cast<std::size_t>(axis)]) refuse();
      seen[static_cast<std::size_t>(axis)] = true;
    }
    for (const std::int64_t axis : blocks_)
      if (axis < 0 || axis >= static_cast<std::int64_t>(rank)) refuse();
    for (const Level& level : levels_)
      if (!level.is_sparse && (level.size < 1 || level.size > kMostElements)) refuse();
  }

  void visit(std::size_t depth, std::int64_t place) {
    // Levels that repeat each other, or places beyond all data.
    if (steps_-- == 0 || place < 0 || place > UINT32_MAX) refuse();
    if (depth == levels_.size()) return put(place);
    const Level& level = levels_[depth];
    if (!level.is_sparse) {
      for (std::int64_t i = 0; i < level.size; ++i) {
        index_[depth] = i;
        visit(depth + 1, place * level.size + i);
      }
      return;
    }
    const auto at = static_cast<std::size_t>(place);
    if (place < 0 || at + 1 >= level.segments.size()) refuse();
    for (std::int64_t i = level.segments[at]; i < level.segments[at + 1]; ++i) {
      if (i < 0 || i >= static_cast<std::int64_t>(level.indices.size())) refuse();
      index_[depth] = level.indices[static_cast<std::size_t>(i)];
      visit(depth + 1, i);
    }
  }

  void put(std::int64_t place) {
    const std::size_t rank = tensor_.shape.size();
    Shape index(rank, 0), inside(rank, 0), size(rank, 1);
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      const auto axis = static_cast<std::size_t>(order_[i]);
      if (axis < rank) {
        index[axis] = index_[i];
      } else {
        const auto of = static_cast<std::size_t>(blocks_[axis - rank]);
        inside[of] = index_[i];
        size[of] = levels_[i].size;
      }
    }
    std::int64_t flat = 0;
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int64_t at = index[i] * size[i] + inside[i];
      if (at < 0 || at >= tensor_.shape[i]) refuse();
      flat = flat * tensor_.shape[i] + at;
    }
    const auto from = static_cast<std::uint64_t>(place) * width_;
    if (left_-- == 0 || from + width_ > tensor_.bytes) refuse();
    std::memcpy(&bytes_[static_cast<std::size_t>(flat) * width_], tensor_.data + from, width_);
  }

  const TfliteTensor& tensor_;
  Shape order_, blocks_;
  std::vector<Level> levels_;
  Shape index_;
  std::size_t width_ = 0;
  std::int64_t left_ = 0, steps_ = 0;
  std::string bytes_;
};

void set_own(TfliteTensor& tensor, const std::string& file, std::string bytes) {
  tensor.bytes = bytes.size();
  tensor.own = Blob::from_memory(file, std::move(bytes));
  tensor.data = tensor.own.data();
}

/// Scale times code less zero-point, in fp64 rounded once.
std::string dequantized(const TfliteModel& model, const TfliteTensor& tensor) {
  const std::vector<std::int64_t> codes = to_integers(stored_tflite(model, tensor));
  std::int64_t inner = 1;
  const auto axis = static_cast<std::size_t>(tensor.axis);
  for (std::size_t i = axis + 1; i < tensor.shape.size(); ++i) inner *= tensor.shape[i];
  std::string bytes(codes.size() * sizeof(float), '\0');
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t row =
        tensor.scales.count == 1 ? 0 : i / static_cast<std::size_t>(inner) % tensor.scales.count;
    const std::int64_t zero = tensor.zero_points.count == 0
                                  ? 0
                                  : tensor.zero_points[tensor.zero_points.count == 1 ? 0 : row];
    const auto value = static_cast<float>(static_cast<double>(tensor.scales[row]) *
                                          static_cast<double>(codes[i] - zero));
    std::memcpy(&bytes[i * sizeof(float)], &value, sizeof(float));
  }
  return bytes;
}

bool dequantizes(const TfliteTensor& from) {
  if (!is_integer_type(from.type) && from.type != "int4") return false;
  const auto scales = static_cast<std::int64_t>(from.scales.count);
  if (scales == 0 || volume_of(from.shape) > kMostElements) return false;
  const auto axes = static_cast<std::int64_t>(from.shape.size());
  return scales == 1 || (from.axis >= 0 && from.axis < axes &&
                         from.shape[static_cast<std::size_t>(from.axis)] == scales);
}

/// Whether the operator's result is a constant now.
bool becomes_constant(TfliteModel& model, const TfliteOperator& op, std::int64_t& budget) {
  if ((op.name != "DENSIFY" && op.name != "DEQUANTIZE") || op.inputs.size() != 1 ||
      op.outputs.size() != 1 || op.inputs[0] < 0)
    return false;
  const TfliteTensor& from = model.tensors[static_cast<std::size_t>(op.inputs[0])];
  TfliteTensor& to = model.tensors[static_cast<std::size_t>(op.outputs[0])];
  if (!from.is_constant() || !from.complication.empty() || to.is_constant() ||
      volume_of(from.shape) != volume_of(to.shape))
    return false;
  const bool narrow = from.type == "fp16" || from.type == "bf16";
  if (op.name == "DEQUANTIZE" && to.type == "fp32" && !narrow && dequantizes(from)) {
    budget -= volume_of(from.shape);
    if (budget < 0) return false;
    set_own(to, model.blob.name(), dequantized(model, from));
    return true;
  }
  if (op.name == "DENSIFY" ? from.type != to.type : !narrow || to.type != "fp32") return false;
  to.data = from.data;
  to.bytes = from.bytes;
  to.own = from.own;
  to.stored = narrow ? from.type : from.stored;
  return true;
}

}  // namespace

void settle_constants(TfliteModel& model) {
  std::int64_t budget = kMostElements;
  for (TfliteTensor& tensor : model.tensors) {
    const StoredType* type = find_stored_type(tensor.type);
    if (!tensor.sparsity || !tensor.is_constant() || type == nullptr || type->block_elements != 1)
      continue;
    budget -= volume_of(tensor.shape);
    if (budget < 0) break;
    set_own(tensor, model.blob.name(),
            SparseReader(tensor).dense(static_cast<std::size_t>(type->block_bytes)));
    if (tensor.complication == "sparse") tensor.complication.clear();
  }
  const auto settle = [&](TfliteGraph& graph) {
    std::vector<TfliteOperator> left;
    for (TfliteOperator& op : graph.operators)
      if (!becomes_constant(model, op, budget)) left.push_back(std::move(op));
    graph.operators = std::move(left);
  };
  settle(model);
  for (TfliteGraph& graph : model.others) settle(graph);
}

}  // namespace bitjoule
