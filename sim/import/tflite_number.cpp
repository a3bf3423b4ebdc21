// TensorFlow Lite operators that make numbers of sizes and indices, and those of integers that are
// written as steps. What follows from constants is computed when the model is read.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "sim/import/tflite_builder.h"

namespace bitjoule {
namespace {

// BuiltinOptions of the schema.
constexpr int kOneHotOptions = 61, kCumsumOptions = 102;

constexpr std::int64_t kMostNumbers = std::int64_t{1} << 20;  // that the network holds

/// Reals, or integers that stand for themselves, all of one type.
void require_numbers(const TfliteNode& node, const std::vector<const TfliteTensor*>& tensors) {
  for (const TfliteTensor* tensor : tensors)
    if (tensor->type != tensors.front()->type || !tensor->complication.empty() ||
        (tensor->type != "fp32" && !are_integers({tensor})))
      node.fail(
          fmt::format("\"{}\" is {}: supported are tensors of fp32, int32 or int64, all alike",
                      tensor->name, tensor->type));
}

void check_made(const TfliteNode& node, std::int64_t elements) {
  if (elements > kMostNumbers) node.fail(fmt::format("{} elements are too many", elements));
}

std::vector<double> counted(std::int64_t end) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < end; ++i) values.push_back(static_cast<double>(i));
  return values;
}

/// A step with a constant in the place of an operand.
NetworkLayer& add_with(TfliteBuilder& builder, const TfliteNode& node, const std::string& name,
                       const VectorOp& op, const std::vector<std::string>& inputs,
                       std::vector<double> values, bool integers) {
  NetworkLayer& layer = builder.add_part(node, name, op, inputs);
  TensorSource source;
  source.values = std::move(values);
  source.integers = integers;
  layer.tensors["operand"] = source;
  return layer;
}

VectorOp elementwise_of(VectorKind kind, std::int64_t elements) {
  VectorOp op;
  op.kind = kind;
  op.cols = elements;
  return op;
}

/// Whole numbers as the node's result of integers: a step of scale 1 stores them.
void add_stored(TfliteBuilder& builder, const TfliteNode& node, const std::string& whole) {
  VectorOp store = whole_op(VectorKind::kQuantizeLinear, node.output());
  store.alpha = -0x1p31;
  store.beta = 0x1p31 - 128;
  builder.add(node, store, {whole});
}

/// Integers divide to integers; as reals they do not.
std::string as_reals(TfliteBuilder& builder, const TfliteNode& node, const TfliteTensor& tensor) {
  std::string layer = builder.layer_of(node, tensor);
  if (tensor.type == "fp32") return layer;
  std::string name = node.output().name + ".real." + tensor.name;
  if (!builder.has_layer(name))
    builder.add_part(node, name, whole_op(VectorKind::kDequantizeLinear, tensor), {layer});
  return name;
}

/// The whole numbers towards 0: |x| rounded down, with the sign of x.
void add_truncated(TfliteBuilder& builder, const TfliteNode& node, const std::string& x) {
  const TfliteTensor& y = node.output();
  const auto step = [&](const char* part, VectorKind kind, const std::vector<std::string>& of) {
    return builder.add_part(node, y.name + part, whole_op(kind, y), of).name;
  };
  const std::string size = step(".magnitude", VectorKind::kAbs, {x});
  const std::string whole = step(".whole", VectorKind::kFloor, {size});
  const std::string sign = step(".sign", VectorKind::kSign, {x});
  add_stored(builder, node, step(".towards_zero", VectorKind::kMul, {whole, sign}));
}

void shape_of(TfliteBuilder& builder, const TfliteNode& node) {
  const Shape& shape = node.input(0).shape;
  builder.define(node, {shape.begin(), shape.end()});
}

void rank_of(TfliteBuilder& builder, const TfliteNode& node) {
  builder.define(node, {static_cast<double>(node.input(0).shape.size())});
}

