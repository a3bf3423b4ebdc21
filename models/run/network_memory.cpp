#include "run/network_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/mapping/region.h"
#include "core/numeric/storage.h"
#include "core/numeric/stored_tensor.h"
#include "run/layer_formats.h"

namespace bitjoule {
namespace {

/// Bytes of a tensor; elements that do not fill rows or blocks are rounded up to a block. One scale
/// for all is not counted.
std::int64_t bytes_of(const TensorFormat& format, std::int64_t rows, std::int64_t cols) {
  const StorageLayout layout = storage_layout(format);
  if (layout.interleaved()) cols = ceil_div(cols, layout.block_elements) * layout.block_elements;
  return region_bytes(layout, rows, cols).total();
}

std::int64_t second_operand_bytes(const NetworkLayer& layer, const Precision& run,
                                  std::int64_t kv_page = 0) {
  const LayerOp op = std::visit(
      [](const auto& o) -> LayerOp {
        if constexpr (std::is_same_v<std::decay_t<decltype(o)>, VectorOp>)
          return Gemm{};
        else
          return o;
      },
      layer.op);
  const GemmExtents e = gemm_extents(op);
  const auto* product = std::get_if<Matmul>(&op);
  const std::int64_t groups = product != nullptr ? e.groups / product->shared : e.groups;
  const std::int64_t copies = layer.experts ? layer.experts->count : 1;
  const TensorFormat format = layer_precision(layer, run).weights;
  const std::int64_t page = std::max<std::int64_t>(1, kv_page);
  return product != nullptr && product->k_rows
             ? bytes_of(format, groups * align(e.k, page), e.n)
             : bytes_of(format, groups * align(e.n, page) * copies, e.k);
}

std::int64_t weight_bytes(const NetworkLayer& layer, const Precision& run) {
  if (layer.parameters == 0) return 0;  // tied to another layer's, or none
  if (const auto* op = std::get_if<VectorOp>(&layer.op)) {
    const std::int64_t elements = parameter_elements(*op);
    // Sinks lie in one row, a number for each head; other parameters in rows of the columns.
    const std::int64_t cols = op->kind == VectorKind::kSoftmax ? elements : op->cols;
    return elements > 0 ? bytes_of(vector_formats(layer, run).parameters, elements / cols, cols)
                        : 0;
  }
  if (std::holds_alternative<Matmul>(layer.op)) return 0;
  const std::int64_t channels =
      output_elements(layer) > 0 && layer.bias
          ? (std::holds_alternative<Gemm>(layer.op) ? std::get<Gemm>(layer.op).n
                                                    : std::get<Conv2d>(layer.op).filters)
          : 0;
  const std::int64_t copies = layer.experts ? layer.experts->count : 1;
  return second_operand_bytes(layer, run) + copies * channels * 4;
}

bool shares_memory(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && vector_row(op->kind).moves_nothing;
}

/// Lifetimes of the outputs, by layer, and of the network's inputs.
class Lifetimes {
 public:
  explicit Lifetimes(const Network& network) : network_(network) {
    const std::size_t n = network.layers.size();
    owner_.resize(n);
    last_use_.resize(n);
    for (const NetworkInput& input : network.inputs) input_use_[input.name] = 0;
    for (std::size_t i = 0; i < n; ++i) add(i);
    for (const NetworkInput& input : network.inputs)
      if (const auto found = index_.find(input.next); found != index_.end())
        use(found->second, n - 1);
    for (const NetworkOutput& output : network.outputs)
      if (const auto found = index_.find(output.layer); found != index_.end())
        use(found->second, n - 1);
  }

  std::size_t last_use(std::size_t layer) const { return last_use_[layer]; }
  bool views_input(std::size_t layer) const { return views_.count(layer) != 0; }
  bool owns(std::size_t layer) const { return owner_[layer] == layer; }
  std::size_t last_use_of_input(const std::string& name) const { return input_use_.at(name); }

 private:
  void use(std::size_t producer, std::size_t at) {
    const auto viewed = views_.find(owner_[producer]);
    std::size_t& last =
        viewed != views_.end() ? input_use_[viewed->second] : last_use_[owner_[producer]];
    last = std::max(last, at);
  }

  void add(std::size_t i) {
    const NetworkLayer& layer = network_.layers[i];
    owner_[i] = last_use_[i] = i;
    bool is_first = true;
    const std::vector<std::string> before = {""};
    for (const std::string& name : layer.inputs.empty() ? before : layer.inputs) {
      const auto found = index_.find(name);
      const bool known = name.empty() ? i > 0 : found != index_.end();
      if (known) {
        const std::size_t producer = name.empty() ? i - 1 : found->second;
        if (is_first && shares_memory(layer)) owner_[i] = owner_[producer];
        use(producer, i);
      } else if (const auto input = input_use_.find(name); input != input_use_.end()) {
        input->second = std::max(input->second, i);
        if (is_first && shares_memory(layer)) views_[i] = name;
      }
      is_first = false;
    }
    index_[layer.name] = i;
  }

