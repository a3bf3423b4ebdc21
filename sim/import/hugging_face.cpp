// Hugging Face's config.json: sizes of a transformer, how its weights are quantized, and the
// weights that lie beside it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "core/error.h"
#include "sim/config/writer.h"
#include "sim/formats/checkpoint.h"
#include "sim/formats/checkpoint_parts.h"
#include "sim/import/hf_attention.h"
#include "sim/import/hf_families.h"
#include "sim/import/hf_formats.h"
#include "sim/import/hf_keys.h"
#include "sim/import/hf_quantization.h"
#include "sim/import/import.h"
#include "sim/import/transformer.h"
#include "sim/schema/describe_layer.h"
#include "sim/schema/network_file.h"

namespace bitjoule {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kMaxBytes = 4 << 20;

const HfFamily& family_of(const ConfigObject& config) {
  const std::string type = config.text("model_type");
  std::vector<std::string> names;
  for (const HfFamily& family : hf_families()) {
    if (type == family.model_type) return family;
    names.emplace_back(family.model_type);
  }
  config.refuse("model_type",
                fmt::format("expected one of {}, got \"{}\"", fmt::join(names, ", "), type));
}

/// A positive number as YAML text. Null is the same as nothing where the family says so.
std::string number_at(const ConfigObject& config, const SizeRow& row) {
  const json::value* value = config.find(row.key);
  if (row.also != nullptr) {
    const json::value* other = config.find(row.also);
    if (value != nullptr && other != nullptr && *value != *other)
      config.refuse(row.also, fmt::format("contradicts {}", row.key));
    if (value == nullptr) value = other;
  }
  const bool is_none = row.null_is_none && config.json().contains(row.key);
  if (value == nullptr && row.otherwise != nullptr) return is_none ? "" : row.otherwise;
  if (value != nullptr && value->is_int64() && value->get_int64() > 0)
    return std::to_string(value->get_int64());
  if (value != nullptr && value->is_double() && value->get_double() > 0)
    return fmt::format("{}", value->get_double());
  config.refuse(row.key, std::string("expected a positive number") +
                             (value == nullptr ? ", it is missing" : ""));
}

/// Throws an input Error where it is none.
json::object parse_object(const Blob& blob) {
  if (blob.size() > kMaxBytes)
    throw input_error(fmt::format("{}: {} bytes are too many", blob.name(), blob.size()));
  boost::system::error_code error;
  const json::value parsed =
      json::parse({reinterpret_cast<const char*>(blob.data()), blob.size()}, error);
  if (error || !parsed.is_object())
    throw input_error(
        fmt::format("{}: {}", blob.name(), error ? error.message() : "expected an object"));
  return parsed.get_object();
}

/// A config.json on its way to a network file.
class HfImport {
 public:
  /// `is_part`: the config is that of a model's part.
  HfImport(const Blob& blob, const ConfigObject& config, const ImportOptions& options, bool is_part)
      : blob_(blob),
        config_(config),
        options_(options),
        family_(family_of(config)),
        is_part_(is_part) {}

  Imported run() {
    network_.base = family_.base;
    if (has_decoder()) network_.whole = "prefill";
    network_.name = config_.text("_name_or_path");
    if (network_.name.empty())
      network_.name = fs::absolute(blob_.name()).parent_path().filename().string();
    set_dtype();
    set_sizes();
    set_activation();
    if (is_llama()) {
      const HfReading reading{config_, family_, parameters_, network_, result_.notes};
      set_attention(reading);
      set_mixture(reading);
      set_latent(reading);
    }
    set_quantization();
    note_dtype();
    find_values();
    parameters_["batch"] = std::to_string(options_.batch);
    for (const auto& [name, size] : options_.sizes) parameters_[name] = std::to_string(size);
    result_.parameters = given_parameters(options_);
    network_.parameters.assign(parameters_.begin(), parameters_.end());
    network_.check_heads(blob_.name());
    std::set<std::string> harmless = hf_harmless_keys();
    harmless.insert(family_.harmless.begin(), family_.harmless.end());
    config_.account(harmless, hf_unsupported_keys(), result_.notes);
    if (!takes_formats_ && is_quantized())
      add_formats({config_, family_, parameters_, network_, result_.notes}, *quantization_, dtype_,
                  blob_.name());
    const Network built = network_.build(blob_.name(), network_.whole);
    if (!values_.empty()) check_tensors(weights_path(), built, *family_.tensors, values_, "");
    result_.what = std::move(network_);
    return std::move(result_);
  }

