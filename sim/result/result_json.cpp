#include "sim/result/result_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/enums.h"
#include "core/result/components.h"
#include "sim/config/writer.h"
#include "sim/result/network_json.h"
#include "sim/result/run_hash.h"
#include "sim/schema/describe_counts.h"
#include "sim/schema/run_file.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

json::object dram_json(const Costs& t) {
  const TensorTraffic all = t.traffic.total();
  json::object tensors;
  for (std::size_t i = 0; i < kTensors; ++i) {
    const auto tensor = static_cast<Tensor>(i);
    const TensorTraffic told = t.traffic.apart(tensor);
    tensors[tensor_name(tensor)] = {
        {"read_bytes", told.read_bytes},
        {"write_bytes", told.write_bytes},
        {"padding_bytes", t.traffic[tensor].padding(t.traffic.burst_bytes)}};
  }
  return {
      {"read_bytes", all.read_bytes},
      {"write_bytes", all.write_bytes},
      {"padding_bytes", all.padding(t.traffic.burst_bytes)},
      {"burst_bytes", t.traffic.burst_bytes},
      {"per_tensor", tensors},
      {"bandwidth_bytes_per_s", t.time_s > 0 ? static_cast<double>(t.moved_bytes) / t.time_s : 0.0},
      {"peak_bytes_per_s", t.peak_bytes_per_s}};
}

/// What a cycle-level DRAM adds; times in seconds.
void add_dram_details(const DramStats& s, json::object& dram) {
  const double period = static_cast<double>(s.period.value) * 1e-15;
  const double unit = static_cast<double>(s.latency_unit.value) * 1e-15;
  const auto list = [](const std::vector<std::int64_t>& values) {
    return json::array(values.begin(), values.end());
  };
  dram["timeline"] = {{"bin_s", static_cast<double>(s.timeline.bin_cycles()) * period},
                      {"read_bytes", list(s.timeline.read_bytes())},
                      {"write_bytes", list(s.timeline.write_bytes())}};
  dram["latency_s"] = {{"min", static_cast<double>(s.latency.min()) * unit},
                       {"mean", s.latency.mean() * unit},
                       {"p50", static_cast<double>(s.latency.percentile(0.5)) * unit},
                       {"p99", static_cast<double>(s.latency.percentile(0.99)) * unit},
                       {"max", static_cast<double>(s.latency.max()) * unit}};
  const std::int64_t columns = s.row_hits + s.row_misses + s.row_conflicts;
  if (columns == 0) return;
  dram["row_hits"] = s.row_hits;
  dram["row_misses"] = s.row_misses;
  dram["row_conflicts"] = s.row_conflicts;
  dram["row_hit_rate"] = static_cast<double>(s.row_hits) / static_cast<double>(columns);
  json::object commands;
  for (std::size_t i = 0; i < s.commands.size(); ++i)
    if (s.commands[i] != 0) commands[kDramCommandNames[i]] = s.commands[i];
  dram["commands"] = commands;
  const DataBusCycles& b = s.bus;
  const double all =
      static_cast<double>(b.busy + b.idle + b.refresh + b.activate + b.turnaround + b.column);
  const auto share = [all](std::int64_t cycles) {
    return all > 0 ? static_cast<double>(cycles) / all : 0.0;
  };
  dram["data_bus_share"] = {{"busy", share(b.busy)},
                            {"idle", share(b.idle)},
                            {"refresh", share(b.refresh)},
                            {"activate", share(b.activate)},
                            {"turnaround", share(b.turnaround)},
                            {"column", share(b.column)}};
}

std::string bound_of(const Costs& t) {
  const double intensity =
      t.moved_bytes > 0 ? static_cast<double>(t.counts.macs) / static_cast<double>(t.moved_bytes)
                        : 0;
  return intensity * t.peak_bytes_per_s < t.peak_macs_per_s ? "dram" : "compute";
}

json::object roofline_json(const Costs& t) {
  const double intensity =
      t.moved_bytes > 0 ? static_cast<double>(t.counts.macs) / static_cast<double>(t.moved_bytes)
                        : 0;
  return {
      {"macs_per_byte", intensity},
      {"peak_macs_per_s", t.peak_macs_per_s},
      {"attainable_macs_per_s", std::min(t.peak_macs_per_s, intensity * t.peak_bytes_per_s)},
      {"achieved_macs_per_s", t.time_s > 0 ? static_cast<double>(t.counts.macs) / t.time_s : 0.0},
      {"bound", bound_of(t)}};
}

