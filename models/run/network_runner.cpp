#include "run/network_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "run/fused_attention.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/network_layers.h"
#include "run/outcome_store.h"
#include "run/quantize_passes.h"
#include "run/recipe_layers.h"
#include "run/workers.h"

namespace bitjoule {
namespace {

NetworkOp without_values(NetworkOp op) {
  if (auto* vector = std::get_if<VectorOp>(&op)) *vector = without_values(std::move(*vector));
  return op;
}

std::string key_of(const NetworkLayer& layer, const RunConfig& run) {
  const Precision& formats = run.precision;
  const MappingPins pins = pins_of(layer, run.mapping);
  const std::string places =
      (pins.kv_page > 0 ? "p" : "") + std::string(pins.stores_outputs ? "s" : "");
  if (layer.fused) return attention_key(layer, formats) + key_text(layer.mapping) + places;
  const NetworkOp op = without_values(layer.op);
  const std::string key = key_text(op) + key_text(layer.bias) + key_text(layer.activation);
  if (std::holds_alternative<VectorOp>(op))
    return key + key_text(vector_formats(layer, formats)) + places;
  return key + key_text(layer_precision(layer, formats)) + key_text(layer.mapping) + places;
}

/// Roughly what a layer takes to simulate: the elements that move.
double work_of(const NetworkLayer& layer) {
  const auto elements = static_cast<double>(output_elements(layer));
  if (const auto* op = std::get_if<VectorOp>(&layer.op))
    return vector_row(op->kind).moves_nothing ? 0 : 2 * elements;
  return elements +
         static_cast<double>(layer_macs(layer)) /
             static_cast<double>(std::max<std::int64_t>(
                 1, std::visit(
                        [](const auto& op) -> std::int64_t {
                          if constexpr (std::is_same_v<std::decay_t<decltype(op)>, VectorOp>)
                            return 1;
                          else
                            return gemm_extents(op).m;
                        },
                        layer.op)));
}

/// "blk.3.q" as "blk.*.q": numbers between dots.
std::string without_indices(const std::string& name) {
  std::string text;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    const std::string part = name.substr(at, end - at);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    text += (at > 0 ? "." : "") + (number ? "*" : part);
    at = end + 1;
  }
  return text;
}

bool moves_nothing(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && vector_row(op->kind).moves_nothing;
}

std::int64_t parameter(const Network& network, const char* name, std::int64_t otherwise) {
  const auto found = network.parameters.find(name);
  return found == network.parameters.end() ? otherwise : found->second;
}

/// Outputs of a step behind those of the steps before it: steps are their first axis.
void append_step(std::vector<NetworkOutputValues> step, std::vector<NetworkOutputValues>& all) {
  if (all.empty()) {
    for (NetworkOutputValues& output : step) output.shape.insert(output.shape.begin(), 1);
    all = std::move(step);
    return;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    ++all[i].shape.front();
    all[i].values.insert(all[i].values.end(), step[i].values.begin(), step[i].values.end());
    all[i].codes.insert(all[i].codes.end(), step[i].codes.begin(), step[i].codes.end());
    all[i].error = step[i].error;
  }
}

/// A network gives its layers their operands; none makes its own.
RunOptions without_values(RunOptions options) {
  options.values = false;
  return options;
}

}  // namespace

NetworkRunner::NetworkRunner(const RunConfig& run, const std::vector<NetworkPhase>& phases,
                             std::shared_ptr<Simulation> machine)
    : run_(run),
      runner_(std::move(machine), prices_of(run), without_values(run.options)),
      phases_(phases) {
  if (run.mapping.activations == ActivationMemory::kOnChip)
    for (const NetworkPhase& phase : phases_)
      check_on_chip(
          with_fused_attention(with_passes(phase.network, run.precision), run.mapping.attention),
          run.precision, run.accelerator.buffers);
  if (run.options.values) values_ = std::make_unique<NetworkValues>(run);
  if (!values_ || run.overlap == LayerOverlapMode::kNone) return;
  for (const NetworkPhase& phase : phases_)
    for (const NetworkLayer& layer : phase.network.layers)
      if (layer.experts)
        throw input_error(fmt::format(
            "layer \"{}\": overlap: layers and values: on: which experts come next is known only "
            "when the router has run",
            layer.name));
}