 private:
  void note(std::string text) { result_.notes.push_back(std::move(text)); }

  /// `dtype`, in older files `torch_dtype`.
  void set_dtype() {
    const std::string old = config_.text("torch_dtype"), dtype = config_.text("dtype", old);
    const char* key = old.empty() ? "dtype" : "torch_dtype";
    if (!old.empty() && old != dtype)
      config_.refuse("dtype", fmt::format("\"{}\" differs from torch_dtype \"{}\"", dtype, old));
    static const std::pair<const char*, const char*> kTypes[] = {{"bfloat16", "bf16"},
                                                                 {"float16", "fp16"},
                                                                 {"float32", "fp32"},
                                                                 {"auto", "fp16"},
                                                                 {"", "fp16"}};
    for (const auto& [name, format] : kTypes)
      if (dtype == name) dtype_ = format;
    if (dtype_.empty())
      config_.refuse(key, fmt::format("expected bfloat16, float16 or float32, got \"{}\"", dtype));
  }

  /// What is not quantized has no formats of its own in the network. float32 is what a file without
  /// the key means, too.
  void note_dtype() {
    const bool quantized = quantization_ && !quantization_->format.is_null();
    for (const char* key : {"dtype", "torch_dtype"})
      if (!quantized && dtype_ != "fp32" && config_.find(key) != nullptr)
        note(fmt::format("{}: {}: no effect: the formats of the run's precision count", key,
                         config_.text(key)));
  }

  void set_sizes() {
    for (const auto& [name, value] : family_.fixed) parameters_[name] = value;
    for (const SizeRow& row : family_.sizes) {
      const std::string value = number_at(config_, row);
      if (!value.empty()) parameters_[row.parameter] = value;
    }
    const bool tied = config_.flag("tie_word_embeddings", family_.tied);
    for (const HfFlag& flag : family_.required)
      if (config_.flag(flag.key, flag.otherwise) != flag.expected)
        config_.refuse(flag.key, fmt::format("{} is not supported for {}: it changes the layers",
                                             !flag.expected, family_.model_type));
    for (const char* key : family_.one)
      if (config_.integer(key, 1) != 1)
        config_.refuse(key,
                       fmt::format("other numbers than 1 are not supported for {}: they change "
                                   "which layers share weights",
                                   family_.model_type));
    if (is_llama() || has_decoder()) parameters_["tied"] = tied ? "1" : "0";
    if (tied && family_.tied_head_scale != nullptr)
      parameters_["head_scale"] = family_.tied_head_scale;
    if (!tied && is_named("gpt2"))
      config_.refuse("tie_word_embeddings", "false is not supported: it changes the parameters");
    if (!is_llama()) return;
    for (const char* key : family_.as_wide)
      if (const std::int64_t hidden = std::strtoll(parameters_.at("hidden").c_str(), nullptr, 10);
          config_.integer(key, hidden) != hidden)
        config_.refuse(key, fmt::format("another width than hidden_size, {}, is not supported: it "
                                        "changes the shapes of the embedding",
                                        hidden));
    set_key_heads();
    const bool bias = config_.flag("attention_bias", false);
    if (family_.biases != nullptr && config_.find("attention_bias") != nullptr &&
        (bias || is_named("qwen2")))
      note(fmt::format("attention_bias: no effect: {} has {}", family_.model_type, family_.biases));
    else if (bias)
      parameters_["qkv_bias"] = parameters_["o_bias"] = "1";
    if (config_.flag("mlp_bias", false)) parameters_["mlp_bias"] = "1";
  }

