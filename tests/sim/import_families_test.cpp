// Decoders of language models from config.json and from GGUF, against the published shapes: their
// parameters, MACs per token and KV bytes. docs/networks.md lists them.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

#include "core/numeric/recipe.h"
#include "run/network_layers.h"
#include "run/network_memory.h"
#include "sim/config/files.h"
#include "support/docs_table.h"
#include "support/gguf_builder.h"
#include "support/import_text.h"
#include "support/shell.h"

namespace bitjoule::test::import_families_test {
namespace {

using Row = std::map<std::string, std::string>;

std::vector<Row> rows_of(const char* file) {
  std::istringstream lines(text_of(source_dir() + "/../shared/reference/" + file));
  const auto cells = [](const std::string& line) {
    std::vector<std::string> parts;
    std::istringstream stream(line.substr(0, line.find('\r')));
    for (std::string cell; std::getline(stream, cell, ',');) parts.push_back(cell);
    return parts;
  };
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> names = cells(line);
  std::vector<Row> rows;
  while (std::getline(lines, line)) {
    const std::vector<std::string> values = cells(line);
    REQUIRE(values.size() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (i == 0) rows.emplace_back();
      rows.back()[names[i]] = values[i];
    }
  }
  return rows;
}

std::vector<Row> shapes() { return rows_of("models_shapes.csv"); }

std::int64_t count(const Row& row, const std::string& column) { return std::stoll(row.at(column)); }

/// model_type of config.json.
std::string family(const Row& row) {
  const std::string& name = row.at("gguf_arch");
  if (row.at("model").rfind("Mistral", 0) == 0) return "mistral";
  if (row.at("model").rfind("Mixtral", 0) == 0) return "mixtral";
  static const std::map<std::string, std::string> kOthers = {{"gemma3", "gemma3_text"},
                                                             {"qwen3moe", "qwen3_moe"},
                                                             {"gpt-oss", "gpt_oss"},
                                                             {"gptneox", "gpt_neox"}};
  if (row.at("model").rfind("DeepSeek", 0) == 0)
    return row.at("model") == "DeepSeek-V3" ? "deepseek_v3" : "deepseek_v2";
  const auto found = kOthers.find(name);
  return found == kOthers.end() ? name : found->second;
}

/// As the models' own files say it: some of them leave to the class what is its default.
std::string config(const Row& row) {
  const std::string& model = row.at("model");
  if (model.rfind("Gemma-3-4b", 0) == 0)
    return R"({"model_type":"gemma3","architectures":["Gemma3ForConditionalGeneration"],
      "boi_token_index":255999,"eoi_token_index":256000,"image_token_index":262144,
      "mm_tokens_per_image":256,"initializer_range":0.02,"eos_token_id":[1,106],
      "transformers_version":"4.50.0.dev0","vision_config":{"hidden_size":1152},"text_config":{
      "hidden_size":2560,"intermediate_size":10240,"model_type":"gemma3_text",
      "num_hidden_layers":34,"sliding_window":1024,
      "rope_scaling":{"factor":8.0,"rope_type":"linear"}}})";
  std::string text = fmt::format(
      R"({{"model_type":"{}","hidden_size":{},"num_hidden_layers":{},"num_attention_heads":{},
          "vocab_size":{})",
      family(row), row.at("hidden"), row.at("layers"), row.at("heads"), row.at("vocab"));
  if (family(row) == "falcon")
    return text + R"(,"multi_query":true,"parallel_attn":true,"bias":false,"alibi":false,
      "new_decoder_architecture":false,"layer_norm_epsilon":1e-5})";
  if (family(row) == "gpt_neox")
    return text + fmt::format(R"(,"intermediate_size":{},"rotary_pct":0.25,"rotary_emb_base":10000,
      "use_parallel_residual":true,"hidden_act":"gelu","layer_norm_eps":1e-5,
      "tie_word_embeddings":false}})",
                              row.at("ffn"));
  if (family(row) == "opt")
    return text + fmt::format(R"(,"ffn_dim":{},"max_position_embeddings":2048,
      "word_embed_proj_dim":{},"do_layer_norm_before":true,"activation_function":"relu",
      "_remove_final_layer_norm":false,"layerdrop":0.0}})",
                              row.at("ffn"), row.at("hidden"));
  if (family(row) == "bloom")  // keys of the files themselves
    return fmt::format(R"({{"model_type":"bloom","n_embed":{},"n_layer":{},"num_attention_heads":{},
      "vocab_size":{},"layer_norm_epsilon":1e-5,"apply_residual_connection_post_layernorm":false,
      "attention_softmax_in_fp32":true,"bias_dropout_fusion":true,"masked_softmax_fusion":true,
      "offset_alibi":100,"pretraining_tp":1,"seq_length":2048,"skip_bias_add":true,
      "skip_bias_add_qkv":false,"n_inner":null}})",
                       row.at("hidden"), row.at("layers"), row.at("heads"), row.at("vocab"));
  text += fmt::format(",\"num_key_value_heads\":{},\"intermediate_size\":{}", row.at("kv_heads"),
                      row.at("ffn"));
  if (family(row) == "deepseek_v2")
    text += fmt::format(R"(,"q_lora_rank":null,"kv_lora_rank":512,"qk_rope_head_dim":64,
      "qk_nope_head_dim":128,"v_head_dim":128,"n_routed_experts":64,"num_experts_per_tok":6,
      "moe_intermediate_size":1408,"n_shared_experts":2,"first_k_dense_replace":1,"moe_layer_freq":1,
      "norm_topk_prob":false,"routed_scaling_factor":1.0,"scoring_func":"softmax",
      "topk_method":"greedy","n_group":1,"topk_group":1,"aux_loss_alpha":0.001,"seq_aux":true,
      "rope_scaling":{{"beta_fast":32,"beta_slow":1,"factor":40,"mscale":0.707,"mscale_all_dim":0.707,
      "original_max_position_embeddings":4096,"type":"yarn"}})");
  if (family(row) == "deepseek_v3")  // the rest is what the class says
    text += R"(,"q_lora_rank":1536,"n_routed_experts":256,"num_nextn_predict_layers":1,"ep_size":1,
      "topk_method":"noaux_tc","scoring_func":"sigmoid")";
  if (family(row) == "gpt_oss")
    text += fmt::format(R"(,"num_local_experts":{},"num_experts_per_tok":4,"experts_per_token":4,
      "swiglu_limit":7.0,"sliding_window":128,"attention_bias":true,"initial_context_length":4096,
      "hidden_act":"silu","quantization_config":{{"modules_to_not_convert":["model.layers.*.self_attn",
      "model.layers.*.mlp.router","model.embed_tokens","lm_head"],"quant_method":"mxfp4"}},
      "rope_theta":150000,"rope_scaling":{{"beta_fast":32.0,"beta_slow":1.0,"factor":32.0,
      "original_max_position_embeddings":4096,"rope_type":"yarn","truncate":false}})",
                        row.at("experts"));
  if (family(row) == "mixtral")
    text += fmt::format(",\"num_local_experts\":{},\"num_experts_per_tok\":{}", row.at("experts"),
                        row.at("top_k"));
  if (family(row) == "qwen3_moe")
    text += fmt::format(R"(,"num_experts":{},"num_experts_per_tok":{},"moe_intermediate_size":{},
      "norm_topk_prob":true,"decoder_sparse_step":1,"mlp_only_layers":[])",
                        row.at("experts"), row.at("top_k"), row.at("expert_ffn"));
  const bool is_own_size = row.at("gguf_arch") != "deepseek2" &&
                           count(row, "head_dim_k") * count(row, "heads") != count(row, "hidden");
  if (is_own_size) text += fmt::format(",\"head_dim\":{}", row.at("head_dim_k"));
  const bool is_gemma = family(row).rfind("gemma", 0) == 0;
  if (!is_gemma && family(row) != "smollm3")
    text += fmt::format(",\"tie_word_embeddings\":{}", row.at("tied") == "1");
  static const std::map<std::string, std::string> kMore = {
      {"Qwen2.5-7B",
       R"("max_window_layers":28,"sliding_window":131072,"use_sliding_window":false)"},
      {"Qwen3-0.6B", R"("attention_bias":false,"sliding_window":null,"use_sliding_window":false)"},
      {"Mistral-7B-v0.3", R"("sliding_window":null)"},
      {"Gemma-2-2b", R"("sliding_window":4096,"attn_logit_softcapping":50.0,
        "final_logit_softcapping":30.0,"query_pre_attn_scalar":256)"},
      {"Gemma-3-1b", R"("sliding_window":512,"sliding_window_pattern":6)"},
      {"Phi-3-mini-4k", R"("sliding_window":2047,"original_max_position_embeddings":4096)"},
      {"Phi-4", R"("sliding_window":null)"},
      {"Granite-3.3-8b", R"("embedding_multiplier":12.0,"attention_multiplier":0.0078125,
        "residual_multiplier":0.22,"logits_scaling":16.0)"}};
  const auto more = kMore.find(model);
  if (more != kMore.end()) text += "," + more->second;
  return text + "}";
}

