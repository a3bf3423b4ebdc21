// Rules of operators that work element by element or along a row, and their arithmetic on
// constants.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/formats/onnx_fold.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;
using Infos = std::vector<OnnxInfo>;
using Folded = std::vector<StoredTensor>;

bool is_integer(int type) {
  const StoredType* stored = find_onnx_type(type);
  return stored != nullptr && is_integer_type(stored->format);
}

/// A real function of each element; integers are not taken.
template <double (*Function)(double)>
Folded fold_real(const OnnxOperands& in, const Infos& out) {
  OnnxNumbers x = numbers_of(in.value(0));
  if (x.integer) in.node.fail("expected floats");
  for (double& value : x.real) value = Function(value);
  return {tensor_of(in.node, out[0], x)};
}

/// The same for integers, in 64 bits that wrap around, and floats.
template <std::uint64_t (*Whole)(std::int64_t), double (*Real)(double)>
Folded fold_number(const OnnxOperands& in, const Infos& out) {
  OnnxNumbers x = numbers_of(in.value(0));
  for (std::int64_t& value : x.whole) value = static_cast<std::int64_t>(Whole(value));
  for (double& value : x.real) value = Real(value);
  return {tensor_of(in.node, out[0], x)};
}

double root(double x) { return std::sqrt(x); }
double exponential(double x) { return std::exp(x); }
double logarithm(double x) { return std::log(x); }
double error_function(double x) { return std::erf(x); }
double hyperbolic(double x) { return std::tanh(x); }
double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double reciprocal(double x) { return 1 / x; }
double down(double x) { return std::floor(x); }
double up(double x) { return std::ceil(x); }
double rounded_even(double x) { return std::nearbyint(x); }
double negative(double x) { return -x; }
double magnitude(double x) { return std::fabs(x); }
double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
double sine(double x) { return std::sin(x); }
double arc(double x) { return std::atan(x); }
double cosine(double x) { return std::cos(x); }
double soft(double x) { return std::log1p(std::exp(x)); }
double positive(double x) { return x < 0 ? 0 : x; }
std::uint64_t bits(std::int64_t x) { return static_cast<std::uint64_t>(x); }
std::uint64_t negative_whole(std::int64_t x) { return 0 - bits(x); }
std::uint64_t magnitude_whole(std::int64_t x) { return x < 0 ? 0 - bits(x) : bits(x); }
std::uint64_t positive_whole(std::int64_t x) { return x < 0 ? 0 : bits(x); }
std::uint64_t sign_whole(std::int64_t x) { return bits(x > 0 ? 1 : x < 0 ? -1 : 0); }
std::uint64_t inverted(std::int64_t x) { return x == 0 ? 1 : 0; }

enum class Binary {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kMax,
  kMin,
  kAnd,
  kOr,
  kXor,
  kEqual,
  kLess
};

/// Of C's `/` and `%`, which the machine may trap on.
void check_divisor(const OnnxNode& node, std::int64_t a, std::int64_t b) {
  if (b == 0) node.fail("division of integers by 0");
  if (b == -1 && a == std::numeric_limits<std::int64_t>::min())
    node.fail("division of integers leaves 64 bits");
}

std::uint64_t power(const OnnxNode& node, std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) node.fail("a negative power of an integer");
  std::uint64_t result = 1, square = bits(base);
  for (; exponent > 0; exponent >>= 1, square *= square)
    if ((exponent & 1) != 0) result *= square;
  return result;
}