void zeros_like(TfliteBuilder& builder, const TfliteNode& node) {
  const std::int64_t elements = volume_of(node.output().shape);
  check_made(node, elements);
  builder.define(node, std::vector<double>(static_cast<std::size_t>(elements), 0));
}

std::vector<float> stored_numbers(const TfliteBuilder& builder, const TfliteNode& node, int operand,
                                  std::size_t count) {
  const TfliteTensor& tensor = node.input(operand);
  if (!tensor.is_constant() || volume_of(tensor.shape) != static_cast<std::int64_t>(count))
    node.fail(
        fmt::format("operand \"{}\": expected a constant of {} elements", tensor.name, count));
  return to_floats(stored_tflite(builder.model(), tensor));
}

double stored_number(const TfliteBuilder& builder, const TfliteNode& node, int operand) {
  return static_cast<double>(stored_numbers(builder, node, operand, 1)[0]);
}

void fill(TfliteBuilder& builder, const TfliteNode& node) {
  const std::int64_t elements = volume_of(node.output().shape);
  check_made(node, elements);
  if (!node.input(1).is_constant()) {
    VectorOp op = whole_op(VectorKind::kExpand, node.output());
    op.shape = node.output().shape;
    op.operand_shapes = {Shape(op.shape.size(), 1)};
    builder.add(node, op, {builder.layer_of(node, node.input(1))});
    return;
  }
  builder.define(node, std::vector<double>(static_cast<std::size_t>(elements),
                                           stored_number(builder, node, 1)));
}

void range(TfliteBuilder& builder, const TfliteNode& node) {
  const double start = stored_number(builder, node, 0), step = stored_number(builder, node, 2);
  const std::int64_t elements = volume_of(node.output().shape);
  check_made(node, elements);
  const double end = stored_number(builder, node, 1);
  if (step == 0 || static_cast<double>(elements) != std::max(0.0, std::ceil((end - start) / step)))
    node.fail(
        fmt::format("from {} to {} by {} there are not {} elements", start, end, step, elements));
  std::vector<double> values = counted(elements);
  for (double& value : values) value = start + value * step;
  builder.define(node, values);
}

/// The shape that two shapes have together.
void broadcast_args(TfliteBuilder& builder, const TfliteNode& node) {
  const Shape a = node.integers(0), b = node.integers(1);
  std::vector<double> both;
  const std::size_t axes = std::max(a.size(), b.size());
  for (std::size_t i = 0; i < axes; ++i) {
    const std::int64_t x = i + a.size() < axes ? 1 : a[i + a.size() - axes];
    const std::int64_t y = i + b.size() < axes ? 1 : b[i + b.size() - axes];
    if (x != y && x != 1 && y != 1) node.fail("the shapes do not fit together");
    both.push_back(static_cast<double>(x == 1 ? y : x));
  }
  builder.define(node, both);
}

void add_all(TfliteBuilder& builder, const TfliteNode& node) {
  std::string sum;
  for (int i = 0; i < node.inputs(); ++i) {
    require_numbers(node, {&node.output(), &node.input(i)});
    const std::string next = builder.layer_of(node, node.input(i));
    const VectorOp op = whole_op(VectorKind::kAdd, node.output());
    if (i == 0)
      sum = next;
    else if (i + 1 < node.inputs())
      sum =
          builder.add_part(node, fmt::format("{}.{}", node.output().name, i), op, {sum, next}).name;
    else
      builder.add(node, op, {sum, next});
  }
  if (node.inputs() < 2) node.fail("expected two operands or more");
}