  const Network& network_;
  std::map<std::string, std::size_t> index_;
  std::map<std::string, std::size_t> input_use_;
  std::map<std::size_t, std::string> views_;  ///< layers that only readdress an input
  std::vector<std::size_t> owner_, last_use_;
};

std::int64_t input_bytes(const NetworkInput& input, const Precision& run) {
  std::int64_t elements = input.shape.empty() ? 0 : 1;
  for (std::int64_t size : input.shape) elements *= size;
  const StoredType* type = find_stored_type(input.type);
  const bool integer = type != nullptr && is_integer_type(input.type);
  return integer ? elements * type->block_bytes : bytes_of(run.activations, 1, elements);
}

/// A tensor that must stay, from one layer to another.
struct Resident {
  std::string name;
  std::int64_t bytes;
  std::size_t first, last;  ///< layers, both included
};

/// Inputs until their last reader, and results. Appended keys and values are part of the cache.
std::vector<Resident> activations(const Network& network, const Precision& run) {
  const Lifetimes lifetimes(network);
  std::vector<Resident> all;
  for (const NetworkInput& input : network.inputs)
    all.push_back(
        {input.name, input_bytes(input, run), 0, lifetimes.last_use_of_input(input.name)});
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const NetworkLayer& layer = network.layers[i];
    const bool cached = layer.kv_cache && !std::holds_alternative<Matmul>(layer.op);
    const bool is_view = shares_memory(layer);
    if (!lifetimes.owns(i) || cached || (is_view && lifetimes.views_input(i))) continue;
    all.push_back({layer.name, bytes_of(output_format(layer, run), 1, output_elements(layer)), i,
                   lifetimes.last_use(i)});
  }
  return all;
}

std::int64_t peak_activations(const Network& network, const Precision& run) {
  std::vector<std::int64_t> change(network.layers.size() + 1, 0);
  for (const Resident& tensor : activations(network, run)) {
    change[tensor.first] += tensor.bytes;
    change[tensor.last + 1] -= tensor.bytes;
  }
  std::int64_t alive = 0, peak = 0;
  for (const std::int64_t c : change) {
    alive += c;
    peak = std::max(peak, alive);
  }
  return peak;
}

std::vector<const NetworkLayer*> parts_of(const FusedLayers& parts) {
  return {&parts.scores, &parts.softmax, &parts.context};
}

void add(const NetworkLayer& layer, const Precision& run, std::int64_t kv_page,
         NetworkMemory& memory) {
  memory.weights += weight_bytes(layer, run) * layer.repeat;
  if (layer.kv_cache && !layer.kv_view && std::holds_alternative<Matmul>(layer.op))
    memory.kv_cache += second_operand_bytes(layer, run, kv_page) * layer.repeat;
}

}  // namespace

NetworkMemory network_memory(const Network& network, const Precision& run, std::int64_t kv_page) {
  NetworkMemory memory;
  for (const NetworkLayer& layer : network.layers) {
    if (layer.fused) {
      for (const NetworkLayer* part : parts_of(*layer.fused)) add(*part, run, kv_page, memory);
    } else {
      add(layer, run, kv_page, memory);
    }
  }
  memory.activations = peak_activations(network, run);
  return memory;
}

namespace {

/// Where a layer's inputs and outputs are not all that is alive, the rest needs a place that no
/// other role is given.
std::int64_t capacity_for_activations(const BuffersConfig& buffers) {
  const bool in = buffers.unifies(BufferRole::kInput), out = buffers.unifies(BufferRole::kOutput);
  if (!in && !out) return buffers.input.capacity.value + buffers.output.capacity.value;
  if (!in || !out || buffers.unified->roles.size() > 2)
    throw input_error(
        "mapping.activations: on_chip: expected accelerator.buffers.unified.roles of input and "
        "output alone (or neither): other roles would be given the banks where the activations of "
        "other layers stay");
  return buffers.unified->sram.capacity.value;
}

}  // namespace

void check_on_chip(const Network& network, const Precision& run, const BuffersConfig& buffers) {
  const std::int64_t capacity = capacity_for_activations(buffers);
  const std::vector<Resident> all = activations(network, run);
  std::vector<std::int64_t> change(network.layers.size() + 1, 0);
  for (const Resident& tensor : all) {
    change[tensor.first] += tensor.bytes;
    change[tensor.last + 1] -= tensor.bytes;
  }
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    bytes += change[i];
    if (bytes <= capacity || shares_memory(network.layers[i])) continue;
    std::vector<const Resident*> alive;
    for (const Resident& tensor : all)
      if (tensor.first <= i && i <= tensor.last) alive.push_back(&tensor);
    std::stable_sort(alive.begin(), alive.end(),
                     [](const Resident* a, const Resident* b) { return a->bytes > b->bytes; });
    constexpr std::size_t kShown = 5;
    std::string largest;
    for (std::size_t t = 0; t < std::min(kShown, alive.size()); ++t)
      largest += fmt::format("{}{} {} B", t == 0 ? "" : ", ", alive[t]->name, alive[t]->bytes);
    throw input_error(fmt::format(
        "mapping.activations: on_chip: while layer \"{}\" runs, {} B are alive ({}{}), the input "
        "and "
        "output buffers hold {} B",
        network.layers[i].name, bytes, largest, alive.size() > kShown ? ", ..." : "", capacity));
  }
}

}  // namespace bitjoule