LayerProgram NetworkRunner::prepare(const Step& step) const {
  const NetworkLayer& layer = *step.layer;
  return with_name(layer, [&] {
    if (const auto* op = std::get_if<VectorOp>(&layer.op))
      return runner_.prepare(*op, vector_formats(layer, run_.precision),
                             pins_of(layer, run_.mapping));
    if (layer.fused) return prepare_attention(layer);
    return runner_.prepare(mac_layer(layer), layer_precision(layer, run_.precision),
                           pins_of(layer, run_.mapping));
  });
}

LayerProgram NetworkRunner::prepare_attention(const NetworkLayer& layer) const {
  const MappingPins pins = pins_of(layer, run_.mapping);
  return runner_.prepare(
      attention_problem(run_.accelerator, runner_.memory(), layer, run_.precision, pins),
      attention_key(layer, run_.precision), pins);
}

const LayerProgram& NetworkRunner::prepared(const Step& step) {
  const auto found = programs_.find(step.key);
  if (found != programs_.end()) return found->second;
  if (auto waiting = waiting_.extract(step.key))
    return programs_[step.key] = std::move(waiting.mapped());
  return programs_[step.key] = prepare(step);
}

/// The layers that take cycles.
std::vector<NetworkRunner::Step> NetworkRunner::steps_of(const NetworkPhase& phase) const {
  std::vector<Step> steps;
  for (const NetworkLayer& layer : phase.network.layers)
    if (!moves_nothing(layer)) steps.push_back({&layer, key_of(layer, run_)});
  return steps;
}

/// Distinct layers that are not known yet, each by one of the run's workers, the longest first. The
/// passes find their outcomes there; what failed fails again where it is due.
void NetworkRunner::simulate_beside(const std::vector<Step>& steps, const ProgressSink& progress) {
  std::vector<const Step*> jobs;
  for (const Step& step : steps) {
    if (known_.count(step.key) != 0 || waiting_.count(step.key) != 0) continue;
    if (step.layer->experts) continue;  // of values: their rows are not known yet
    try {
      waiting_[step.key] = prepare(step);
      if (runner_.is_work(waiting_[step.key])) jobs.push_back(&step);
    } catch (const Error&) {
      waiting_.erase(step.key);
    }
  }
  if (jobs.size() < 2) return;
  std::stable_sort(jobs.begin(), jobs.end(), [](const Step* a, const Step* b) {
    return work_of(*a->layer) > work_of(*b->layer);
  });
  if (run_.options.fidelity != Fidelity::kEstimate) prepare_simulation();  // before they are forked
  const auto outcomes = run_.options.workers->run(
      jobs.size(),
      [&](std::size_t job) { return outcome_text(runner_.simulate(waiting_[jobs[job]->key])); },
      [&](std::size_t job) {
        done_ += work_of(*jobs[job]->layer);
        beside_.insert(jobs[job]->key);
        if (progress) progress(work_ > 0 ? done_ / work_ : 0, jobs[job]->layer->name);
      });
  for (std::size_t job = 0; job < jobs.size(); ++job) {
    if (!outcomes[job]) continue;
    if (std::optional<LayerOutcome> outcome = read_outcome(*outcomes[job]))
      runner_.expect(waiting_[jobs[job]->key], std::move(*outcome));
  }
}

LayerResult NetworkRunner::simulate_anew(const Step& step, const Step* next,
                                         const WeightsAhead& ahead, GivenOperands* given,
                                         Trace* trace) {
  const NetworkLayer& layer = *step.layer;
  LayerOverlap overlap;
  overlap.ahead = ahead;
  if (next != nullptr) overlap.next = &prepared(*next);
  const LayerProgram& program = prepared(step);
  return with_name(layer, [&] {
    if (const auto* op = std::get_if<VectorOp>(&layer.op))
      return runner_.run(layer.name, *op, program, trace, overlap);
    if (layer.fused) return runner_.run_attention(layer.name, program, trace, overlap);
    return runner_.run(mac_layer(layer), layer_precision(layer, run_.precision), program, trace,
                       overlap, given);
  });
}