  /// A missing number of key heads is the default of the family's class; null means one for each
  /// head of queries.
  void set_key_heads() {
    if (family_.kv_heads == 0 || config_.json().contains("num_key_value_heads")) return;
    const std::int64_t heads = std::strtoll(parameters_.at("heads").c_str(), nullptr, 10);
    if (heads % family_.kv_heads != 0)
      config_.refuse("num_key_value_heads",
                     fmt::format("missing, and the default of {}, {}, does not divide {} heads",
                                 family_.model_type, family_.kv_heads, heads));
    parameters_["kv_heads"] = std::to_string(family_.kv_heads);
    note(fmt::format("num_key_value_heads: missing, taken as {}", family_.kv_heads));
  }

  void set_activation() {
    std::string name = family_.activation;
    const char* key = family_.activation_keys.front();
    for (const char* candidate : family_.activation_keys) {
      const std::string text = config_.text(candidate);
      if (text.empty()) continue;
      name = text;
      key = candidate;
    }
    check_other_activations(key, name);
    std::vector<std::string> names;
    for (const ActivationRow& row : family_.activations) {
      names.emplace_back(row.name);
      if (name != row.name) continue;
      if (*row.parameter != '\0') parameters_["activation"] = row.parameter;
      if (row.gated != nullptr) parameters_["gated"] = row.gated;
      return;
    }
    config_.refuse(key, fmt::format("expected one of {}, got \"{}\"; it changes the values and the "
                                    "work of the layers",
                                    fmt::join(names, ", "), name));
  }

  /// Keys of other families' files say the same, or are refused. Gemma's hidden_act does not count:
  /// its first files say gelu and mean the approximation by tanh.
  void check_other_activations(const std::string& read, const std::string& name) {
    for (const char* key : {"hidden_act", "hidden_activation", "activation_function"}) {
      if (read == key) continue;
      const std::string other = config_.text(key, name);
      if (other == name || (other == "swish" && name == "silu")) continue;
      const bool is_gelu = other.rfind("gelu", 0) == 0;
      if (!is_named("gemma") || !is_gelu || key != std::string("hidden_act"))
        config_.refuse(key, fmt::format("\"{}\" contradicts {}: {}", other, read, name));
      note(fmt::format("hidden_act: {}: no effect: {} is computed, as the library does", other,
                       name));
    }
  }

  void set_quantization() {
    quantization_ = read_quantization(config_, dtype_, result_.notes);
    // NVIDIA's Model Optimizer says it in a file of its own.
    const fs::path file = fs::path(blob_.name()).parent_path() / "hf_quant_config.json";
    std::error_code error;
    if (quantization_ || !fs::is_regular_file(file, error)) return;
    const json::object whole = parse_object(map_file(file.string()));
    quantization_ = read_modelopt_file(ConfigObject(whole, file.string() + ": "), result_.notes);
  }

  bool is_named(const char* model_type) const {
    return family_.model_type == std::string(model_type);
  }
  bool is_tied() const {
    const auto found = parameters_.find("tied");
    return found != parameters_.end() && found->second == "1";
  }
  bool is_llama() const { return family_.base == std::string("base/llama.yaml"); }
  /// Beside an encoder.
  bool has_decoder() const { return family_.base == std::string("base/encoder_decoder.yaml"); }

  std::string weights_path() const {
    return (fs::path(blob_.name()).parent_path() / checkpoint_->source()).string();
  }
  bool is_quantized() const { return quantization_ && !quantization_->format.is_null(); }

  /// Weights beside the file; or a note that values are generated.
  void find_values() {
    const fs::path folder = fs::path(blob_.name()).parent_path();
    checkpoint_ = std::make_unique<Checkpoint>(folder.empty() ? "." : folder.string());
    if (!checkpoint_->unread().empty())
      note(fmt::format("{}: is not read: values of weights are generated", checkpoint_->unread()));
    if (checkpoint_->source().empty()) return;
    add_values();
  }

