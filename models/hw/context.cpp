#include "hw/context.h"

#include "core/error.h"
#include "hw/time.h"

namespace bitjoule {

using sc_core::sc_curr_simcontext;
using sc_core::sc_default_global_context;

SimulationContext::SimulationContext() {
  const Use use(*this);
  context_ = std::make_unique<sc_core::sc_simcontext>();
  sc_curr_simcontext = sc_default_global_context = context_.get();
  use_femtosecond_resolution();
}

SimulationContext::~SimulationContext() {
  sc_core::sc_simcontext* const current = sc_curr_simcontext;
  sc_core::sc_simcontext* const global = sc_default_global_context;
  sc_curr_simcontext = sc_default_global_context = context_.get();
  context_.reset();
  sc_curr_simcontext = current;
  sc_default_global_context = global;
}

SimulationContext::Use::Use(SimulationContext& context)
    : current_(sc_curr_simcontext), global_(sc_default_global_context) {
  if (current_ != nullptr && current_->get_status() == sc_core::SC_RUNNING)
    throw internal_error("a machine runs beside other simulations, not from within one's process");
  sc_curr_simcontext = sc_default_global_context = context.context_.get();
}

SimulationContext::Use::~Use() {
  sc_curr_simcontext = current_;
  sc_default_global_context = global_;
}

}  // namespace bitjoule