NetworkRunner::Known NetworkRunner::simulate(const Step& step, const Step* next,
                                             const WeightsAhead& ahead, GivenOperands* given) {
  std::string key = step.key;
  if (run_.overlap == LayerOverlapMode::kLayers)
    key += ahead_key(ahead) + (next != nullptr ? next->key : "");
  // Of other values equal layers count other operands.
  if (given != nullptr && run_.options.data.counted) key += fmt::format(" {}", result_.simulated);
  const auto found = known_.find(key);
  if (found != known_.end() && run_.options.share_equal) return {key, &found->second.result};
  ++result_.simulated;
  KnownLayer& known = known_[key];
  known.step = step.key;
  LayerResult& result = known.result;
  if (timeline_ != nullptr) {
    traced_[key] = timeline_->layers.size();
    timeline_->layers.push_back(std::make_shared<Timeline::Layer>());
  }
  result = simulate_anew(step, next, ahead, given,
                         timeline_ != nullptr ? &timeline_->layers.back()->trace : nullptr);
  if (timeline_ != nullptr) {
    timeline_->layers.back()->result = result;
    timeline_->layers.back()->result.outputs.reset();
  }
  result.energy.actions = {};  // prices are told of the run's sum
  if (run_.overlap == LayerOverlapMode::kNone) programs_.clear();
  return {key, &result};
}

/// Times a step as simulate() does, and computes its values, which differ between equal layers:
/// `valued` is the same result with them.
NetworkRunner::Known NetworkRunner::simulate_values(const Step& step, const Step* next,
                                                    const WeightsAhead& ahead,
                                                    LayerResult& valued) {
  const NetworkLayer& layer = *step.layer;
  if (layer.fused) return simulate_attention(step, next, ahead, valued);
  const auto* op = std::get_if<VectorOp>(&layer.op);
  if (op == nullptr) {
    NetworkTensor result;
    Known known = simulate_macs(step, next, ahead, NetworkValues::kAllRows, valued, result);
    valued.network_error = values_->finish(layer, std::move(result));
    return known;
  }
  Known known = simulate(step, next, ahead);
  const VectorQuality error =
      with_name(layer, [&] { return values_->run(layer, vector_formats(layer, run_.precision)); });
  valued = *known.result;
  valued.check = OutputCheck{op->elements(), 0, 0, "", 0, error.arithmetic};
  valued.network_error = error.whole;
  return known;
}

/// Its values are of tiles: of the layer as it is mapped.
NetworkRunner::Known NetworkRunner::simulate_attention(const Step& step, const Step* next,
                                                       const WeightsAhead& ahead,
                                                       LayerResult& valued) {
  const NetworkLayer& layer = *step.layer;
  std::shared_ptr<const AttentionPlan>& plan = plans_[step.key];
  if (plan == nullptr) plan = prepared(step).attention;
  Known known = simulate(step, next, ahead);
  valued = *known.result;
  AttentionOutcome outcome =
      with_name(layer, [&] { return values_->attention(layer, *plan, run_.options.verify); });
  valued.check = outcome.check;
  valued.network_error = values_->finish(layer, std::move(outcome.tensor));
  return known;
}

