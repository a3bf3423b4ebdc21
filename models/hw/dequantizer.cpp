#include "hw/dequantizer.h"

#include <algorithm>

namespace bitjoule {

Dequantizer::Dequantizer(sc_core::sc_module_name name, const DequantizerConfig& config)
    : sc_module(name), port("port"), config_(config) {
  port.bind(*this);
}

void Dequantizer::start(const LayerRun& run) {
  run_ = run;
  free_ = run.ahead != nullptr ? run.ahead->dequantizer_free : Cycles(0);
}

void Dequantizer::pass(std::int64_t weights, std::int64_t inputs) {
  run_.counts->dequantized_weights += weights;
  run_.counts->dequantized_inputs += inputs;
}

/// It works from the first request on, not faster than its lanes, and cannot end before the last
/// one has passed.
Cycles Dequantizer::pass_tile(std::int64_t elements, std::int64_t last_elements,
                              Cycles first_arrival, Cycles last_arrival) {
  const Cycles begin = std::max(first_arrival, free_);
  free_ = std::max(begin + Cycles(ceil_div(elements, config_.lanes)),
                   last_arrival + Cycles(ceil_div(last_elements, config_.lanes)));
  const Cycles end = free_ + config_.latency;
  if (run_.trace != nullptr)
    run_.trace->add("dequantizer", std::to_string(elements) + " weights", begin, end);
  return end;
}

}  // namespace bitjoule
