#include "sim/schema/unused_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <set>
#include <tuple>

#include "core/energy/pe_pitch.h"
#include "core/error.h"
#include "core/mapping/data_path.h"
#include "core/numeric/mac.h"
#include "core/numeric/storage.h"
#include "run/fused_attention.h"
#include "run/key.h"
#include "run/layer_formats.h"
#include "run/network_layers.h"
#include "run/quantize_passes.h"
#include "run/run_parts.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_layer.h"

namespace bitjoule {
namespace {

constexpr std::size_t kFormatKeys = 6;

bool is_format_key(const std::string& key) {
  return key == "weights" || key == "activations" || key == "output" || key == "kv_cache";
}

auto fields(const StorageField& f) { return std::tuple(f.bits, f.group, f.rows); }

/// Whether both store the same.
bool is_equal(const StorageLayout& a, const StorageLayout& b) {
  const ZeroPointFormat &x = a.zero_format, &y = b.zero_format;
  return fields(a.codes) == fields(b.codes) && fields(a.scales) == fields(b.scales) &&
         fields(a.zero_points) == fields(b.zero_points) && fields(a.mins) == fields(b.mins) &&
         fields(a.tables) == fields(b.tables) && a.scale_format == b.scale_format &&
         a.min_format == b.min_format && a.inverse_scale == b.inverse_scale &&
         a.dynamic == b.dynamic && a.by_input == b.by_input && a.symmetric == b.symmetric &&
         std::tuple(x.bits, x.lo, x.hi, x.packing) == std::tuple(y.bits, y.lo, y.hi, y.packing);
}

/// Whether `other`, which differs from the format in one key, cannot be stored or is stored
/// otherwise.
bool differs(const TensorFormat& format, const TensorFormat& other) {
  const StorageLayout own = storage_layout(format);
  try {
    return !is_equal(own, storage_layout(other));
  } catch (const Error&) {
    return true;
  }
}

/// Whether another value of that key is stored otherwise.
bool has_effect(const TensorFormat& format, const std::string& key) {
  TensorFormat other = format;
  if (key == "granularity") {
    for (const Granularity g :
         {Granularity::kPerTensor, Granularity::kPerChannel, Granularity::kPerGroup,
          Granularity::kPerToken, Granularity::kPerBlock, Granularity::kDynamicTensor,
          Granularity::kPerInputChannel}) {
      other.granularity = g;
      if (differs(format, other)) return true;
    }
    return false;
  }
  if (key == "group_size") other.group_size *= 2;
  if (key == "symmetric") other.symmetric = !other.symmetric;
  if (key == "scale")
    other.scale = format.scale == "fp16" ? "bf16" : format.scale == "fp32" ? "fp16" : "fp32";
  if (key == "zero_point") other.zero_point = format.zero_point == "fp32" ? "int16" : "fp32";
  return differs(format, other);
}

class UnusedSearch {
 public:
  std::vector<std::string> notes;

  /// Where a node stands: written out only for what is told.
  struct Path {
    const Path* above = nullptr;
    const std::string& key;

    std::string text() const {
      const std::string start = above == nullptr ? "" : above->text();
      return start.empty() ? key : start + "." + key;
    }
  };

  /// Of memory and prices, which are not looked through where they are frozen, nothing is told.
  void visit(const Node& node, const Path& path) {
    if (is_format_key(path.key) && node.find("format") != nullptr) {
      check_format(node, path.text());
      return;
    }
    for (const NodeEntry& entry : node.entries) visit(entry.value, {&path, entry.key});
    for (const Node& item : node.items) visit(item, path);
  }

 private:
  void check_format(const Node& node, const std::string& path) {
    TensorFormat format;
    Problems problems;
    read_value(node, path, format, {}, problems);
    if (!problems.empty()) return;  // told where it is read
    const bool complete = node.entries.size() == kFormatKeys && !node.root;
    for (const NodeEntry& entry : node.entries) {
      if (entry.key == "format" || (complete && !entry.value.root)) continue;
      const bool whole_scale = entry.key == "scale" &&
                               format.granularity == Granularity::kPerTensor &&
                               has_effect(format, "granularity");
      if (whole_scale && has_effect(format, "scale"))
        tell(
            fmt::format("{}.scale: no effect on bytes and cycles: the one scale of a tensor is "
                        "not moved",
                        path));
      else if (!has_effect(format, entry.key))
        tell(fmt::format("{}.{}: no effect: {}", path, entry.key, reason(format, entry.key)));
    }
  }