std::uint64_t whole_result(const OnnxNode& node, Binary op, std::int64_t a, std::int64_t b) {
  switch (op) {
    case Binary::kAdd:
      return bits(a) + bits(b);
    case Binary::kSub:
      return bits(a) - bits(b);
    case Binary::kMul:
      return bits(a) * bits(b);
    case Binary::kDiv:
      check_divisor(node, a, b);
      return bits(a / b);
    case Binary::kMod: {
      check_divisor(node, a, b);
      const std::int64_t rest = a % b;  // Python's sign is the divisor's, C's the dividend's
      const bool other_sign = rest != 0 && (rest < 0) != (b < 0);
      return bits(node.integer("fmod", 0) == 0 && other_sign ? rest + b : rest);
    }
    case Binary::kPow:
      return power(node, a, b);
    case Binary::kMax:
      return bits(std::max(a, b));
    case Binary::kMin:
      return bits(std::min(a, b));
    case Binary::kAnd:
      return a != 0 && b != 0 ? 1 : 0;
    case Binary::kOr:
      return a != 0 || b != 0 ? 1 : 0;
    case Binary::kXor:
      return (a != 0) != (b != 0) ? 1 : 0;
    case Binary::kEqual:
      return a == b ? 1 : 0;
    default:
      return a < b ? 1 : 0;
  }
}

double real_result(const OnnxNode& node, Binary op, double a, double b) {
  switch (op) {
    case Binary::kAdd:
      return a + b;
    case Binary::kSub:
      return a - b;
    case Binary::kMul:
      return a * b;
    case Binary::kDiv:
      return a / b;
    case Binary::kPow:
      return std::pow(a, b);
    case Binary::kMax:
      return std::max(a, b);
    case Binary::kMin:
      return std::min(a, b);
    case Binary::kEqual:
      return a == b ? 1 : 0;
    case Binary::kLess:
      return a < b ? 1 : 0;
    default:
      if (node.integer("fmod", 0) == 0) node.fail("expected integers");
      return std::fmod(a, b);
  }
}

OnnxNumbers combined(const OnnxNode& node, Binary op, OnnxNumbers a, const OnnxNumbers& b) {
  if (a.integer != b.integer) node.fail("its operands are an integer and a float");
  for (std::size_t i = 0; i < a.whole.size(); ++i)
    a.whole[i] = static_cast<std::int64_t>(whole_result(node, op, a.whole[i], b.whole[i]));
  for (std::size_t i = 0; i < a.real.size(); ++i)
    a.real[i] = real_result(node, op, a.real[i], b.real[i]);
  return a;
}

/// Sum, Max and Min take any number of operands; each step is rounded to the type.
template <Binary Op>
Folded fold_binary(const OnnxOperands& in, const Infos& out) {
  OnnxNumbers sum = broadcast_numbers(in, 0, out[0].shape);
  for (int i = 1; i < in.count(); ++i)
    sum = numbers_of(
        tensor_of(in.node, out[0],
                  combined(in.node, Op, std::move(sum), broadcast_numbers(in, i, out[0].shape))));
  return {tensor_of(in.node, out[0], sum)};
}

/// Comparisons, of the operands in order or exchanged, or their contrary.
template <Binary Op, bool Exchanged, bool Contrary>
Folded fold_comparison(const OnnxOperands& in, const Infos& out) {
  const OnnxNumbers a = broadcast_numbers(in, Exchanged ? 1 : 0, out[0].shape);
  const OnnxNumbers b = broadcast_numbers(in, Exchanged ? 0 : 1, out[0].shape);
  const OnnxNumbers found = combined(in.node, Op, a, b);
  OnnxNumbers result;
  result.integer = true;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool holds = found.integer ? found.whole[i] != 0 : found.real[i] != 0;
    const bool ordered = found.integer || !(std::isnan(a.real[i]) || std::isnan(b.real[i]));
    result.whole.push_back(ordered && holds != Contrary ? 1 : 0);
  }
  return {tensor_of(in.node, out[0], result)};
}

/// All operands of one type, broadcast.
Infos broadcast(const OnnxOperands& in) {
  OnnxInfo out = in.info(0);
  if (in.node.integer("broadcast", 0) != 0)
    in.node.fail("attribute broadcast is of opsets before 7: convert the model to opset 13");
  for (int i = 1; i < in.count(); ++i) {
    if (in.type(i) != out.type && in.node.op() != "Pow")
      in.node.fail(
          fmt::format("\"{}\" and \"{}\" differ in type", in.node.input(0), in.node.input(i)));
    out.shape = onnx_broadcast(in.node, out.shape, in.shape(i));
  }
  return {out};
}