/// The largest whole number that is no more than a / b, where `Rest` a less b times that.
template <bool Rest>
void floor_div(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(0), &b = node.input(1), &y = node.output();
  require_numbers(node, {&y, &a, &b});
  const bool real = y.type == "fp32";
  const std::string first = as_reals(builder, node, a), second = as_reals(builder, node, b);
  const std::string quotient = y.name + ".quotient", whole = y.name + ".whole";
  builder.add_part(node, quotient, broadcast_op(VectorKind::kDiv, y, {&a, &b}), {first, second});
  const VectorOp down = whole_op(VectorKind::kFloor, y);
  if (!Rest && real) {
    builder.add(node, down, {quotient});
    return;
  }
  builder.add_part(node, whole, down, {quotient});
  if (!Rest) return add_stored(builder, node, whole);
  const std::string product = y.name + ".product", rest = y.name + ".rest";
  builder.add_part(node, product, broadcast_op(VectorKind::kMul, y, {&y, &b}), {whole, second});
  const VectorOp less = broadcast_op(VectorKind::kSub, y, {&a, &y});
  if (real) {
    builder.add(node, less, {first, product});
    return;
  }
  builder.add_part(node, rest, less, {first, product});
  add_stored(builder, node, rest);
}

/// Sums of all elements so far along an axis: what is 1, 2, 4, ... places before is added.
void cumulative(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  require_numbers(node, {&x, &y});
  const Shape named = node.integers(1);
  if (named.size() != 1 || x.shape.empty()) node.fail("expected one axis");
  const auto axis = static_cast<std::size_t>(node.settled_axis(named[0], x.shape.size()));
  const bool exclusive = node.option<std::uint8_t>(kCumsumOptions, 0, 0) != 0;
  const bool backwards = node.option<std::uint8_t>(kCumsumOptions, 1, 0) != 0;
  const std::int64_t size = x.shape[axis];
  std::string sum = builder.layer_of(node, x);
  // The elements `by` places before, or behind, and zeros where there are none.
  const auto moved = [&](std::int64_t by, const std::string& name) {
    Shape kept = x.shape, starts(x.shape.size(), 0);
    kept[axis] = size - by;
    starts[axis] = backwards ? by : 0;
    builder.add_part(node, name, slice_of(x.shape, kept, starts, Shape(kept.size(), 1)), {sum});
    starts[axis] = backwards ? 0 : by;
    VectorOp pad = slice_of(kept, x.shape, starts, {});
    pad.kind = VectorKind::kPad;
    return builder.add_part(node, name + ".moved", pad, {name}).name;
  };
  for (std::int64_t by = 1; by < size; by *= 2) {
    const std::string name = fmt::format("{}.{}", y.name, by), before = moved(by, name);
    sum = builder
              .add_part(node, fmt::format("{}.sum", name), whole_op(VectorKind::kAdd, y),
                        {sum, before})
              .name;
  }
  if (exclusive && size > 1) sum = moved(1, y.name + ".kept");
  VectorOp last = whole_op(VectorKind::kReshape, y);
  if (exclusive && size == 1) {
    last.kind = VectorKind::kAffine;
    last.alpha = 0;
  }
  builder.add(node, last, {sum});
}

/// Whole numbers, which the floats of the vector unit hold.
void set_whole(NetworkLayer& layer) {
  layer.precision.output = TensorFormat{};
  layer.precision.output->format = "fp32";
  layer.precision.activations = layer.precision.output;
}

/// The products NAME.places of indices and strides, as `scaled` forms them; where an index is none
/// of its axis, what no sum with others makes a row, also not one from behind.
std::string within_axes(TfliteBuilder& builder, const std::string& name, const VectorOp& scaled,
                        const VectorOp& gather, const Shape& indexed, const std::string& indices) {
  const double none = -2.0 * static_cast<double>(gather.table_rows);
  VectorOp below = scaled, choice = scaled;
  below.kind = VectorKind::kLess;
  choice.kind = VectorKind::kSelect;
  const auto add_check = [&](const char* part, const VectorOp& what,
                             const std::vector<std::string>& inputs, std::vector<double> with) {
    NetworkLayer& layer = builder.add_step(name + part, what, inputs);
    layer.tensors["operand"].values = std::move(with);
    layer.tensors["operand"].integers = true;
    set_whole(layer);
  };
  add_check(".fits", below, {indices, kOperandInput}, {indexed.begin(), indexed.end()});
  below.operand_shapes = {scaled.shape, {1}};
  add_check(".low", below, {indices, kOperandInput}, {0});
  choice.operand_shapes = {scaled.shape, scaled.shape, {1}};
  add_check(".below", choice, {name + ".fits", name + ".places", kOperandInput}, {none});
  choice.operand_shapes = {scaled.shape, {1}, scaled.shape};
  add_check(".within", choice, {name + ".low", kOperandInput, name + ".below"}, {none});
  return name + ".within";
}

