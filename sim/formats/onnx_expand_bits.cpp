// Bits of integers, by the arithmetic of their numbers: the vector unit's floats hold integers up
// to 2^24, beyond which it refuses them.
#include <fmt/format.h>

#include <cmath>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;

/// Of a type of integers; fails for others.
struct IntegerType {
  bool is_signed = false;
  int bits = 8;
};

IntegerType integer_type(const OnnxWriter& w) {
  switch (w.type(0)) {
    case P::UINT8:
      return {false, 8};
    case P::UINT16:
      return {false, 16};
    case P::UINT32:
      return {false, 32};
    case P::UINT64:
      return {false, 64};
    case P::INT8:
      return {true, 8};
    case P::INT16:
      return {true, 16};
    case P::INT32:
      return {true, 32};
    case P::INT64:
      return {true, 64};
    default:
      w.node.fail("expected integers");
  }
}

/// Times a power of 2, of which the bits stay that the type has; or divided by it, rounded down.
void shift(OnnxWriter& w) {
  const bool left = w.node.text("direction", "") == "LEFT";
  const int type = w.type(0);
  const IntegerType of = integer_type(w);
  const std::string& x = w.node.input(0);
  const std::string power = w.add("Pow", {w.scalar("two", 2, type), w.node.input(1)}, "power");
  if (!left) {
    const std::string rest = w.add("Mod", {x, power}, "rest");
    w.add("Div", {w.add("Sub", {x, rest}, "whole"), power});
    return;
  }
  if (of.bits > 16 || of.is_signed) {
    w.add("Mul", {x, power});
    return;
  }
  const auto cast = [&](const std::string& from, const char* part, int to) {
    std::string name = w.add("Cast", {from}, part);
    w.with("to", std::int64_t{to});
    return name;
  };
  const std::string product =
      w.add("Mul", {cast(x, "wide", P::INT64), cast(power, "factor", P::INT64)}, "product");
  const std::string range = w.scalar("range", std::ldexp(1, of.bits), P::INT64);
  cast(w.add("Mod", {product, range}, "kept"), "", type);
}

/// The largest number of the type less this one; of signed types -1.
void invert(OnnxWriter& w) {
  const IntegerType of = integer_type(w);
  const double ones = of.is_signed ? -1 : std::ldexp(1, of.bits) - 1;
  w.add("Sub", {w.scalar("ones", ones, w.type(0)), w.node.input(0)});
}

enum class Bitwise { kAnd, kOr, kXor };

/// Bit by bit, of 24 bits in two's complement.
template <Bitwise Op>
void bitwise(OnnxWriter& w) {
  constexpr int kBits = 24;
  integer_type(w);
  // Narrow types do not hold the numbers that take a place in 24 bits apart.
  const auto number = [&](double value) {
    return w.scalar(fmt::format("number{:.0f}", value), value, P::INT64);
  };
  const auto step = [&](const char* op, const std::string& a, const std::string& b,
                        const std::string& part) {
    return w.add(op, {a, b}, part);
  };
  std::string operands[2];
  for (int i = 0; i < 2; ++i) {
    // Twice a number that has no place in 24 bits is refused when it is computed.
    const std::string wide = w.add("Cast", {w.node.input(i)}, fmt::format("wide{}", i));
    w.with("to", std::int64_t{P::INT64});
    const std::string twice = step("Mul", wide, number(2), fmt::format("twice{}", i));
    const std::string same = step("Div", twice, number(2), fmt::format("same{}", i));
    operands[i] = step("Mod", same, number(std::ldexp(1, kBits)), fmt::format("bits{}", i));
  }
  std::string sum;
  for (int b = 0; b < kBits - 1; ++b) {
    std::string bits[2];
    for (int i = 0; i < 2; ++i) {
      const std::string part = fmt::format("bit{}.{}", b, i);
      const std::string high = step("Div", operands[i], number(std::ldexp(1, b)), part + ".high");
      bits[i] = step("Mod", high, number(2), part);
    }
    const std::string part = fmt::format("bit{}", b);
    const char* const op = Op == Bitwise::kAnd ? "Mul" : Op == Bitwise::kOr ? "Max" : "Add";
    std::string both = step(op, bits[0], bits[1], part + ".both");
    if (Op == Bitwise::kXor) both = step("Mod", both, number(2), fmt::format("{}.other", part));
    const std::string worth = step("Mul", both, number(std::ldexp(1, b)), part + ".worth");
    sum = sum.empty() ? worth : step("Add", sum, worth, fmt::format("{}.sum", part));
  }
  // The last one is the sign: 1 where a number is below 0.
  std::string signs[2];
  for (int i = 0; i < 2; ++i)
    signs[i] = step("Div", operands[i], number(std::ldexp(1, kBits - 1)), fmt::format("sign{}", i));
  const char* const op = Op == Bitwise::kAnd ? "Mul" : Op == Bitwise::kOr ? "Max" : "Add";
  std::string sign = step(op, signs[0], signs[1], "signs");
  if (Op == Bitwise::kXor) sign = step("Mod", sign, number(2), "other_sign");
  const std::string worth = step("Mul", sign, number(std::ldexp(1, kBits - 1)), "sign_worth");
  w.add("Cast", {step("Sub", sum, worth, "number")});
  w.with("to", std::int64_t{w.type(0)});
}

}  // namespace

std::vector<OnnxExpansion> onnx_bit_expansions() {
  return {{"", "BitShift", "direction:s", shift},
          {"", "BitwiseNot", "", invert},
          {"", "BitwiseAnd", "", bitwise<Bitwise::kAnd>},
          {"", "BitwiseOr", "", bitwise<Bitwise::kOr>},
          {"", "BitwiseXor", "", bitwise<Bitwise::kXor>}};
}

}  // namespace bitjoule