Infos clip(const OnnxOperands& in) {
  for (int i = 1; i < 3; ++i)
    if (in.has(i) && volume_of(in.shape(i)) != 1) in.node.fail("expected scalar bounds");
  return {in.info(0)};
}

Folded fold_clip(const OnnxOperands& in, const Infos& out) {
  OnnxNumbers x = numbers_of(in.value(0));
  const auto bound = [&](int operand, const char* attribute, Binary op) {
    if (!in.has(operand) && !in.node.has(attribute)) return;
    OnnxNumbers limit{false, {}, {in.node.real(attribute, 0)}};
    if (in.has(operand)) limit = numbers_of(in.value(operand));
    limit.whole.resize(limit.integer ? x.size() : 0, limit.integer ? limit.whole[0] : 0);
    limit.real.resize(limit.integer ? 0 : x.size(), limit.integer ? 0 : limit.real[0]);
    x = combined(in.node, op, std::move(x), limit);
  };
  bound(1, "min", Binary::kMax);
  bound(2, "max", Binary::kMin);
  return {tensor_of(in.node, out[0], x)};
}

Infos comparison(const OnnxOperands& in) {
  OnnxInfo out = broadcast(in)[0];
  out.type = P::BOOL;
  return {out};
}

Infos where(const OnnxOperands& in) {
  if (in.type(0) != P::BOOL || in.type(1) != in.type(2))
    in.node.fail("expected a bool and two operands of one type");
  const Shape values = onnx_broadcast(in.node, in.shape(1), in.shape(2));
  return {{in.type(1), onnx_broadcast(in.node, in.shape(0), values)}};
}

Folded fold_where(const OnnxOperands& in, const Infos& out) {
  const OnnxNumbers choice = broadcast_numbers(in, 0, out[0].shape);
  OnnxNumbers a = broadcast_numbers(in, 1, out[0].shape);
  const OnnxNumbers b = broadcast_numbers(in, 2, out[0].shape);
  for (std::size_t i = 0; i < choice.whole.size(); ++i) {
    if (choice.whole[i] != 0) continue;
    if (a.integer)
      a.whole[i] = b.whole[i];
    else
      a.real[i] = b.real[i];
  }
  return {tensor_of(in.node, out[0], a)};
}

Infos dropout(const OnnxOperands& in) {
  if (in.has(2))
    for (const std::int64_t flag : in.integers(2))
      if (flag != 0) in.node.fail("training mode is not supported");
  return {in.info(0), {P::BOOL, in.shape(0)}};
}

Infos cast(const OnnxOperands& in) {
  const auto to = static_cast<int>(in.node.integer("to", 0));
  if (find_onnx_type(to) == nullptr)
    in.node.fail(fmt::format("to: data type {} is not supported", to));
  return {{to, in.shape(0)}};
}

Folded fold_cast(const OnnxOperands& in, const Infos& out) {
  const OnnxNumbers from = numbers_of(in.value(0));
  OnnxNumbers to;
  to.integer = is_integer(out[0].type);
  const bool to_bool = out[0].type == P::BOOL;
  if (from.integer && to.integer) to.whole = from.whole;
  for (std::size_t i = 0; to.integer && i < from.real.size(); ++i) {
    const double value =
        std::trunc(from.real[i]);  // towards zero; a bool asks for the value itself
    if (!to_bool && !(value >= -0x1p63 && value < 0x1p63))
      in.node.fail(fmt::format("{} is beyond 64 bits", from.real[i]));
    to.whole.push_back(to_bool ? (from.real[i] != 0 ? 1 : 0) : static_cast<std::int64_t>(value));
  }
  if (!to.integer && from.integer) to.real.assign(from.whole.begin(), from.whole.end());
  if (!to.integer && !from.integer) to.real = from.real;
  return {tensor_of(in.node, out[0], to)};
}

Infos softmax(const OnnxOperands& in) {
  const bool one_axis = in.node.opset() >= 13;
  in.node.settled_axis(in.node.integer("axis", one_axis ? -1 : 1), in.shape(0).size());
  return {in.info(0)};
}

