// llama.cpp's models: sizes from the metadata, and every tensor's type as it is stored.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/numeric/format.h"
#include "sim/config/suggest.h"
#include "sim/formats/gguf.h"
#include "sim/import/import.h"
#include "sim/import/transformer.h"
#include "sim/schema/network_file.h"

namespace bitjoule {
namespace {

/// Architectures whose layers are those of base/llama.yaml.
struct Architecture {
  const char* name;
  bool interleaved_rope;  ///< as llama.cpp's rope types: NORM, else NEOX
  bool gelu;
};
const Architecture kArchitectures[] = {{"llama", true, false},
                                       {"mistral", true, false},
                                       {"qwen2", false, false},
                                       {"gemma", false, true}};

/// A tensor's name in the file (within block {i} where `in_block`) and what it is here.
struct TensorRow {
  const char* gguf;
  const char* layer;
  const char* role;
  bool in_block;
};
const TensorRow kTensors[] = {
    {"token_embd.weight", "embed", "table", false},
    {"output_norm.weight", "norm", "gamma", false},
    {"output.weight", "head", "weights", false},
    {"attn_norm.weight", "attn_norm", "gamma", true},
    {"attn_q.weight", "q", "weights", true},
    {"attn_q.bias", "q", "bias", true},
    {"attn_k.weight", "k", "weights", true},
    {"attn_k.bias", "k", "bias", true},
    {"attn_v.weight", "v", "weights", true},
    {"attn_v.bias", "v", "bias", true},
    {"attn_output.weight", "o", "weights", true},
    {"attn_output.bias", "o", "bias", true},
    {"ffn_norm.weight", "ffn_norm", "gamma", true},
    {"ffn_gate.weight", "gate", "weights", true},
    {"ffn_up.weight", "up", "weights", true},
    {"ffn_down.weight", "down", "weights", true},
};

/// Llama 3.1 and later: a divisor for each frequency of RoPE. It changes numbers alone.
const char* const kRopeFactors = "rope_freqs.weight";

const Architecture& architecture_of(const GgufFile& file) {
  const std::string& name = file.string("general.architecture");
  std::vector<std::string> names;
  for (const Architecture& row : kArchitectures) {
    if (name == row.name) return row;
    names.emplace_back(row.name);
  }
  throw input_error(fmt::format("{}: general.architecture: expected one of {}, got \"{}\"{}",
                                file.name, fmt::join(names, ", "), name, suggestion(name, names)));
}

const StoredTensor* find_tensor(const GgufFile& file, const std::string& name) {
  for (const StoredTensor& tensor : file.tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

/// The layer of a tensor, "blk.3.q" for "blk.3.attn_q.weight"; nullptr when it is not known.
const TensorRow* find_row(const std::string& name, std::string& layer) {
  std::string rest = name, prefix;
  if (name.rfind("blk.", 0) == 0) {
    const std::size_t dot = name.find('.', 4);
    if (dot == std::string::npos) return nullptr;
    prefix = name.substr(0, dot + 1);
    rest = name.substr(dot + 1);
  }
  for (const TensorRow& row : kTensors)
    if (row.in_block == !prefix.empty() && rest == row.gguf) {
      layer = prefix + row.layer;
      return &row;
    }
  return nullptr;
}

std::string real_text(const GgufFile& file, const std::string& key, const std::string& otherwise) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) return otherwise;
  const double* value = std::get_if<double>(&found->second);
  if (value == nullptr || !(*value > 0 && *value < 1e12))
    throw input_error(
        fmt::format("{}: metadata \"{}\": expected a positive number", file.name, key));
  return fmt::format("{}", *value);
}

void add_parameters(const GgufFile& file, const Architecture& architecture,
                    const ImportOptions& options, TransformerFile& network) {
  const std::string prefix = std::string(architecture.name) + ".";
  const auto integer = [&](const std::string& key) { return file.integer(prefix + key); };
  const StoredTensor* embedding = find_tensor(file, "token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    throw input_error(file.name + ": tensor \"token_embd.weight\" is missing or no matrix");
  const std::int64_t heads = integer("attention.head_count");
  std::map<std::string, std::string> values = {
      {"hidden", std::to_string(integer("embedding_length"))},
      {"layers", std::to_string(integer("block_count"))},
      {"heads", std::to_string(heads)},
      {"kv_heads", std::to_string(file.has(prefix + "attention.head_count_kv")
                                      ? integer("attention.head_count_kv")
                                      : heads)},
      {"ffn", std::to_string(integer("feed_forward_length"))},
      {"vocab", std::to_string(embedding->shape[0])},
      {"tied", find_tensor(file, "output.weight") == nullptr ? "1" : "0"},
      {"qkv_bias", find_tensor(file, "blk.0.attn_q.bias") != nullptr ? "1" : "0"},
      {"o_bias", find_tensor(file, "blk.0.attn_output.bias") != nullptr ? "1" : "0"},
      {"gelu", architecture.gelu ? "1" : "0"},
      {"interleaved_rope", architecture.interleaved_rope ? "1" : "0"},
      {"rope_theta", real_text(file, prefix + "rope.freq_base", "10000")},
      {"epsilon", real_text(file, prefix + "attention.layer_norm_rms_epsilon", "0.00001")},
      {"batch", std::to_string(options.batch)},
  };
  if (file.has(prefix + "attention.key_length"))
    values["head_dim"] = std::to_string(integer("attention.key_length"));
  for (const auto& [name, size] : options.sizes) values[name] = std::to_string(size);
  network.parameters.assign(values.begin(), values.end());
  network.check_heads(file.name);
}

/// The rule that gives one layer its tensor and, for weights, the format it is stored in.
boost::json::object rule_of(const StoredTensor& tensor, const TensorRow& row,
                            const std::string& layer, const std::string& reference) {
  boost::json::object rule{{"layers", {layer}}};
  if (row.role != std::string("bias")) rule["precision"] = weights_in(tensor.type->format);
  if (tensor.data != nullptr)
    rule["tensors"] = {{row.role, {{"file", reference}, {"tensor", tensor.name}}}};
  return rule;
}

/// What the file's tensor must measure: the layer's weights, or its norm or bias.
std::int64_t expected_elements(const NetworkLayer& layer, const std::string& role) {
  if (const auto* op = std::get_if<VectorOp>(&layer.op)) return parameter_elements(*op);
  return role == "bias" ? std::get<Gemm>(layer.op).n : layer_weights(layer);
}

void check_shapes(const GgufFile& file, const Network& network) {
  std::map<std::string, const NetworkLayer*> layers;
  for (const NetworkLayer& layer : network.layers) layers[layer.name] = &layer;
  for (const StoredTensor& tensor : file.tensors) {
    std::string name;
    const TensorRow* row = find_row(tensor.name, name);
    if (row == nullptr || layers.count(name) == 0) continue;
    const std::int64_t expected = expected_elements(*layers[name], row->role);
    if (tensor.elements() != expected)
      throw input_error(fmt::format("{}: tensor \"{}\" has {} elements, layer \"{}\" needs {}",
                                    file.name, tensor.name, tensor.elements(), name, expected));
  }
}

/// Every weight that the layers read must be there; of a model in parts, each file holds some.
void check_complete(const GgufFile& file, const Network& network) {
  std::set<std::pair<std::string, std::string>> stored;
  for (const StoredTensor& tensor : file.tensors) {
    std::string layer;
    if (const TensorRow* row = find_row(tensor.name, layer)) stored.emplace(layer, row->role);
  }
  std::vector<std::string> missing;
  for (const NetworkLayer& layer : network.layers) {
    const std::size_t dot = layer.name.rfind('.');
    const bool in_block = dot != std::string::npos;
    const std::string prefix = in_block ? layer.name.substr(0, dot + 1) : "";
    for (const TensorRow& row : kTensors) {
      const bool is_bias = row.role == std::string("bias");
      const bool is_tied_head = row.layer == std::string("head") && layer.parameters == 0;
      if (row.in_block == in_block && prefix + row.layer == layer.name &&
          (!is_bias || layer.bias) && !is_tied_head && stored.count({layer.name, row.role}) == 0)
        missing.push_back(prefix + row.gguf);
    }
  }
  if (missing.empty()) return;
  const std::size_t count = missing.size();
  constexpr std::size_t kShown = 5;
  if (count > kShown) missing.resize(kShown);
  throw input_error(fmt::format("{}: {} missing tensor{}: {}{}{}", file.name, count,
                                count == 1 ? "" : "s", fmt::join(missing, ", "),
                                count > kShown ? ", ..." : "",
                                file.has("split.count") ? "; the model is split: merge its files "
                                                          "(llama-gguf-split --merge)"
                                                        : ""));
}

}  // namespace

Imported import_gguf(const Blob& blob, const ImportOptions& options) {
  const GgufFile file = parse_gguf(blob);
  TransformerFile network;
  network.base = "base/llama.yaml";
  network.unroll = true;
  network.name = file.has("general.name") ? file.string("general.name")
                                          : std::filesystem::path(file.name).stem().string();
  add_parameters(file, architecture_of(file), options, network);
  const std::string reference = options.reference.empty()
                                    ? std::filesystem::path(file.name).filename().string()
                                    : options.reference;
  Imported result;
  std::vector<std::string> unknown;
  for (const StoredTensor& tensor : file.tensors) {
    std::string layer;
    const TensorRow* row = find_row(tensor.name, layer);
    const auto is_format = [&](const Format& f) { return f.name == tensor.type->format; };
    if (tensor.name == kRopeFactors)
      result.notes.push_back(
          "tensor rope_freqs.weight: its frequencies cost no cycles or bytes; values are computed "
          "without them");
    else if (row == nullptr)
      unknown.push_back(tensor.name);
    else if (std::none_of(formats().begin(), formats().end(), is_format))
      throw input_error(fmt::format("{}: tensor \"{}\": there is no number format \"{}\"",
                                    file.name, tensor.name, tensor.type->format));
    else
      network.overrides.push_back(rule_of(tensor, *row, layer, reference));
  }
  // The tied head reads the embedding's rows as they are stored.
  if (const StoredTensor* embedding = find_tensor(file, "token_embd.weight");
      find_tensor(file, "output.weight") == nullptr)
    network.overrides.push_back(rule_of(*embedding, kTensors[2], "head", reference));
  if (!unknown.empty() && !options.skip_unknown)
    throw input_error(fmt::format("{}: unknown tensors (--skip-unknown leaves them out): {}",
                                  file.name, fmt::join(unknown, ", ")));
  for (const std::string& name : unknown) result.notes.push_back("left out: tensor " + name);
  result.yaml = network.yaml();
  const Network built = network.build(file.name);
  check_complete(file, built);
  check_shapes(file, built);
  return result;
}

}  // namespace bitjoule
