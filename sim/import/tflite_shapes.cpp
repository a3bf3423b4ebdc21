// Shapes that results of TensorFlow Lite operators have. A file states them, but of results whose
// sizes the converter left open what it states may be another one's.
#include <algorithm>

#include "sim/import/tflite_builder.h"

namespace bitjoule {

namespace {

using Known = std::optional<Shape>;

constexpr std::int64_t kMostKnown = std::int64_t{1} << 31;
constexpr std::int64_t kLargestBlock = 1024;

Known of_first(const TfliteNode& node, int) { return node.input(0).shape; }

Known broadcast_all(const TfliteNode& node, int) {
  Shape shape;
  for (int i = 0; i < node.inputs(); ++i) {
    Shape other = node.input(i).shape;
    const std::size_t axes = std::max(shape.size(), other.size());
    shape.insert(shape.begin(), axes - shape.size(), 1);
    other.insert(other.begin(), axes - other.size(), 1);
    for (std::size_t k = 0; k < axes; ++k) {
      if (shape[k] != other[k] && shape[k] != 1 && other[k] != 1) return {};
      if (shape[k] == 1) shape[k] = other[k];
    }
  }
  return shape;
}

Known stated(const TfliteNode& node, int operand) {
  if (!node.has(operand) || !node.input(operand).is_constant()) return {};
  Shape numbers = node.integers(operand);
  for (std::int64_t& number : numbers)  // no size is beyond, and sums of them are none then
    number = std::clamp<std::int64_t>(number, INT32_MIN, INT32_MAX);
  return numbers;
}

Known windows(const TfliteNode& node, int options, std::int64_t kernel_h, std::int64_t kernel_w,
              std::int64_t channels) {
  Conv2d conv;
  set_windows(node, options, node.input(0), kernel_h, kernel_w, conv);
  return Shape{conv.batch, conv.out_height(), conv.out_width(), channels};
}
Known conv_shape(const TfliteNode& node, int) {
  const Shape& w = node.input(1).shape;
  if (w.size() != 4) return {};
  return windows(node, 1, w[1], w[2], w[0]);
}
Known depthwise_shape(const TfliteNode& node, int) {
  const Shape& w = node.input(1).shape;
  if (w.size() != 4) return {};
  return windows(node, 2, w[1], w[2], w[3]);
}
Known pool_shape(const TfliteNode& node, int) {
  const Shape& x = node.input(0).shape;
  if (x.size() != 4) return {};
  return windows(node, 5, node.option<std::int32_t>(5, 4, 0), node.option<std::int32_t>(5, 3, 0),
                 x[3]);
}

Known dense_shape(const TfliteNode& node, int) {
  const Shape &x = node.input(0).shape, &w = node.input(1).shape;
  if (w.size() != 2 || w[1] < 1) return {};
  Shape shape = {volume_of(x) / w[1], w[0]};
  if (node.option<std::uint8_t>(8, 2, 0) == 0 || x.empty()) return shape;
  shape = x;
  shape.back() = w[0];
  return shape;
}

Known product_shape(const TfliteNode& node, int) {
  const Shape &a = node.input(0).shape, &b = node.input(1).shape;
  if (a.size() < 2 || b.size() < 2) return {};
  Shape shape = a.size() < b.size() ? b : a;
  for (std::size_t i = 3; i <= std::min(a.size(), b.size()); ++i)
    shape.end()[-static_cast<std::ptrdiff_t>(i)] = std::max(
        a.end()[-static_cast<std::ptrdiff_t>(i)], b.end()[-static_cast<std::ptrdiff_t>(i)]);
  shape.end()[-2] = a.end()[node.option<std::uint8_t>(101, 0, 0) != 0 ? -1 : -2];
  shape.end()[-1] = b.end()[node.option<std::uint8_t>(101, 1, 0) != 0 ? -2 : -1];
  return shape;
}

Known reshape_shape(const TfliteNode& node, int) {
  Known shape = stated(node, 1);
  if (!shape && !node.has(1)) shape = node.option_numbers(17, 0);
  if (!shape) return {};
  std::int64_t known = 1;
  for (const std::int64_t size : *shape)
    if (size >= 0) known = std::min(known * size, kMostKnown);
  for (std::int64_t& size : *shape)
    if (size < 0) size = known > 0 ? volume_of(node.input(0).shape) / known : 0;
  return shape;
}

Known squeeze_shape(const TfliteNode& node, int) {
  const Shape& x = node.input(0).shape;
  const Shape named = node.option_numbers(30, 0);
  Shape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto axis = static_cast<std::int64_t>(i), axes = static_cast<std::int64_t>(x.size());
    const bool goes =
        named.empty() ? x[i] == 1 : std::any_of(named.begin(), named.end(), [&](std::int64_t a) {
          return a == axis || a + axes == axis;
        });
    if (!goes) shape.push_back(x[i]);
  }
  return shape;
}

Known expand_dims_shape(const TfliteNode& node, int) {
  const Known axis = stated(node, 1);
  if (!axis || axis->size() != 1) return {};
  Shape shape = node.input(0).shape;
  shape.insert(shape.begin() + node.settled_axis((*axis)[0], shape.size() + 1), 1);
  return shape;
}

Known resized_shape(const TfliteNode& node, int) {
  const Known size = stated(node, 1);
  const Shape& x = node.input(0).shape;
  if (!size || size->size() != 2 || x.size() != 4) return {};
  return Shape{x[0], (*size)[0], (*size)[1], x[3]};
}

Known transposed_shape(const TfliteNode& node, int) {
  const Known axes = stated(node, 1);
  const Shape& x = node.input(0).shape;
  if (!axes || axes->size() != x.size()) return {};
  Shape shape;
  for (const std::int64_t axis : *axes) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(x.size())) return {};
    shape.push_back(x[static_cast<std::size_t>(axis)]);
  }
  return shape;
}