/// Of attention: along the last axis of at least two.
Infos causal_softmax(const OnnxOperands& in) {
  if (in.node.proto().domain() != kOwnDomain) in.node.fail("the operator is not known");
  if (in.shape(0).size() < 2) in.node.fail("expected scores");
  return {in.info(0)};
}

/// The slope broadcasts to the operand, never the other way.
Infos prelu(const OnnxOperands& in) {
  if (onnx_broadcast(in.node, in.shape(0), in.shape(1)) != in.shape(0))
    in.node.fail("the slope is larger than the operand");
  return {in.info(0)};
}

/// Gates of the input, gates of the hidden state, and a state.
Infos recurrent_step(const OnnxOperands& in) {
  if (in.node.proto().domain() != kOwnDomain) in.node.fail("the operator is not known");
  const std::int64_t gates = in.node.op().front() == 'L' ? 4 : 3;
  for (const int i : {0, 1})
    if (volume_of(in.shape(i)) != gates * volume_of(in.shape(2)))
      in.node.fail("the gates do not fit the state");
  return {in.info(2)};
}

Infos arg_max(const OnnxOperands& in) {
  const OnnxNode& node = in.node;
  const std::int64_t axis = node.settled_axis(node.integer("axis", 0), in.shape(0).size());
  Shape out = in.shape(0);
  if (node.integer("keepdims", 1) != 0)
    out[static_cast<std::size_t>(axis)] = 1;
  else
    out.erase(out.begin() + axis);
  return {{P::INT64, out}};
}

Infos reduced(const OnnxOperands& in) { return {{in.type(0), onnx_reduced_shape(in)}}; }

/// Sums, products, maxima and minima over axes.
template <Binary Op>
Folded fold_reduced(const OnnxOperands& in, const Infos& out) {
  const Shape axes = onnx_reduced_axes(in), &from = in.shape(0);
  Shape kept = from;
  for (const std::int64_t axis : axes) kept[static_cast<std::size_t>(axis)] = 1;
  const Shape strides = strides_of(kept), all = strides_of(from);
  const OnnxNumbers x = numbers_of(in.value(0));
  const auto count = static_cast<std::size_t>(volume_of(kept));
  OnnxNumbers y;
  y.integer = x.integer;
  std::vector<bool> begun(count, false);
  (x.integer ? y.whole.resize(count) : y.real.resize(count));
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::int64_t to = 0, rest = static_cast<std::int64_t>(i);
    for (std::size_t axis = 0; axis < from.size(); rest %= all[axis], ++axis)
      if (kept[axis] != 1) to += rest / all[axis] * strides[axis];
    const auto t = static_cast<std::size_t>(to);
    if (x.integer)
      y.whole[t] =
          begun[t] ? static_cast<std::int64_t>(whole_result(in.node, Op, y.whole[t], x.whole[i]))
                   : x.whole[i];
    else
      y.real[t] = begun[t] ? real_result(in.node, Op, y.real[t], x.real[i]) : x.real[i];
    begun[t] = true;
  }
  if (std::find(begun.begin(), begun.end(), false) != begun.end())
    in.node.fail("it reduces no elements");
  return {tensor_of(in.node, out[0], y)};
}

/// Sums in double, divided before they are rounded to the type.
Folded fold_mean(const OnnxOperands& in, const Infos& out) {
  const Shape axes = onnx_reduced_axes(in), &from = in.shape(0);
  const OnnxNumbers x = numbers_of(in.value(0));
  if (x.integer) in.node.fail("expected floats");
  Shape kept = from;
  for (const std::int64_t axis : axes) kept[static_cast<std::size_t>(axis)] = 1;
  const Shape strides = strides_of(kept), all = strides_of(from);
  OnnxNumbers y;
  y.real.resize(static_cast<std::size_t>(volume_of(kept)));
  if (x.size() == 0) in.node.fail("it reduces no elements");
  const double count = static_cast<double>(x.size()) / static_cast<double>(y.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::int64_t to = 0, rest = static_cast<std::int64_t>(i);
    for (std::size_t axis = 0; axis < from.size(); rest %= all[axis], ++axis)
      if (kept[axis] != 1) to += rest / all[axis] * strides[axis];
    y.real[static_cast<std::size_t>(to)] += x.real[i];
  }
  for (double& value : y.real) value /= count;
  return {tensor_of(in.node, out[0], y)};
}

