// TensorFlow Lite operators that make numbers of sizes, and those of integers that are written as
// steps. What follows from constants is computed when the model is read.
#include "sim/import/tflite_number.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace bitjoule {

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

double stored_number(const TfliteBuilder& builder, const TfliteNode& node, int operand) {
  const TfliteTensor& tensor = node.input(operand);
  if (!tensor.is_constant() || volume_of(tensor.shape) != 1)
    node.fail(fmt::format("operand \"{}\": expected a constant of one element", tensor.name));
  return static_cast<double>(to_floats(stored_tflite(builder.model(), tensor))[0]);
}

namespace {

// BuiltinOptions of the schema.
constexpr int kCumsumOptions = 102;

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

/// The largest whole number that is no more than a / b.
void floor_div(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(0), &b = node.input(1), &y = node.output();
  require_numbers(node, {&y, &a, &b});
  const std::string quotient = y.name + ".quotient", whole = y.name + ".whole";
  builder.add_part(node, quotient, broadcast_op(VectorKind::kDiv, y, {&a, &b}),
                   {as_reals(builder, node, a), as_reals(builder, node, b)});
  const VectorOp down = whole_op(VectorKind::kFloor, y);
  if (y.type == "fp32") {
    builder.add(node, down, {quotient});
    return;
  }
  builder.add_part(node, whole, down, {quotient});
  add_stored(builder, node, whole);
}

/// a less b times that number, without its rounding.
void floor_mod(TfliteBuilder& builder, const TfliteNode& node) {
  const TfliteTensor &a = node.input(0), &b = node.input(1), &y = node.output();
  require_numbers(node, {&y, &a, &b});
  const VectorOp op = broadcast_op(VectorKind::kFloorMod, y, {&a, &b});
  const std::string first = as_reals(builder, node, a), second = as_reals(builder, node, b);
  if (y.type == "fp32") {
    builder.add(node, op, {first, second});
    return;
  }
  builder.add_part(node, y.name + ".rest", op, {first, second});
  add_stored(builder, node, y.name + ".rest");
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
  const bool is_stored = widens && !to_reals;  // codes as integers of 32 or 64 bits
  const std::string real = y.name + ".real";
  NetworkLayer& layer = is_stored ? builder.add_part(node, real, whole_op(kind, x), {in})
                                  : builder.add(node, whole_op(kind, x), {in});
  if (!to_reals && !widens) return;
  layer.precision.output = TensorFormat{};
  layer.precision.output->format = "fp32";
  if (widens) layer.precision.activations = code_format(x.type, false, true);
  if (is_stored) add_stored(builder, node, real);
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
      {"FLOOR_DIV", 2, floor_div},
      {"FLOOR_MOD", 2, floor_mod},
      {"CUMSUM", 2, cumulative},
      {"CAST", 1, cast},
      {"RFFT2D", 2, rfft},
      {"REAL", 1, complex_part<true>},
      {"IMAG", 1, complex_part<false>},
      {"COMPLEX_ABS", 1, complex_abs},
  };
  return kRows;
}

}  // namespace bitjoule