Known padded_shape(const TfliteNode& node, int) {
  const Known pads = stated(node, 1);
  Shape shape = node.input(0).shape;
  if (!pads || pads->size() != 2 * shape.size()) return {};
  for (std::size_t i = 0; i < shape.size(); ++i) shape[i] += (*pads)[2 * i] + (*pads)[2 * i + 1];
  return shape;
}

Known joined_shape(const TfliteNode& node, int) {
  Shape shape = node.input(0).shape;
  if (shape.empty()) return {};
  const auto axis = static_cast<std::size_t>(
      node.settled_axis(node.option<std::int32_t>(10, 0, 0), shape.size()));
  for (int i = 1; i < node.inputs(); ++i) {
    if (node.input(i).shape.size() != shape.size()) return {};
    shape[axis] += node.input(i).shape[axis];
  }
  return shape;
}

Known packed_shape(const TfliteNode& node, int) {
  Shape shape = node.input(0).shape;
  const std::int64_t axis =
      node.settled_axis(node.option<std::int32_t>(59, 1, 0), shape.size() + 1);
  shape.insert(shape.begin() + axis, node.inputs());
  return shape;
}

Known unpacked_shape(const TfliteNode& node, int) {
  Shape shape = node.input(0).shape;
  if (shape.empty()) return {};
  shape.erase(shape.begin() + node.settled_axis(node.option<std::int32_t>(64, 1, 0), shape.size()));
  return shape;
}

Known split_shape(const TfliteNode& node, int) {
  const Known axis = stated(node, 0);
  Shape shape = node.input(1).shape;
  if (!axis || axis->size() != 1) return {};
  shape[static_cast<std::size_t>(node.settled_axis((*axis)[0], shape.size()))] /= node.outputs();
  return shape;
}

Known split_v_shape(const TfliteNode& node, int output) {
  const Known sizes = stated(node, 1), axis = stated(node, 2);
  Shape shape = node.input(0).shape;
  if (!sizes || !axis || axis->size() != 1 || static_cast<std::size_t>(output) >= sizes->size())
    return {};
  std::int64_t& size = shape[static_cast<std::size_t>(node.settled_axis((*axis)[0], shape.size()))];
  std::int64_t left = size;
  for (const std::int64_t other : *sizes) left -= std::max<std::int64_t>(other, 0);
  const std::int64_t own = (*sizes)[static_cast<std::size_t>(output)];
  size = own < 0 ? left : own;
  return shape;
}

Known sliced_shape(const TfliteNode& node, int) {
  const Known begin = stated(node, 1);
  Known size = stated(node, 2);
  const Shape& x = node.input(0).shape;
  if (!begin || !size || size->size() != x.size() || begin->size() != x.size()) return {};
  for (std::size_t i = 0; i < x.size(); ++i)
    if ((*size)[i] == -1) (*size)[i] = x[i] - (*begin)[i];
  return size;
}

Known reduced_shape(const TfliteNode& node, int options, int operand) {
  const Known axes = stated(node, operand);
  const Shape& x = node.input(0).shape;
  if (!axes) return {};
  const bool keeps = options == 27 && node.option<std::uint8_t>(27, 0, 0) != 0;
  Shape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const bool goes = std::any_of(axes->begin(), axes->end(), [&](std::int64_t axis) {
      return node.settled_axis(axis, x.size()) == static_cast<std::int64_t>(i);
    });
    if (!goes)
      shape.push_back(x[i]);
    else if (keeps)
      shape.push_back(1);
  }
  return shape;
}
Known reduce_shape(const TfliteNode& node, int) { return reduced_shape(node, 27, 1); }
Known index_shape(const TfliteNode& node, int) { return reduced_shape(node, 0, 1); }