/// The row of the table that each tuple names.
std::string rows_of_tuples(TfliteBuilder& builder, const TfliteNode& node, const VectorOp& op,
                           const Shape& indexed, const std::string& rows) {
  const TfliteTensor &index = node.input(1), &y = node.output();
  const auto depth = static_cast<std::int64_t>(indexed.size());
  std::vector<double> strides(static_cast<std::size_t>(depth), 1);
  for (std::size_t i = strides.size() - 1; i-- > 0;)
    strides[i] = strides[i + 1] * static_cast<double>(indexed[i + 1]);
  VectorOp scaled = elementwise_of(VectorKind::kMul, volume_of(index.shape));
  scaled.shape = {op.rows, depth};
  scaled.operand_shapes = {scaled.shape, {depth}};
  NetworkLayer& products = builder.add_step(y.name + ".places", scaled, {rows, kOperandInput});
  products.tensors["operand"].values = strides;
  products.tensors["operand"].integers = true;
  set_whole(products);
  std::string parts = y.name + ".places";
  if (!node.input(1).is_constant()) parts = within_axes(builder, y.name, scaled, op, indexed, rows);
  VectorOp sum;
  sum.kind = VectorKind::kReduceSum;
  sum.reduced = depth;
  sum.rows = op.rows;
  set_whole(builder.add_step(y.name + ".place", sum, {parts}));
  return y.name + ".place";
}

/// Elements or rows of the first operand by tuples of indices, which become one index each.
void gather_nd(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &index = node.input(1), &y = node.output();
  if (!same_scale(x, y) || !x.complication.empty())
    node.fail("expected one type, scale and zero-point of operand and result");
  if (index.type != "int32" && index.type != "int64") node.fail("expected integers as indices");
  const std::int64_t depth = index.shape.empty() ? 0 : index.shape.back();
  if (depth < 1 || depth > static_cast<std::int64_t>(x.shape.size()))
    node.fail("the indices do not fit the operand");
  const Shape indexed(x.shape.begin(), x.shape.begin() + depth);
  const Shape row(x.shape.begin() + depth, x.shape.end());
  if (index.is_constant()) {
    const Shape stored = node.integers(1);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      const std::int64_t size = indexed[i % indexed.size()];
      if (stored[i] < 0 || stored[i] >= size)
        node.fail(fmt::format("index {} of an axis of {}", stored[i], size));
    }
  }
  VectorOp op;
  op.kind = VectorKind::kEmbedding;
  op.table_rows = volume_of(indexed);
  op.cols = volume_of(row);
  op.rows = volume_of(index.shape) / depth;
  op.operand_shapes = {{op.rows}};
  std::string rows = builder.layer_of(node, index);
  if (depth > 1) rows = rows_of_tuples(builder, node, op, indexed, rows);
  TensorSource table = x.is_constant() ? builder.source(x) : TensorSource();
  if (!x.is_constant()) table.input = builder.layer_of(node, x);
  NetworkLayer& layer = builder.add(node, op, {rows});
  layer.tensors["table"] = table;
  if (is_code(x)) layer.precision.weights = layer.precision.output;
}

