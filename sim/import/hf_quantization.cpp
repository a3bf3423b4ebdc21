#include "sim/import/hf_quantization.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

/// Keys that tell how the codes were found or are computed with, not what is stored.
const std::set<std::string> kHarmless = {"quant_method",
                                         "activation_scale_ub",
                                         "autoround_version",
                                         "data_type",
                                         "global_compression_ratio",
                                         "iters",
                                         "low_gpu_mem_usage",
                                         "nsamples",
                                         "producer",
                                         "quantization_status",
                                         "seqlen",
                                         "sparsity_config",
                                         "transform_config",
                                         "version",
                                         "damp_percent",
                                         "true_sequential",
                                         "static_groups",
                                         "mse",
                                         "model_seqlen",
                                         "block_name_to_quantize",
                                         "module_name_preceding_first_block",
                                         "model_file_base_name",
                                         "model_name_or_path",
                                         "batch_size",
                                         "pad_token_id",
                                         "dataset",
                                         "tokenizer",
                                         "use_exllama",
                                         "use_cuda_fp16",
                                         "disable_exllama",
                                         "max_input_length",
                                         "exllama_config",
                                         "cache_block_outputs",
                                         "backend",
                                         "do_fuse",
                                         "fuse_max_seq_len",
                                         "modules_to_fuse",
                                         "meta",
                                         "quantizer",
                                         "pack_dtype",
                                         "act_group_aware",
                                         "bnb_4bit_compute_dtype",
                                         "bnb_4bit_quant_storage",
                                         "llm_int8_enable_fp32_cpu_offload",
                                         "fmt"};

const std::vector<UnsupportedKey>& unsupported() {
  static const std::vector<UnsupportedKey> kRows = {
      {"dynamic", {"{}", "false"}, "bits and groups of single modules"},
      {"llm_int8_has_fp16_weight", {"false"}, "the bytes of weights: they stay in fp16"},
      {"is_marlin_format", {"false"}, "the bytes of weights"},
      {"kv_cache_scheme", {}, "the bytes of keys and values (a network's kv_cache says them)"},
      {"kv_cache_quant_algo", {}, "the bytes of keys and values (a network's kv_cache says them)"},
  };
  return kRows;
}

json::object integer_format(std::int64_t bits, std::int64_t group, bool symmetric,
                            const std::string& scale, const std::string& zero_point) {
  json::object format{{"format", fmt::format("{}int{}", symmetric ? "" : "u", bits)},
                      {"granularity", group > 0 ? "per_group" : "per_channel"},
                      {"symmetric", symmetric},
                      {"scale", scale}};
  if (group > 0) format["group_size"] = group;
  if (!symmetric) format["zero_point"] = zero_point;
  return format;
}

/// A number that has another name too: `key`, or `other`; refused where both stand and differ.
std::int64_t either(const ConfigObject& q, const char* key, const char* other,
                    std::int64_t otherwise) {
  const std::int64_t value = q.integer(key, q.integer(other, otherwise));
  const std::int64_t again = q.integer(other, value);
  if (again != value) q.refuse(other, fmt::format("{} differs from {}: {}", again, key, value));
  return value;
}

/// Bits and group of either spelling.
struct Grouping {
  std::int64_t bits, group;
};

Grouping grouping(const ConfigObject& q, std::int64_t group, const char* bits_name = "w_bit",
                  const char* group_name = "q_group_size") {
  const std::int64_t bits = either(q, "bits", bits_name, 4);
  if (bits < 2 || bits > 8)
    q.refuse(q.find("bits") != nullptr ? "bits" : bits_name,
             fmt::format("expected 2..8, got {}", bits));
  return {bits, either(q, "group_size", group_name, group)};
}

