// What a multiply-accumulate does to its bits.
//
// Floats: operands are values of the MAC's format, held exactly in fp32; the product is exact, then
// rounded once to fp32; each addition into the fp32 accumulator rounds once; the order is the
// hardware's. Integers: exact products, 32-bit two's complement accumulation; leaving the range of
// int32 is reported. Elements of formats with scales are multiplied without them: the scales of
// both operands multiply the sum (OCP Microscaling 1.0, section 6.1).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/machine/machine.h"
#include "core/numeric/float_formats.h"

namespace bitjoule {

struct MacType {
  std::string name;
  /// As the operand occupies a PE: tf32 is moved as 32 bits, fp6 as 8, at whose rate tensor cores
  /// take it (NVIDIA Blackwell).
  int operand_bits = 32;
  bool is_integer = false;  ///< each operand signed or unsigned, as its format is
  std::string accumulator;  ///< "fp32" or "int32"
  FloatSpec fp;             ///< of the operands, where they are floats
};

/// fp32, tf32, bf16, fp16, fp8_e4m3, fp8_e5m2, fp6_e3m2, fp6_e2m3, fp4_e2m1, int16, int8, int4,
/// int2.
const std::vector<MacType>& mac_types();

/// The width of operands composed of 2-bit multipliers: 2, 4, 8, 16.
int brick_width(int bits);

/// Throws an input Error that lists the valid names, nearest first.
const MacType& find_mac_type(const std::string& name);

/// The narrowest integer MAC type that holds both operands. Throws an input Error above 16 bits.
const MacType& integer_mac_for(int weight_bits, int activation_bits);

/// MACs that a PE of `pe_width` bits holds.
///   none:    1
///   passes:  1
///   widest:  pe_width / operand bits of the MAC type
///   product: integer MACs are composed of small multipliers (2-bit bricks, as in Bit Fusion, ISCA
///            2018), whose number is that of `widest` MACs: widest * (t / b_w) * (t / b_a) for MAC
///            type of t bits, with operand widths rounded up to 2, 4, 8, 16. 4 x 8 bits on an int8
///            MAC: twice as many as 8 x 8. Floats as `widest`.
/// Throws an input Error where an operand is wider than the MAC, or the MAC than the PE (but with
/// `none`, and for integers with `passes`).
std::int64_t macs_per_pe(std::int64_t pe_width, Packing packing, const MacType& mac,
                         int weight_bits, int activation_bits);

/// Cycles of an integer MAC. `passes`: parts of pe_width bits of both operands meet one after the
/// other in the one multiplier, ceil(b_w / pe_width) * ceil(b_a / pe_width) of them: the first TPU
/// takes 8 x 16 bits at half and 16 x 16 at a quarter of its speed (Jouppi et al., ISCA 2017,
/// section 2). Otherwise 1.
std::int64_t mac_passes(std::int64_t pe_width, Packing packing, int weight_bits,
                        int activation_bits);

/// acc + a * b for float MACs of every type.
inline float mac_float(float acc, float a, float b) {
  const float product = a * b;
  return acc + product;
}

/// What multiplies a sum of products of elements whose scales are `w` and `a`: their product, exact
/// where both are powers of two or E4M3 (`exact`), else rounded to fp32.
inline double sum_factor(float w, float a, bool exact) {
  return exact ? double{w} * double{a} : double{w * a};
}
/// The product of a sum and its factor, rounded once.
inline float scaled_sum(float sum, double factor) {
  return static_cast<float>(double{sum} * factor);
}

/// Adds to a 32-bit accumulator; true if the exact sum left int32. The value then wraps.
inline bool accumulate(std::int32_t& acc, std::int64_t addend) {
  return __builtin_add_overflow(acc, addend, &acc);
}

}  // namespace bitjoule