/// Rows of a table of reals.
void embedding_lookup(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &index = node.input(0), &x = node.input(1), &y = node.output();
  if (x.shape.size() < 2 || !same_scale(x, y) || !x.complication.empty())
    node.fail("expected a table of the result's type and scale");
  VectorOp op;
  op.kind = VectorKind::kEmbedding;
  op.table_rows = x.shape[0];
  op.rows = volume_of(index.shape);
  op.cols = volume_of(x.shape) / std::max<std::int64_t>(1, op.table_rows);
  op.operand_shapes = {{op.rows}};
  if (!x.is_constant()) node.fail("the table must be a constant");
  NetworkLayer& layer = builder.add(node, op, {builder.layer_of(node, index)});
  layer.tensors["table"] = builder.source(x);
  if (is_code(x)) layer.precision.weights = layer.precision.output;
}

/// `on` where an index is the place along a new axis, `off` elsewhere.
void one_hot(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &index = node.input(0), &y = node.output();
  require_numbers(node, {&index});
  if (y.type != "bool") require_numbers(node, {&y});
  const double depth = stored_number(builder, node, 1), on = stored_number(builder, node, 2),
               off = stored_number(builder, node, 3);
  const std::size_t axes = y.shape.size();
  const auto axis = static_cast<std::size_t>(
      node.settled_axis(node.option<std::int32_t>(kOneHotOptions, 0, -1), axes));
  if (static_cast<double>(y.shape[axis]) != depth) node.fail("the depth is not that of its result");
  check_made(node, y.shape[axis]);
  VectorOp same = whole_op(VectorKind::kEqual, y);
  same.shape = y.shape;
  same.operand_shapes = {y.shape, Shape(axes, 1)};
  same.operand_shapes[0][axis] = 1;
  same.operand_shapes[1][axis] = y.shape[axis];
  add_with(builder, node, y.name + ".found", same, {builder.layer_of(node, index), kOperandInput},
           counted(y.shape[axis]), true);
  // Chosen, not computed of on - off: both stay as they are stored.
  std::string found = y.name + ".found", all_off = found;
  if (y.type == "fp32") {
    const VectorOp real = whole_op(VectorKind::kDequantizeLinear, y);
    all_off = builder.add_part(node, y.name + ".real", real, {found}).name;
  }
  VectorOp no_hit = whole_op(VectorKind::kAffine, y), choice = whole_op(VectorKind::kSelect, y);
  no_hit.alpha = 0;
  no_hit.beta = off;
  choice.shape = {choice.cols};
  choice.operand_shapes = {choice.shape, {1}, choice.shape};
  all_off = builder.add_part(node, y.name + ".off", no_hit, {all_off}).name;
  NetworkLayer& layer = builder.add(node, choice, {found, kOperandInput, all_off});
  layer.tensors["operand"].values = {on};
  layer.tensors["operand"].integers = y.type != "fp32";
}

