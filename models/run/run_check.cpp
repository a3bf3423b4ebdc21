#include "run/run_check.h"

#include <fmt/format.h>

#include <functional>
#include <optional>
#include <utility>

#include "core/dram/actions.h"
#include "core/energy/price.h"
#include "core/error.h"
#include "core/mapping/division.h"
#include "core/mapping/folds.h"
#include "core/mapping/fused_time.h"
#include "core/mapping/machine_counts.h"
#include "core/mapping/mapper.h"
#include "run/fused_attention.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/layer_runner.h"
#include "run/layer_tensors.h"
#include "run/network_layers.h"
#include "run/network_memory.h"
#include "run/operands.h"
#include "run/quantize_passes.h"

namespace bitjoule {
namespace {

/// What a run's DRAM offers at a clock, and the DRAM as a text.
struct KnownDram {
  Shared<DramConfig> dram;
  Hertz clock;
  MemoryPort port;
  std::string key;
};

/// To resolve a standard is most of a small run's check, and points of a sweep mostly have the last
/// one's.
const KnownDram& dram_of(const RunConfig& run) {
  thread_local std::optional<KnownDram> last;
  const Hertz clock = run.accelerator.clock;
  if (last && last->clock == clock && last->dram.is_same(run.dram)) return *last;
  std::string key = key_text(*run.dram);
  if (!last || last->clock != clock || last->key != key)
    last = KnownDram{run.dram, clock, memory_port(run.dram, clock), std::move(key)};
  last->dram = run.dram;
  return *last;
}

/// What is asked of a layer with MACs, and of a vector operator.
struct Checks {
  std::function<void(const MappingProblem&, const MappingPins&, const LayerOp&, const Precision&)>
      mac;
  std::function<void(const MappingProblem&, const VectorOp&)> vector;
  std::function<void(const AttentionProblem&, const MappingPins&, const std::string& key)>
      attention;
};

void check_layer(const RunConfig& run, const MemoryPort& memory, const NetworkLayer& layer,
                 const Checks& checks) {
  const auto check = [&](const auto& op) {
    if constexpr (std::is_same_v<std::decay_t<decltype(op)>, VectorOp>) {
      MappingProblem problem =
          make_vector_problem(run.accelerator, memory, vector_formats(layer, run.precision));
      problem.activations = run.mapping.activations;
      problem.stores_outputs = layer.to_memory;
      checks.vector(problem, op);
    } else {
      const Precision precision = layer_precision(layer, run.precision);
      const MappingPins pins = pins_of(layer, run.mapping);
      checks.mac(make_problem(run.accelerator, memory, op, precision, pins,
                              {layer.bias, layer.activation}),
                 pins, op, precision);
    }
  };
  try {
    if (layer.fused) {
      const MappingPins pins = pins_of(layer, run.mapping);
      checks.attention(attention_problem(run.accelerator, memory, layer, run.precision, pins), pins,
                       attention_key(layer, run.precision));
      return;
    }
    std::visit(check, layer.op);
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("layer \"{}\": {}", layer.name, e.what()));
  }
}

void check_layers(const RunConfig& run, const Checks& checks) {
  const MemoryPort& memory = dram_of(run).port;
  if (run.phases.empty()) {
    checks.mac(make_problem(run.accelerator, memory, run.layer.op, run.precision, run.mapping,
                            run.layer.stage),
               run.mapping, run.layer.op, run.precision);
    const LayerPasses passes = quantize_passes(run.layer, run.precision);
    for (const auto* list : {&passes.before, &passes.after})
      for (const QuantizePass& pass : *list) {
        MappingProblem problem = make_vector_problem(run.accelerator, memory, pass.formats);
        problem.activations = run.mapping.activations;
        checks.vector(problem, pass.op);
      }
  }
  for (const NetworkPhase& phase : run.phases) {
    const Network network =
        with_fused_attention(with_passes(phase.network, run.precision), run.mapping.attention);
    for (const NetworkLayer& layer : with_expert_layers(network).layers)
      check_layer(run, memory, layer, checks);
    if (run.mapping.activations == ActivationMemory::kOnChip)
      check_on_chip(network, run.precision, run.accelerator.buffers);
  }
}

/// Counts of what a layer does at least once; what it may do besides is none.
MachineCounts certain_counts(const MappingProblem& p, const Tiling& t) {
  MachineCounts counts;
  Tile first{0, t.groups, 0, t.batch, 0, t.out_rows, 0, t.out_cols, 0, t.n, 0, t.k};
  first.groups_at_once = t.groups_at_once;
  for_each_fold(p, first, [&](const FoldJob& job) { count_fold(p, job, counts); });
  counts.input.writes = counts.weight.writes = counts.output.writes = counts.output.reads = 1;
  counts.dequantized_weights = p.path.weights.dequantized ? 1 : 0;
  counts.dequantized_inputs = p.path.activations.dequantized ? 1 : 0;
  counts.outputs = counts.dram_read_bits = counts.dram_write_bits = 1;
  return counts;
}

MachineCounts certain_counts(const Program& program) {
  MachineCounts counts;
  for (const VectorJob& job : program.vectors) {
    for (std::size_t i = 0; i < kVectorPrimitives; ++i) counts.vector[i] += job.work[i];
    counts.vector_widened += job.widened;
    counts.vector_narrowed += job.narrowed;
  }
  return counts;
}

void check_prices(const RunConfig& run, const Prices& prices, const MappingProblem& p,
                  const MachineCounts& counts) {
  Counts actions = priced_actions(p, counts);
  if (std::holds_alternative<CycleDramConfig>(run.dram->model)) {
    DramStats stats;  // a command of each kind that moves data
    stats.ranks = 1;
    for (const DramCommand command : {DramCommand::kAct, DramCommand::kRead, DramCommand::kWrite})
      stats.commands[static_cast<std::size_t>(command)] = 1;
    append_dram_commands(stats, &actions);
  }
  price(actions, prices);
}

/// Reads the files of a network's tensors and inputs; whether their shapes fit, each layer finds
/// out when its operands are there.
void check_values(const NetworkPhase& phase, TensorReader& files) {
  for (const NetworkLayer& layer : phase.network.layers)
    for (const auto& [role, source] : layer.tensors)
      if (source.from_file()) files.get(source.file, tensor_of_expert(source, 0));
  for (const NetworkInput& input : phase.network.inputs)
    if (input.source.from_file()) files.get(input.source.file, input.source.tensor);
}

void check_values(const RunConfig& run) {
  for (const NetworkPhase& phase : run.phases) check_values(phase, *run.options.tensors);
  if (!run.phases.empty()) return;
  const MappingProblem p = make_problem(run.accelerator, dram_of(run).port, run.layer.op,
                                        run.precision, run.mapping, run.layer.stage);
  require_memory(p, run.options.verify);
  check_operand_files(p, run.layer, *run.options.tensors);
}

}  // namespace