/// The header of a file with all tensors as fp16.
std::string gguf(const Row& row) {
  const std::string& name = row.at("gguf_arch");
  const auto size = [&](const char* column) {
    return static_cast<std::uint64_t>(count(row, column));
  };
  const std::uint64_t d = size("hidden"), f = size("ffn"), hd = size("head_dim_k");
  const std::uint64_t q = size("heads") * hd, kv = size("kv_heads") * hd;
  GgufBuilder b;
  const auto key = [&](const char* text, const char* column) {
    b.number(name + "." + text, static_cast<std::uint32_t>(size(column)));
  };
  b.text("general.architecture", name);
  key("embedding_length", "hidden");
  key("block_count", "layers");
  key("feed_forward_length", "ffn");
  key("attention.head_count", "heads");
  const bool latent = name == "deepseek2";
  if (latent) {
    b.number(name + ".attention.head_count_kv", 1)
        .number(name + ".attention.key_length", 576)
        .number(name + ".attention.value_length", 512);
    key("attention.key_length_mla", "head_dim_k");
    key("attention.value_length_mla", "head_dim_v");
    key("attention.kv_lora_rank", "kv_lora");
    if (size("q_lora") > 0) key("attention.q_lora_rank", "q_lora");
    key("rope.dimension_count", "qk_rope");
    key("expert_shared_count", "shared_experts");
    key("leading_dense_block_count", "dense_layers");
  } else {
    key("attention.head_count_kv", "kv_heads");
    key("attention.key_length", "head_dim_k");
    key("attention.value_length", "head_dim_v");
  }
  if (size("window") > 0) key("attention.sliding_window", "window");
  const bool centred = name == "falcon" || name == "gptneox" || name == "bloom";
  const std::uint64_t experts = size("experts"), fe = size("expert_ffn");
  if (experts > 0) key("expert_count", "experts");
  if (experts > 0) key("expert_used_count", "top_k");
  if (name == "qwen3moe" || name == "gpt-oss" || latent)
    key("expert_feed_forward_length", "expert_ffn");
  b.real(name + (centred ? ".attention.layer_norm_epsilon" : ".attention.layer_norm_rms_epsilon"),
         1e-5f);
  if (name == "gptneox")
    b.number("gptneox.use_parallel_residual", 1)
        .number("gptneox.rope.dimension_count", static_cast<std::uint32_t>(hd / 4));
  if (name == "granite")
    b.real("granite.logit_scale", 16)
        .real("granite.residual_scale", 0.22f)
        .real("granite.embedding_scale", 12)
        .real("granite.attention.scale", 0.0078125f);
  const auto add = [&](const std::string& tensor, const std::vector<std::uint64_t>& sizes) {
    b.tensor(tensor, sizes, sizes.size() == 1 ? 0 : 1, "");
  };
  add("token_embd.weight", {d, size("vocab")});
  add("output_norm.weight", {d});
  if (centred) add("output_norm.bias", {d});
  if (name == "bloom") add("token_embd_norm.weight", {d});
  if (name == "bloom") add("token_embd_norm.bias", {d});
  if (row.at("tied") == "0") add("output.weight", {d, size("vocab")});
  for (std::uint64_t i = 0; i < size("layers"); ++i) {
    const auto in_block = [&](const char* tensor, const std::vector<std::uint64_t>& sizes) {
      add(fmt::format("blk.{}.{}", i, tensor), sizes);
    };
    if (centred) {
      in_block("attn_norm.weight", {d});
      in_block("attn_norm.bias", {d});
      in_block("attn_qkv.weight", {d, q + 2 * kv});
      in_block("attn_output.weight", {q, d});
      in_block("ffn_up.weight", {d, f});
      in_block("ffn_down.weight", {f, d});
      if (name == "falcon") continue;
      in_block("ffn_norm.weight", {d});
      in_block("ffn_norm.bias", {d});
      in_block("attn_qkv.bias", {q + 2 * kv});
      in_block("attn_output.bias", {d});
      in_block("ffn_up.bias", {f});
      in_block("ffn_down.bias", {d});
      continue;
    }
    const bool post = name == "gemma2" || name == "gemma3" || name == "olmo2";
    if (name != "olmo2") in_block("attn_norm.weight", {d});
    if (name != "olmo2" && name != "gpt-oss") in_block("ffn_norm.weight", {d});
    if (name == "gpt-oss") in_block("post_attention_norm.weight", {d});
    if (post) in_block("post_attention_norm.weight", {d});
    if (post) in_block("post_ffw_norm.weight", {d});
    if (name == "qwen3" || name == "qwen3moe" || name == "gemma3" || name == "olmo2") {
      in_block("attn_q_norm.weight", {name == "olmo2" ? q : hd});
      in_block("attn_k_norm.weight", {name == "olmo2" ? kv : hd});
    }
    if (latent) {
      const std::uint64_t r = size("kv_lora"), p = size("qk_rope"), n = size("qk_nope");
      const std::uint64_t h = size("heads"), v = size("head_dim_v"), of_q = size("q_lora");
      if (of_q > 0) {
        in_block("attn_q_a.weight", {d, of_q});
        in_block("attn_q_a_norm.weight", {of_q});
        in_block("attn_q_b.weight", {of_q, h * (n + p)});
      } else {
        in_block("attn_q.weight", {d, h * (n + p)});
      }
      in_block("attn_kv_a_mqa.weight", {d, r + p});
      in_block("attn_kv_a_norm.weight", {r});
      in_block("attn_k_b.weight", {n, r, h});
      in_block("attn_v_b.weight", {r, v, h});
      in_block("attn_output.weight", {h * v, d});
      if (i < size("dense_layers")) {
        in_block("ffn_gate.weight", {d, f});
        in_block("ffn_up.weight", {d, f});
        in_block("ffn_down.weight", {f, d});
        continue;
      }
      const std::uint64_t shared = fe * size("shared_experts");
      in_block("ffn_gate_shexp.weight", {d, shared});
      in_block("ffn_up_shexp.weight", {d, shared});
      in_block("ffn_down_shexp.weight", {shared, d});
      if (of_q > 0) in_block("exp_probs_b.bias", {experts});  // V3
    } else if (name == "phi3") {
      in_block("attn_qkv.weight", {d, q + 2 * kv});
      in_block("ffn_up.weight", {d, 2 * f});
    } else {
      in_block("attn_q.weight", {d, q});
      in_block("attn_k.weight", {d, kv});
      in_block("attn_v.weight", {d, kv});
    }
    if (experts > 0) {
      in_block("ffn_gate_inp.weight", {d, experts});
      in_block("ffn_gate_exps.weight", {d, fe, experts});
      in_block("ffn_up_exps.weight", {d, fe, experts});
      in_block("ffn_down_exps.weight", {fe, d, experts});
    } else if (name != "phi3") {
      in_block("ffn_gate.weight", {d, f});
      in_block("ffn_up.weight", {d, f});
    }
    if (name == "qwen2" || name == "gpt-oss") {
      in_block("attn_q.bias", {q});
      in_block("attn_k.bias", {kv});
      in_block("attn_v.bias", {kv});
    }
    if (name == "gpt-oss") {
      in_block("attn_output.bias", {d});
      in_block("attn_sinks.weight", {size("heads")});
      in_block("ffn_gate_inp.bias", {experts});
      in_block("ffn_gate_exps.bias", {fe, experts});
      in_block("ffn_up_exps.bias", {fe, experts});
      in_block("ffn_down_exps.bias", {d, experts});
    }
    if (!latent) in_block("attn_output.weight", {q, d});
    if (experts == 0) in_block("ffn_down.weight", {f, d});
  }
  return b.header();
}

