// Between the interpreter and the simulator: who holds which lock, and what errors become.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <exception>
#include <mutex>

#include "core/interrupt.h"

namespace bitjoule::python {

namespace py = pybind11;

/// Errors as exceptions of bitjoule.errors.
void register_errors();

/// SystemC keeps its current context in a global variable: one simulation at a time. Lock it
/// without the interpreter's lock.
std::timed_mutex& simulation_mutex();

/// Whether this thread simulates: it is then in a signal handler, or a finalizer.
bool& is_simulating();

/// What asks Python's signal handlers, which a main thread runs, now and then.
class Signals {
 public:
  /// Throws where a handler raised; the interpreter's lock must not be held.
  void check();
  /// Throws what a handler raised, if one did.
  void rethrow() const;

 private:
  std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
  std::exception_ptr raised_;
};

/// What `work` returns, done without the interpreter's lock. What a signal handler raises meanwhile
/// (KeyboardInterrupt) stops it.
template <class F>
auto without_interpreter(F work) {
  const py::gil_scoped_release release;
  Signals signals;
  const InterruptScope scope([&signals] { signals.check(); });
  try {
    return work();
  } catch (...) {
    signals.rethrow();
    throw;
  }
}

/// The turn of one thread to simulate. Throws an input Error from within a turn of the same thread.
class SimulationTurn {
 public:
  SimulationTurn();
  ~SimulationTurn();
  SimulationTurn(const SimulationTurn&) = delete;
  SimulationTurn& operator=(const SimulationTurn&) = delete;
};

/// The same for work that simulates: after what other threads simulate.
template <class F>
auto simulating(F work) {
  return without_interpreter([&] {
    const SimulationTurn turn;
    return work();
  });
}

}  // namespace bitjoule::python
