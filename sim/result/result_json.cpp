#include "sim/result/result_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/enums.h"
#include "core/result/components.h"
#include "sim/config/writer.h"
#include "sim/output/csv.h"
#include "sim/result/network_json.h"
#include "sim/result/run_hash.h"
#include "sim/schema/describe_counts.h"
#include "sim/schema/run_file.h"
#include "sim/version.h"

namespace bitjoule {
boost::json::object stalls_json(const StallBreakdown& stalls) {
  boost::json::object out;
  for (std::size_t i = 0; i < kCauses; ++i)
    out[cause_name(static_cast<Cause>(i))] = stalls.cycles[i];
  return out;
}

boost::json::object dma_json(const StallBreakdown& dma) {
  boost::json::object out{{"dram", dma[Cause::kDramRead] + dma[Cause::kDramWrite]}};
  for (const Cause cause : {Cause::kDmaWindow, Cause::kDmaRate, Cause::kDramLatency})
    out[cause_name(cause)] = dma[cause];
  return out;
}

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

json::object roofline_json(const Costs& t) {
  const auto macs = static_cast<double>(t.counts.macs);
  const double intensity = t.moved_bytes > 0 ? macs / static_cast<double>(t.moved_bytes) : 0;
  return {{"macs_per_byte", intensity},
          {"peak_macs_per_s", t.peak_macs_per_s},
          {"attainable_macs_per_s", std::min(t.peak_macs_per_s, intensity * t.peak_bytes_per_s)},
          {"achieved_macs_per_s", t.time_s > 0 ? macs / t.time_s : 0.0}};
}

/// The keys that a run and its layers share.
json::object totals_json(const Costs& t) {
  json::object sram;
  for (const ComponentRow& row : machine_components()) {
    if (row.counts == nullptr) continue;
    const BufferCounts& counts = t.counts.*row.counts;
    sram[row.buffer] = {
        {"reads", counts.reads}, {"writes", counts.writes}, {"peak_bytes", counts.peak_bytes}};
  }
  if (t.counts.unified_peak_bytes > 0)
    sram["unified"] = {{"peak_bytes", t.counts.unified_peak_bytes}};
  return {
      {"cycles", t.cycles},
      {"compute_cycles", t.compute_cycles},
      {"time_s", t.time_s},
      {"macs", t.counts.macs},
      {"padded_macs", t.counts.mac_slots - t.counts.macs},
      {"utilization", t.array_macs > 0 ? static_cast<double>(t.counts.macs) / t.array_macs : 0.0},
      {"bound", bound_name(t.evidence)},
      {"stalls", stalls_json(t.stalls)},
      {"dma_cycles", dma_json(t.evidence.dma)},
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

json::object mapping_json(const Mapping& m) {
  const Tiling& t = m.tiling;
  return {{"dataflow", enum_name(m.setting.dataflow)},
          {"order", order_name(t.order)},
          {"tile",
           {{"groups", t.groups},
            {"batch", t.batch},
            {"out_rows", t.out_rows},
            {"out_cols", t.out_cols},
            {"m", t.m()},
            {"n", t.n},
            {"k", t.k}}},
          {"fold_order", enum_name(t.fold_order)},
          {"groups_at_once", t.groups_at_once},
          {"input_holds_all_k", t.input_full_k}};
}

/// Of buffers that may differ from layer to layer, what they are for this one.
json::object buffers_json(const BuffersConfig& buffers) {
  json::object out;
  for (const BufferRole role : kBufferRoles) {
    const BufferConfig& b = buffers.of(role);
    if (buffers.unifies(role) || b.either_buffering)
      out[enum_name(role)] = {{"capacity_bytes", b.capacity.value},
                              {"banks", b.banks},
                              {"double_buffered", b.double_buffered}};
  }
  return out;
}

bool is_same(const Action& a, const Action& b) {
  return a.component == b.component && a.activity == b.activity && a.primitive == b.primitive &&
         a.type == b.type && a.width == b.width && a.capacity == b.capacity;
}

/// The row of an action, which is added with a count of zero where it is missing.
std::size_t row_of(const Action& action, Counts& rows) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const Action& b) { return is_same(action, b); });
  if (found != rows.end()) return static_cast<std::size_t>(found - rows.begin());
  rows.push_back(action);
  rows.back().count = 0;
  return rows.size() - 1;
}

/// How often a layer does each action of a run, in the run's order.
json::array count_list(const Counts& of_layer, Counts& of_run) {
  std::vector<std::int64_t> counts(of_run.size());
  for (const Action& a : of_layer) counts[row_of(a, of_run)] += a.count;
  return json::array(counts.begin(), counts.end());
}

/// Values of which equal ones are kept once.
class SharedValues {
 public:
  /// Where the value stands in the list.
  std::size_t place_of(json::value value) {
    const auto [known, is_new] = places_.emplace(json::serialize(value), list_.size());
    if (is_new) list_.push_back(std::move(value));
    return known->second;
  }
  json::array take() { return std::move(list_); }

