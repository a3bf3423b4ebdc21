// Runs of a program in Python: a configuration, arrays, and what comes of them.
#pragma once

#include <pybind11/pybind11.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "python/src/arrays.h"
#include "python/src/values.h"
#include "run/machine.h"
#include "sim/schema/run_file.h"

namespace bitjoule::python {

/// What one run is asked for beside its configuration.
struct Request {
  Settings set;
  GivenArrays arrays;
  bool outputs = false;   ///< keep them; of a network this, like arrays, turns values on
  bool unshared = false;  ///< of a network: simulate every layer
};

/// A run and what came of it. What is told of it is made when somebody asks.
struct Report {
  RunConfig run;  ///< without its tensors
  Result result;
  std::string hash;  ///< of the run; empty: not known yet

  boost::json::object document() const;  ///< result.json
  std::string text() const;              ///< what `sim run` prints
};

/// What Python makes a Result of.
struct Outcome {
  std::shared_ptr<Report> report;
  std::string failure;  ///< why outputs are wrong; empty where they are not
};
/// `hash` is the run's, where it is known already.
Outcome simulate(Machine& machine, const std::string& name, const std::string& hash = "");

/// A machine in a simulation context of its own, as often as wanted. It is built by the first run.
class RunMachine {
 public:
  RunMachine(const Given& config, const Settings& set);
  ~RunMachine();
  RunMachine(const RunMachine&) = delete;
  RunMachine& operator=(const RunMachine&) = delete;

  /// Throws an input Error where the settings mean another machine.
  Outcome run(const Request& request);

 private:
  Source source_;
  std::optional<RunTemplate> template_;
  std::unique_ptr<Machine> machine_;
  std::string key_;
};

/// Ends a machine, or several that belong together, now, or where that cannot be (a signal handler
/// in the midst of a run) later.
void end_machine(std::shared_ptr<void> machine);

void bind_runs(py::module_& module);

}  // namespace bitjoule::python
