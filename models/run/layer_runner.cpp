#include "run/layer_runner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <numeric>

#include "core/dram/actions.h"
#include "core/enums.h"
#include "core/error.h"
#include "core/mapping/division.h"
#include "core/mapping/folds.h"
#include "core/mapping/fused_time.h"
#include "core/mapping/machine_parts.h"
#include "core/mapping/tile_layout.h"
#include "core/result/tile_trace.h"
#include "run/key.h"
#include "run/mapping_memo.h"
#include "run/outcome_store.h"
#include "run/output_check.h"
#include "run/quantize_passes.h"

namespace bitjoule {
namespace {

void require_conserved(bool holds, const std::string& what) {
  if (!holds) throw Error(ErrorKind::kVerification, "conservation check failed: " + what);
}

void check_macs(const LayerResult& r, std::int64_t macs) {
  const std::int64_t executed = r.outcome.counts.macs;
  require_conserved(executed == macs,
                    fmt::format("{} MACs executed, the layer has {}", executed, macs));
}

/// Of the tiles of keys that the queries see, whole.
std::int64_t executed_macs(const AttentionPlan& plan) {
  const Attention& op = plan.problem.op;
  std::int64_t pairs = 0;
  for (const QueryTile& tile : query_tiles(op, plan.tiling))
    pairs += tile.rows() * tile.keys.count();
  return op.groups() * pairs * (op.key_dim() + op.value_dim());
}

void check_conservation(const LayerResult& r, const DramTraffic& planned) {
  const LayerOutcome& o = r.outcome;
  require_conserved(o.stalls.total() == o.cycles.value,
                    fmt::format("causes sum to {} cycles of {}", o.stalls.total(), o.cycles.value));
  require_conserved(o.evidence.held.total() == o.cycles.value,
                    fmt::format("what holds them sums to {} cycles of {}", o.evidence.held.total(),
                                o.cycles.value));
  for (std::size_t i = 0; i < kTensors; ++i) {
    const TensorTraffic &did = o.traffic.tensors[i], &plan = planned.tensors[i];
    require_conserved(
        did.read_bytes == plan.read_bytes && did.write_bytes == plan.write_bytes &&
            did.bursts == plan.bursts,
        fmt::format("{}: {} B read and {} B written in {} bursts, the mapping says {} B and {} B "
                    "in {}",
                    tensor_name(static_cast<Tensor>(i)), did.read_bytes, did.write_bytes,
                    did.bursts, plan.read_bytes, plan.write_bytes, plan.bursts));
  }
  const std::int64_t bytes = o.dram->read_bytes + o.dram->write_bytes;
  const std::int64_t moved =
      r.moved_bytes() + (o.ahead.all_bursts - o.handed_on) * o.traffic.burst_bytes;
  require_conserved(bytes == moved, fmt::format("the DRAM moved {} B, the DMA {} B", bytes, moved));
}

/// Every chunk together must be the operator.
void check_vector_work(const VectorOp& op, const MachineCounts& counts) {
  std::array<std::int64_t, kVectorPrimitives> work{};
  for (const auto& pass : vector_work(op))
    for (const VectorWork& step : pass)
      work[static_cast<std::size_t>(step.primitive)] += step.count;
  require_conserved(work == counts.vector, fmt::format("{}: the chunks' work is not the operator's",
                                                       vector_row(op.kind).name));
}

LayerNeighbours neighbours_of(const LayerOverlap& overlap) {
  LayerNeighbours neighbours;
  neighbours.ahead = overlap.ahead;
  if (overlap.next != nullptr) {
    neighbours.next = &overlap.next->program;
    neighbours.next_problem = &overlap.next->problem;
  }
  return neighbours;
}

const char* kind_of(const LayerOp& op) {
  static constexpr const char* kNames[] = {"conv", "linear", "matmul"};
  return kNames[op.index()];
}

/// The values of a layer without the machine.
void compute_values(const Program& program, LayerValues& values) {
  for (const ComputeOp& op : program.computes) {
    values.compute_tile(op.tile);
    if (op.last_k) values.finish(op.tile);
  }
}

std::string pins_key(const MappingProblem& problem) {
  return key_text(problem.weight_layout) + key_text(problem.activation_layout) +
         key_text(problem.activations) + key_text(problem.stores_outputs) +
         key_text(problem.kv_page);
}

/// The second operand's rows.
void put_into_pages(std::int64_t rows, MappingProblem& p) {
  const StorageLayout& layout = p.path.weights.layout;
  const GemmExtents& e = p.layer.extents;
  const std::int64_t length = p.layer.stored_rows(1, e.n, e.k).length;
  const std::int64_t bytes = main_bytes(layout, region_bytes(layout, rows, length));
  const std::int64_t burst = p.memory.burst_bytes;
  if (bytes % burst != 0)
    throw input_error(fmt::format(
        "mapping.kv_page: {} tokens of {} numbers in {} take {} B, which are no whole bursts of {} "
        "B; {} tokens are",
        rows, length, p.path.weights.format.format, bytes, burst,
        rows * burst / std::gcd(bytes, burst)));
  p.kv_page = rows;
  p.weight_layout = DramLayout::kRowMajor;
}

/// What became of the values of a layer that has run.
void add_values(LayerCheck& check, const Layer& layer, bool keep_outputs, LayerResult& result) {
  result.check = check.finish();
  result.input_origin = check.operands().input_origin;
  result.weight_origin = check.operands().weight_origin;
  if (layer.stage.bias) result.bias_origin = check.operands().bias_origin;
  if (keep_outputs) result.outputs = check.take_outputs();
}

}  // namespace

void require_memory(const MappingProblem& p, Verify verify) {
  // Measured: operands are kept as stored, as the array takes them and, on their way, as floats;
  // of a checked output there is the oracle's side too.
  constexpr double kOperandBytes = 10, kOutputBytes = 16, kCheckedBytes = 48;
  const GemmExtents& e = p.layer.extents;
  const double bytes =
      kOperandBytes * static_cast<double>(p.layer.input_elements() + p.layer.weight_rows() * e.k) +
      kOutputBytes * static_cast<double>(p.layer.output_elements()) +
      kCheckedBytes * static_cast<double>(checked_outputs(p, verify));
  const double memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<double>(::sysconf(_SC_PAGE_SIZE));
  if (bytes > memory)
    throw input_error(
        fmt::format("values: the layer's numbers take about {:.3g} GB, this computer has {:.3g} "
                    "GB; use values: "
                    "off",
                    bytes * 1e-9, memory * 1e-9));
}

LayerOutputs compute_outputs(const LayerProgram& program, const LayerOp& op, Requantize mode,
                             GivenOperands given) {
  LayerCheck check(program.problem, program.mapping.tiling, op, mode, Verify::kOff,
                   std::move(given));
  compute_values(program.program, check.values());
  check.finish();
  return check.take_outputs();
}

MappingProblem make_problem(const AcceleratorConfig& machine, const MemoryPort& memory,
                            const LayerOp& op, const Precision& precision, const MappingPins& pins,
                            const OutputStage& stage) {
  if (has_channel_scales(precision.weights))
    throw input_error(
        "precision.weights: granularity per_input_channel is of activations, as linear layers read "
        "them; use per_channel");
  if (!std::holds_alternative<Matmul>(op) && has_dynamic_scales(precision.weights))
    throw input_error(
        fmt::format("precision.weights: granularity {} is for values that come while the machine "
                    "runs; weights are known before: use per_channel",
                    enum_name(precision.weights.granularity)));
  MappingProblem p;
  p.layer = lower(op);
  p.stage = stage;
  p.path = resolve_data_path(precision, machine.array.pe, op);
  p.machine = machine;
  p.memory = memory;
  p.weight_layout = pins.weight_layout;
  p.activation_layout = pins.activation_layout;
  p.activations = pins.activations;
  p.stores_outputs = pins.stores_outputs;
  check_layer_formats(p);
  if (pins.kv_page > 0 && std::holds_alternative<Matmul>(op)) put_into_pages(pins.kv_page, p);
  return p;
}

LayerRunner::LayerRunner(const AcceleratorConfig& machine, const DramConfig& dram,
                         const EnergyTable& energy, const RunOptions& options)
    : LayerRunner(make_machine(machine, dram, options.fidelity),
                  make_prices(energy, dram.name, dram.energy, options.dram_prices), options) {}

LayerRunner::LayerRunner(std::shared_ptr<Simulation> machine, Prices prices,
                         const RunOptions& options)
    : machine_(std::move(machine)),
      prices_(std::make_shared<const Prices>(std::move(prices))),
      options_(options) {}

LayerProgram LayerRunner::programmed(MappingProblem problem, const Mapping& mapping) const {
  LayerProgram p;
  p.mapping = mapping;
  p.problem = configured(std::move(problem), mapping);
  if (options_.fidelity == Fidelity::kEstimate)
    check_capacity(p.problem, TileLayout(p.problem, mapping.tiling));
  else
    p.program = make_program(p.problem, mapping.tiling);
  return p;
}

/// Of several tilings the best by the cycles that each takes, without values.
Mapping LayerRunner::best_simulated(const MappingProblem& problem, const MappingPins& pins,
                                    const std::vector<Mapping>& finalists) const {
  std::size_t best = 0;
  double least = 0;
  for (std::size_t i = 0; i < finalists.size() && finalists.size() > 1; ++i) {
    const LayerOutcome outcome =
        machine_->run(programmed(problem, finalists[i]), nullptr, nullptr, {}, {});
    const double cost = cost_with_cycles(problem, finalists[i], pins, outcome.cycles.value);
    if (i == 0 || cost < least) best = i, least = cost;
  }
  return finalists[best];
}

LayerProgram LayerRunner::prepare(const Layer& layer, const Precision& precision,
                                  const MappingPins& pins) const {
  MappingProblem problem =
      make_problem(machine_->config(), memory(), layer.op, precision, pins, layer.stage);
  problem.prices = prices_;
  problem.data = options_.data;
  problem.values_alone = options_.values_alone;
  const std::string layer_key = key_text(layer.op) + key_text(layer.stage) + key_text(precision);
  // Where finalists are simulated, it counts by whom.
  const std::string key =
      mapping_key(problem, layer_key, pins) + (finalists(pins) > 1 ? machine_->key() : "");
  MappingMemo& memo = MappingMemo::instance();
  const auto search = [&](std::vector<PricesAsked>& asked) {
    return best_simulated(problem, pins, map_finalists(problem, pins, asked));
  };
  const Mapping* known = problem.values_alone ? memo.find(key, problem) : nullptr;
  const Mapping mapping =
      known != nullptr
          ? *known
          : memo.find_or(problem.values_alone ? "values " + key : key, problem, search);
  LayerProgram p = programmed(std::move(problem), mapping);
  if (!p.program.computes.empty()) check_addresses(p.problem, p.mapping.tiling, p.program);
  p.key = layer_key + pins_key(p.problem) + key_text(p.mapping.setting.dataflow) +
          key_text(p.mapping.tiling);
  return p;
}

LayerProgram LayerRunner::prepare(const VectorOp& op, const VectorFormats& formats,
                                  const MappingPins& pins) const {
  LayerProgram p;
  p.problem = make_vector_problem(machine_->config(), memory(), formats);
  p.problem.activations = pins.activations;
  p.problem.stores_outputs = pins.stores_outputs;
  p.problem = divided(std::move(p.problem), op);
  p.program = make_vector_program(p.problem, op);
  p.key = "v" + key_text(without_values(op)) + key_text(formats) + pins_key(p.problem);
  return p;
}

LayerProgram LayerRunner::prepare(const AttentionProblem& problem, const std::string& key,
                                  const MappingPins& pins) const {
  AttentionProblem priced = problem;
  for (MappingProblem* product : {&priced.scores, &priced.context}) {
    product->prices = prices_;
    product->data = options_.data;
  }
  const AttentionMapping mapping = map_attention(priced, pins);
  LayerProgram p;
  p.attention = std::make_shared<const AttentionPlan>(
      AttentionPlan{configured(std::move(priced), mapping), mapping.tiling});
  p.problem = p.attention->problem.context;
  p.program = make_attention_program(p.attention->problem, mapping.tiling);
  p.mapping.setting = mapping.setting;
  p.mapping.notes = mapping.notes;
  p.mapping.tiling.out_cols = mapping.tiling.rows();
  p.mapping.tiling.n = p.attention->problem.op.value_dim();
  p.mapping.tiling.k = mapping.tiling.keys;
  p.mapping.estimate.traffic = traffic_of(p.program, memory().burst_bytes);
  add_block_scales(p.problem.path, p.mapping.estimate.traffic);
  p.key = key + pins_key(p.problem) + key_text(mapping.setting.dataflow) +
          key_text(p.mapping.tiling) + key_text(mapping.tiling.heads);
  return p;
}

LayerResult LayerRunner::run(const Layer& layer, const Precision& precision,
                             const MappingPins& pins, Trace* trace) {
  return run(layer, precision, prepare(layer, precision, pins), trace);
}

LayerResult LayerRunner::compute(const LayerResult& known, const Layer& layer,
                                 const Precision& precision, const MappingProblem& unset,
                                 GivenOperands given) const {
  const MappingProblem problem = configured(unset, known.mapping);
  const Tiling& tiling = known.mapping.tiling;
  LayerCheck check(problem, tiling, layer.op, requantization(precision), options_.verify,
                   std::move(given));
  compute_values(make_program(problem, tiling), check.values());
  LayerResult result = known;
  add_values(check, layer, true, result);
  return result;
}

LayerResult LayerRunner::run(const Layer& layer, const Precision& precision,
                             const LayerProgram& prepared, Trace* trace,
                             const LayerOverlap& overlap, GivenOperands* given) {
  const MappingProblem& problem = prepared.problem;
  const Program& program = prepared.program;
  LayerResult result;
  result.name = layer.name;
  result.kind = kind_of(layer.op);
  result.extents = gemm_extents(layer.op);
  result.mac = problem.path.mac.name;
  result.mapping = prepared.mapping;

  const LayerProgress progress(progress_, problem, result.mapping.estimate, options_);
  std::unique_ptr<LayerCheck> check;
  if (given != nullptr) {
    check =
        std::make_unique<LayerCheck>(problem, result.mapping.tiling, layer.op,
                                     requantization(precision), options_.verify, std::move(*given));
  } else if (options_.values) {
    require_memory(problem, options_.verify);
    check = std::make_unique<LayerCheck>(problem, result.mapping.tiling, layer,
                                         requantization(precision), options_, progress);
  }
  result.outcome =
      outcome_of(prepared, check ? &check->values() : nullptr, trace, overlap, &progress);
  if (check) add_values(*check, layer, options_.keep_outputs || given != nullptr, result);

  result.compute_cycles = program.computes.empty() ? result.mapping.estimate.array_cycles
                                                   : compute_cycles(problem, program);
  result.peak_macs_per_s = peak_macs_per_s(problem);
  complete(problem, program, result);
  check_macs(result, result.extents.macs());
  return result;
}

std::vector<LayerResult> LayerRunner::run_all(const Layer& layer, const Precision& precision,
                                              const MappingPins& pins, Trace* trace) {
  const LayerPasses passes = quantize_passes(layer, precision);
  std::vector<LayerResult> results;
  const auto add = [&](const std::vector<QuantizePass>& list) {
    for (const QuantizePass& pass : list)
      results.push_back(run(pass.name, pass.op, prepare(pass.op, pass.formats, pins)));
  };
  add(passes.before);
  results.push_back(run(layer, precision, pins, trace));
  add(passes.after);
  return results;
}

LayerResult LayerRunner::run(const std::string& name, const VectorOp& op,
                             const LayerProgram& prepared, Trace* trace,
                             const LayerOverlap& overlap) {
  const MappingProblem& problem = prepared.problem;
  const Program& program = prepared.program;
  LayerResult result;
  result.name = name;
  result.kind = "vector";
  result.op = vector_row(op.kind).name;
  result.extents = {0, op.rows, op.cols, 0};
  result.outcome.traffic.burst_bytes = memory().burst_bytes;
  if (!program.vectors.empty())
    result.outcome = outcome_of(prepared, nullptr, trace, overlap, nullptr);
  for (const VectorJob& job : program.vectors) result.compute_cycles += job.cycles.value;
  complete(problem, program, result);
  check_macs(result, 0);
  check_vector_work(op, result.outcome.counts);
  return result;
}

LayerResult LayerRunner::run_attention(const std::string& name, const LayerProgram& prepared,
                                       Trace* trace, const LayerOverlap& overlap) {
  const MappingProblem& problem = prepared.problem;
  LayerResult result;
  result.name = name;
  result.kind = "attention";
  const Attention& op = prepared.attention->problem.op;
  result.extents = {op.scores.batch, op.queries(), op.keys(), op.key_dim() + op.value_dim()};
  result.mac = problem.path.mac.name;
  const DataPath& scores = prepared.attention->problem.scores.path;
  result.scores = {scores.mac.name, scores.weights.format.format, scores.activations.format.format};
  result.mapping = prepared.mapping;
  result.outcome = outcome_of(prepared, nullptr, trace, overlap, nullptr);
  result.compute_cycles = compute_cycles(problem, prepared.program);
  result.peak_macs_per_s = peak_macs_per_s(problem);
  complete(problem, prepared.program, result);
  check_macs(result, executed_macs(*prepared.attention));
  return result;
}

double LayerRunner::peak_macs_per_s(const MappingProblem& problem) const {
  const ArrayConfig& array = machine_->config().array;
  return static_cast<double>(array.rows * array.cols * problem.path.macs_per_pe) *
         static_cast<double>(machine_->config().clock.value) /
         static_cast<double>(problem.path.mac_passes);
}

LayerOutcome LayerRunner::outcome_of(const LayerProgram& p, LayerValues* values, Trace* trace,
                                     const LayerOverlap& overlap, const LayerProgress* progress) {
  const auto told = [&](std::int64_t macs) {
    if (progress != nullptr) progress->machine(macs);
  };
  const bool alone =
      overlap.next == nullptr && overlap.ahead.all_bursts == 0 && overlap.ahead.usable.empty();
  const auto simulated = [&] {
    const auto expected = alone && trace == nullptr ? expected_.find(p.key) : expected_.end();
    if (expected == expected_.end()) {
      LayerOutcome outcome = machine_->run(p, values, trace, neighbours_of(overlap), told);
      if (trace != nullptr) tell_tiles(p.problem, p.program, overlap.ahead.usable.size(), *trace);
      return outcome;
    }
    if (values != nullptr) compute_values(p.program, *values);
    return std::move(expected_.extract(expected).mapped());
  };
  const bool counts_operands = values != nullptr && p.problem.data.counted;
  if (!options_.outcomes || trace != nullptr || p.key.empty() || counts_operands ||
      !is_worth_keeping(p))
    return simulated();
  std::string key = machine_->key() + p.key;
  if (!alone) key += ahead_key(overlap.ahead) + (overlap.next != nullptr ? overlap.next->key : "");
  if (std::optional<LayerOutcome> known = options_.outcomes->find(key)) {
    if (values != nullptr) compute_values(p.program, *values);
    return std::move(*known);
  }
  LayerOutcome outcome = simulated();
  options_.outcomes->put(key, outcome);
  return outcome;
}

bool LayerRunner::is_worth_keeping(const LayerProgram& p) const {
  if (options_.fidelity != Fidelity::kFast) return options_.fidelity == Fidelity::kPe;
  return traffic_of(p.program, memory().burst_bytes).total().bursts >= kBurstsWorthKeeping;
}

bool LayerRunner::is_work(const LayerProgram& p) const {
  return is_worth_keeping(p) &&
         !(options_.outcomes && options_.outcomes->find(machine_->key() + p.key));
}

LayerOutcome LayerRunner::simulate(const LayerProgram& prepared) const {
  return machine_->run(prepared, nullptr, nullptr, {}, {});
}

void LayerRunner::expect(const LayerProgram& prepared, LayerOutcome outcome) {
  expected_[prepared.key] = std::move(outcome);
}

std::string ahead_key(const WeightsAhead& ahead) {
  std::string text =
      fmt::format(" {} {} {}", ahead.bursts, ahead.all_bursts, ahead.dequantizer_free.value);
  for (const Cycles usable : ahead.usable) text += fmt::format(" {}", usable.value);
  return text + " ";
}

Counts actions_of(const MappingProblem& problem, const Program& program,
                  const MachineCounts& counts) {
  if (!program.fused()) return priced_actions(problem, counts);
  const MachineCounts first = first_product_counts(program);
  MachineCounts rest = counts;
  each_count([](std::int64_t& all, const std::int64_t& part) { all -= part; }, rest, first);
  Counts actions = priced_actions(problem, rest);
  const Counts own = priced_actions(*program.products[0], first);
  actions.insert(actions.end(), own.begin(), own.end());
  return actions;
}

void LayerRunner::complete(const MappingProblem& problem, const Program& program,
                           LayerResult& result) const {
  if (result.op.empty()) result.weight_format = problem.path.weights.format.format;
  result.activation_format = problem.path.activations.format.format;
  result.output_format = problem.path.output.format.format;
  result.buffers = problem.machine.buffers;
  result.time_s = machine_->seconds(result.outcome.cycles);
  result.peak_bytes_per_s =
      memory().bytes_per_cycle * static_cast<double>(machine_->config().clock.value);
  result.counts = actions_of(problem, program, result.outcome.counts);
  if (result.op.empty()) append_array_clock(problem, result.outcome.cycles, &result.counts);
  append_dram_commands(result.outcome.dram, &result.counts);
  append_leakage(prices_->parts, whole_nanoseconds(result.outcome.cycles, machine_->config().clock),
                 &result.counts);
  add_block_scales(problem.path, result.outcome.traffic);
  result.energy = price(result.counts, *prices_);
  // Of a layer with MACs by the mapping's own account, without its program.
  check_conservation(result, result.op.empty() ? result.mapping.estimate.traffic
                                               : traffic_of(program, memory().burst_bytes));
}

}  // namespace bitjoule
