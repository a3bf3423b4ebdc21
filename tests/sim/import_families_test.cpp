// Decoders of language models from config.json and from GGUF, against the published shapes: their
// parameters, MACs per token and KV bytes. docs/networks.md lists them.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "run/network_memory.h"
#include "support/gguf_builder.h"
#include "support/import_text.h"
#include "support/shell.h"

namespace bitjoule::test::import_families_test {
namespace {

using Row = std::map<std::string, std::string>;

std::vector<Row> shapes() {
  std::istringstream lines(text_of(source_dir() + "/../shared/reference/models_shapes.csv"));
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

std::int64_t count(const Row& row, const std::string& column) { return std::stoll(row.at(column)); }

/// model_type of config.json.
std::string family(const Row& row) {
  const std::string& name = row.at("gguf_arch");
  if (row.at("model").rfind("Mistral", 0) == 0) return "mistral";
  if (row.at("model").rfind("Mixtral", 0) == 0) return "mixtral";
  static const std::map<std::string, std::string> kOthers = {{"gemma3", "gemma3_text"},
                                                             {"qwen3moe", "qwen3_moe"},
                                                             {"deepseek2", "deepseek_v3"},
                                                             {"gpt-oss", "gpt_oss"},
                                                             {"gptneox", "gpt_neox"}};
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
  text += fmt::format(",\"num_key_value_heads\":{},\"intermediate_size\":{}", row.at("kv_heads"),
                      row.at("ffn"));
  const bool is_own_size = count(row, "head_dim_k") * count(row, "heads") != count(row, "hidden");
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
  key("attention.head_count_kv", "kv_heads");
  key("attention.key_length", "head_dim_k");
  key("attention.value_length", "head_dim_v");
  if (size("window") > 0) key("attention.sliding_window", "window");
  const bool centred = name == "falcon" || name == "gptneox";
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
    if (name != "olmo2") in_block("ffn_norm.weight", {d});
    if (post) in_block("post_attention_norm.weight", {d});
    if (post) in_block("post_ffw_norm.weight", {d});
    if (name == "qwen3" || name == "gemma3" || name == "olmo2") {
      in_block("attn_q_norm.weight", {name == "olmo2" ? q : hd});
      in_block("attn_k_norm.weight", {name == "olmo2" ? kv : hd});
    }
    if (name == "phi3") {
      in_block("attn_qkv.weight", {d, q + 2 * kv});
      in_block("ffn_up.weight", {d, 2 * f});
    } else {
      in_block("attn_q.weight", {d, q});
      in_block("attn_k.weight", {d, kv});
      in_block("attn_v.weight", {d, kv});
      in_block("ffn_gate.weight", {d, f});
      in_block("ffn_up.weight", {d, f});
    }
    if (name == "qwen2") in_block("attn_q.bias", {q});
    if (name == "qwen2") in_block("attn_k.bias", {kv});
    if (name == "qwen2") in_block("attn_v.bias", {kv});
    in_block("attn_output.weight", {q, d});
    in_block("ffn_down.weight", {f, d});
  }
  return b.header();
}

struct Totals {
  std::int64_t parameters = 0, linear = 0, attention = 0, cache = 0;
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
  for (const NetworkLayer& layer : network.layers)
    (std::holds_alternative<Matmul>(layer.op) ? totals.attention : totals.linear) +=
        layer_macs(layer) * layer.repeat;
  return totals;
}

/// Families that are not imported yet, by their column gguf_arch, or as mixtures of experts.
bool is_refused(const Row& row) {
  static const std::set<std::string> kOthers = {"qwen3moe", "deepseek2", "gpt-oss", "opt", "bloom"};
  return kOthers.count(row.at("gguf_arch")) != 0 || row.at("experts") != "0";
}

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
    if (is_refused(row)) continue;
    ++supported;
    Totals at_8192;
    for (const std::string file : {"config.json", "model.gguf"}) {
      CAPTURE(file);
      const std::string text = file == "config.json" ? config(row) : gguf(row);
      const Totals at_512 = totals(file, text, 512);
      at_8192 = totals(file, text, 8192);
      CHECK(at_512.parameters == count(row, "params"));
      CHECK(at_512.linear == count(row, "linear_macs_per_token"));
      CHECK(at_8192.linear == at_512.linear);
      CHECK(at_512.attention == count(row, "attention_macs_ctx512"));
      CHECK(at_8192.attention == count(row, "attention_macs_ctx8192"));
      CHECK(at_8192.cache == count(row, "kv_fp16_bytes_ctx8192"));
    }
    table +=
        fmt::format("| {} | `{}` | `{}` | {} | {} | {} | {} | {} |\n", row.at("model"), family(row),
                    row.at("gguf_arch"), with_commas(at_8192.parameters),
                    with_commas(at_8192.linear), with_commas(count(row, "attention_macs_ctx512")),
                    with_commas(at_8192.attention), with_commas(at_8192.cache));
  }
  CHECK(supported == 24);
  const std::string file = source_dir() + "/docs/networks.md";
  std::string docs = text_of(file);
  const std::size_t at = docs.find(kBegin);
  REQUIRE(at != std::string::npos);
  const std::size_t from = at + std::string(kBegin).size(), to = docs.find("<!-- end -->", from);
  REQUIRE(to != std::string::npos);
  if (std::getenv("BITJOULE_UPDATE_DOCS") != nullptr)
    std::ofstream(file) << docs.replace(from, to - from, table);
  else
    CHECK(docs.substr(from, to - from) == table);
}

TEST_CASE("import: families that are not there yet are refused by both importers") {
  int refused = 0;
  for (const Row& row : shapes()) {
    CAPTURE(row.at("model"));
    if (!is_refused(row)) continue;
    ++refused;
    CHECK(message_of("config.json", config(row)).find("model_type: expected one of") !=
          std::string::npos);
    // Mixtral is a llama to GGUF; OPT has no GGUF.
    GgufBuilder b;
    b.text("general.architecture", row.at("gguf_arch")).number("llama.expert_count", 8);
    b.tensor("token_embd.weight", {1, 1}, 0, "");
    CHECK(message_of("model.gguf", b.header()) != "");
  }
  CHECK(refused == 10);
}

}  // namespace bitjoule::test::import_families_test