Known gathered_shape(const TfliteNode& node, int) {
  const Shape &x = node.input(0).shape, &index = node.input(1).shape;
  if (x.empty() || node.option<std::int32_t>(23, 1, 0) != 0) return {};
  const std::int64_t axis = node.settled_axis(node.option<std::int32_t>(23, 0, 0), x.size());
  Shape shape(x.begin(), x.begin() + axis);
  shape.insert(shape.end(), index.begin(), index.end());
  shape.insert(shape.end(), x.begin() + axis + 1, x.end());
  return shape;
}

Known gather_nd_shape(const TfliteNode& node, int) {
  const Shape &x = node.input(0).shape, &index = node.input(1).shape;
  if (index.empty() || index.back() > static_cast<std::int64_t>(x.size())) return {};
  Shape shape(index.begin(), index.end() - 1);
  shape.insert(shape.end(), x.begin() + std::max<std::int64_t>(0, index.back()), x.end());
  return shape;
}

Known scattered_shape(const TfliteNode& node, int) { return stated(node, 2); }

Known largest_shape(const TfliteNode& node, int) {
  const Known count = stated(node, 1);
  Shape shape = node.input(0).shape;
  if (!count || count->size() != 1 || shape.empty()) return {};
  shape.back() = (*count)[0];
  return shape;
}

Known one_hot_shape(const TfliteNode& node, int) {
  const Known depth = stated(node, 1);
  Shape shape = node.input(0).shape;
  if (!depth || depth->size() != 1) return {};
  const std::int64_t axis =
      node.settled_axis(node.option<std::int32_t>(61, 0, -1), shape.size() + 1);
  shape.insert(shape.begin() + axis, (*depth)[0]);
  return shape;
}

/// Of the last two axes, which are transformed as long as the second operand says.
Known transformed_shape(const TfliteNode& node, int) {
  const Known length = stated(node, 1);
  Shape shape = node.input(0).shape;
  if (!length || length->size() != 2 || shape.size() < 2) return {};
  shape.end()[-2] = (*length)[0];
  shape.back() = (*length)[1] / 2 + 1;
  return shape;
}

Known tiled_shape(const TfliteNode& node, int) {
  const Known times = stated(node, 1);
  Shape shape = node.input(0).shape;
  if (!times || times->size() != shape.size()) return {};
  for (std::size_t i = 0; i < shape.size(); ++i) shape[i] *= (*times)[i];
  return shape;
}

Known first_operand(const TfliteNode& node, int) { return stated(node, 0); }
Known second_operand(const TfliteNode& node, int) { return stated(node, 1); }

Known blocked_shape(const TfliteNode& node, bool to_batch) {
  const Known block = stated(node, 1), edges = stated(node, 2);
  Shape shape = node.input(0).shape;
  if (!block || !edges || block->size() != 2 || edges->size() != 4 || shape.size() != 4) return {};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t by = (*block)[i], edge = (*edges)[2 * i] + (*edges)[2 * i + 1];
    if (by < 1 || by > kLargestBlock) return {};
    shape[1 + i] = to_batch ? (shape[1 + i] + edge) / by : shape[1 + i] * by - edge;
    shape[0] = to_batch ? shape[0] * by : shape[0] / by;
  }
  return shape;
}
Known to_batch_shape(const TfliteNode& node, int) { return blocked_shape(node, true); }
Known to_space_shape(const TfliteNode& node, int) { return blocked_shape(node, false); }

Known moved_shape(const TfliteNode& node, int options, bool to_space) {
  const std::int64_t by = node.option<std::int32_t>(options, 0, 1);
  const Shape& x = node.input(0).shape;
  if (by < 1 || by > kLargestBlock || x.size() != 4) return {};
  if (to_space) return Shape{x[0], x[1] * by, x[2] * by, x[3] / (by * by)};
  return Shape{x[0], x[1] / by, x[2] / by, x[3] * by * by};
}
Known depth_shape(const TfliteNode& node, int) { return moved_shape(node, 94, true); }
Known space_shape(const TfliteNode& node, int) { return moved_shape(node, 19, false); }

Known of_second(const TfliteNode& node, int) { return node.input(1).shape; }

Known axes_of_first(const TfliteNode& node, int) {
  return Shape{static_cast<std::int64_t>(node.input(0).shape.size())};
}

