#include "core/mapping/data_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/mapping/running_formats.h"
#include "core/numeric/format.h"
#include "core/numeric/quantized_tensor.h"

namespace bitjoule {
namespace {

bool is_float_mac(const std::string& name) {
  const auto& types = mac_types();
  return std::any_of(types.begin(), types.end(),
                     [&](const MacType& t) { return !t.is_integer && t.name == name; });
}

/// Minima of activations would need the sums of the weights of every group; nobody's hardware does
/// that, and neither does this one. Nor is a table read for each activation.
NativeInteger native_activation(const TensorFormat& format) {
  NativeInteger native = native_integer(format);
  if (native.has_min || native.has_lookup) native.available = false;
  return native;
}

/// The float MAC that takes an operand as it is; scaled and very narrow formats become fp16.
std::string float_mac_of(const TensorFormat& format) {
  return is_float_mac(format.format) ? format.format : "fp16";
}

/// The integer MAC of which a PE does most at once with such operands; of equals the narrowest.
/// With packing `product` a wider one may be composed of more small multipliers.
const MacType& fastest_integer_mac(int weight_bits, int activation_bits, const PeConfig& pe) {
  const MacType* best = &integer_mac_for(weight_bits, activation_bits);
  if (pe.packing != Packing::kProduct) return *best;
  const int least = best->operand_bits;
  const auto speed = [&](const MacType& mac) {
    return macs_per_pe(pe.width, pe.packing, mac, weight_bits, activation_bits);
  };
  for (const MacType& mac : mac_types())
    if (mac.is_integer && mac.operand_bits > least && mac.operand_bits <= pe.width &&
        speed(mac) > speed(*best))
      best = &mac;
  return *best;
}

/// The second operand's integers, as sums along k can take them.
NativeInteger native_weight(const TensorFormat& format, bool k_rows) {
  NativeInteger native = native_integer(format);
  if (scales_differ_in_sums(format, k_rows)) native.available = false;
  return native;
}

/// The elements that a MAC of 8 bits or fewer might take as they are; nullptr: none.
const FloatSpec* narrow_element(const TensorFormat& format) {
  const Format& f = find_format(format.format);
  return f.is_float_element() && f.bits <= 8 ? &f.fp : nullptr;
}

bool takes_elements(const MacType& mac, const Precision& p) {
  const FloatSpec *w = narrow_element(p.weights), *a = narrow_element(p.activations);
  return !mac.is_integer && mac.operand_bits <= 8 && w != nullptr && a != nullptr &&
         mac.fp.holds(*w) && mac.fp.holds(*a);
}

/// The narrowest MAC that takes the elements of both operands; nullptr: none does.
const MacType* element_mac(const Precision& p) {
  const MacType* best = nullptr;
  for (const MacType& mac : mac_types())
    if (takes_elements(mac, p) && (best == nullptr || mac.fp.bits() < best->fp.bits())) best = &mac;
  return best;
}

/// Whether scales can multiply sums: all terms of one must have the same.
bool scales_meet_sums(const Precision& p, const SumTerms& terms) {
  if (scales_differ_in_sums(p.weights, terms.k_rows)) return false;
  const StorageField scales = storage_layout(p.activations).scales;
  const std::int64_t a = native_group(p.activations), w = native_group(p.weights);
  if (w != 0 && a != 0 && w % a != 0 && a % w != 0) return false;
  if (terms.run == 0 || !scales.present() || scales.group == kWholeTensor) return true;
  return a != 0 && terms.run % a == 0;
}

/// `auto`: integers meet in the fastest integer MAC, elements of 8 bits or fewer in the narrowest
/// that takes both; otherwise floats in the wider operand's, and quantized weights in the
/// activations'.
const MacType& choose_mac(const Precision& p, const PeConfig& pe, const SumTerms& terms) {
  const NativeInteger w = native_weight(p.weights, terms.k_rows);
  const NativeInteger a = native_activation(p.activations);
  if (w.available && a.available) return fastest_integer_mac(w.operand_bits, a.operand_bits, pe);
  if (const MacType* mac = element_mac(p); mac != nullptr && scales_meet_sums(p, terms))
    return *mac;
  const std::string activation_mac = float_mac_of(p.activations);
  if (!is_float_mac(p.weights.format)) return find_mac_type(activation_mac);
  const MacType& weight = find_mac_type(p.weights.format);
  if (a.available) return weight.operand_bits >= 16 ? weight : find_mac_type("fp16");
  const MacType& activation = find_mac_type(activation_mac);
  if (weight.name == activation.name) return weight;
  if (weight.operand_bits == activation.operand_bits)
    return find_mac_type(weight.operand_bits == 8 ? "fp16" : "fp32");
  return weight.operand_bits > activation.operand_bits ? weight : activation;
}

OperandPath stored_operand(const TensorFormat& format) {
  OperandPath path;
  path.format = format;
  path.layout = storage_layout(format);
  path.code_bits = path.operand_bits = path.layout.codes.bits;
  return path;
}

void require_native(const char* operand, const TensorFormat& format, const NativeInteger& native,
                    const MacType& mac) {
  if (native.has_lookup && !native.available)
    throw input_error(fmt::format(
        "precision.mac: {} takes scaled integers, but the codes of {} in precision.{} stand for "
        "others, which the dequantizer makes of weights alone; choose another format there, a "
        "float MAC, or auto",
        mac.name, format.format, operand));
  if (native.has_min && !native.available)
    throw input_error(fmt::format(
        "precision.mac: {} takes scaled integers, but {} adds a minimum to each value, which an "
        "integer MAC cannot correct for in precision.{}; choose another format there, a float MAC, "
        "or auto",
        mac.name, format.format, operand));
  if (!native.available)
    throw input_error(fmt::format(
        "precision.mac: {} takes integers, but precision.{} is {}; choose an integer format there, "
        "a float MAC, or auto",
        mac.name, operand, format.format));
  if (native.operand_bits > mac.operand_bits)
    throw input_error(
        fmt::format("precision.mac: {} takes operands of {} bits, but precision.{} ({}) needs {}",
                    mac.name, mac.operand_bits, operand, format.format, native.operand_bits));
}

/// The group of k in which both operands keep their scales.
std::int64_t common_group(const Precision& p) {
  const std::int64_t w = native_group(p.weights), a = native_group(p.activations);
  if (w == 0 || a == 0) return std::max(w, a);
  if (w % a != 0 && a % w != 0)
    throw input_error(
        fmt::format("precision: weights share scales over {} elements along k and activations over "
                    "{}: one must "
                    "divide the other",
                    w, a));
  return std::min(w, a);
}

}  // namespace

bool scales_differ_in_sums(const TensorFormat& weights, bool k_rows) {
  const StorageField scales = storage_layout(weights).scales;
  return k_rows && scales.present() && scales.group != kWholeTensor;
}

TensorFormat wide_format(const Precision& p) {
  if (p.output && !has_dynamic_scales(*p.output) && !has_channel_scales(*p.output))
    return *p.output;
  if (find_format(p.activations.format).cls == FormatClass::kFloat) return p.activations;
  TensorFormat wide;
  wide.format = "fp16";
  return wide;
}

TensorFormat output_format(const Precision& p) {
  if (!p.output && has_channel_scales(p.activations)) return wide_format(p);
  const TensorFormat& chosen = p.output ? *p.output : p.activations;
  return has_dynamic_scales(chosen) ? wide_format(p) : chosen;
}

bool makes_blocks(const TensorFormat& activations, const TensorFormat& stored) {
  const StorageLayout layout = storage_layout(activations);
  return (layout.interleaved() || (layout.scales.present() && layout.scales.group > 0)) &&
         find_format(stored.format).cls == FormatClass::kFloat;
}

DataPath resolve_data_path(const Precision& p, const PeConfig& pe, const LayerOp& op) {
  SumTerms terms;
  if (const auto* product = std::get_if<Matmul>(&op)) terms.k_rows = product->k_rows;
  if (const auto* conv = std::get_if<Conv2d>(&op)) {
    const bool is_run = conv->kernel_h == 1 && conv->kernel_w == 1 && conv->groups == 1;
    // Layers are checked after their machine: no group at all is refused there.
    if (!is_run && conv->groups > 0) terms.run = conv->channels / conv->groups;
  }
  return resolve_data_path(p, pe, terms);
}

namespace {

/// The scales of elements multiply the sums of a MAC that takes those.
bool has_scaled_elements(const Precision& p, const MacType& mac, const SumTerms& terms) {
  const bool scales =
      storage_layout(p.weights).scales.present() || storage_layout(p.activations).scales.present();
  return scales && takes_elements(mac, p) && scales_meet_sums(p, terms);
}

}  // namespace

void require_made_while_running(const StorageLayout& layout) {
  if (layout.scales.rows > 1)
    throw input_error("granularity per_block is of weights, whose rows lie beside each other");
  if (layout.progressive())
    throw input_error(
        fmt::format("{} is a format of weights, whose scales of both levels are "
                    "chosen when they are stored; choose another for activations",
                    layout.format->name));
}

DataPath resolve_data_path(const Precision& p, const PeConfig& pe, SumTerms terms) {
  DataPath path;
  path.weights = stored_operand(p.weights);
  path.activations = stored_operand(p.activations);
  path.output = stored_operand(output_format(p));
  path.quantizer = p.quantizer.value_or(WeightQuantizer::kNearest);
  path.static_scales = p.static_scales.value_or(ScaleRule::kOracle);
  for (const OperandPath* operand : {&path.activations, &path.output})
    require_made_while_running(operand->layout);
  path.mac = p.mac == "auto" ? choose_mac(p, pe, terms) : find_mac_type(p.mac);
  if (path.mac.is_integer) {
    const NativeInteger w = native_integer(p.weights), a = native_activation(p.activations);
    require_native("weights", p.weights, w, path.mac);
    if (!native_weight(p.weights, terms.k_rows).available)
      throw input_error(fmt::format(
          "precision.mac: {} sums integers along k, and the second operand lies as k rows of n, "
          "each with scales of its own; choose a float MAC or auto, or one scale per tensor",
          path.mac.name));
    require_native("activations", p.activations, a, path.mac);
    path.macs_per_pe = macs_per_pe(pe.width, pe.packing, path.mac, w.operand_bits, a.operand_bits);
    path.mac_passes = mac_passes(pe.width, pe.packing, w.operand_bits, a.operand_bits);
    path.scale_group = common_group(p);
    path.weights.zero_points = w.has_zero_point || w.has_min;
    path.activations.zero_points = a.has_zero_point;
    path.weights.dequantized = w.has_lookup;
    if (w.has_lookup) path.weights.operand_bits = w.operand_bits;
  } else {
    path.scaled_elements = has_scaled_elements(p, path.mac, terms);
    if (path.scaled_elements) path.scale_group = common_group(p);
    path.weights.dequantized = !path.scaled_elements && p.weights.format != path.mac.name;
    path.activations.dequantized = !path.scaled_elements && p.activations.format != path.mac.name;
    path.macs_per_pe =
        macs_per_pe(pe.width, pe.packing, path.mac, path.mac.operand_bits, path.mac.operand_bits);
  }
  return path;
}

bool scales_exactly(const DataPath& path) {
  const auto exact = [](const OperandPath& operand) {
    const StorageLayout& layout = operand.layout;
    return !layout.scales.present() || layout.scale_format == ScaleFormat::kE8m0 ||
           layout.scale_format == ScaleFormat::kTwoLevel;
  };
  return exact(path.weights) && exact(path.activations);
}

bool sums_exactly(const DataPath& path) {
  if (!path.scaled_elements || path.scale_group == 0) return false;
  const double largest = std::ldexp(1.0, 2 * (path.mac.fp.fixed_point_bits() - 1));
  return static_cast<double>(path.scale_group) * largest <= std::ldexp(1.0, 24);
}

std::int64_t product_bits(const DataPath& path) {
  const bool is_float = !path.mac.is_integer && path.mac.fp.exponent_bits > 0;  // else no MAC
  return is_float ? 2 * path.mac.fp.fixed_point_bits()
                  : path.weights.operand_bits + path.activations.operand_bits;
}

std::int64_t main_bits(const StorageLayout& layout, std::int64_t elements) {
  return layout.interleaved() ? elements / layout.block_elements * layout.block_bytes * 8
                              : elements * layout.codes.bits;
}

std::int64_t main_bytes(const StorageLayout& layout, const RegionBytes& region) {
  return layout.interleaved() ? region.total() : region.codes;
}

std::int64_t side_bytes(const StorageLayout& layout, const RegionBytes& region) {
  return layout.interleaved() ? 0 : region.parameters();
}

}  // namespace bitjoule