struct Totals {
  std::int64_t parameters = 0, linear = 0, attention = 0, cache = 0, bytes_in_fp32 = 0;
};

Totals totals(const std::string& file, const std::string& text, std::int64_t context) {
  ImportOptions options;
  options.sizes["context"] = context;
  const Network network = network_of(import_text(file, text, options));
  Precision fp16;
  fp16.weights.format = fp16.activations.format = "fp16";
  Totals totals;
  totals.parameters = total_parameters(network);
  totals.cache = network_memory(network, fp16).kv_cache;
  Precision fp32;
  fp32.weights.format = fp32.activations.format = "fp32";
  totals.bytes_in_fp32 = network_memory(network, fp32).weights;
  for (const NetworkLayer& layer : network.layers)
    (std::holds_alternative<Matmul>(layer.op) ? totals.attention : totals.linear) +=
        layer_macs(layer) * layer.repeat;
  return totals;
}

/// llama.cpp has none of OPT.
bool has_gguf(const Row& row) { return row.at("gguf_arch") != "opt"; }

const char* const kBegin = "<!-- models -->\n";

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

}  // namespace

TEST_CASE(
    "import: families of decoders have the published totals (BITJOULE_UPDATE_DOCS=1 lists them)") {
  std::string table =
      "| model | `config.json` | GGUF | parameters | MACs per token: weights | attention at 512 | "
      "at "
      "8192 | KV cache at 8192 in fp16, B |\n|---|---|---|---|---|---|---|---|\n";
  int supported = 0;
  for (const Row& row : shapes()) {
    CAPTURE(row.at("model"));
    ++supported;
    Totals at_8192;
    for (const std::string file : {"config.json", "model.gguf"}) {
      CAPTURE(file);
      if (file != "config.json" && !has_gguf(row)) continue;
      const std::string text = file == "config.json" ? config(row) : gguf(row);
      const Totals at_512 = totals(file, text, 512);
      at_8192 = totals(file, text, 8192);
      CHECK(at_512.parameters == count(row, "params"));
      if (file == "config.json" && text.find("quant_method") == std::string::npos)
        CHECK(at_512.bytes_in_fp32 == 4 * count(row, "params"));
      CHECK(at_512.linear == count(row, "linear_macs_per_token"));
      CHECK(at_8192.linear == at_512.linear);
      CHECK(at_512.attention == count(row, "attention_macs_ctx512"));
      CHECK(at_8192.attention == count(row, "attention_macs_ctx8192"));
      CHECK(at_8192.cache == count(row, "kv_fp16_bytes_ctx8192"));
    }
    table +=
        fmt::format("| {} | `{}` | `{}` | {} | {} | {} | {} | {} |\n", row.at("model"), family(row),
                    has_gguf(row) ? row.at("gguf_arch") : "none", with_commas(at_8192.parameters),
                    with_commas(at_8192.linear), with_commas(count(row, "attention_macs_ctx512")),
                    with_commas(at_8192.attention), with_commas(at_8192.cache));
  }
  CHECK(supported == 34);
  check_docs_table("networks.md", kBegin, table);
}