void check_fidelity(const RunConfig& run) {
  if (run.options.fidelity != Fidelity::kEstimate) return;
  if (run.options.values)
    throw input_error(
        "values: on: fidelity: estimate computes none; use values: off, or fidelity: fast");
  if (run.overlap == LayerOverlapMode::kLayers)
    throw input_error(
        "overlap: layers: fidelity: estimate takes every layer alone; use overlap: none, or "
        "fidelity: fast");
}

std::vector<LayerSize> check_formats(const RunConfig& run) {
  std::vector<LayerSize> sizes;
  const std::string machine =
      key_text(run.accelerator) + dram_of(run).key + key_text(run.options.fidelity);
  check_layers(
      run, {[&](const MappingProblem& p, const MappingPins& pins, const LayerOp& op,
                const Precision& precision) {
              const GemmExtents& e = p.layer.extents;
              const std::string key = machine + key_text(op) + key_text(p.stage) +
                                      key_text(precision) +
                                      key_text(static_cast<const TilePins&>(pins));
              sizes.push_back({std::hash<std::string>()(key), static_cast<double>(e.macs()),
                               static_cast<double>(e.groups * e.n * e.k)});
            },
            [](const MappingProblem&, const VectorOp&) {},
            [&](const AttentionProblem& p, const MappingPins& pins, const std::string& key) {
              const double pairs = static_cast<double>(p.op.scores.batch * p.op.queries()) *
                                   static_cast<double>(p.op.keys());
              const double rows = static_cast<double>(p.op.groups() * p.op.keys());
              const auto length = static_cast<double>(p.op.key_dim() + p.op.value_dim());
              sizes.push_back({std::hash<std::string>()(
                                   machine + key + key_text(static_cast<const TilePins&>(pins))),
                               pairs * length, rows * length});
            }});
  return sizes;
}

void check_ready(const RunConfig& run) {
  const auto prices = std::make_shared<const Prices>(prices_of(run));
  check_layers(
      run,
      {[&](const MappingProblem& p, const MappingPins& pins, const LayerOp&, const Precision&) {
         MappingProblem priced = p;
         priced.prices = prices;
         const Mapping mapping = map_layer(priced, pins);
         const MappingProblem set = configured(p, mapping);
         make_program(set, mapping.tiling);
         check_prices(run, *prices, set, certain_counts(set, mapping.tiling));
       },
       [&](const MappingProblem& p, const VectorOp& op) {
         const MappingProblem with = divided(p, op);
         check_prices(run, *prices, with, certain_counts(make_vector_program(with, op)));
       },
       [&](const AttentionProblem& p, const MappingPins& pins, const std::string&) {
         const AttentionMapping mapping = map_attention(p, pins);
         const AttentionProblem with = configured(p, mapping);
         const Program program = make_attention_program(with, mapping.tiling);
         check_prices(run, *prices, with.scores, first_product_counts(program));
         check_prices(run, *prices, with.context, certain_counts(program));
       }});
  if (run.options.values) check_values(run);
}

}  // namespace bitjoule