void read_gptq(const ConfigObject& q, HfQuantization& result, std::vector<std::string>& notes) {
  if (q.find("bits") == nullptr && q.find("wbits") == nullptr)
    q.refuse("bits", "missing: GPTQ has no default");
  const Grouping g = grouping(q, 128, "wbits", "groupsize");
  result.format = integer_format(g.bits, g.group, q.flag("sym", true), "fp16", "packed");
  result.head = q.flag("lm_head", false);
  const std::string packing = q.text("packing_format", "auto_round");
  const std::vector<std::string> packings = {"auto_round", "auto_round:auto_gptq",
                                             "auto_round:gptqmodel"};
  if (std::find(packings.begin(), packings.end(), packing) == packings.end())
    q.refuse("packing_format",
             fmt::format("expected one of {}, got \"{}\"", fmt::join(packings, ", "), packing));
  for (const char* key : {"checkpoint_format", "format"}) {
    const std::string form = q.text(key, "gptq");
    if (form != "gptq" && form != "gptq_v2" && form != "gptq_p")
      q.refuse(key, fmt::format("expected gptq, gptq_v2 or gptq_p, got \"{}\"", form));
  }
  if (q.flag("desc_act", false))
    notes.emplace_back(
        "quantization_config.desc_act: the order of the inputs by group (32 bits for each input of "
        "a layer) is not counted");
  const json::value* lists = q.find("modules_in_block_to_quantize");
  if (lists == nullptr) return;
  result.only.emplace();
  const auto add = [&](const json::value& name) {
    if (!name.is_string())
      q.refuse("modules_in_block_to_quantize", "expected lists of names of modules");
    result.only->emplace_back(name.get_string().c_str());
  };
  if (!lists->is_array())
    q.refuse("modules_in_block_to_quantize", "expected lists of names of modules");
  for (const json::value& item : lists->get_array()) {
    if (!item.is_array()) {
      add(item);
      continue;
    }
    for (const json::value& name : item.get_array()) add(name);
  }
}

