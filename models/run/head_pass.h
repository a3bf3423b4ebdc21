// Attention head by head: what it makes of one head fits a processor's caches, all heads do not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/mapping/vector_program.h"
#include "run/network_values.h"
#include "run/simulation.h"

namespace bitjoule {

/// A layer of a pass over values, and of one with MACs what it takes to compute it.
struct ValueStep {
  const NetworkLayer* layer = nullptr;
  Layer mac;
  Requantize requantize = {};
  LayerProgram program;
  VectorFormats formats;
};

/// Computes a layer, and stores its result.
void run_step(NetworkValues& values, const ValueStep& step);

/// The product of queries and keys, what is done to its rows, and their product with values: in the
/// place of so many steps, with the same arithmetic for each result. Only where formats have no
/// scale for several heads, and nobody else reads what is between.
class HeadPass {
 public:
  /// Beginning with steps[first]; nullptr where there is no such thing. All must outlive it.
  static std::unique_ptr<HeadPass> make(const RunConfig& run, const Network& network,
                                        const std::vector<ValueStep>& steps, std::size_t first,
                                        Side side);
  std::size_t steps() const { return steps_.size(); }

  /// False, and nothing is done, where the operands are not stored in rows of heads, each by
  /// itself.
  bool run(NetworkValues& values);

 private:
  HeadPass(const RunConfig& run, Side side)
      : values_(run, NetworkValues::Wanted::kOutputs, nullptr, side) {}
  void add(const ValueStep& whole, NetworkOp op);

  std::int64_t heads_ = 1;
  /// Of one head: elements of its rows of queries, keys and values, and their names.
  struct Operand {
    std::string name;
    std::int64_t rows = 0, cols = 0, heads_together = 1;
  };
  std::vector<Operand> operands_;
  std::vector<const NetworkLayer*> whole_;
  Network network_;  ///< one head
  std::vector<ValueStep> steps_;
  NetworkValues values_;
};

}  // namespace bitjoule
