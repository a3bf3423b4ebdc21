#include "sim/config/run_config.h"

#include "sim/config/describe_run.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<Fidelity>>& enum_rows() {
  static const std::vector<EnumRow<Fidelity>> kRows = {
      {Fidelity::kFast, "fast", "one module for the array, cycles from the wavefront"},
      {Fidelity::kPe, "pe", "a module with registers for every PE"}};
  return kRows;
}

template <>
const std::vector<EnumRow<Verify>>& enum_rows() {
  static const std::vector<EnumRow<Verify>> kRows = {
      {Verify::kFull, "full", "every output"},
      {Verify::kSample, "sample", "all outputs of small layers, an even sample of large ones"},
      {Verify::kOff, "off", "none"}};
  return kRows;
}

EnergyTable read_energy_table(const std::string& name, const std::vector<Override>& overrides) {
  return read_document<EnergyTable>(file_source(name), overrides);
}

namespace {

RunConfig to_run(const RunFile& file) {
  RunConfig run;
  run.name = file.name.empty() ? file.layer.name : file.name;
  run.accelerator = file.accelerator.machine;
  run.dram = *file.accelerator.dram;      // there, as describe() checks
  run.energy = *file.accelerator.energy;  // there, as it has a default
  run.layer = file.layer;
  run.precision = file.precision;
  run.options = file.options;
  run.mapping = file.mapping;
  return run;
}

}  // namespace

RunConfig read_run(const Source& source, const std::vector<Override>& overrides) {
  return to_run(read_document<RunFile>(source, overrides));
}

RunTemplate::RunTemplate(const Source& source, const std::vector<Override>& overrides) {
  Problems problems;
  root_ = load_document<RunFile>(source, overrides, problems);
  problems.throw_if_any();
}

RunConfig RunTemplate::with(const std::vector<Override>& overrides) const {
  Problems problems;
  Node root = root_;
  apply_overrides<RunFile>(root, overrides, problems);
  RunFile file;
  read_value(root, "", file, {}, problems);
  problems.throw_if_any();
  return to_run(file);
}

boost::json::value to_json(const RunConfig& run) {
  RunFile file;
  file.name = run.name;
  file.accelerator.machine = run.accelerator;
  file.dram = run.dram;
  file.energy = run.energy;
  file.layer = run.layer;
  file.precision = run.precision;
  file.options = run.options;
  file.mapping = run.mapping;
  return to_json(file);
}

}  // namespace bitjoule