/// The keys that a run and its layers share.
json::object totals_json(const Costs& t) {
  json::object stalls;
  for (std::size_t i = 0; i < kCauses; ++i)
    stalls[cause_name(static_cast<Cause>(i))] = t.stalls.cycles[i];
  json::object sram;
  for (const ComponentRow& row : machine_components()) {
    if (row.counts == nullptr) continue;
    const BufferCounts& counts = t.counts.*row.counts;
    sram[row.buffer] = {
        {"reads", counts.reads}, {"writes", counts.writes}, {"peak_bytes", counts.peak_bytes}};
  }
  return {
      {"cycles", t.cycles},
      {"compute_cycles", t.compute_cycles},
      {"time_s", t.time_s},
      {"macs", t.counts.macs},
      {"padded_macs", t.counts.mac_slots - t.counts.macs},
      {"utilization", t.array_macs > 0 ? static_cast<double>(t.counts.macs) / t.array_macs : 0.0},
      {"stalls", stalls},
      {"dram", dram_json(t)},
      {"sram", sram},
      {"roofline", roofline_json(t)}};
}

json::value number_or_null(double value) {
  return std::isfinite(value) ? json::value(value) : json::value(nullptr);
}

}  // namespace

json::value error_json(const Quality& q) {
  return {{"sqnr_db", number_or_null(q.sqnr_db)},
          {"max_abs", number_or_null(q.max_abs)},
          {"mean_abs", number_or_null(q.mean_abs)},
          {"cosine", number_or_null(q.cosine)},
          {"compared", q.count},
          {"not_finite", q.not_finite}};
}

namespace {

json::object origin_json(const OperandOrigin& o) {
  if (!o.source.input.empty()) return {{"layer", o.source.input}};
  if (!o.source.from_file()) return {{"generator", enum_name(o.source.generator)}};
  return {{"file", o.source.file},
          {"tensor", o.source.tensor},
          {"stored", o.stored},
          {"as_stored", o.as_stored}};
}

void add_operands(const LayerResult& r, json::object& out) {
  if (!r.check) return;
  out["operands"] = {{"inputs", origin_json(r.input_origin)},
                     {"weights", origin_json(r.weight_origin)}};
  if (r.bias_origin) out["operands"].as_object()["bias"] = origin_json(*r.bias_origin);
  const std::optional<LayerOutputs>& saved = r.outputs;
  if (saved)
    out["outputs"] = {{"shape", json::array(saved->shape.begin(), saved->shape.end())},
                      {"format", saved->format},
                      {"scale", saved->scale}};
}

void add_check(const std::optional<OutputCheck>& check, json::object& out) {
  if (!check) {
    out["error"] = nullptr;
    out["verified"] = nullptr;
    return;
  }
  out["error"] = error_json(check->error);
  out["verified"] = check->wrong == 0 && check->checked > 0 ? json::value(true)
                    : check->checked == 0                   ? json::value(nullptr)
                                                            : json::value(false);
  out["check"] = {{"outputs", check->outputs},
                  {"checked", check->checked},
                  {"wrong", check->wrong},
                  {"overflows", check->overflows}};
}

json::object mapping_json(const Tiling& t) {
  return {{"order", order_name(t.order)},
          {"tile",
           {{"groups", t.groups},
            {"batch", t.batch},
            {"out_rows", t.out_rows},
            {"out_cols", t.out_cols},
            {"m", t.m()},
            {"n", t.n},
            {"k", t.k}}},
          {"input_holds_all_k", t.input_full_k}};
}

/// Adds the counts of a layer to those of a run: the same action is one row.
void add_counts(const Counts& from, std::int64_t repeat, Counts& to) {
  for (const Action& a : from) {
    const auto same = [&a](const Action& b) {
      return a.component == b.component && a.activity == b.activity && a.primitive == b.primitive &&
             a.type == b.type && a.width == b.width && a.capacity == b.capacity;
    };
    auto found = std::find_if(to.begin(), to.end(), same);
    if (found == to.end()) {
      to.push_back(a);
      to.back().count = 0;
      found = std::prev(to.end());
    }
    found->count += a.count * repeat;
  }
}

}  // namespace