NetworkRunner::Known NetworkRunner::simulate_macs(const Step& step, const Step* next,
                                                  const WeightsAhead& ahead, std::int64_t first_row,
                                                  LayerResult& valued, NetworkTensor& result) {
  const NetworkLayer& layer = *step.layer;
  const Layer mac = mac_layer(layer);
  const Precision precision = layer_precision(layer, run_.precision);
  const MappingProblem problem = with_name(layer, [&] {
    return make_problem(run_.accelerator, runner_.memory(), mac.op, precision,
                        pins_of(layer, run_.mapping), mac.stage);
  });
  MacOperands operands =
      with_name(layer, [&] { return values_->operands(layer, mac.op, problem, first_row); });
  const std::int64_t before = result_.simulated;
  Known known = simulate(step, next, ahead, &operands.given);
  if (result_.simulated == before) {
    valued = runner_.compute(*known.result, mac, precision, problem, std::move(operands.given));
  } else {
    valued = *known.result;
    LayerResult& kept = known_[known.key].result;
    kept.check.reset();
    kept.outputs.reset();
  }
  result = mac_result(std::move(operands), std::move(*valued.outputs), problem);
  valued.outputs.reset();
  return known;
}

/// With values: each expert that has rows, on them. Results with a scale of the whole tensor have
/// one for each expert.
void NetworkRunner::run_experts(const NetworkLayer& layer, const NetworkPhase& phase,
                                PassResult& pass) {
  const std::vector<std::int64_t> loads = with_name(layer, [&] { return values_->loads(layer); });
  NetworkTensor all;
  std::int64_t first_row = 0;
  const std::int64_t most = *std::max_element(loads.begin(), loads.end());
  const bool alike = std::all_of(loads.begin(), loads.end(),
                                 [&](std::int64_t load) { return load == 0 || load == most; });
  for (std::size_t e = 0; e < loads.size(); ++e) {
    if (loads[e] == 0) continue;
    const NetworkLayer expert = expert_layer(layer, static_cast<std::int64_t>(e), loads[e]);
    const Step step{&expert, key_of(expert, run_)};
    LayerResult valued;
    NetworkTensor result;
    const Known known = simulate_macs(step, nullptr, {}, first_row, valued, result);
    valued.network_error = quality_of(result);
    add(known, layer, 1, pass);
    record(known, layer.name, phase.weight);
    NetworkLayer row = layer;  // its name and kind, for the report
    if (!alike) row.name += fmt::format(".{}rows", loads[e]);
    add_layer({known.key, &valued}, row, phase.weight, phase);
    all.values.insert(all.values.end(), result.values.begin(), result.values.end());
    all.reference.insert(all.reference.end(), result.reference.begin(), result.reference.end());
    first_row += loads[e];
  }
  values_->finish(layer, std::move(all));
}

/// Layers that take no cycles, from one to before another: their values move.
void NetworkRunner::move_values(const NetworkLayer* from, const NetworkLayer* to) {
  for (; from != to; ++from)
    with_name(*from, [&] { return values_->run(*from, vector_formats(*from, run_.precision)); });
}

/// One row per name and phase; decode steps of other contexts that cost the same are one row.
void NetworkRunner::add_layer(const Known& known, const NetworkLayer& layer, std::int64_t count,
                              const NetworkPhase& phase) {
  const bool overlap = run_.overlap == LayerOverlapMode::kLayers;
  const std::string row = fmt::format(
      "{} {} {}", phase.name, overlap ? without_indices(layer.name) : layer.name, known.key);
  if (const auto found = rows_.find(row); found != rows_.end()) {
    LayerResult& first = result_.layers[found->second];
    first.repeat += count;
    if (first.check && known.result->check) *first.check += *known.result->check;
    return;
  }
  LayerResult result = *known.result;
  result.name = layer.name;
  // Later passes of a phase say their context where a layer costs something else than before.
  if (phases_.size() > 1) {
    result.name = begins_phase_ ? fmt::format("{}/{}", phase.name, layer.name)
                                : fmt::format("{}@{}/{}", phase.name, phase.context, layer.name);
  }
  result.kind = layer.kind;
  result.phase = phase.name;
  result.repeat = count;
  rows_[row] = result_.layers.size();
  result_.layers.push_back(std::move(result));
}