/// The largest of each row one after the other. In the place of what was taken stands the row's
/// least, which is right for every type; of equal ones the first that is still open is next.
void top_k(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& x = node.input(0);
  require_numbers(node, {&x, &node.output()});
  const Shape count = node.integers(1);
  const std::int64_t k = count.size() == 1 ? count[0] : 0;
  const std::int64_t size = x.shape.empty() ? 0 : x.shape.back();
  if (k < 1 || k > size || k > 1024 || size > 16 * kMostNumbers / k || node.outputs() != 2)
    node.fail(fmt::format("the {} largest of {} are not supported", k, size));
  const std::string name = node.output().name;
  VectorOp most, place;
  most.kind = VectorKind::kReduceMax;
  most.reduced = size;
  most.rows = volume_of(x.shape) / size;
  place = most;
  place.kind = VectorKind::kArgMax;
  VectorOp of_rows = elementwise_of(VectorKind::kEqual, volume_of(x.shape));
  of_rows.shape = {most.rows, size};
  of_rows.operand_shapes = {of_rows.shape, {most.rows, 1}};
  const auto select = [&](std::vector<Shape> shapes) {
    VectorOp op = of_rows;
    op.kind = VectorKind::kSelect;
    op.operand_shapes = std::move(shapes);
    return op;
  };
  std::string rest = builder.layer_of(node, x), open;
  std::vector<std::string> values, places;
  for (std::int64_t i = 0; i < k; ++i) {
    const auto part = [&](const char* what) { return fmt::format("{}.{}.{}", name, i, what); };
    values.push_back(builder.add_part(node, part("value"), most, {rest}).name);
    std::string free = builder.add_part(node, part("same"), of_rows, {rest, values[i]}).name;
    if (i > 0) {
      const VectorOp both = select({of_rows.shape, of_rows.shape, {1}});
      free =
          add_with(builder, node, part("free"), both, {free, open, kOperandInput}, {0}, true).name;
    }
    places.push_back(builder.add_part(node, part("place"), place, {free}).name);
    if (i + 1 == k) break;
    VectorOp at = of_rows;
    at.operand_shapes = {{most.rows, 1}, {size}};
    add_with(builder, node, part("found"), at, {places.back(), kOperandInput}, counted(size), true);
    VectorOp still = of_rows;  // open: what was and is not found; both are 0 or 1
    if (i == 0) {
      VectorOp least = most;
      least.kind = VectorKind::kReduceMin;
      builder.add_part(node, name + ".least", least, {rest});
      still.operand_shapes = {of_rows.shape, {1}};
      add_with(builder, node, part("open"), still, {part("found"), kOperandInput}, {0}, true);
    } else {
      still.kind = VectorKind::kLess;
      still.operand_shapes = {of_rows.shape, of_rows.shape};
      builder.add_part(node, part("open"), still, {part("found"), open});
    }
    open = part("open");
    rest = builder
               .add_part(node, part("rest"), select({of_rows.shape, {most.rows, 1}, of_rows.shape}),
                         {part("found"), fmt::format("{}.least", name), rest})
               .name;
  }
  VectorOp join = elementwise_of(VectorKind::kConcat, most.rows * k);
  join.shape = {most.rows, k};
  join.axes = {1};
  join.operand_shapes.assign(static_cast<std::size_t>(k), {most.rows, 1});
  if (k == 1) join = elementwise_of(VectorKind::kReshape, most.rows);
  builder.add(node, join, values, 0);
  builder.add(node, join, places, 1);
}

/// Between numbers of one class nothing happens; reals become integers towards 0.
void cast(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  const auto fits = [](const TfliteTensor& tensor) {
    return tensor.type == "fp32" || tensor.type == "bool" || are_integers({&tensor}) ||
           is_code_type(tensor.type);
  };
  const bool narrows = is_code_type(y.type) && y.type != x.type;
  if (!fits(x) || !fits(y) || narrows || !x.complication.empty())
    node.fail(fmt::format("from {} to {} is not supported", x.type, y.type));
  const std::string in = builder.layer_of(node, x);
  if (y.type == "bool" && x.type != "bool") {
    VectorOp zero = whole_op(VectorKind::kEqual, x), other = whole_op(VectorKind::kAffine, x);
    zero.shape = {zero.cols};
    zero.operand_shapes = {{zero.cols}, {1}};
    other.alpha = -1;
    other.beta = 1;
    add_with(builder, node, y.name + ".zero", zero, {in, kOperandInput}, {0}, false);
    builder.add(node, other, {y.name + ".zero"});
    return;
  }
  if (x.type == "fp32" && y.type != "fp32") return add_truncated(builder, node, in);
  const bool to_reals = x.type != "fp32" && y.type == "fp32";
  const bool widens = is_code_type(x.type) && x.type != y.type;
  const VectorKind kind = to_reals || widens ? VectorKind::kDequantizeLinear : VectorKind::kReshape;
  NetworkLayer& layer = builder.add(node, whole_op(kind, x), {in});
  if (!to_reals && !widens) return;
  layer.precision.output = TensorFormat{};
  layer.precision.output->format = "fp32";
  if (widens) layer.precision.activations = code_format(x.type, false, true);
}

