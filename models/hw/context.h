// Several simulations in one process, one after the other: SystemC keeps everything that a
// simulation is in a context, of which one is the current one.
#pragma once

#include <memory>
#include <systemc>

namespace bitjoule {

/// A context of its own, with a resolution of 1 fs. It begins at time 0 without modules; what is
/// built while it is used must go while it is used, and before it.
class SimulationContext {
 public:
  SimulationContext();
  ~SimulationContext();
  SimulationContext(const SimulationContext&) = delete;
  SimulationContext& operator=(const SimulationContext&) = delete;

  /// Makes a context the current one, and the one before current again at its end: that of a
  /// program's own SystemC modules, or none. Throws an internal Error from within a process of
  /// another simulation.
  class Use {
   public:
    explicit Use(SimulationContext& context);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    sc_core::sc_simcontext *current_, *global_;
  };

 private:
  std::unique_ptr<sc_core::sc_simcontext> context_;
};

}  // namespace bitjoule