/// Where repetitions are layers of their own, a row that stands for several is named with '*'; but
/// for one row only, as the others differ in what was fetched ahead.
void NetworkRunner::name_rows() {
  std::set<std::string> names;
  for (const LayerResult& layer : result_.layers) names.insert(layer.name);
  for (LayerResult& layer : result_.layers) {
    const std::string common = without_indices(layer.name);
    if (layer.repeat > 1 && names.insert(common).second) layer.name = common;
  }
}

void NetworkRunner::record(const Known& known, const std::string& name, std::int64_t repeat) {
  if (timeline_ != nullptr) timeline_->steps.push_back({name, repeat, traced_.at(known.key)});
}

void NetworkRunner::add(const Known& known, const NetworkLayer& layer, std::int64_t count,
                        PassResult& pass) {
  const LayerResult& r = *known.result;
  pass += costs_of(r, count);
  const DramTraffic& t = r.outcome.traffic;
  if ((layer.kv_cache || (layer.fused && layer.fused->scores.kv_cache)) &&
      std::holds_alternative<Matmul>(layer.op))
    pass.kv_read_bytes += (t[Tensor::kWeights].read_bytes + t[Tensor::kScales].read_bytes) * count;
  else if (layer.kv_cache)
    pass.kv_written_bytes +=
        (t[Tensor::kOutputs].write_bytes + t[Tensor::kScales].write_bytes) * count;
}

PassResult NetworkRunner::run_pass(const NetworkPhase& phase, const ProgressSink& progress) {
  begins_phase_ = phases_begun_.insert(phase.name).second;
  // Later passes add few rows; growing would copy these.
  if (begins_phase_) result_.layers.reserve(result_.layers.size() + phase.network.layers.size());
  PassResult pass;
  pass.phase = phase.name;
  pass.context = phase.context;
  pass.weight = phase.weight;
  const std::int64_t tokens = parameter(phase.network, "tokens", 0);
  const std::int64_t batch = parameter(phase.network, "batch", 1);
  (tokens > 0 ? pass.tokens : pass.images) = std::max<std::int64_t>(1, tokens) * batch;
  programs_.clear();
  const std::vector<Step> steps = steps_of(phase);
  const bool overlap = run_.overlap == LayerOverlapMode::kLayers;
  WeightsAhead ahead;
  if (values_) values_->begin(phase.network);
  const std::vector<NetworkLayer>& layers = phase.network.layers;
  const NetworkLayer* due = layers.data();  // the first whose values are not computed yet
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const NetworkLayer& layer = *steps[i].layer;
    if (progress) progress(work_ > 0 ? done_ / work_ : 0, layer.name);
    const Step* following = i + 1 < steps.size() ? &steps[i + 1] : nullptr;
    if (values_) move_values(due, &layer);
    due = &layer + 1;
    if (values_ && layer.experts) {
      with_name(layer, [&] { run_experts(layer, phase, pass); });
      done_ += work_of(layer);
      continue;
    }
    std::string before_it;  // what the repetition before cost
    for (std::int64_t done = 0, count = 0; done < layer.repeat; done += count) {
      const Step* next = !overlap ? nullptr : done + 1 < layer.repeat ? &steps[i] : following;
      const std::int64_t before = result_.simulated;
      LayerResult valued;
      const bool computes = values_ && done == 0;
      const Known known = computes ? simulate_values(steps[i], next, ahead, valued)
                                   : simulate(steps[i], next, ahead);
      if (result_.simulated != before && beside_.count(steps[i].key) == 0) done_ += work_of(layer);
      // Without overlap all repetitions at once; with it from the first that costs what the one
      // before cost, up to the last, which another layer follows.
      const bool goes_on = next == &steps[i] && known.key == before_it;
      count = !overlap ? layer.repeat : goes_on ? layer.repeat - 1 - done : 1;
      before_it = known.key;
      ahead = known.result->outcome.ahead;
      add(known, layer, count, pass);
      record(known, phases_.size() > 1 ? phase.name + "/" + layer.name : layer.name,
             count * phase.weight);
      add_layer({known.key, computes ? &valued : known.result}, layer, count * phase.weight, phase);
    }
  }
  if (values_) {
    move_values(due, layers.data() + layers.size());
    std::vector<NetworkOutputValues> outputs = values_->end();
    if (run_.steps > 1)
      append_step(std::move(outputs), result_.outputs);
    else
      result_.outputs = std::move(outputs);
  }
  return pass;
}