  /// The file that a run reads a tensor from: its own, or the directory where it is made of
  /// several, or where those of a layer's experts lie in several files.
  std::string file_of(const Checkpoint::Entry& entry, const std::string& layer, bool of_expert) {
    const fs::path folder = fs::path(options_.reference).parent_path();
    const bool apart = of_expert && expert_files_.at(layer).size() > 1;
    if (!entry.file.empty() && !apart) return (folder / entry.file).generic_string();
    return directory();
  }

  /// The format in which a layer's weights are stored, where config.json says that some are
  /// quantized; those that it does not name stay as they are.
  json::value stored_format(const Checkpoint::Entry& entry) const {
    if (entry.scheme != nullptr) return to_json(entry.form.format);
    return json::string(entry.tensor.type->format);
  }

  void add_values() {
    const bool tied = is_tied() || is_named("gpt2");
    std::vector<std::string> unknown;
    network_.unroll = true;
    for (const Checkpoint::Entry& entry : checkpoint_->entries())
      for (const auto& [row, layer] : family_.tensors->uses(entry.tensor.name))
        if (row->is_of_expert()) expert_files_[layer].insert(entry.file);
    std::set<std::string> seen;  // layers of experts
    bool has_pooler = false;
    for (const Checkpoint::Entry& entry : checkpoint_->entries()) {
      const std::string& name = entry.tensor.name;
      if (is_buffer(name)) continue;
      if (family_.tensors->is_unread(name) || is_beyond(name)) continue;
      const std::vector<ModelTensorUse> uses = family_.tensors->uses(name);
      if (uses.empty()) {
        unknown.push_back(name);
        continue;
      }
      const std::string type = entry.tensor.type->format;
      if (entry.scheme == nullptr && is_integer_type(type))
        throw input_error(
            fmt::format("{}: tensor \"{}\" is {}: expected real numbers, as the file "
                        "says of no quantization",
                        weights_path(), name, type));
      if (uses.front().layer == "head" && tied) continue;  // the embedding stands in its place
      if (uses.front().row->layer == std::string(kLatentMatrices)) {
        add_latent_matrices(entry, *uses.front().row, uses.front().layer);
        continue;
      }
      values_.push_back(&entry.tensor);
      for (const auto& [row, layer] : uses) {
        if (row->is_of_expert() && !seen.insert(layer).second) continue;
        add_value(entry, *row, layer);
        if (layer == "embed" && tied)
          add_value(entry, {row->stored, "head", "weights", false}, "head");
        if (layer == "embed")
          for (const char* same : family_.same_table) add_value(entry, *row, same);
        has_pooler |= layer == "pooler";
      }
    }
    const std::string head = family_.head != nullptr ? family_.head : "";
    if (!has_pooler && head == "pooler") {
      parameters_["pooler"] = "0";
      note("pooler: left out: the file has no weights of it");
    }
    if (!unknown.empty() && !options_.skip_unknown) refuse_unknown(unknown);
    for (const std::string& name : unknown) note("left out: tensor " + name);
    takes_formats_ = is_quantized();
  }

  std::int64_t size(const char* parameter) const {
    const auto given = options_.sizes.find(parameter);
    if (given != options_.sizes.end()) return given->second;
    const auto found = parameters_.find(parameter);
    return found == parameters_.end() ? 0 : std::strtoll(found->second.c_str(), nullptr, 10);
  }

  /// Layers of DeepSeek V3's files that predict later tokens; what reads images.
  bool is_beyond(const std::string& tensor) const {
    if (is_part_ &&
        (tensor.rfind("vision_tower.", 0) == 0 || tensor.rfind("multi_modal_projector.", 0) == 0))
      return true;
    const std::string before = family_.block;
    return family_.latent && tensor.rfind(before, 0) == 0 &&
           std::strtoll(tensor.c_str() + before.size(), nullptr, 10) >= size("layers");
  }