struct ShapeRow {
  const char* name;
  Known (*infer)(const TfliteNode& node, int output);
};
constexpr ShapeRow kShapes[] = {
    {"CONV_2D", conv_shape},
    {"DEPTHWISE_CONV_2D", depthwise_shape},
    {"AVERAGE_POOL_2D", pool_shape},
    {"MAX_POOL_2D", pool_shape},
    {"L2_POOL_2D", pool_shape},
    {"FULLY_CONNECTED", dense_shape},
    {"BATCH_MATMUL", product_shape},
    {"TRANSPOSE_CONV", first_operand},
    {"RESHAPE", reshape_shape},
    {"SQUEEZE", squeeze_shape},
    {"EXPAND_DIMS", expand_dims_shape},
    {"RESIZE_BILINEAR", resized_shape},
    {"RESIZE_NEAREST_NEIGHBOR", resized_shape},
    {"TRANSPOSE", transposed_shape},
    {"PAD", padded_shape},
    {"PADV2", padded_shape},
    {"MIRROR_PAD", padded_shape},
    {"CONCATENATION", joined_shape},
    {"PACK", packed_shape},
    {"UNPACK", unpacked_shape},
    {"SPLIT", split_shape},
    {"SPLIT_V", split_v_shape},
    {"SLICE", sliced_shape},
    {"STRIDED_SLICE", strided_slice_shape},
    {"MEAN", reduce_shape},
    {"SUM", reduce_shape},
    {"REDUCE_MAX", reduce_shape},
    {"REDUCE_MIN", reduce_shape},
    {"REDUCE_PROD", reduce_shape},
    {"REDUCE_ANY", reduce_shape},
    {"REDUCE_ALL", reduce_shape},
    {"ARG_MAX", index_shape},
    {"ARG_MIN", index_shape},
    {"GATHER", gathered_shape},
    {"GATHER_ND", gather_nd_shape},
    {"ONE_HOT", one_hot_shape},
    {"RFFT2D", transformed_shape},
    {"SCATTER_ND", scattered_shape},
    {"TOPK_V2", largest_shape},
    {"TILE", tiled_shape},
    {"BROADCAST_TO", second_operand},
    {"FILL", first_operand},
    {"SPACE_TO_BATCH_ND", to_batch_shape},
    {"BATCH_TO_SPACE_ND", to_space_shape},
    {"DEPTH_TO_SPACE", depth_shape},
    {"SPACE_TO_DEPTH", space_shape},
    {"SELECT", of_second},
    {"SHAPE", axes_of_first},
};

/// Element by element: the shapes of operands together, or that of the first.
constexpr const char* kBroadcast[] = {"ADD",
                                      "SUB",
                                      "MUL",
                                      "DIV",
                                      "MAXIMUM",
                                      "MINIMUM",
                                      "SQUARED_DIFFERENCE",
                                      "POW",
                                      "ATAN2",
                                      "FLOOR_DIV",
                                      "FLOOR_MOD",
                                      "EQUAL",
                                      "NOT_EQUAL",
                                      "LESS",
                                      "LESS_EQUAL",
                                      "GREATER",
                                      "GREATER_EQUAL",
                                      "LOGICAL_AND",
                                      "LOGICAL_OR",
                                      "SELECT_V2"};
constexpr const char* kSame[] = {"ABS",
                                 "CEIL",
                                 "COMPLEX_ABS",
                                 "COS",
                                 "ELU",
                                 "EXP",
                                 "FLOOR",
                                 "GELU",
                                 "IMAG",
                                 "LOG",
                                 "NEG",
                                 "REAL",
                                 "ROUND",
                                 "RSQRT",
                                 "SIGN",
                                 "SIN",
                                 "SQRT",
                                 "SQUARE",
                                 "CAST",
                                 "SOFTMAX",
                                 "LOGISTIC",
                                 "TANH",
                                 "HARD_SWISH",
                                 "RELU",
                                 "RELU6",
                                 "RELU_N1_TO_1",
                                 "RELU_0_TO_1",
                                 "LEAKY_RELU",
                                 "QUANTIZE",
                                 "DEQUANTIZE",
                                 "PRELU",
                                 "L2_NORMALIZATION",
                                 "LOG_SOFTMAX",
                                 "LOCAL_RESPONSE_NORMALIZATION",
                                 "LOGICAL_NOT",
                                 "ADD_N",
                                 "CUMSUM",
                                 "REVERSE_V2",
                                 "REVERSE_SEQUENCE",
                                 "ZEROS_LIKE"};

template <std::size_t N>
bool has_name(const char* const (&names)[N], const std::string& name) {
  return std::any_of(std::begin(names), std::end(names),
                     [&](const char* other) { return name == other; });
}

}  // namespace

std::optional<Shape> tflite_shape(const TfliteNode& node, int output) {
  if (has_name(kBroadcast, node.op())) return broadcast_all(node, output);
  if (has_name(kSame, node.op())) return of_first(node, output);
  for (const ShapeRow& row : kShapes)
    if (node.op() == row.name) return row.infer(node, output);
  return {};
}

}  // namespace bitjoule
