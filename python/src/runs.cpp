#include "python/src/runs.h"

#include <pybind11/stl.h>

#include <algorithm>

#include "core/error.h"
#include "python/src/interpreter.h"
#include "sim/commands/command.h"
#include "sim/config/naming.h"
#include "sim/evaluate/evaluate.h"
#include "sim/report/accuracy_text.h"
#include "sim/report/summary.h"
#include "sim/result/result_json.h"
#include "sim/result/run_hash.h"
#include "sim/sweep/machines.h"
#include "sim/sweep/results.h"

namespace bitjoule::python {
namespace {

/// What `read` makes of overrides, with what the request brings.
template <class F>
RunConfig asked_run(const Request& request, F read) {
  std::vector<Override> overrides = overrides_of(request.set);
  RunConfig run = read(overrides);
  const bool wants_values = request.outputs || !request.arrays.empty();
  if (wants_values && !run.options.values) {
    const bool are_off = std::any_of(overrides.begin(), overrides.end(),
                                     [](const Override& o) { return o.path == "values"; });
    if (run.phases.empty() || are_off)
      throw input_error("inputs, weights, bias and outputs: values are off");
    overrides.push_back({"values", "on"});
    run = read(overrides);
  }
  if (request.unshared && run.phases.empty())
    throw input_error("unshared: of a run with a network");
  run.options.keep_outputs = request.outputs;
  run.options.share_equal = !request.unshared;
  if (!request.arrays.empty()) {
    const py::gil_scoped_acquire acquire;
    give_arrays(request.arrays, run);
  }
  return run;
}

/// What runs leave behind for others on the same machine: SystemC's modules, nothing of a run.
/// Never destroyed: at the end of a process SystemC is gone before it would be.
Machines& kept_machines() {
  static auto* machines = new Machines;
  return *machines;
}

Outcome run_once(const Given& config, const Request& request) {
  return simulating([&] {
    const Source source = source_of(config);
    Machine& machine =
        kept_machines().of(asked_run(request, [&](const std::vector<Override>& overrides) {
          return of_kind(source, "run", [&] { return read_run(source, overrides); });
        }));
    struct Emptied {
      Machine& machine;
      ~Emptied() { machine.configure({}); }  // holds no arrays any longer
    } emptied{machine};
    return simulate(machine, source.name);
  });
}

/// (values, codes, scale, zero-point) of the layer, where they were kept.
py::object outputs_of(std::vector<LayerResult>& passes) {
  for (LayerResult& layer : passes) {
    if (!layer.outputs) continue;
    LayerOutputs& out = *layer.outputs;
    py::object codes = py::none();
    if (!out.codes.empty()) codes = to_array(std::move(out.codes), out.shape);
    return py::make_tuple(to_array(std::move(out.values), out.shape), codes, out.scale,
                          out.zero_point);
  }
  return py::none();
}

py::object outputs_of(NetworkResult& network) {
  py::dict all;
  for (NetworkOutputValues& out : network.outputs)
    all[py::str(out.name)] =
        out.type.empty()
            ? to_array(std::move(out.values), out.shape)
            : py::array(to_array(std::move(out.codes), out.shape).attr("astype")(out.type));
  return std::move(all);
}

/// (report, outputs, notes, failure)
py::tuple to_tuple(const Outcome& outcome) {
  Result& result = outcome.report->result;
  const py::object outputs =
      result.network ? outputs_of(*result.network) : outputs_of(result.layer_passes);
  std::vector<std::string> notes = outcome.report->run.notes;
  for (std::string& note : mapping_notes(result.layers())) notes.push_back(std::move(note));
  return py::make_tuple(outcome.report, outputs, std::move(notes), outcome.failure);
}

std::vector<std::shared_ptr<void>>& machines_to_end() {
  static std::vector<std::shared_ptr<void>> machines;
  return machines;
}

}  // namespace

boost::json::object Report::document() const { return result_json(run, result, hash); }

std::string Report::text() const {
  if (!result.network) return run_summary(run, result.layer_passes);
  return network_summary(run, *result.network) +
         (result.accuracy ? accuracy_summary(*result.accuracy) : "");
}

Outcome simulate(Machine& machine, const std::string& name, const std::string& hash) {
  machines_to_end().clear();
  auto report = std::make_shared<Report>();
  report->run = machine.config();
  report->result =
      report->run.phases.empty() ? naming(name, [&] { return machine.run(); }) : machine.run();
  report->result.accuracy = evaluated(report->run);
  report->hash = hashes_tensors(report->run) ? run_hash(report->run) : hash;
  report->run.options.tensors.reset();  // arrays and files are not held any longer
  Outcome outcome{report, ""};
  try {
    require_verified(report->result);
  } catch (const Error& e) {
    outcome.failure = e.what();
  }
  return outcome;
}

void end_machine(std::shared_ptr<void> machine) {
  if (machine == nullptr) return;
  if (is_simulating()) {
    machines_to_end().push_back(std::move(machine));
    return;
  }
  const py::gil_scoped_release release;
  const std::lock_guard<std::timed_mutex> lock(simulation_mutex());
  machine.reset();
}

RunMachine::RunMachine(const Given& config, const Settings& set) {
  without_interpreter([&] {
    source_ = source_of(config);
    const std::vector<Override> overrides = overrides_of(set);
    of_kind(source_, "run", [&] {
      template_.emplace(source_, overrides);
      return 0;
    });
  });
}

RunMachine::~RunMachine() { end_machine(std::move(machine_)); }

Outcome RunMachine::run(const Request& request) {
  return simulating([&] {
    RunConfig run = asked_run(request, [&](const std::vector<Override>& overrides) {
      return of_kind(source_, "run", [&] { return template_->with(overrides); });
    });
    std::string key = machine_digest(run);
    if (machine_ == nullptr) {
      machine_ = std::make_unique<Machine>(std::move(run));
      key_ = std::move(key);
    } else if (key != key_) {
      throw input_error(source_.name +
                        ": accelerator, dram and fidelity of a machine stay what they are; make "
                        "another Machine");
    } else {
      machine_->configure(std::move(run));
    }
    return simulate(*machine_, source_.name);
  });
}

void bind_runs(py::module_& module) {
  py::class_<Given>(module, "Given")
      .def(py::init<std::string, bool, std::string>(), py::arg("text"), py::arg("is_file"),
           py::arg("name"));
  // Made without the interpreter's lock: what is told of a large network takes its time.
  const auto told = [](auto tell) {
    return [tell](const Report& report) {
      const boost::json::value value = [&]() -> boost::json::value {
        const py::gil_scoped_release release;
        return tell(report);
      }();
      return to_python(value);
    };
  };
  py::class_<Report, std::shared_ptr<Report>>(module, "Report")
      .def("document", told([](const Report& r) { return r.document(); }))
      .def("metrics", told([](const Report& r) { return flatten(r.document()); }))
      .def("kinds", told([](const Report& r) { return kinds_json(r.result); }))
      .def("text", &Report::text, py::call_guard<py::gil_scoped_release>());
  const auto asked = [](const Settings& set, const NamedArrays& inputs, const NamedArrays& weights,
                        const NamedArrays& bias, bool outputs, bool unshared) {
    return Request{set, {inputs, weights, bias}, outputs, unshared};
  };
  module.def("run", [asked](const Given& config, const Settings& set, const NamedArrays& inputs,
                            const NamedArrays& weights, const NamedArrays& bias, bool outputs,
                            bool unshared) {
    return to_tuple(run_once(config, asked(set, inputs, weights, bias, outputs, unshared)));
  });
  py::class_<RunMachine>(module, "Machine")
      .def(py::init<const Given&, const Settings&>())
      .def("run", [asked](RunMachine& machine, const Settings& set, const NamedArrays& inputs,
                          const NamedArrays& weights, const NamedArrays& bias, bool outputs,
                          bool unshared) {
        return to_tuple(machine.run(asked(set, inputs, weights, bias, outputs, unshared)));
      });
}

}  // namespace bitjoule::python
