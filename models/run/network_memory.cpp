#include "run/network_memory.h"

#include <algorithm>
#include <map>

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

std::int64_t second_operand_bytes(const NetworkLayer& layer, const Precision& run) {
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
  return bytes_of(layer_precision(layer, run).weights, groups * e.n, e.k);
}

std::int64_t weight_bytes(const NetworkLayer& layer, const Precision& run) {
  if (layer.parameters == 0) return 0;  // tied to another layer's, or none
  if (const auto* op = std::get_if<VectorOp>(&layer.op)) {
    const std::int64_t rows =
        op->kind == VectorKind::kEmbedding ? op->table_rows : parameter_elements(*op) / op->cols;
    return rows > 0 ? bytes_of(vector_formats(layer, run).parameters, rows, op->cols) : 0;
  }
  if (std::holds_alternative<Matmul>(layer.op)) return 0;
  const std::int64_t channels =
      output_elements(layer) > 0 && layer.bias
          ? (std::holds_alternative<Gemm>(layer.op) ? std::get<Gemm>(layer.op).n
                                                    : std::get<Conv2d>(layer.op).filters)
          : 0;
  return second_operand_bytes(layer, run) + channels * 4;
}

bool shares_memory(const NetworkLayer& layer) {
  const auto* op = std::get_if<VectorOp>(&layer.op);
  return op != nullptr && vector_row(op->kind).moves_nothing;
}

/// Lifetimes of the outputs, by layer; -1 stands for the network's inputs.
class Lifetimes {
 public:
  explicit Lifetimes(const Network& network) : network_(network) {
    const std::size_t n = network.layers.size();
    owner_.resize(n);
    last_use_.resize(n);
    for (std::size_t i = 0; i < n; ++i) add(i);
    for (const NetworkOutput& output : network.outputs)
      if (const auto found = index_.find(output.layer); found != index_.end())
        use(found->second, n - 1);
  }

  std::size_t last_use(std::size_t layer) const { return last_use_[layer]; }
  bool owns(std::size_t layer) const { return owner_[layer] == layer; }

 private:
  void use(std::size_t producer, std::size_t at) {
    std::size_t& last = last_use_[owner_[producer]];
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
      }
      is_first = false;
    }
    index_[layer.name] = i;
  }

  const Network& network_;
  std::map<std::string, std::size_t> index_;
  std::vector<std::size_t> owner_, last_use_;
};

std::int64_t peak_activations(const Network& network, const Precision& run) {
  const Lifetimes lifetimes(network);
  const std::size_t n = network.layers.size();
  std::vector<std::int64_t> change(n + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const NetworkLayer& layer = network.layers[i];
    const bool cached = layer.kv_cache && !std::holds_alternative<Matmul>(layer.op);
    if (!lifetimes.owns(i) || cached) continue;
    const std::int64_t bytes = bytes_of(output_format(layer, run), 1, output_elements(layer));
    change[i] += bytes;
    change[lifetimes.last_use(i) + 1] -= bytes;
  }
  std::int64_t alive = 0, peak = 0;
  for (std::int64_t c : change) {
    alive += c;
    peak = std::max(peak, alive);
  }
  return peak;
}

}  // namespace

NetworkMemory network_memory(const Network& network, const Precision& run) {
  NetworkMemory memory;
  for (const NetworkLayer& layer : network.layers) {
    memory.weights += weight_bytes(layer, run) * layer.repeat;
    if (layer.kv_cache && std::holds_alternative<Matmul>(layer.op))
      memory.kv_cache += second_operand_bytes(layer, run) * layer.repeat;
  }
  memory.activations = peak_activations(network, run);
  for (const NetworkInput& input : network.inputs) {
    std::int64_t elements = input.shape.empty() ? 0 : 1;
    for (std::int64_t size : input.shape) elements *= size;
    const StoredType* type = find_stored_type(input.type);
    const bool integer = type != nullptr && is_integer_type(input.type);
    memory.activations +=
        integer ? elements * type->block_bytes : bytes_of(run.activations, 1, elements);
  }
  return memory;
}

}  // namespace bitjoule