  /// Rows of each head: those that make keys of a latent row, then those that make values.
  void add_latent_matrices(const Checkpoint::Entry& entry, const ModelTensorRow& row,
                           const std::string& layer) {
    const std::int64_t of_keys = size("nope_dim"), of_head = of_keys + size("value_dim");
    const std::vector<std::int64_t> expected = {size("heads") * of_head, size("kv_lora")};
    if (entry.tensor.shape != expected)
      throw input_error(fmt::format(
          "{}: tensor \"{}\" has the shape {}, expected {}", weights_path(), entry.tensor.name,
          fmt::join(entry.tensor.shape, " x "), fmt::join(expected, " x ")));
    const std::string block = layer.substr(0, layer.rfind('.') + 1);
    const std::string name = entry.tensor.name;
    for (const auto& [part, tensor] :
         {std::pair("k_b", fmt::format("{}[0:{}/{}]T", name, of_keys, of_head)),
          std::pair("v_b", fmt::format("{}[{}:{}/{}]", name, of_keys, of_head, of_head))}) {
      json::object rule{{"layers", {block + part}}};
      if (is_quantized()) rule["precision"] = weights_in(json::string(dtype_));
      rule["tensors"] = {{"weights", {{"file", directory()}, {"tensor", tensor}}}};
      network_.overrides.push_back(std::move(rule));
    }
    add_value(entry, row, layer);
    network_.overrides.back().get_object()["optional"] = true;  // of the form that is not absorbed
    if (entry.scheme != nullptr && !told_latent_)
      note(fmt::format("{}: k_b and v_b are parts of it, in {}, as engines absorb them", row.stored,
                       dtype_));
    told_latent_ |= entry.scheme != nullptr;
  }

  /// Masks and frequencies, which are no parameters.
  static bool is_buffer(const std::string& name) {
    static const char* const kEnds[] = {".inv_freq", ".attn.bias", ".attention.bias",
                                        ".masked_bias"};
    return std::any_of(std::begin(kEnds), std::end(kEnds), [&](const std::string& end) {
      return name.size() > end.size() && name.rfind(end) == name.size() - end.size();
    });
  }

  std::string directory() const {
    const fs::path folder = fs::path(options_.reference).parent_path();
    return folder.empty() ? "." : folder.generic_string();
  }

  /// What a run asks the checkpoint for: the tensor, one of its experts, a layer's share of that.
  std::string stored_name(const Checkpoint::Entry& entry, const ModelTensorRow& row,
                          const std::string& layer) const {
    if (row.is_of_expert()) return family_.tensors->stored_name(row, layer);
    std::string name = entry.tensor.name;
    if (row.is_of_all_experts()) name += fmt::format("[{}]", kExpertPlace);
    if (row.share.count == 1) return name;
    const bool is_turned = row.layout_of(entry.tensor) == TensorLayout::kTransposed;
    const std::vector<std::int64_t>& shape = entry.tensor.shape;
    const std::size_t behind = is_turned || row.role == std::string("bias") ? 1 : 2;
    const std::int64_t outputs = shape.size() < behind ? 0 : shape[shape.size() - behind];
    const bool alternate = row.share.kind == TensorShare::Kind::kAlternating;
    const std::int64_t each = alternate ? 1 : outputs / row.share.count;
    name += fmt::format("[{}{}:{}/{}]", is_turned ? ":" : "", row.share.index * each,
                        (row.share.index + 1) * each, alternate ? row.share.count : outputs);
    if (entry.scheme != nullptr && !keeps_format(name, entry.form.format, outputs, entry.form.k))
      throw input_error(fmt::format(
          "{}: tensor \"{}\" is {}, whose outputs share scales: a part of them is not read",
          weights_path(), entry.tensor.name, entry.form.format.format));
    return name;
  }