/// A phase with the passes that find dynamic scales, and the arithmetic of its layers.
NetworkPhase NetworkRunner::complete(const NetworkPhase& phase) const {
  Network named = phase.network;
  if (!run_.precision.recipe.empty()) apply_recipe(run_.precision.recipe, named);
  Network network = with_fused_attention(completed(named, run_.precision), run_.mapping.attention);
  if (!values_) network = with_expert_layers(network);
  return {phase.name, phase.context, phase.weight, std::move(network)};
}

/// How much there is to simulate, and the last phase that has each layer: what no later one has is
/// forgotten behind it, so that a long generation holds no more than what it reports.
std::map<std::string, std::size_t> NetworkRunner::survey() {
  std::map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    const NetworkPhase phase = complete(phases_[i]);
    for (const NetworkLayer& layer : phase.network.layers) {
      const auto [known, is_new] = last.insert_or_assign(key_of(layer, run_), i);
      if (is_new || !run_.options.share_equal) work_ += work_of(layer);
    }
  }
  return last;
}

/// Layers of so many phases that there is something for every worker, beside one another; returns
/// the first phase behind them.
std::size_t NetworkRunner::simulate_beside(std::size_t phase, const ProgressSink& progress) {
  constexpr std::size_t kSteps = 256;  // whose programs are kept at once, or those of a pass
  waiting_.clear();
  std::vector<NetworkPhase> phases;
  std::size_t steps = 0;
  for (; phase < phases_.size() && steps < kSteps; ++phase) {
    phases.push_back(complete(phases_[phase]));
    steps += phases.back().network.layers.size();
  }
  std::vector<Step> all;
  for (const NetworkPhase& one : phases) {
    const std::vector<Step> more = steps_of(one);
    all.insert(all.end(), more.begin(), more.end());
  }
  simulate_beside(all, progress);
  return phase;
}

NetworkResult NetworkRunner::run(const ProgressSink& progress, Timeline* timeline) {
  timeline_ = timeline;
  traced_.clear();
  result_ = {};
  known_.clear();
  waiting_.clear();
  beside_.clear();
  rows_.clear();
  phases_begun_.clear();
  const Network& first = phases_.front().network;
  result_.name = first.name;
  result_.parameters = first.parameters;
  result_.capacity_bytes = runner_.memory().capacity.value;
  work_ = done_ = 0;
  const std::map<std::string, std::size_t> last = survey();
  // Layers that overlap depend on those before them.
  const bool beside = timeline == nullptr && run_.options.workers != nullptr &&
                      run_.options.share_equal && run_.overlap == LayerOverlapMode::kNone;
  // What no phase is known to have are experts of this one's values.
  const auto is_last = [&last](const std::string& step, std::size_t phase) {
    const auto found = last.find(step);
    return found == last.end() || found->second == phase;
  };
  std::size_t prepared_phases = 0;
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    if (beside && i == prepared_phases) prepared_phases = simulate_beside(i, progress);
    const NetworkPhase phase = complete(phases_[i]);
    for (std::int64_t step = 0; step < run_.steps; ++step)
      result_.passes.push_back(run_pass(phase, progress));
    const NetworkMemory memory = network_memory(
        with_fused_attention(completed(phases_[i].network, run_.precision), run_.mapping.attention),
        run_.precision, run_.mapping.kv_page);
    if (memory.total() > result_.memory.total()) result_.memory = memory;
    for (auto known = known_.begin(); known != known_.end();)
      known = is_last(known->second.step, i) ? known_.erase(known) : std::next(known);
  }
  if (run_.overlap == LayerOverlapMode::kLayers) name_rows();
  return std::move(result_);
}

}  // namespace bitjoule