TEST_CASE("import: kin of BERT have the parameters that their layers add up to") {
  const auto parameters = [](const std::string& text) {
    return total_parameters(network_of(import_text("config.json", text)));
  };
  // Four matrices of attention, two of the MLP, all with biases, and two norms.
  const auto block = [](std::int64_t d, std::int64_t f) {
    return 4 * (d * d + d) + d * f + f + f * d + d + 4 * d;
  };
  const std::string sizes = R"("num_hidden_layers":12,"num_attention_heads":12,"hidden_size":768,
    "intermediate_size":3072,)";
  // Published: 124,645,632.
  const std::int64_t roberta = (50265 + 514 + 1 + 2) * 768 + 12 * block(768, 3072) + 768 * 769;
  CHECK(roberta == 124645632);
  for (const char* type : {"roberta", "xlm-roberta"})
    CHECK(parameters(R"({"model_type":")" + std::string(type) + "\"," + sizes +
                     R"("vocab_size":50265,"max_position_embeddings":514,"type_vocab_size":1,
                     "layer_norm_eps":1e-05})") == roberta);
  // Published: 66,362,880.
  CHECK(parameters(R"({"model_type":"distilbert","dim":768,"n_layers":6,"n_heads":12,
    "hidden_dim":3072,"vocab_size":30522,"max_position_embeddings":512,"activation":"gelu"})") ==
        (30522 + 512 + 2) * 768 + 6 * block(768, 3072));
  // Published: 11,683,584.
  const std::int64_t albert =
      (30000 + 512 + 2 + 2) * 128 + 768 * 129 + block(768, 3072) + 768 * 769;
  CHECK(albert == 11683584);
  CHECK(parameters(R"({"model_type":"albert","embedding_size":128,)" + sizes +
                   R"("vocab_size":30000,"max_position_embeddings":512,"type_vocab_size":2,
                   "hidden_act":"gelu_new","num_hidden_groups":1,"inner_group_num":1})") == albert);
  CHECK(parameters(R"({"model_type":"electra","embedding_size":128,"hidden_size":256,
    "num_hidden_layers":12,"num_attention_heads":4,"intermediate_size":1024,"vocab_size":30522,
    "max_position_embeddings":512,"type_vocab_size":2,"hidden_act":"gelu"})") ==
        (30522 + 512 + 2 + 2) * 128 + 256 * 129 + 12 * block(256, 1024));
}