json::object layer_json(const LayerResult& r) {
  const Costs t = costs_of(r, 1);
  json::object out{{"name", r.name}, {"kind", r.kind}, {"repeat", r.repeat}};
  if (!r.phase.empty()) out["phase"] = r.phase;
  if (r.op.empty()) {
    out["mac"] = r.mac;
    out["shape"] = {
        {"groups", r.extents.groups}, {"m", r.extents.m}, {"n", r.extents.n}, {"k", r.extents.k}};
    out["mapping"] = mapping_json(r.mapping.tiling);
  } else {
    out["op"] = r.op;
    out["shape"] = {{"rows", r.extents.m}, {"cols", r.extents.n}};
  }
  out["bound"] = bound_name(r.outcome.stalls, memory_seconds(r), r.time_s);
  for (const auto& [key, value] : totals_json(t)) out[key] = value;
  add_dram_details(r.outcome.dram, out["dram"].as_object());
  out["counts"] = to_json(r.counts);
  out["energy"] = energy_json(r.energy);
  add_check(r.check, out);
  if (r.network_error) out["network_error"] = error_json(*r.network_error);
  if (r.op.empty()) add_operands(r, out);
  return out;
}

json::object result_json(const RunConfig& run, const std::vector<LayerResult>& layers) {
  const json::value config = to_json(run);
  json::object out{{"schema_version", kResultSchemaVersion},
                   {"program", {{"name", "bitjoule"}, {"version", version()}}},
                   {"name", run.name},
                   {"config_hash", run_hash(run)},
                   {"fidelity", run.options.fidelity == Fidelity::kPe ? "pe" : "fast"},
                   {"clock_hz", run.accelerator.clock.value}};
  Costs totals;
  Counts counts;
  for (const LayerResult& r : layers) {
    totals += costs_of(r, r.repeat);
    add_counts(r.counts, r.repeat, counts);
  }
  for (const auto& [key, value] : totals_json(totals)) out[key] = value;
  out["dram"].as_object()["model"] = run.dram.name;
  add_dram_details(dram_of_layers(layers), out["dram"].as_object());
  out["counts"] = to_json(counts);
  out["energy"] = energy_json(price(counts, run.energy));
  if (run.phases.empty()) add_check(layer_of(layers).check, out);
  json::array list;
  for (const LayerResult& r : layers) list.push_back(layer_json(r));
  out["layers"] = std::move(list);
  out["config"] = config;
  return out;
}

json::object result_json(const RunConfig& run, const NetworkResult& network) {
  json::object out = result_json(run, network.layers);
  out["network"] = network_json(network);
  return out;
}

std::string layers_csv(const std::vector<LayerResult>& layers) {
  std::string out =
      "name,kind,repeat,groups,m,n,k,mac,bound,cycles,compute_cycles,time_s,macs,utilization,"
      "dram_read_bytes,dram_write_bytes,dram_padding_bytes,energy_pj,sqnr_db,verified\n";
  for (const LayerResult& r : layers) {
    const TensorTraffic all = r.outcome.traffic.total();
    const double slots = r.time_s * r.peak_macs_per_s;
    out += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", r.name, r.kind, r.repeat,
        r.extents.groups, r.extents.m, r.extents.n, r.extents.k, r.op.empty() ? r.mac : r.op,
        bound_name(r.outcome.stalls, memory_seconds(r), r.time_s), r.outcome.cycles.value,
        r.compute_cycles, r.time_s, r.outcome.counts.macs,
        slots > 0 ? static_cast<double>(r.outcome.counts.macs) / slots : 0.0, all.read_bytes,
        all.write_bytes, all.padding(r.outcome.traffic.burst_bytes), r.energy.total.value,
        r.check && r.check->error.count > 0 && std::isfinite(r.check->error.sqnr_db)
            ? fmt::format("{}", r.check->error.sqnr_db)
            : "",
        r.check && r.check->checked > 0 ? (r.check->wrong == 0 ? "true" : "false") : "");
  }
  return out;
}

}  // namespace bitjoule