void read_awq(const ConfigObject& q, HfQuantization& result, std::vector<std::string>& notes) {
  const Grouping g = grouping(q, 128);
  std::string version = q.text("version", "gemm");
  std::transform(version.begin(), version.end(), version.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (q.text("backend") == "llm-awq") version = "gemv_fast";
  const std::vector<std::string> known = {"gemm", "gemv", "gemv_fast", "marlin", "exllama", "ipex"};
  if (std::find(known.begin(), known.end(), version) == known.end())
    q.refuse("version",
             fmt::format("expected one of {}, got \"{}\"", fmt::join(known, ", "), version));
  if (version == "marlin" && q.flag("zero_point", false))
    q.refuse("zero_point", "true contradicts version: marlin, whose codes have no zero-points");
  // Without zero-points codes stand for themselves less 8. AutoAWQ's kernels for single tokens
  // ("gemv_fast") keep zero-points beside the scales in fp16.
  const bool symmetric = version == "marlin" || !q.flag("zero_point", true);
  const char* zeros = version == "gemv_fast" ? "offset_fp16"
                      : version == "gemv"    ? "packed"
                                             : "packed_awq";
  result.format = integer_format(g.bits, g.group, symmetric, "fp16", zeros);
  if (version == "gemv" || version == "gemv_fast")
    notes.push_back(fmt::format(
        "quantization_config.version: {}: the padding of scales and zero-points of a row to whole "
        "words of 8 groups is not counted",
        version));
}

void read_bitsandbytes(const ConfigObject& q, HfQuantization& result) {
  q.find("llm_int8_threshold");  // of activations that are computed in fp16
  const bool four = q.flag("load_in_4bit", false), eight = q.flag("load_in_8bit", false);
  if (four && eight) q.refuse("load_in_4bit", "true contradicts load_in_8bit: true");
  if (q.flag("_load_in_4bit", four) != four) q.refuse("_load_in_4bit", "differs from load_in_4bit");
  if (q.flag("_load_in_8bit", eight) != eight)
    q.refuse("_load_in_8bit", "differs from load_in_8bit");
  if (eight) {
    result.format = {{"format", "int8"}, {"granularity", "per_channel"}};
    for (const char* key : {"bnb_4bit_quant_type", "bnb_4bit_use_double_quant"}) q.find(key);
    return;
  }
  if (!four) return;
  const std::string type = q.text("bnb_4bit_quant_type", "fp4");
  if (type != "nf4" && type != "fp4")
    q.refuse("bnb_4bit_quant_type", fmt::format("expected nf4 or fp4, got \"{}\"", type));
  const bool nested = q.flag("bnb_4bit_use_double_quant", false);
  result.format =
      json::string((type == "nf4" ? "nf4" : "fp4_bnb") + std::string(nested ? "_dq" : ""));
}

/// FP8 with one scale of fp32 for the tensor, for each output, or for squares of 128 (DeepSeek V3).
json::object fp8_format(const char* granularity, std::int64_t size = 0) {
  json::object format{{"format", "fp8_e4m3_scaled"}, {"granularity", granularity}};
  if (size > 0) format["group_size"] = size;
  return format;
}

void read_fp8(const ConfigObject& q, HfQuantization& result, std::vector<std::string>& notes) {
  if (q.text("fmt", "e4m3") != "e4m3") q.refuse("fmt", "expected e4m3");
  result.format = fp8_format("per_tensor");
  if (const json::value* size = q.find("weight_block_size")) {
    const json::array* sides = size->if_array();
    const bool square = sides != nullptr && sides->size() == 2 && (*sides)[0] == (*sides)[1] &&
                        (*sides)[0].is_int64() && (*sides)[0].get_int64() > 0;
    if (!square)
      q.refuse("weight_block_size",
               "expected two equal sizes: blocks that are no squares are not "
               "read");
    result.format = fp8_format("per_block", (*sides)[0].get_int64());
  }
  notes.emplace_back("quantization_config: fp8: activations are as precision.activations says");
  for (const char* key : {"activation_scheme", "fmt"}) q.find(key);
}

/// The weights of a group of modules of compressed-tensors, by the form of their tensors.
json::value compressed_format(const ConfigObject& args, const std::string& form,
                              const std::string& dtype) {
  if (form == "nvfp4-pack-quantized")
    return json::object{{"format", "nvfp4"}, {"scale", "fp32_inverse"}};
  if (form == "mxfp4-pack-quantized") return "mxfp4";
  if (form == "mxfp8-quantized") return "mxfp8_e4m3";
  const std::int64_t bits = args.integer("num_bits", 8), group = args.integer("group_size", 0);
  const bool symmetric = args.flag("symmetric", true);
  const std::string strategy = args.text("strategy", group > 0   ? "group"
                                                     : group < 0 ? "channel"
                                                                 : "tensor");
  if (form == "float-quantized" || form == "naive-quantized") {
    if (strategy == "block") {
      const json::value* sides = args.find("block_structure");
      if (sides == nullptr || *sides != json::value{128, 128})
        args.refuse("block_structure", "expected [128, 128]");
      return fp8_format("per_block", 128);
    }
    json::object format = fp8_format(strategy == "tensor" ? "per_tensor" : "per_channel");
    format["scale"] = dtype;
    return format;
  }
  if (form != "pack-quantized" && form != "int-quantized")
    args.refuse("format",
                fmt::format("expected pack-quantized, int-quantized, float-quantized, "
                            "naive-quantized, nvfp4-pack-quantized, mxfp4-pack-quantized or "
                            "mxfp8-quantized, got \"{}\"",
                            form));
  if (bits < 2 || bits > 8) args.refuse("num_bits", fmt::format("expected 2..8, got {}", bits));
  json::object format = integer_format(bits, group, true, dtype, "");
  if (strategy == "tensor") format["granularity"] = "per_tensor";
  if (!symmetric) {
    format["symmetric"] = false;
    format["zero_point"] = form == "pack-quantized" ? "packed_plain" : "int8";
  }
  return format;
}

/// One form for all linear layers; what differs between modules only their tensors tell.
void read_compressed(const ConfigObject& q, const std::string& dtype, HfQuantization& result) {
  const std::string form = q.text("format");
  const ConfigObject groups = q.object("config_groups");
  result.head = true;
  for (const auto& entry : groups.json()) {
    const std::string name = entry.key();
    const ConfigObject group = groups.object(name);
    for (const char* key : {"input_activations", "output_activations", "targets"}) group.find(key);
    if (group.find("weights") == nullptr) continue;
    const ConfigObject args = group.object("weights");
    if (args.text("type", "int") == "float" && form == "pack-quantized")
      args.refuse("type", "float contradicts format: pack-quantized");
    const json::value format = compressed_format(args, group.text("format", form), dtype);
    if (!result.format.is_null() && result.format != format)
      q.refuse("config_groups",
               "groups of modules with other formats than the first are read of "
               "the tensors alone, which lie not beside it");
    result.format = format;
  }
}

void read_modelopt(const ConfigObject& q, HfQuantization& result) {
  const std::string algorithm = q.text("quant_algo");
  result.head = true;
  q.find("group_size");
  q.find("config_groups");
  if (algorithm == "NVFP4")
    result.format = "nvfp4";
  else if (algorithm == "FP8")
    result.format = fp8_format("per_tensor");
  else if (algorithm == "FP8_PER_CHANNEL_PER_TOKEN")
    result.format = fp8_format("per_channel");
  else if (algorithm == "MXFP4")
    result.format = "mxfp4";
  else
    q.refuse("quant_algo",
             fmt::format("expected NVFP4, FP8, FP8_PER_CHANNEL_PER_TOKEN or MXFP4, got \"{}\"",
                         algorithm));
}

/// The pattern of a name ("re:.*lm_head$", "model.layers.0*") as the text that such names hold;
/// other patterns are refused.
std::string kept_name(const ConfigObject& q, const char* key, std::string module) {
  const std::string given = module;
  const bool is_regex = module.rfind("re:", 0) == 0;
  if (is_regex) module = module.substr(3);
  const auto strip = [&module](const std::string& text, bool front) {
    if (module.size() < text.size()) return;
    const std::size_t at = front ? 0 : module.size() - text.size();
    if (module.compare(at, text.size(), text) == 0) module.erase(at, text.size());
  };
  if (is_regex) {
    for (const char* text : {"^", ".*"}) strip(text, true);
    for (const char* text : {"$", ".*"}) strip(text, false);
  } else {
    strip("*", true);
    strip("*", false);
  }
  std::string plain;
  for (std::size_t i = 0; i < module.size(); ++i) {
    const bool escaped = is_regex && module[i] == '\\' && i + 1 < module.size();
    if (escaped) ++i;
    plain += module[i];
    if (!escaped && std::string("*+?()[]{}|^$").find(module[i]) != std::string::npos)
      plain.clear(), i = module.size();
  }
  while (!plain.empty() && plain.front() == '.') plain.erase(0, 1);
  if (plain.empty()) q.refuse(key, fmt::format("expected names of modules, got \"{}\"", given));
  return plain;
}

/// MLX: scale and bias of a group are two floats of the model's dtype; the bias costs what a
/// zero-point costs. Embeddings and head are quantized as well.
HfQuantization read_mlx(const ConfigObject& q, const std::string& dtype) {
  HfQuantization result;
  result.method = "mlx";
  result.embeddings = result.head = true;
  const std::string mode = q.text("mode", "affine");
  const Grouping g = grouping(q, 64);
  const std::string scale = dtype == "fp32" ? "fp32" : dtype;
  if (mode == "affine")
    result.format = integer_format(g.bits, g.group, false, scale, "offset_" + scale);
  else if (mode == "mxfp4")
    result.format = "mxfp4";
  else if (mode == "mxfp8")
    result.format = "mxfp8_e4m3";
  else if (mode == "nvfp4")
    result.format = "nvfp4";
  else
    q.refuse("mode", fmt::format("expected affine, mxfp4, mxfp8 or nvfp4, got \"{}\"", mode));
  if (mode == "affine" && g.group < 1) q.refuse("group_size", "expected a positive number");
  for (const auto& entry : q.json()) {
    const std::string key = entry.key();
    if (key.find('.') == std::string::npos && key != "lm_head") continue;
    q.find(key);  // a module
    const auto* own = entry.value().if_object();
    if (entry.value().is_bool()) {
      if (!entry.value().get_bool()) result.kept.push_back(key);
    } else if (own == nullptr || ConfigObject(*own, "").integer("bits", g.bits) != g.bits ||
               ConfigObject(*own, "").integer("group_size", g.group) != g.group ||
               ConfigObject(*own, "").text("mode", mode) != mode) {
      q.refuse(key,
               "bits and groups of single modules are not supported: they change the bytes of "
               "their weights");
    }
  }
  return result;
}

}  // namespace