/// Along one axis; before opset 13 over that axis and all behind it.
Folded fold_softmax(const OnnxOperands& in, const Infos& out) {
  const Shape& shape = in.shape(0);
  const bool one_axis = in.node.opset() >= 13;
  const auto axis = in.node.settled_axis(in.node.integer("axis", one_axis ? -1 : 1), shape.size());
  OnnxNumbers x = numbers_of(in.value(0));
  if (x.integer) in.node.fail("expected floats");
  if (shape.empty()) {
    x.real.assign(x.size(), 1);
    return {tensor_of(in.node, out[0], x)};
  }
  const auto inner = static_cast<std::size_t>(
      one_axis ? volume_of(Shape(shape.begin() + axis + 1, shape.end())) : 1);
  const auto row =
      static_cast<std::size_t>(one_axis ? shape[static_cast<std::size_t>(axis)]
                                        : volume_of(Shape(shape.begin() + axis, shape.end())));
  for (std::size_t begin = 0; begin < x.size(); begin += row * inner)
    for (std::size_t i = begin; i < begin + inner; ++i) {
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::size_t j = 0; j < row; ++j) largest = std::max(largest, x.real[i + j * inner]);
      for (std::size_t j = 0; j < row; ++j) {
        double& value = x.real[i + j * inner];
        value = std::exp(value - largest);
        sum += value;
      }
      for (std::size_t j = 0; j < row; ++j) x.real[i + j * inner] /= sum;
    }
  return {tensor_of(in.node, out[0], x)};
}

}  // namespace

