// Hugging Face's config.json: sizes of a transformer, and how its weights are quantized.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

#include "core/error.h"
#include "sim/config/suggest.h"
#include "sim/import/import.h"
#include "sim/import/transformer.h"
#include "sim/schema/network_file.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxBytes = 4 << 20;

/// A parameter of the base file and the key that gives it; required without a default.
struct SizeRow {
  const char* parameter;
  const char* key;
  const char* otherwise;  ///< nullptr: required; "": the base's own default
};

/// A model_type, the file that describes its layers, and where its sizes stand.
struct Family {
  const char* model_type;
  const char* base;
  std::vector<std::pair<const char*, const char*>> fixed;  ///< parameters that the family implies
  std::vector<SizeRow> sizes;
  std::vector<const char*> unquantized;  ///< layers that quantization methods leave alone
};

std::vector<SizeRow> llama_sizes() {
  return {{"hidden", "hidden_size", nullptr},
          {"layers", "num_hidden_layers", nullptr},
          {"heads", "num_attention_heads", nullptr},
          {"kv_heads", "num_key_value_heads", ""},
          {"head_dim", "head_dim", ""},
          {"ffn", "intermediate_size", nullptr},
          {"vocab", "vocab_size", nullptr},
          {"epsilon", "rms_norm_eps", ""},
          {"rope_theta", "rope_theta", ""}};
}

const std::vector<Family>& families() {
  static const std::vector<Family> kFamilies = {
      {"llama", "base/llama.yaml", {{"interleaved_rope", "0"}}, llama_sizes(), {"embed", "head"}},
      {"mistral", "base/llama.yaml", {{"interleaved_rope", "0"}}, llama_sizes(), {"embed", "head"}},
      {"qwen2",
       "base/llama.yaml",
       {{"interleaved_rope", "0"}, {"qkv_bias", "1"}},
       llama_sizes(),
       {"embed", "head"}},
      {"gemma",
       "base/llama.yaml",
       {{"interleaved_rope", "0"}, {"gelu", "1"}, {"tied", "1"}},
       llama_sizes(),
       {"embed", "head"}},
      {"gpt2",
       "base/gpt2.yaml",
       {},
       {{"hidden", "n_embd", nullptr},
        {"layers", "n_layer", nullptr},
        {"heads", "n_head", nullptr},
        {"ffn", "n_inner", ""},
        {"vocab", "vocab_size", nullptr},
        {"positions", "n_positions", nullptr},
        {"epsilon", "layer_norm_epsilon", ""}},
       {"embed", "position", "head"}},
      {"bert",
       "base/bert.yaml",
       {},
       {{"hidden", "hidden_size", nullptr},
        {"layers", "num_hidden_layers", nullptr},
        {"heads", "num_attention_heads", nullptr},
        {"ffn", "intermediate_size", nullptr},
        {"vocab", "vocab_size", nullptr},
        {"positions", "max_position_embeddings", nullptr},
        {"types", "type_vocab_size", ""},
        {"epsilon", "layer_norm_eps", ""}},
       {"word", "position", "type", "pooler"}},
  };
  return kFamilies;
}

const json::value* find(const json::object& config, const char* key) {
  const json::value* value = config.if_contains(key);
  return value != nullptr && value->is_null() ? nullptr : value;
}

std::string text_at(const json::object& config, const char* key) {
  const json::value* value = find(config, key);
  return value != nullptr && value->is_string() ? value->get_string().c_str() : "";
}

bool flag_at(const json::object& config, const char* key, bool otherwise) {
  const json::value* value = find(config, key);
  return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
}

const Family& family_of(const json::object& config, const std::string& file) {
  const std::string type = text_at(config, "model_type");
  std::vector<std::string> names;
  for (const Family& family : families()) {
    if (type == family.model_type) return family;
    names.emplace_back(family.model_type);
  }
  throw input_error(fmt::format("{}: model_type: expected one of {}, got \"{}\"{}", file,
                                fmt::join(names, ", "), type, suggestion(type, names)));
}

/// A positive number as YAML text.
std::string number_at(const json::object& config, const SizeRow& row, const std::string& file) {
  const json::value* value = find(config, row.key);
  if (value == nullptr && row.otherwise != nullptr) return row.otherwise;
  if (value != nullptr && value->is_int64() && value->get_int64() > 0)
    return std::to_string(value->get_int64());
  if (value != nullptr && value->is_double() && value->get_double() > 0)
    return fmt::format("{}", value->get_double());
  throw input_error(fmt::format("{}: {}: expected a positive number{}", file, row.key,
                                value == nullptr ? ", it is missing" : ""));
}