bool HfQuantization::covers(const std::string& module, const std::string& in_block) const {
  if (format.is_null()) return false;
  if (only && std::find(only->begin(), only->end(), in_block) == only->end()) return false;
  return std::none_of(kept.begin(), kept.end(), [&](const std::string& part) {
    return module == part || ("." + module + ".").find("." + part + ".") != std::string::npos ||
           (part.back() == '.' && ("." + module).find("." + part) != std::string::npos);
  });
}

namespace {

/// gpt-oss: of the experts alone.
void read_mxfp4(const ConfigObject& q, HfQuantization& result) {
  if (q.texts("modules_to_not_convert").empty())
    q.refuse("modules_to_not_convert", "missing: MXFP4 is read of experts alone");
  result.format = "mxfp4";
  result.only = std::vector<std::string>{"mlp.experts"};
}

/// Modules that stay as they are.
void keep_modules(const ConfigObject& q, HfQuantization& result) {
  for (const char* key : {"modules_to_not_convert", "llm_int8_skip_modules", "ignored_layers",
                          "ignore", "exclude_modules"})
    for (const std::string& module : q.texts(key)) {
      if (result.method == "mxfp4") break;  // what is no expert
      result.kept.push_back(kept_name(q, key, module));
    }
}

}  // namespace

std::optional<HfQuantization> read_quantization(const ConfigObject& config,
                                                const std::string& dtype,
                                                std::vector<std::string>& notes) {
  const json::value* mlx = config.find("quantization");
  const json::value* own = config.find("quantization_config");
  if (mlx != nullptr) {
    if (own != nullptr && *own != *mlx)
      config.refuse("quantization", "differs from quantization_config");
    const ConfigObject q = config.object("quantization");
    HfQuantization result = read_mlx(q, dtype);
    q.account({}, {}, notes);
    return result;
  }
  if (own == nullptr) return {};
  const ConfigObject q = config.object("quantization_config");
  HfQuantization result;
  const bool loads = q.json().contains("load_in_4bit") || q.json().contains("load_in_8bit");
  const bool llm_awq = q.json().contains("w_bit");
  result.method = q.text("quant_method", loads ? "bitsandbytes" : llm_awq ? "awq" : "");
  if (result.method == "gptq" || result.method == "auto-round")
    read_gptq(q, result, notes);
  else if (result.method == "awq")
    read_awq(q, result, notes);
  else if (result.method == "bitsandbytes")
    read_bitsandbytes(q, result);
  else if (result.method == "fp8")
    read_fp8(q, result, notes);
  else if (result.method == "mxfp4")
    read_mxfp4(q, result);
  else if (result.method == "compressed-tensors")
    read_compressed(q, dtype, result);
  else if (result.method == "modelopt")
    read_modelopt(q, result);
  else if (result.method == "fbgemm_fp8")
    result.format = fp8_format("per_channel");
  else
    q.refuse("quant_method",
             fmt::format("expected gptq, awq, auto-round, bitsandbytes, fp8, fbgemm_fp8, "
                         "compressed-tensors, modelopt or mxfp4, got \"{}\"",
                         result.method));
  keep_modules(q, result);
  q.account(kHarmless, unsupported(), notes);
  return result;
}

std::optional<HfQuantization> read_modelopt_file(const ConfigObject& file,
                                                 std::vector<std::string>& notes) {
  if (file.find("quantization") == nullptr) file.refuse("quantization", "missing");
  const ConfigObject q = file.object("quantization");
  HfQuantization result;
  result.method = "modelopt";
  read_modelopt(q, result);
  keep_modules(q, result);
  q.account(kHarmless, unsupported(), notes);
  file.account({"producer"}, {}, notes);
  return result;
}

}  // namespace bitjoule
