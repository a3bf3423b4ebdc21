// The points of a sweep in Python: the program's plan, each point on demand.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>

#include "python/src/runs.h"
#include "sim/sweep/machines.h"
#include "sim/sweep/plan.h"

namespace bitjoule::python {

class SweepRuns {
 public:
  /// Throws an input Error as make_plan() does.
  SweepRuns(const Given& config, const Settings& set, std::size_t max_points);
  ~SweepRuns();
  SweepRuns(const SweepRuns&) = delete;
  SweepRuns& operator=(const SweepRuns&) = delete;

  const SweepPlan& plan() const { return plan_; }
  /// A point, on the machine of a point before where it is the same. Throws as Machine::run().
  Outcome run(std::size_t index);

 private:
  SweepPlan plan_;
  std::unique_ptr<Machines> machines_ = std::make_unique<Machines>();
};

void bind_sweeps(py::module_& module);

}  // namespace bitjoule::python
