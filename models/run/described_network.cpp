#include "run/described_result.h"
#include "run/network_totals.h"

namespace bitjoule {
namespace {

constexpr OverLayers kSum = OverLayers::kSum, kDerived = OverLayers::kDerived;
constexpr bool kMore = true;  // is better
constexpr std::size_t kTop = 10;

}  // namespace

void describe_kind(const KindTotals& k, ResultVisitor& v) {
  v.value({"kind", "", "its name, with its phase in a generation: \"decode/attention\""}, k.name);
  v.value({"cycles", "core cycles", "of all its layers", kSum}, k.cycles);
  v.value({"time_s", "s", "of all its layers", kSum}, k.time_s);
  v.value({"energy_pj", "pJ", "of all its layers", kSum}, k.energy_pj);
  v.value({"dram_bytes", "B", "moved by all its layers, padding included", kSum}, k.moved_bytes);
  v.value({"macs", "MACs", "of all its layers", kSum}, k.counts.macs);
  v.value({"utilization", "share", "of the array, also in the time of vector operators", kDerived,
           kMore},
          k.slots > 0 ? static_cast<double>(k.counts.macs) / k.slots : 0.0);
  v.value({"bound", "", "as of a run", kDerived}, bound_name(k.evidence));
  describe_stalls(k.stalls, v);
  describe_dma_cycles(k.evidence.dma, v);
}

namespace {

void describe_top(const Field& field, const NetworkResult& network,
                  double (*amount)(const LayerResult&), ResultVisitor& v) {
  v.list(field, [&] {
    for (const LayerResult* layer : largest_layers(network, kTop, amount))
      v.object({}, [&] {
        v.value({"name", "", "of the layer"}, layer->name);
        v.value({"amount", field.unit, "all repeats"}, amount(*layer));
      });
  });
}

/// What a token or an image costs.
void describe_unit(const UnitCost& cost, ResultVisitor& v) {
  struct Names {
    Field count, rate, joules, bytes, limit;
  };
  static constexpr Names kToken{
      {"tokens", "tokens", "that it yields or reads, all sequences", kSum},
      {"tokens_per_s", "1/s", "over its time", kDerived, kMore},
      {"joules_per_token", "J", "its energy over them", kDerived},
      {"bytes_per_token", "B", "its DRAM bytes over them", kDerived},
      {"limit_tokens_per_s", "1/s", "what the DRAM's peak feeds", kDerived, kMore}};
  static constexpr Names kImage{
      {"images", "images", "of a network without tokens: the batch", kSum},
      {"images_per_s", "1/s", "over its time", kDerived, kMore},
      {"joules_per_image", "J", "its energy over them", kDerived},
      {"bytes_per_image", "B", "its DRAM bytes over them", kDerived},
      {"limit_images_per_s", "1/s", "what the DRAM's peak feeds", kDerived, kMore}};
  const Names& names = cost.unit == "token" ? kToken : kImage;
  v.value(names.count, cost.count);
  v.value(names.rate, cost.per_s);
  v.value(names.joules, cost.joules);
  v.value(names.bytes, cost.bytes);
  v.value(names.limit, cost.limit_per_s);
}

void describe_pass(const NetworkResult& network, const PassResult& p, ResultVisitor& v) {
  v.value({"phase", "", "empty: a network without phases"}, p.phase);
  v.value({"context", "tokens", "of a decode step; 0: none"}, p.context);
  v.value({"weight", "passes", "that this one stands for"}, p.weight);
  v.value({"cycles", "core cycles", "of its layers", kSum}, p.cycles);
  v.value({"time_s", "s", "of its layers", kSum}, p.time_s);
  v.value({"energy_pj", "pJ", "of its layers", kSum}, p.energy_pj);
  v.value({"dram_bytes", "B", "moved, padding included", kSum}, p.moved_bytes);
  v.value({"ahead_bytes", "B", "of these, with `overlap: layers`, while the layer ahead ran", kSum},
          p.ahead_bytes);
  v.value({"kv_read_bytes", "B", "of keys and values, asked for", kSum}, p.kv_read_bytes);
  v.value({"kv_written_bytes", "B", "of keys and values, asked for", kSum}, p.kv_written_bytes);
  describe_unit(unit_cost(network, p), v);
  v.value({"bound", "", "as of a run", kDerived}, bound_name(p.evidence));
  describe_stalls(p.stalls, v);
  describe_dma_cycles(p.evidence.dma, v);
}

/// What was computed, where values are on.
void describe_values(const NetworkResult& network, ResultVisitor& v) {
  v.object({"values", "", "with values on: what was computed"}, [&] {
    v.list({"outputs", "", "of the last pass"}, [&] {
      for (const NetworkOutputValues& output : network.outputs)
        v.object({}, [&] {
          v.value({"name", "", "of the tensor"}, output.name);
          v.numbers({"shape", "", "of the tensor"}, output.shape);
          v.value({"type", "", "of its elements"}, output.type.empty() ? "fp32" : output.type);
          v.object({"error", "", "against the whole network in float64", OverLayers::kOwn, false,
                    "error"},
                   [&] { describe_error(output.error, v); });
        });
    });
    const OutputCheck sum = check_total(network);
    v.value({"computed", "outputs", "of all layers with MACs", kSum}, sum.outputs);
    v.value({"checked", "outputs", "of these, compared with the oracle", kSum}, sum.checked);
    v.value({"wrong", "outputs", "of these, that differ from it", kSum}, sum.wrong);
    v.value({"overflows", "sums", "that left the 32-bit accumulators", kSum}, sum.overflows);
  });
}

void describe_memory(const NetworkResult& network, ResultVisitor& v) {
  const NetworkMemory& m = network.memory;
  v.object({"memory", "", "of the pass that needs most"}, [&] {
    v.value({"weights_bytes", "B", "weights, tables, biases and norm parameters"}, m.weights);
    v.value({"kv_cache_bytes", "B", "keys and values that the products read"}, m.kv_cache);
    v.value({"activations_bytes", "B", "the most that is alive while one layer runs"},
            m.activations);
    v.value({"total_bytes", "B", "all of these"}, m.total());
    v.value({"capacity_bytes", "B", "of the DRAM"}, network.capacity_bytes);
    v.value({"fits", "", "whether it holds them"}, m.total() <= network.capacity_bytes);
  });
}

void describe_passes(const NetworkResult& network, ResultVisitor& v) {
  const auto pass = [&](const Field& field, const PassResult& p) {
    v.object(field, [&] { describe_pass(network, p, v); });
  };
  const auto like = [](const char* key, const char* meaning) {
    return Field{key, "", meaning, OverLayers::kOwn, false, "network.pass"};
  };
  if (!is_generation(network)) {
    pass({"pass", "", "one inference, or the sum of its steps"}, whole_pass(network));
    return;
  }
  const PassResult prefill = phase_total(network, "prefill");
  v.value({"time_to_first_token_s", "s", "of a generation: of its prefill"}, prefill.time_s);
  pass(like("prefill", "of a generation: its sum, with the keys of `pass`"), prefill);
  pass(like("decode", "of a generation: its sum, with the keys of `pass`"),
       phase_total(network, "decode"));
  v.list(like("passes", "of a generation: every simulated pass, with the keys of `pass`"), [&] {
    for (const PassResult& one : network.passes) pass({}, one);
  });
}

}  // namespace

void describe_network(const NetworkResult& network, ResultVisitor& v) {
  v.object({"network", "", "of a run with a network (networks.md)"}, [&] {
    v.value({"name", "", "of the network"}, network.name);
    v.map({"parameters", "", "what its sizes follow from"}, [&] {
      for (const auto& [name, value] : network.parameters)
        v.value({name, "", "one parameter"}, value);
    });
    v.list({"kinds", "", "layers of one kind and phase, all repeats"}, [&] {
      for (const KindTotals& kind : kind_totals(network))
        v.object({}, [&] { describe_kind(kind, v); });
    });
    v.object({"largest", "", "the layers with most of something, ten at most"}, [&] {
      describe_top({"cycles", "core cycles", "by cycles"}, network, layer_cycles, v);
      describe_top({"energy_pj", "pJ", "by energy"}, network, layer_energy, v);
      describe_top({"dram_bytes", "B", "by bytes moved"}, network, layer_bytes, v);
    });
    describe_memory(network, v);
    v.value({"simulated_layers", "layers", "that were simulated; the others equal one of them"},
            network.simulated);
    if (!network.outputs.empty()) describe_values(network, v);
    describe_passes(network, v);
  });
}

}  // namespace bitjoule