 private:
  std::unordered_map<std::string, std::size_t> places_;
  json::array list_;
};

}  // namespace

namespace {

/// One element of layers[]; what it shares with other layers stands in the run: its actions, and
/// in `timelines` its traffic over time.
json::object layer_json(const LayerResult& r, Counts& actions, SharedValues& timelines) {
  const Costs t = costs_of(r, 1);
  json::object out{{"name", r.name}, {"kind", r.kind}, {"repeat", r.repeat}};
  if (!r.phase.empty()) out["phase"] = r.phase;
  if (r.op.empty()) {
    out["mac"] = r.mac;
    out["shape"] = {
        {"groups", r.extents.groups}, {"m", r.extents.m}, {"n", r.extents.n}, {"k", r.extents.k}};
    out["mapping"] = mapping_json(r.mapping);
  } else {
    out["op"] = r.op;
    out["shape"] = {{"rows", r.extents.m}, {"cols", r.extents.n}};
  }
  if (r.buffers.flexible()) out["buffers"] = buffers_json(r.buffers);
  json::object formats;
  if (!r.weight_format.empty()) formats["weights"] = r.weight_format;
  formats["activations"] = r.activation_format;
  formats["output"] = r.output_format;
  out["formats"] = std::move(formats);
  for (const auto& [key, value] : totals_json(t)) out[key] = value;
  json::object& dram = out["dram"].as_object();
  add_dram_details(r.outcome.dram, dram);
  dram["timeline"] = timelines.place_of(std::move(dram["timeline"]));
  out["counts"] = count_list(r.counts, actions);
  out["energy"] = layer_energy_json(r.energy);
  add_check(r.check, out);
  if (r.network_error) out["network_error"] = error_json(*r.network_error);
  if (r.op.empty()) add_operands(r, out);
  return out;
}

}  // namespace

json::object result_json(const RunConfig& run, const std::vector<LayerResult>& layers) {
  const json::value config = to_json(run);
  json::object out{{"schema_version", kResultSchemaVersion},
                   {"program", program_json()},
                   {"name", run.name},
                   {"config_hash", run_hash(run)},
                   {"fidelity", run.options.fidelity == Fidelity::kPe ? "pe" : "fast"},
                   {"clock_hz", run.accelerator.clock.value}};
  Costs totals;
  Counts counts;
  for (const LayerResult& r : layers) {
    totals += costs_of(r, r.repeat);
    for (const Action& a : r.counts) counts[row_of(a, counts)].count += a.count * r.repeat;
  }
  for (const auto& [key, value] : totals_json(totals)) out[key] = value;
  out["dram"].as_object()["model"] = run.dram.name;
  add_dram_details(dram_of_layers(layers), out["dram"].as_object());
  out["counts"] = to_json(counts);
  out["energy"] = energy_json(price(counts, prices_of(run)));
  if (run.phases.empty()) add_check(layer_of(layers).check, out);
  json::array list;
  SharedValues timelines;
  for (const LayerResult& r : layers) list.push_back(layer_json(r, counts, timelines));
  out["layers"] = std::move(list);
  out["timelines"] = timelines.take();
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
      "dram_read_bytes,dram_write_bytes,dram_padding_bytes,energy_pj,sqnr_db,verified,dataflow\n";
  const auto number = [](auto value) { return fmt::format("{}", value); };
  for (const LayerResult& r : layers) {
    const TensorTraffic all = r.outcome.traffic.total();
    const double slots = r.time_s * r.peak_macs_per_s;
    const bool has_error =
        r.check && r.check->error.count > 0 && std::isfinite(r.check->error.sqnr_db);
    const bool is_checked = r.check && r.check->checked > 0;
    out += csv_line({csv_cell(r.name),
                     csv_cell(r.kind),
                     number(r.repeat),
                     number(r.extents.groups),
                     number(r.extents.m),
                     number(r.extents.n),
                     number(r.extents.k),
                     csv_cell(r.op.empty() ? r.mac : r.op),
                     r.bound(),
                     number(r.outcome.cycles.value),
                     number(r.compute_cycles),
                     number(r.time_s),
                     number(r.outcome.counts.macs),
                     number(slots > 0 ? static_cast<double>(r.outcome.counts.macs) / slots : 0.0),
                     number(all.read_bytes),
                     number(all.write_bytes),
                     number(all.padding(r.outcome.traffic.burst_bytes)),
                     number(r.energy.total.value),
                     has_error ? number(r.check->error.sqnr_db) : "",
                     !is_checked           ? ""
                     : r.check->wrong == 0 ? "true"
                                           : "false",
                     r.op.empty() ? enum_name(r.mapping.setting.dataflow) : ""});
  }
  return out;
}

}  // namespace bitjoule