/// The real and imaginary parts of a transform of each row, as products with a matrix of cosines
/// and one of sines; what reads the result takes these.
void rfft(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &x = node.input(0), &y = node.output();
  const Shape length = node.integers(1);
  if (x.type != "fp32" || x.shape.size() < 2 || length.size() != 2 || length[0] != 1 ||
      x.shape.end()[-2] != 1 || length[1] != x.shape.back() || length[1] < 1)
    node.fail("supported are rows of fp32, transformed as long as they are");
  const std::int64_t n = length[1], bins = n / 2 + 1;
  check_made(node, n * bins);
  if (volume_of(y.shape) != volume_of(x.shape) / n * bins) node.fail("its result has other sizes");
  const std::string in = builder.layer_of(node, x);
  const double turn = 2 * std::acos(-1.0) / static_cast<double>(n);
  for (const bool real : {true, false}) {
    NetworkLayer& layer = builder.add_step(y.name + (real ? ".real" : ".imaginary"),
                                           Gemm{volume_of(x.shape) / n, bins, n}, {in});
    std::vector<double>& values = layer.tensors["weights"].values;
    for (std::int64_t k = 0; k < bins; ++k)
      for (std::int64_t t = 0; t < n; ++t) {
        const double angle = turn * static_cast<double>(k * t % n);
        values.push_back(
            static_cast<double>(static_cast<float>(real ? std::cos(angle) : -std::sin(angle))));
      }
  }
}

std::string part_of(const TfliteBuilder& builder, const TfliteNode& node, const char* part) {
  std::string name = node.input(0).name + part;
  if (!builder.has_layer(name)) node.fail("supported is the result of RFFT2D as its operand");
  return name;
}

template <bool Real>
void complex_part(TfliteBuilder& builder, const TfliteNode& node) {
  builder.add(node, whole_op(VectorKind::kReshape, node.output()),
              {part_of(builder, node, Real ? ".real" : ".imaginary")});
}

void complex_abs(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor& y = node.output();
  std::vector<std::string> squares;
  for (const char* part : {".real", ".imaginary"}) {
    const std::string x = part_of(builder, node, part);
    squares.push_back(
        builder.add_part(node, y.name + part + "_square", whole_op(VectorKind::kMul, y), {x, x})
            .name);
  }
  builder.add_part(node, y.name + ".squares", whole_op(VectorKind::kAdd, y), squares);
  builder.add(node, whole_op(VectorKind::kSqrt, y), {y.name + ".squares"});
}

}  // namespace

void divide_integers(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(0), &b = node.input(1), &y = node.output();
  const std::string quotient = y.name + ".quotient";
  builder.add_part(node, quotient, broadcast_op(VectorKind::kDiv, y, {&a, &b}),
                   {as_reals(builder, node, a), as_reals(builder, node, b)});
  add_truncated(builder, node, quotient);
}

const std::vector<TfliteLayerRow>& tflite_number_operators() {
  static const std::vector<TfliteLayerRow> kRows = {
      {"SHAPE", 1, shape_of},
      {"RANK", 1, rank_of},
      {"ZEROS_LIKE", 1, zeros_like},
      {"FILL", 2, fill},
      {"RANGE", 3, range},
      {"BROADCAST_ARGS", 2, broadcast_args},
      {"ADD_N", kAnyOperands, add_all},
      {"FLOOR_DIV", 2, floor_div<false>},
      {"FLOOR_MOD", 2, floor_div<true>},
      {"CUMSUM", 2, cumulative},
      {"GATHER_ND", 2, gather_nd},
      {"EMBEDDING_LOOKUP", 2, embedding_lookup},
      {"ONE_HOT", 4, one_hot},
      {"TOPK_V2", 2, top_k},
      {"CAST", 1, cast},
      {"RFFT2D", 2, rfft},
      {"REAL", 1, complex_part<true>},
      {"IMAG", 1, complex_part<false>},
      {"COMPLEX_ABS", 1, complex_abs},
  };
  return kRows;
}

}  // namespace bitjoule