const std::vector<OnnxRule>& onnx_elementwise_rules() {
  static const char* const kAxes = "axes:I keepdims:i noop_with_empty_axes:i";
  static const char* const kOld = "axis:i broadcast:i";
  static const int kMany = std::numeric_limits<int>::max();
  using B = Binary;
  static const std::vector<OnnxRule> kRows = {
      {"Relu", 1, 1, 1, "", onnx_same, fold_number<positive_whole, positive>},
      {"Clip", 1, 3, 1, "min:f max:f", clip, fold_clip},
      {"LeakyRelu", 1, 1, 1, "alpha:f", onnx_same, nullptr},
      {"HardSigmoid", 1, 1, 1, "alpha:f beta:f", onnx_same, nullptr},
      {"HardSwish", 1, 1, 1, "", onnx_same, nullptr},
      {"Sigmoid", 1, 1, 1, "", onnx_same, fold_real<logistic>},
      {"Tanh", 1, 1, 1, "", onnx_same, fold_real<hyperbolic>},
      {"Erf", 1, 1, 1, "", onnx_same, fold_real<error_function>},
      {"Exp", 1, 1, 1, "", onnx_same, fold_real<exponential>},
      {"Sqrt", 1, 1, 1, "", onnx_same, fold_real<root>},
      {"Neg", 1, 1, 1, "", onnx_same, fold_number<negative_whole, negative>},
      {"Dropout", 1, 3, 2, "ratio:f seed:i is_test:i", dropout, nullptr},
      {"Cast", 1, 1, 1, "to:i saturate:i round_mode:s", cast, fold_cast},
      {"Add", 2, 2, 1, kOld, broadcast, fold_binary<B::kAdd>},
      {"Sub", 2, 2, 1, kOld, broadcast, fold_binary<B::kSub>},
      {"Mul", 2, 2, 1, kOld, broadcast, fold_binary<B::kMul>},
      {"Div", 2, 2, 1, kOld, broadcast, fold_binary<B::kDiv>},
      {"Pow", 2, 2, 1, kOld, broadcast, fold_binary<B::kPow>},
      {"Sum", 1, kMany, 1, "", broadcast, fold_binary<B::kAdd>},
      {"Max", 1, kMany, 1, "", broadcast, fold_binary<B::kMax>},
      {"Min", 1, kMany, 1, "", broadcast, fold_binary<B::kMin>},
      {"Softmax", 1, 1, 1, "axis:i", softmax, fold_softmax},
      {"CausalSoftmax", 1, 1, 1, "causal:i reach:i", causal_softmax, nullptr},
      {"ReduceMean", 1, 2, 1, kAxes, reduced, fold_mean},
      {"PRelu", 2, 2, 1, "", prelu, nullptr},
      {"Elu", 1, 1, 1, "alpha:f", onnx_same, nullptr},
      {"Selu", 1, 1, 1, "alpha:f gamma:f", onnx_same, nullptr},
      {"Mish", 1, 1, 1, "", onnx_same, nullptr},
      {"Softplus", 1, 1, 1, "", onnx_same, fold_real<soft>},
      {"Sign", 1, 1, 1, "", onnx_same, fold_number<sign_whole, sign>},
      {"Sin", 1, 1, 1, "", onnx_same, fold_real<sine>},
      {"Atan", 1, 1, 1, "", onnx_same, fold_real<arc>},
      {"Cos", 1, 1, 1, "", onnx_same, fold_real<cosine>},
      {"Gelu", 1, 1, 1, "approximate:s", onnx_same, nullptr},
      {"ArgMax", 1, 1, 1, "axis:i keepdims:i select_last_index:i", arg_max, nullptr},
      // Steps of recurrent layers.
      {"LstmCell", 3, 3, 1, "", recurrent_step, nullptr},
      {"LstmHidden", 3, 3, 1, "", recurrent_step, nullptr},
      {"GruReset", 3, 3, 1, "", recurrent_step, nullptr},
      {"GruHidden", 3, 3, 1, "linear_before_reset:i", recurrent_step, nullptr},
      // Of data and constants alike.
      {"Mod", 2, 2, 1, "fmod:i", broadcast, fold_binary<B::kMod>},
      {"And", 2, 2, 1, "", broadcast, fold_binary<B::kAnd>},
      {"Or", 2, 2, 1, "", broadcast, fold_binary<B::kOr>},
      {"Xor", 2, 2, 1, "", broadcast, fold_binary<B::kXor>},
      {"Equal", 2, 2, 1, "", comparison, fold_comparison<B::kEqual, false, false>},
      {"Less", 2, 2, 1, "", comparison, fold_comparison<B::kLess, false, false>},
      {"Greater", 2, 2, 1, "", comparison, fold_comparison<B::kLess, true, false>},
      {"LessOrEqual", 2, 2, 1, "", comparison, fold_comparison<B::kLess, true, true>},
      {"GreaterOrEqual", 2, 2, 1, "", comparison, fold_comparison<B::kLess, false, true>},
      {"Where", 3, 3, 1, "", where, fold_where},
      {"Not", 1, 1, 1, "", onnx_same, fold_number<inverted, negative>},
      {"Abs", 1, 1, 1, "", onnx_same, fold_number<magnitude_whole, magnitude>},
      {"Floor", 1, 1, 1, "", onnx_same, fold_real<down>},
      {"Ceil", 1, 1, 1, "", onnx_same, fold_real<up>},
      {"Round", 1, 1, 1, "", onnx_same, fold_real<rounded_even>},
      {"Log", 1, 1, 1, "", onnx_same, fold_real<logarithm>},
      {"Reciprocal", 1, 1, 1, "", onnx_same, fold_real<reciprocal>},
      {"ReduceSum", 1, 2, 1, kAxes, reduced, fold_reduced<B::kAdd>},
      {"ReduceProd", 1, 2, 1, kAxes, reduced, fold_reduced<B::kMul>},
      {"ReduceMax", 1, 2, 1, kAxes, reduced, fold_reduced<B::kMax>},
      {"ReduceMin", 1, 2, 1, kAxes, reduced, fold_reduced<B::kMin>},
  };
  return kRows;
}

}  // namespace bitjoule