TEST_CASE("import: a step reads the experts that its tokens reach, memory holds all") {
  const auto experts_read = [](std::int64_t batch) {
    for (const Row& row : shapes()) {
      if (row.at("model") != "Qwen3-30B-A3B") continue;
      ImportOptions options;
      options.batch = batch;
      const Network network = network_of(import_text("config.json", config(row), options));
      CHECK(total_parameters(network) == count(row, "params"));
      const Network timed = with_expert_layers(network);
      CHECK(total_macs(timed) == total_macs(network));
      std::int64_t matrices = 0;
      for (const NetworkLayer& layer : timed.layers)
        matrices += layer.kind == "experts" ? layer.repeat : 0;
      return matrices;
    }
    return std::int64_t{0};
  };
  // Three matrices in each of 48 layers: 8 of 128 experts for a token, 128 * (1 - (15/16)^4) = 29.1
  // for four.
  CHECK(experts_read(1) == 48 * 3 * 8);
  CHECK(experts_read(4) == 48 * 3 * 29);
}

TEST_CASE("recipes: mixes of all models have the sizes that llama.cpp's files have") {
  std::map<std::string, Row> models;
  for (const Row& row : shapes()) models[row.at("model")] = row;
  int checked = 0;
  for (const Row& row : rows_of("models_gguf_sizes.csv")) {
    std::string recipe = row.at("ftype");
    for (char& c : recipe) c = static_cast<char>(std::tolower(c));
    const std::vector<std::string> known = recipe_names();
    if (std::find(known.begin(), known.end(), recipe) == known.end()) continue;
    const Row& model = models.at(row.at("model"));
    CAPTURE(row.at("model"));
    CAPTURE(recipe);
    ImportOptions import;
    const Imported imported = import_text("config.json", config(model), import);
    TransformerFile file = std::get<TransformerFile>(imported.what);
    // gpt-oss' own file says that its experts are MXFP4.
    file.overrides.clear();
    NetworkOptions options;
    options.recipe = recipe;
    const Network network =
        read_network(node_source("config.json", file.node("config.json")), {}, options);
    Precision fp32;
    fp32.weights.format = fp32.activations.format = "fp32";
    // Llama 3's files have the divisors of its rotations, too.
    const std::int64_t beside = count(row, "elements") - count(model, "params");
    CHECK(network_memory(network, fp32).weights + 4 * beside == count(row, "tensor_bytes"));
    ++checked;
  }
  CHECK(checked == 32 * 10);
}

TEST_CASE("import: experts of one tensor lie as experts x outputs x inputs") {
  for (const Row& row : shapes()) {
    if (row.at("model") != "Qwen3-30B-A3B") continue;
    std::string text = gguf(row);
    // The last dimension of GGUF is the slowest: 128 experts of 768 outputs and 2,048 inputs.
    const std::string name = "blk.0.ffn_gate_exps.weight";
    const std::size_t sizes = text.find(name) + name.size() + 4;
    const std::string swapped = text.substr(sizes + 16, 8) + text.substr(sizes + 8, 8);
    text.replace(sizes + 8, 16, swapped);
    const std::string message = message_of("model.gguf", text);
    CAPTURE(message);
    CHECK(
        message.find("tensor \"blk.0.ffn_gate_exps.weight\" has the shape 768 x 128 x 2048, layer "
                     "\"blk.0.gate_exps\" needs 128 x 768 x 2048: experts, outputs, inputs") !=
        std::string::npos);
  }
}

}  // namespace bitjoule::test::import_families_test
