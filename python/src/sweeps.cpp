#include "python/src/sweeps.h"

#include <pybind11/stl.h>

#include "core/error.h"
#include "python/src/interpreter.h"
#include "sim/commands/command.h"

namespace bitjoule::python {

SweepRuns::SweepRuns(const Given& config, const Settings& set, std::size_t max_points) {
  without_interpreter([&] {
    Source source = source_of(config);
    source.folder = "sweeps";
    const std::vector<Override> overrides = overrides_of(set);
    Sweep file = of_kind(source, "sweep", [&] { return read_sweep(source); });
    file.set.insert(file.set.end(), overrides.begin(), overrides.end());
    plan_ = make_plan(std::move(file), max_points);
  });
}

SweepRuns::~SweepRuns() { end_machine(std::move(machines_)); }

Outcome SweepRuns::run(std::size_t index) {
  return simulating([&] {
    const SweepPoint& point = plan_.points.at(index);
    Machine& machine = machines_->of(plan_.config(point));
    Outcome outcome = simulate(machine, plan_.sweep.name, point.hash);
    if (!outcome.failure.empty()) throw Error(ErrorKind::kVerification, outcome.failure);
    return outcome;
  });
}

void bind_sweeps(py::module_& module) {
  py::class_<SweepRuns>(module, "Sweep")
      .def(py::init<const Given&, const Settings&, std::size_t>())
      .def_property_readonly("name", [](const SweepRuns& s) { return s.plan().sweep.name; })
      .def_property_readonly("question", [](const SweepRuns& s) { return s.plan().sweep.question; })
      .def_property_readonly("columns", [](const SweepRuns& s) { return s.plan().sweep.columns(); })
      .def_property_readonly("metrics", [](const SweepRuns& s) { return s.plan().sweep.metrics; })
      .def_property_readonly("notes", [](const SweepRuns& s) { return s.plan().notes; })
      .def("__len__", [](const SweepRuns& s) { return s.plan().points.size(); })
      .def("labels", [](const SweepRuns& s, std::size_t i) { return s.plan().points.at(i).labels; })
      .def("hash", [](const SweepRuns& s, std::size_t i) { return s.plan().points.at(i).hash; })
      .def("run", [](SweepRuns& s, std::size_t i) { return s.run(i).report; });
}

}  // namespace bitjoule::python
