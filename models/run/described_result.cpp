#include "run/described_result.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "core/enums.h"
#include "core/mapping/estimate.h"
#include "core/result/estimated_outcome.h"
#include "run/power.h"
#include "run/run_parts.h"

namespace bitjoule {
namespace {

void describe_origin(const Field& field, const OperandOrigin& o, ResultVisitor& v) {
  v.object(field, [&] {
    if (!o.source.input.empty()) return v.value({"layer", "", "that makes it"}, o.source.input);
    if (!o.source.from_file())
      return v.value({"generator", "", "of its values"}, enum_name(o.source.generator));
    v.value({"file", "", "that holds it"}, o.source.file);
    v.value({"tensor", "", "its name there"}, o.source.tensor);
    v.value({"stored", "", "its type there"}, o.stored);
    v.value({"as_stored", "", "whether its bytes were used; else quantized from its values"},
            o.as_stored);
  });
}

void describe_operands(const LayerResult& r, ResultVisitor& v) {
  if (!r.check) return;
  v.map({"operands", "", "with values on: where they come from"}, [&] {
    describe_origin({"inputs", "", "one operand"}, r.input_origin, v);
    describe_origin({"weights", "", "one operand"}, r.weight_origin, v);
    if (r.bias_origin) describe_origin({"bias", "", "one operand"}, *r.bias_origin, v);
  });
  if (!r.outputs) return;
  v.object({"outputs", "", "with --save-outputs: what was written"}, [&] {
    v.numbers({"shape", "", "of the tensor"}, r.outputs->shape);
    v.value({"format", "", "of its elements"}, r.outputs->format);
    v.value({"scale", "", "of its codes"}, static_cast<double>(r.outputs->scale));
  });
}

void describe_check(const std::optional<OutputCheck>& check, ResultVisitor& v) {
  const Field error{"error", "", "outputs against float64 before quantization; null: values off"};
  const Field verified{"verified", "",
                       "true: the checked outputs equal the oracle's bit by bit; null: nothing was "
                       "checked"};
  if (!check) {
    v.value(error, nullptr);
    v.value(verified, nullptr);
    return;
  }
  v.object(error, [&] { describe_error(check->error, v); });
  if (check->checked > 0)
    v.value(verified, check->wrong == 0);
  else
    v.value(verified, nullptr);
  v.object({"check", "", "with values on"}, [&] {
    v.value({"outputs", "outputs", "that there are"}, check->outputs);
    v.value({"checked", "outputs", "compared with the oracle"}, check->checked);
    v.value({"wrong", "outputs", "that differ from it"}, check->wrong);
    v.value({"overflows", "sums", "that left the 32-bit accumulators"}, check->overflows);
  });
}

void describe_mapping(const Mapping& m, ResultVisitor& v) {
  const Tiling& t = m.tiling;
  v.object({"mapping", "", "of layers with MACs"}, [&] {
    v.value({"dataflow", "", "what the array was set to"}, enum_name(m.setting.dataflow));
    v.value({"order", "", "of the loops over tiles, outermost first"}, order_name(t.order));
    v.value({"fold_order", "", "the innermost loop over the folds of a tile (timing.md)"},
            enum_name(t.fold_order));
    v.value({"groups_at_once", "", "groups side by side on the array (timing.md)"},
            t.groups_at_once);
    v.object({"tile", "elements", "sizes of a tile"}, [&] {
      v.value({"groups", "", "of the layer's groups"}, t.groups);
      v.value({"batch", "", "images"}, t.batch);
      v.value({"out_rows", "", "of an image's outputs"}, t.out_rows);
      v.value({"out_cols", "", "of an image's outputs"}, t.out_cols);
      v.value({"m", "", "rows of the product"}, t.m());
      v.value({"n", "", "columns"}, t.n);
      v.value({"k", "", "terms of a sum"}, t.k);
    });
    v.value({"input_holds_all_k", "", "the input buffer holds whole rows"}, t.input_full_k);
    if (!m.notes.empty())
      v.list({"notes", "", "pins that were not taken as they were given"}, [&] {
        for (const std::string& note : m.notes) v.value({}, note);
      });
  });
}

/// Of buffers that may differ from layer to layer, what they are for this one.
void describe_buffers(const BuffersConfig& buffers, ResultVisitor& v) {
  if (!buffers.flexible()) return;
  v.map({"buffers", "", "where the mapper chooses of them: what these roles' are for the layer"},
        [&] {
          for (const BufferRole role : kBufferRoles) {
            const BufferConfig& b = buffers.of(role);
            if (!buffers.unifies(role) && !b.either_buffering) continue;
            v.object({enum_name(role), "", "one role's"}, [&] {
              v.value({"capacity_bytes", "B", "of its banks"}, b.capacity.value);
              v.value({"banks", "", "that are its own"}, b.banks);
              v.value({"double_buffered", "", "whether it holds two tiles"}, b.double_buffered);
            });
          }
        });
}

void describe_kind(const LayerResult& r, ResultVisitor& v) {
  const auto shape = [&](auto fill) { v.object({"shape", "", "of the product, or rows"}, fill); };
  if (r.op.empty()) {
    v.value({"mac", "", "the MAC type"}, r.mac);
    shape([&] {
      v.value({"groups", "", "products"}, r.extents.groups);
      v.value({"m", "", "rows of each"}, r.extents.m);
      v.value({"n", "", "columns"}, r.extents.n);
      v.value({"k", "", "terms of a sum"}, r.extents.k);
    });
    describe_mapping(r.mapping, v);
  } else {
    v.value({"op", "", "the vector operator, which has no mapping"}, r.op);
    shape([&] {
      v.value({"rows", "", "of a vector operator"}, r.extents.m);
      v.value({"cols", "", "of a vector operator"}, r.extents.n);
    });
  }
  describe_buffers(r.buffers, v);
  v.object({"formats", "", "number formats"}, [&] {
    if (!r.weight_format.empty()) v.value({"weights", "", "stored"}, r.weight_format);
    v.value({"activations", "", "stored"}, r.activation_format);
    v.value({"output", "", "stored"}, r.output_format);
  });
  if (!r.scores) return;
  v.object({"scores", "", "fused attention: its first product; mac and formats are the second's"},
           [&] {
             v.value({"mac", "", "the MAC type"}, r.scores->mac);
             v.value({"weights", "", "format of the keys"}, r.scores->weight_format);
             v.value({"activations", "", "format of the queries"}, r.scores->activation_format);
           });
}

/// Where an action stands in the list; its end where it does not.
std::size_t row_of(const Action& action, const Counts& rows) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const Action& b) { return is_same(action, b); });
  return static_cast<std::size_t>(found - rows.begin());
}

