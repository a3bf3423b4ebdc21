// What the simulated machine did, as integer counts; energy is priced afterwards (price.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/units.h"

namespace bitjoule {

/// A priced primitive. Arithmetic is qualified by Action::type, memory accesses by width and
/// capacity.
enum class Primitive {
  kAdd,        ///< type: int8, int32, fp32, ...
  kMultiply,   ///< type; integer operands of two widths as "int4xint8"
  kConvert,    ///< integer to float or back; type: the float format
  kLookup,     ///< table read (codebook formats); type: entries, e.g. "lut16"
  kCompare,    ///< max/min/clamp
  kDivide,     ///< also reciprocal and square root
  kExp,        ///< exponential and the like
  kSramRead,   ///< one access of `width` bits to a bank of `capacity`
  kSramWrite,  ///<
  // In the array: of a word of `width` bits.
  kRegisterRead,    ///< from a register in which a word stays
  kRegisterWrite,   ///< into one
  kShift,           ///< into a register from which the neighbour takes it
  kPeWire,          ///< from a PE to its neighbour
  kEdgeWire,        ///< between a buffer and the edge of the array; count is words x PE pitches
  kClock,           ///< of the `width` flip-flops of a PE; count is PEs x core cycles
  kActiveMultiply,  ///< a multiplication of two operands that are not zero, its toggles apart
  kZeroMultiply,    ///< one with an operand that is zero
  kToggle,          ///< a bit of a multiplier's operand that differs from the one before; type: its
  kDramRead,        ///< count is bits
  kDramWrite,       ///< count is bits
  kDramPhy,         ///< count is bits, both ways: PHY, controller and wires on the chip
  kDramActivate,    ///< one ACT + PRE pair
  kDramReadBurst,
  kDramWriteBurst,
  kDramRefresh,
  kDramBackground,   ///< count is nanoseconds, of every rank of every channel
  kDramRefreshBank,  ///< one REFpb; type: the share of a rank that it refreshes, "1/8"
  kDramOpen,         ///< count is picoseconds of a rank with any bank open; so the next three
  kDramClosed,       ///< all banks closed, no refresh under way
  kDramPowerDown,
  kDramRefreshing,  ///< a refresh under way, all banks closed
  kDramOpenBanks,   ///< picoseconds that a bank is open, summed over banks
  kSramLeakage,     ///< count is nanoseconds, of every bank of `capacity` with a port of `width`
  kLeakage,         ///< count is nanoseconds, of every unit of `type`: a MAC, a lane
};

/// `count` times one primitive, done by one component of the machine.
struct Action {
  std::string component;  ///< "array", "weight_buffer", "dequantizer", "dram", ...
  std::string activity;  ///< what for, unique within the component: "multiply", "read_weights", ...
  Primitive primitive = Primitive::kAdd;
  std::string type;   ///< operand type of arithmetic, e.g. "int8", "fp16"; empty for memories
  Bits width{0};      ///< of an SRAM access, or of a word in the array
  Bytes capacity{0};  ///< SRAM bank capacity
  std::int64_t count = 0;
};

/// Whether both are of the same, however often.
inline bool is_same(const Action& a, const Action& b) {
  return a.primitive == b.primitive && a.width == b.width && a.capacity == b.capacity &&
         a.activity == b.activity && a.component == b.component && a.type == b.type;
}

/// In a fixed order (component by component), so that equal runs print equal bytes.
using Counts = std::vector<Action>;

}  // namespace bitjoule
