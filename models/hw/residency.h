// What the buffers hold while the tiles of a layer come and go.
#pragma once

#include <array>
#include <systemc>

#include "hw/interfaces.h"

namespace bitjoule {

/// The ports through which the levels of the buffers are told.
struct BufferPorts {
  sc_core::sc_port<BufferIf> input{"to_input_buffer"}, weight{"to_weight_buffer"},
      scale{"to_scale_buffer"}, accumulator{"to_accumulator_buffer"}, output{"to_output_buffer"};
};

/// A loaded tile stays until the last operation that reads it has released it; partial sums from
/// the first operation on them until they are converted; results until they are stored.
class Residency {
 public:
  /// `next`: the program whose weights are fetched ahead; null: none are.
  void start(const Program& program, const Program* next) {
    program_ = &program;
    next_ = next;
    input_queue_ = weight_queue_ = {};
    inputs_left_ = weights_left_ = 0;
  }

  /// The `index`-th token of its kind, given for cycle `at`.
  void on_token(Token token, std::int64_t index, Cycles at, BufferPorts& buffers);
  /// The first `loads` of the next program, which were fetched ahead, leave.
  void hand_over(std::int64_t loads, Cycles at, BufferPorts& buffers);

 private:
  /// Loads of one queue; those of different tensors leave independently.
  struct Queue {
    std::array<std::size_t, kTensors> first_held{};  ///< older loads of the tensor have left
    std::array<std::size_t, kTensors> latest{};      ///< of the tensor, among those seen
    std::size_t seen = 0;                            ///< loads that an operation has needed so far
  };
  static void leave(const std::vector<LoadOp>& loads, Queue& queue, std::int64_t needed_next,
                    Cycles at, BufferPorts& buffers);

  /// After a chunk of a vector operator: the program says which loads are done with.
  static void leave(const std::vector<LoadOp>& loads, std::size_t& first, std::int64_t end,
                    Cycles at, BufferPorts& buffers);

  const Program* program_ = nullptr;
  const Program* next_ = nullptr;
  std::size_t inputs_left_ = 0, weights_left_ = 0;  ///< loads of a vector operator that have left
  Queue input_queue_, weight_queue_;
};

}  // namespace bitjoule
