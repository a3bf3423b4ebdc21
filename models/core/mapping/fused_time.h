// A fused layer without events: what each of its operations does on the array, and the time of all
// (docs/attention.md, "Time").
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "core/machine/stalls.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/program.h"

namespace bitjoule {

/// An operation on an array that is empty, in cycles from when its operands are there.
struct ArrayOperation {
  std::int64_t released = 0;  ///< its operands were read for the last time
  std::int64_t last_mac = 0;  ///< is done
  std::int64_t computed = 0;  ///< the last result is in the accumulators
  MachineCounts counts;
  StallBreakdown stalls, held;
};

/// Those of a program, each worked out once.
class ArrayOperations {
 public:
  explicit ArrayOperations(const Program& program) : program_(program) {}
  const ArrayOperation& of(const ComputeOp& op);

 private:
  const Program& program_;
  std::map<std::array<std::int64_t, 5>, ArrayOperation> known_;
};

ArrayOperation array_operation(const MappingProblem& product, const Tile& tile);

/// What the array needs if neither memory nor the vector unit make it wait.
std::int64_t fused_compute_cycles(const Program& program);

/// What the array, and dequantizers, did for the first product of a fused layer, without accesses
/// to buffers, which are the same for all. Prices go by the numbers of each product.
MachineCounts first_product_counts(const Program& program);

/// Core cycles of a fused layer.
struct FusedTime {
  double cycles = 0;
  double vector = 0, reads = 0, writes = 0;  ///< the array waits for
  double activates = 0;                      ///< of DRAM rows
};

/// Of a long program some parts are put to the memory's own model. The fluid walks these parts and
/// the whole, which is longer by the same share.
FusedTime fused_time(const MappingProblem& problem, const Program& program);

}  // namespace bitjoule