/// The actions of all layers, `repeat` times each.
Counts total_counts(const std::vector<LayerResult>& layers) {
  Counts rows;
  for (const LayerResult& r : layers) {
    for (const Action& a : r.counts) {
      const std::size_t row = row_of(a, rows);
      if (row == rows.size()) rows.emplace_back(a).count = 0;
      rows[row].count += a.count * r.repeat;
    }
  }
  return rows;
}

/// Timelines of which equal ones are kept once.
class Timelines {
 public:
  /// Where the layer's stands in the list.
  std::int64_t place_of(const DramStats& s) {
    const auto [known, is_new] =
        places_.emplace(Key(s.timeline.bin_cycles() * s.period.value, s.timeline.read_bytes(),
                            s.timeline.write_bytes()),
                        static_cast<std::int64_t>(list_.size()));
    if (is_new) list_.push_back(&s);
    return known->second;
  }
  void describe(ResultVisitor& v) const {
    v.list({"timelines", "", "traffic over time, shared by layers", OverLayers::kOwn, false,
            "dram.timeline"},
           [&] {
             for (const DramStats* s : list_) v.object({}, [&] { describe_timeline(*s, v); });
           });
  }

 private:
  using Key = std::tuple<std::int64_t, std::vector<std::int64_t>, std::vector<std::int64_t>>;
  std::map<Key, std::int64_t> places_;
  std::vector<const DramStats*> list_;
};

/// An estimate has no time line.
void describe_power(const Costs& t, double energy_pj, const PowerTimeline& power, bool has_timeline,
                    ResultVisitor& v) {
  v.object({"power", "", "what was drawn, DRAM included as far as it is priced (energy.md)"}, [&] {
    v.value({"average_w", "W", "energy over time", OverLayers::kDerived},
            t.time_s > 0 ? energy_pj * 1e-12 / t.time_s : 0.0);
    if (has_timeline)
      v.value({"peak_w", "W", "of the bin of the timeline with most", OverLayers::kHighest},
              power.highest());
    v.value({"tops_per_w", "TOPS/W", "two operations for each MAC done, over the energy",
             OverLayers::kDerived, true},
            energy_pj > 0 ? 2 * static_cast<double>(t.counts.macs) / energy_pj : 0.0);
    if (!has_timeline) return;
    v.object({"timeline", "", "power over time, in the bins of `dram.timeline`"}, [&] {
      v.value({"bin_s", "s", "the time of one element"}, power.bin_s);
      v.list({"watts", "W", "average of each bin; the last one ends with the run"}, [&] {
        for (const double watts : power.watts) v.value({}, watts);
      });
    });
  });
}

}  // namespace