/// The storage of quantized weights; a null value where the method leaves them as they are.
json::value quantized_weights(const json::object& quantization, const std::string& file) {
  const std::string method = text_at(quantization, "quant_method");
  const auto integer = [&](const char* key, std::int64_t otherwise) {
    const json::value* value = find(quantization, key);
    if (value == nullptr) return otherwise;
    if (!value->is_int64())
      throw input_error(fmt::format("{}: quantization_config.{}: expected an integer", file, key));
    return value->get_int64();
  };
  const bool gptq = method == "gptq", awq = method == "awq";
  if (gptq || awq) {
    const std::int64_t bits = integer("bits", 4), group = integer("group_size", 128);
    const bool symmetric = gptq && flag_at(quantization, "sym", false);
    json::object format{{"format", fmt::format("{}int{}", symmetric ? "" : "u", bits)},
                        {"granularity", group > 0 ? "per_group" : "per_channel"},
                        {"symmetric", symmetric},
                        {"scale", "fp16"}};
    if (group > 0) format["group_size"] = group;
    // AutoAWQ's kernels for single tokens ("gemv_fast") keep zero-points beside the scales in fp16.
    const bool floats = text_at(quantization, "version") == "gemv_fast";
    if (!symmetric) format["zero_point"] = gptq ? "packed" : floats ? "fp16" : "packed_awq";
    return format;
  }
  if (method == "bitsandbytes" || method.empty()) {
    if (flag_at(quantization, "load_in_8bit", false))
      return {{"format", "int8"}, {"granularity", "per_channel"}};
    if (!flag_at(quantization, "load_in_4bit", false)) return nullptr;
    if (text_at(quantization, "bnb_4bit_quant_type") != "nf4")
      throw input_error(file +
                        ": quantization_config.bnb_4bit_quant_type: expected \"nf4\"; "
                        "bitsandbytes' fp4, its default, is no number format here");
    return json::string(flag_at(quantization, "bnb_4bit_use_double_quant", false) ? "nf4_dq"
                                                                                  : "nf4");
  }
  if (method == "fp8") return "fp8_e4m3";
  throw input_error(fmt::format(
      "{}: quantization_config.quant_method: expected gptq, awq, bitsandbytes or fp8, got \"{}\"",
      file, method));
}

std::string stored_dtype(const json::object& config) {
  const std::string dtype = text_at(config, "torch_dtype");
  if (dtype == "bfloat16") return "bf16";
  return dtype == "float32" ? "fp32" : "fp16";
}

/// What the file says and no layer of the network does.
std::vector<std::string> notes_on(const json::object& config) {
  std::vector<std::string> notes;
  const json::value* window = find(config, "sliding_window");
  if (window != nullptr && window->is_int64() && flag_at(config, "use_sliding_window", true))
    notes.push_back(fmt::format(
        "sliding_window: attention reads the whole context here, also what lies beyond {} tokens",
        window->get_int64()));
  const json::value* quantization = find(config, "quantization_config");
  if (quantization == nullptr || !quantization->is_object()) return notes;
  for (const char* key : {"modules_to_not_convert", "llm_int8_skip_modules", "ignored_layers"}) {
    const json::value* modules = find(quantization->get_object(), key);
    if (modules == nullptr || !modules->is_array()) continue;
    std::vector<std::string> others;
    for (const json::value& module : modules->get_array())
      if (module.is_string() && module.get_string() != "lm_head")
        others.emplace_back(module.get_string());
    if (!others.empty())
      notes.push_back(fmt::format("quantization_config.{}: taken as quantized as well: {}", key,
                                  fmt::join(others, ", ")));
  }
  return notes;
}

}  // namespace

Imported import_hugging_face(const Blob& blob, const ImportOptions& options) {
  const std::string& file = blob.name();
  if (blob.size() > kMaxBytes)
    throw input_error(fmt::format("{}: {} bytes are too many", file, blob.size()));
  json::error_code error;
  const json::value parsed =
      json::parse({reinterpret_cast<const char*>(blob.data()), blob.size()}, error);
  if (error || !parsed.is_object())
    throw input_error(fmt::format("{}: {}", file, error ? error.message() : "expected an object"));
  const json::object& config = parsed.get_object();
  const Family& family = family_of(config, file);

  TransformerFile network;
  network.base = family.base;
  network.name = text_at(config, "_name_or_path");
  if (network.name.empty())
    network.name = std::filesystem::absolute(file).parent_path().filename().string();
  std::map<std::string, std::string> values(family.fixed.begin(), family.fixed.end());
  for (const SizeRow& row : family.sizes) {
    const std::string value = number_at(config, row, file);
    if (!value.empty()) values[row.parameter] = value;
  }
  if (family.base == std::string("base/llama.yaml")) {
    if (flag_at(config, "tie_word_embeddings", false)) values["tied"] = "1";
    if (flag_at(config, "attention_bias", false)) values["qkv_bias"] = values["o_bias"] = "1";
    if (flag_at(config, "mlp_bias", false)) values["mlp_bias"] = "1";
  }
  values["batch"] = std::to_string(options.batch);
  for (const auto& [name, size] : options.sizes) values[name] = std::to_string(size);
  network.parameters.assign(values.begin(), values.end());
  network.check_heads(file);

  if (const json::value* quantization = find(config, "quantization_config")) {
    if (!quantization->is_object())
      throw input_error(file + ": quantization_config: expected an object");
    const json::value format = quantized_weights(quantization->get_object(), file);
    const std::string dtype = stored_dtype(config);
    if (!format.is_null()) {
      // These methods quantize the linear layers of the blocks; the rest stays as it was trained.
      json::array others;
      for (const char* layer : family.unquantized) others.emplace_back(layer);
      network.overrides.push_back(
          {{"layers", others}, {"precision", weights_in(json::string(dtype))}});
      for (const char* layer : {"q", "k", "v", "o", "gate", "up", "down"})
        if (family.base == std::string("base/llama.yaml") || layer != std::string("gate"))
          network.overrides.push_back(
              {{"layers", {fmt::format("blk.*.{}", layer)}}, {"precision", weights_in(format)}});
    }
  }
  Imported result;
  result.notes = notes_on(config);
  result.yaml = network.yaml();
  network.build(file);
  return result;
}

}  // namespace bitjoule