  static std::string reason(const TensorFormat& f, const std::string& key) {
    TensorFormat grouped = f, zero = f;
    grouped.granularity = Granularity::kPerGroup;
    zero.symmetric = false;
    const bool has_groups = has_effect(grouped, "group_size");
    if (key == "group_size" && has_groups)
      return "granularity is " + enum_name(f.granularity) + ", which has no groups";
    if (key == "zero_point" && f.symmetric && has_effect(f, "symmetric"))
      return "symmetric codes have no zero-points";
    return fmt::format("{} fixes what is stored", f.format);
  }

  /// Equal lines of many layers once.
  void tell(const std::string& note) {
    if (told_.insert(note).second) notes.push_back(note);
  }

  std::set<std::string> told_;
};

/// Whether sums of integers of the run's layer become integers again.
bool requantizes(const RunConfig& run) {
  const TensorFormat& output = run.precision.output.value_or(run.precision.activations);
  return resolve_data_path(run.precision, run.accelerator.array.pe, run.layer.op).mac.is_integer &&
         find_format(output.format).cls == FormatClass::kInteger;
}

/// An entry of a map; nullptr where there is none.
const NodeEntry* entry_of(const Node* map, const char* key) {
  if (map == nullptr) return nullptr;
  for (const NodeEntry& entry : map->frozen ? map->frozen->map.entries : map->entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

/// A table that has areas states a pe_pitch for machines whose PEs these do not tell. Whoever sets
/// it elsewhere, on top of such a table, is told where they do.
void check_pe_pitch(const Node& root, const RunConfig& run, std::vector<std::string>& notes) {
  const NodeEntry* machine = entry_of(&root, "accelerator");
  const NodeEntry* energy = entry_of(machine == nullptr ? nullptr : &machine->value, "energy");
  if (energy == nullptr) return;
  const NodeEntry* pitch = entry_of(&energy->value, "pe_pitch");
  const NodeEntry* area = entry_of(&energy->value, "area");
  if (pitch == nullptr || area == nullptr) return;
  const auto origin = [](const Place& place) {
    return place.origin == nullptr ? std::string() : *place.origin;
  };
  if (origin(pitch->value.place) == origin(area->place)) return;
  const ArrayConfig& array = run.accelerator.array;
  const std::string decides =
      with_pe_pitch(run.energy, parts_of(run), array.rows * array.cols).pitch_from;
  if (!decides.empty())
    notes.push_back(fmt::format("energy.pe_pitch ({}): no effect: wires are over {}",
                                pitch->value.place.str(), decides));
}

/// Of products that a run's integer MAC does not count for (layer_formats.h).
void check_mac(const RunConfig& run, std::vector<std::string>& notes) {
  if (run.precision.mac == "auto" || !find_mac_type(run.precision.mac).is_integer) return;
  for (const NetworkPhase& phase : run.phases)
    for (const NetworkLayer& layer : phase.network.layers) {
      if (!std::holds_alternative<Matmul>(layer.op) || layer.precision.mac ||
          layer_precision(layer, run.precision).mac == run.precision.mac)
        continue;
      notes.push_back(fmt::format(
          "precision.mac: {}: no effect on \"{}\" and its like, whose second operand has scales "
          "that differ inside a sum: multiplied as floats",
          run.precision.mac, layer.name));
      return;
    }
}

/// Pages of a cache that nobody reads.
void check_pages(const RunConfig& run, std::vector<std::string>& notes) {
  if (run.mapping.kv_page == 0) return;
  bool is_read = run.phases.empty() && std::holds_alternative<Matmul>(run.layer.op);
  for (const NetworkPhase& phase : run.phases)
    for (const NetworkLayer& layer : phase.network.layers)
      is_read = is_read || pins_of(layer, run.mapping).kv_page > 0;
  if (!is_read) notes.emplace_back("mapping.kv_page: no effect: no layer reads a cache");
}

/// What the parts of a fused attention say that it does not do; the first layer of each kind.
void check_fused_parts(const FusedLayers& parts, std::vector<std::string>& notes) {
  const auto tell = [&](const NetworkLayer& part, const char* key, const std::string& why) {
    const std::string start = fmt::format("mapping.attention: fused: {} of \"", key);
    const auto is_told = [&](const std::string& note) { return note.rfind(start, 0) == 0; };
    if (std::none_of(notes.begin(), notes.end(), is_told))
      notes.push_back(fmt::format("{}{}\": no effect: {}", start, part.name, why));
  };
  const std::string pins = key_text(parts.scores.mapping);
  if (pins != key_text(TilePins()) && pins != key_text(parts.context.mapping))
    tell(parts.scores, "mapping",
         fmt::format("that of \"{}\" counts for both products", parts.context.name));
  if (parts.scores.precision.output)
    tell(parts.scores, "precision.output", "scores stay in the accumulators");
  const PrecisionOverride& own = parts.softmax.precision;
  for (const auto& [key, is_set] : {std::pair("precision.activations", own.activations.has_value()),
                                    std::pair("precision.output", own.output.has_value())})
    if (is_set)
      tell(parts.softmax, key,
           fmt::format("probabilities are stored as the activations of \"{}\" are",
                       parts.context.name));
}

/// Attention as one layer, where nothing is left to be that.
void check_fusion(const RunConfig& run, std::vector<std::string>& notes) {
  if (run.mapping.attention != AttentionExecution::kFused) return;
  if (run.phases.empty()) {
    notes.emplace_back(
        "mapping.attention: no effect: a single layer is no softmax between two products");
    return;
  }
  for (const NetworkPhase& phase : run.phases)
    for (const NetworkLayer& layer :
         with_fused_attention(with_passes(phase.network, run.precision), run.mapping.attention)
             .layers)
      if (layer.fused) check_fused_parts(*layer.fused, notes);
}

/// Keys of the run itself.
void check_run(const Node& root, const RunConfig& run, std::vector<std::string>& notes) {
  // A resolved configuration says all of them, whatever they mean.
  bool complete = true;
  for (const char* key : {"values", "seed", "verify", "fidelity", "dram_prices"})
    complete &= root.find(key) != nullptr;
  const auto check = [&](const Node* node, const std::string& path, const char* why) {
    if (node != nullptr && (!complete || node->root))
      notes.push_back(fmt::format("{}: no effect: {}", path, why));
  };
  const auto& dependence = run.energy->data_dependence;
  if (run.options.data.density && (!dependence || dependence->multiplier != DataMultiplier::kGated))
    notes.push_back(
        fmt::format("density: no effect on energy: the energy table \"{}\" has no gated "
                    "multipliers",
                    run.energy->name));
  const auto* dram = std::get_if<CycleDramConfig>(&run.dram->model);
  if (run.options.fidelity == Fidelity::kEstimate && dram != nullptr &&
      dram->controller.power_down > 0)
    notes.emplace_back(
        "dram.controller.power_down: no effect on fidelity: estimate, which never powers ranks "
        "down: neither time nor energy has it");
  const Node* precision = root.find("precision");
  const Node* requantize = precision == nullptr ? nullptr : precision->find("requantize");
  if (run.options.values) {
    if (run.phases.empty() && !requantizes(run))
      check(requantize, "precision.requantize", "no sums of integers become integers again");
    return;
  }
  const char* const kOff = "values are off";
  check(root.find("verify"), "verify", kOff);
  if (run.evaluation) return;  // it has values of its own
  check(root.find("seed"), "seed", kOff);
  check(requantize, "precision.requantize", kOff);
  for (const char* key : {"quantizer", "static_scales"})
    check(precision == nullptr ? nullptr : precision->find(key), fmt::format("precision.{}", key),
          kOff);
  check(root.find("calibration"), "calibration", kOff);
  if (const Node* layer = root.find("layer"))
    for (const char* key : {"inputs", "weights"})
      check(layer->find(key), fmt::format("layer.{}", key), kOff);
}

}  // namespace

std::vector<std::string> unused_settings(const Node& root, const RunConfig& run) {
  UnusedSearch search;
  search.visit(root, {nullptr, ""});
  check_run(root, run, search.notes);
  check_mac(run, search.notes);
  check_pages(run, search.notes);
  check_fusion(run, search.notes);
  check_pe_pitch(root, run, search.notes);
  return std::move(search.notes);
}

}  // namespace bitjoule