void describe_layer(const LayerResult& r, std::optional<std::int64_t> timeline,
                    const Counts& actions, ResultVisitor& v) {
  v.value({"name", "", "of the layer"}, r.name);
  v.value({"kind", "", "what reports group by"}, r.kind);
  v.value({"repeat", "", "layers that this one stands for"}, r.repeat);
  if (!r.phase.empty()) v.value({"phase", "", "of a generation"}, r.phase);
  describe_kind(r, v);
  describe_costs(costs_of(r, 1), timeline ? &*r.outcome.dram : nullptr, nullptr,
                 timeline.value_or(0), v);
  std::vector<std::int64_t> counts(actions.size());
  for (const Action& a : r.counts) counts[row_of(a, actions)] += a.count;
  v.numbers({"counts", "", "how often it does each action of the run's `counts[]`, in its order"},
            counts);
  v.object({"energy", "", "of the layer"}, [&] { describe_layer_energy(r.energy, v); });
  describe_check(r.check, v);
  if (r.network_error)
    v.object({"network_error", "",
              "with values on: the layer's output against the whole network in float64; `error` is "
              "what the layer itself adds",
              OverLayers::kOwn, false, "error"},
             [&] { describe_error(*r.network_error, v); });
  if (r.op.empty()) describe_operands(r, v);
}

namespace {

/// What an estimate owes to who reads it.
void describe_estimate(const RunConfig& run, const Counts& counts, ResultVisitor& v) {
  v.object({"estimate", "", "with `fidelity: estimate`: how far to trust it (estimate.md)"}, [&] {
    v.value({"time_within", "share",
             "of `fast`: 95 of 100 times are no further off; all that is counted is exact"},
            run.phases.empty() ? kLayerTimeError : kNetworkTimeError);
    v.list({"estimated_counts", "", "activities of `counts[]` that are not exact"}, [&] {
      std::set<std::string> told;
      for (const Action& action : counts)
        if (is_estimated(action.primitive) && told.insert(action.activity).second)
          v.value({}, action.activity);
    });
  });
}

/// What all layers cost. Of a run that is one layer that was priced with it; one that has an action
/// twice is priced by their sum.
const EnergyReport& energy_of(const RunConfig& run, const Result& result, const Counts& counts,
                              EnergyReport& summed) {
  const LayerResult& first = result.layers().front();
  const bool is_alone = run.phases.empty() && result.layers().size() == 1 && first.repeat == 1;
  if (result.prices && is_alone && first.counts.size() == counts.size()) return first.energy;
  return summed = price(counts, result.prices ? *result.prices : prices_of(run));
}

}  // namespace

void describe_layers(const RunConfig& run, const Result& result, ResultVisitor& v) {
  const std::vector<LayerResult>& layers = result.layers();
  const bool estimated = run.options.fidelity == Fidelity::kEstimate;
  Costs totals;
  for (const LayerResult& r : layers) totals += costs_of(r, r.repeat);
  const Counts counts = total_counts(layers);
  if (estimated) describe_estimate(run, counts, v);
  const DramStats dram = estimated ? DramStats() : dram_of_layers(layers);
  describe_costs(totals, estimated ? nullptr : &dram, &run.dram->name, 0, v);
  describe_counts(counts, v);
  EnergyReport summed;
  const EnergyReport& energy = energy_of(run, result, counts, summed);
  v.object({"energy", "", "counts x prices (energy.md)"}, [&] { describe_energy(energy, v); });
  describe_power(totals, energy.total.value, power_of(layers), !estimated, v);
  const double seconds = totals.time_s > 0 ? totals.time_s : 1;
  v.object({"area", "", "of the machine, on the chip (energy.md)"}, [&] {
    const AreaReport area = area_of(run);
    describe_area(area, v);
    describe_area_use(area, energy, seconds, static_cast<double>(totals.counts.macs), v);
  });
  if (run.phases.empty()) describe_check(layer_of(layers).check, v);
  Timelines timelines;
  v.list({"layers", "", "one element each"}, [&] {
    for (const LayerResult& r : layers) {
      std::optional<std::int64_t> timeline;
      if (!estimated) timeline = timelines.place_of(r.outcome.dram);
      v.object({}, [&] { describe_layer(r, timeline, counts, v); });
    }
  });
  if (!estimated) timelines.describe(v);
}

}  // namespace bitjoule