  void add_value(const Checkpoint::Entry& entry, const ModelTensorRow& row,
                 const std::string& layer) {
    const std::string stored = stored_name(entry, row, layer);
    const bool is_whole = stored == entry.tensor.name || row.is_of_expert();
    const std::string stack = row.of_all ? family_.tensors->stacks[row.stack].layer : "";
    json::object rule{{"layers", {row.of_all ? fmt::format("{}*.{}", stack, row.layer) : layer}}};
    const std::string role = row.role;
    const bool has_format = is_quantized() || entry.scheme != nullptr;
    if (has_format && (role == "weights" || role == "table"))
      rule["precision"] = weights_in(stored_format(entry));
    json::object source{
        {"file", is_whole ? file_of(entry, layer, row.is_of_expert()) : directory()},
        {"tensor", stored}};
    const TensorLayout layout = row.layout_of(entry.tensor);
    if (layout != TensorLayout::kNative) source["layout"] = enum_name(layout);
    rule["tensors"] = {{role, std::move(source)}};
    network_.overrides.push_back(std::move(rule));
  }

  [[noreturn]] void refuse_unknown(const std::vector<std::string>& unknown) const {
    const bool scaled = std::any_of(unknown.begin(), unknown.end(), [](const std::string& name) {
      return name.find("scale") != std::string::npos;
    });
    constexpr std::size_t kShown = 5;
    const std::size_t shown = std::min(kShown, unknown.size());
    throw input_error(fmt::format(
        "{}: {} unknown tensors (--skip-unknown leaves them out): {}{}{}", weights_path(),
        unknown.size(),
        fmt::join(unknown.begin(), unknown.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
        unknown.size() > shown ? ", ..." : "",
        scaled ? "; scales multiply the weights: without them values are wrong" : ""));
  }

  const Blob& blob_;
  const ConfigObject& config_;
  const ImportOptions& options_;
  const HfFamily& family_;
  bool is_part_;
  TransformerFile network_;
  std::map<std::string, std::string> parameters_;
  std::string dtype_;
  std::optional<HfQuantization> quantization_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::map<std::string, std::set<std::string>> expert_files_;  ///< by layer
  std::vector<const StoredTensor*> values_;  ///< of the checkpoint, that the network takes
  bool told_latent_ = false;
  bool takes_formats_ = false;  ///< each tensor has said its own
  Imported result_;
};

bool is_gemma3(const json::object& whole) {
  const json::value* type = whole.if_contains("model_type");
  const json::value* text = whole.if_contains("text_config");
  return type != nullptr && *type == "gemma3" && text != nullptr && text->is_object();
}

/// text_config of a model that reads images as well, with the keys around it that count for it.
json::object text_part(const json::object& whole, const std::string& file) {
  static const std::set<std::string> kOfWhole = {
      "model_type",      "text_config",     "vision_config",        "architectures",
      "boi_token_index", "eoi_token_index", "mm_tokens_per_image",  "image_token_index",
      "eos_token_id",    "bos_token_id",    "vision_feature_layer", "image_token_id",
      "pad_token_id",    "boi_token_id",    "eoi_token_id",         "transformers_version"};
  json::object text = whole.at("text_config").get_object();
  for (const auto& entry : whole) {
    const std::string key(entry.key());
    if (kOfWhole.count(key) != 0) continue;
    const json::value* own = text.if_contains(key);
    if (own != nullptr && *own != entry.value())
      throw input_error(fmt::format("{}: {}: differs from text_config.{}: {} and {}", file, key,
                                    key, json::serialize(entry.value()), json::serialize(*own)));
    text[key] = entry.value();
  }
  if (!text.contains("model_type")) text["model_type"] = "gemma3_text";
  return text;
}

}  // namespace

Imported import_hugging_face(const Blob& blob, const ImportOptions& options) {
  const std::string& file = blob.name();
  const json::object whole = parse_object(blob);
  if (!is_gemma3(whole)) {
    const ConfigObject config(whole, file + ": ");
    return HfImport(blob, config, options, false).run();
  }
  const json::object text = text_part(whole, file);
  const ConfigObject config(text, file + ": ");
  Imported imported = HfImport(blob, config, options, true).run();
  imported.notes.emplace_back("vision_config: left out: the part that reads text alone runs");
  return imported;
}

}  // namespace bitjoule
