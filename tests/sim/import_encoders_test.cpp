// Encoders with a decoder from config.json and from GGUF, against what their layers add up to and
// the published counts: parameters, MACs of each phase and bytes of the cache. docs/networks.md
// lists them.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "run/network_memory.h"
#include "support/docs_table.h"
#include "support/gguf_builder.h"
#include "support/import_text.h"

namespace bitjoule::test::import_encoders_test {
namespace {

/// A model by its published sizes.
struct Model {
  const char* name;
  const char* family;
  std::int64_t hidden, encoder_layers, layers, heads, head_dim, ffn, vocab;
  bool gated, tied;
  std::int64_t source, context;
  std::int64_t parameters;  ///< published
  std::int64_t bins = 0, positions = 0;
};

// T5: Raffel et al. (2020) and Chung et al. (2022); Whisper: Radford et al. (2023).
const Model kModels[] = {
    {"t5-small", "t5", 512, 6, 6, 8, 64, 2048, 32128, false, true, 512, 512, 60506624},
    {"t5-base", "t5", 768, 12, 12, 12, 64, 3072, 32128, false, true, 512, 512, 222903552},
    {"flan-t5-base", "t5", 768, 12, 12, 12, 64, 2048, 32128, true, false, 512, 512, 247577856},
    {"flan-t5-xl", "t5", 2048, 24, 24, 32, 64, 5120, 32128, true, false, 512, 512, 2849757184},
    {"whisper-large-v3", "whisper", 1280, 32, 32, 20, 64, 5120, 51866, false, true, 1500, 448,
     1543490560, 128, 448},
};

bool is_whisper(const Model& m) { return m.bins > 0; }

std::string config(const Model& m) {
  if (is_whisper(m))
    return fmt::format(
        R"({{"model_type":"whisper","architectures":["WhisperForConditionalGeneration"],
        "d_model":{},"encoder_layers":{},"num_hidden_layers":{},"decoder_layers":{},
        "encoder_attention_heads":{},"decoder_attention_heads":{},"encoder_ffn_dim":{},
        "decoder_ffn_dim":{},"vocab_size":{},"num_mel_bins":{},"max_source_positions":{},
        "max_target_positions":{},"activation_function":"gelu","scale_embedding":false,
        "is_encoder_decoder":true,"encoder_layerdrop":0.0,"decoder_layerdrop":0.0,
        "median_filter_width":7,"use_weighted_layer_sum":false,"apply_spec_augment":false}})",
        m.hidden, m.encoder_layers, m.encoder_layers, m.layers, m.heads, m.heads, m.ffn, m.ffn,
        m.vocab, m.bins, m.source, m.positions);
  return fmt::format(
      R"({{"model_type":"t5","d_model":{},"num_layers":{},"num_decoder_layers":{},"num_heads":{},
      "d_kv":{},"d_ff":{},"vocab_size":{},"feed_forward_proj":"{}","tie_word_embeddings":{},
      "is_encoder_decoder":true,"n_positions":512,"dropout_rate":0.1,"layer_norm_epsilon":1e-06,
      "relative_attention_num_buckets":32,"decoder_start_token_id":0}})",
      m.hidden, m.encoder_layers, m.layers, m.heads, m.head_dim, m.ffn, m.vocab,
      m.gated ? "gated-gelu" : "relu", m.tied);
}

/// A header without data.
std::string gguf(const Model& m) {
  const auto size = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
  const auto number = [](std::int64_t n) { return static_cast<std::uint32_t>(n); };
  constexpr std::uint32_t kF16 = 1, kF32 = 0;
  GgufBuilder b;
  b.text("general.architecture", "t5")
      .number("t5.embedding_length", number(m.hidden))
      .number("t5.block_count", number(m.encoder_layers))
      .number("t5.decoder_block_count", number(m.layers))
      .number("t5.feed_forward_length", number(m.ffn))
      .number("t5.attention.head_count", number(m.heads))
      .number("t5.attention.key_length", number(m.head_dim))
      .number("t5.attention.value_length", number(m.head_dim))
      .number("t5.attention.relative_buckets_count", 32)
      .number("t5.decoder_start_token_id", 0)
      .real("t5.attention.layer_norm_epsilon", 1e-6f)
      .real("t5.attention.layer_norm_rms_epsilon", 1e-6f);
  const std::uint64_t d = size(m.hidden), width = size(m.heads * m.head_dim), f = size(m.ffn);
  b.tensor("token_embd.weight", {d, size(m.vocab)}, kF16, "");
  if (!m.tied) b.tensor("output.weight", {d, size(m.vocab)}, kF16, "");
  for (const std::string part : {"enc", "dec"}) {
    b.tensor(part + ".output_norm.weight", {d}, kF32, "");
    for (std::int64_t i = 0; i < (part == "enc" ? m.encoder_layers : m.layers); ++i) {
      const auto add = [&](const char* name, const std::vector<std::uint64_t>& sizes,
                           std::uint32_t type) {
        b.tensor(fmt::format("{}.blk.{}.{}.weight", part, i, name), sizes, type, "");
      };
      const auto attention = [&](const std::string& before) {
        add((before + "attn_norm").c_str(), {d}, kF32);
        for (const char* matrix : {"attn_q", "attn_k", "attn_v"})
          add((before + matrix).c_str(), {d, width}, kF16);
        add((before + "attn_o").c_str(), {width, d}, kF16);
      };
      attention("");
      if (i == 0) add("attn_rel_b", {size(m.heads), 32}, kF32);
      if (part == "dec") attention("cross_");
      add("ffn_norm", {d}, kF32);
      if (m.gated) add("ffn_gate", {d, f}, kF16);
      add("ffn_up", {d, f}, kF16);
      add("ffn_down", {f, d}, kF16);
    }
  }
  return b.header();
}

struct Work {
  std::int64_t stem = 0, linear = 0, cross_kv = 0, attention = 0, cross = 0;
};

bool has(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

/// MACs by what they are.
Work work_of(const Network& network) {
  Work work;
  for (const NetworkLayer& layer : network.layers) {
    const bool is_cross = has(layer.name, "cross_");
    const bool is_product = std::holds_alternative<Matmul>(layer.op);
    std::int64_t& sum = layer.kind == "stem" ? work.stem
                        : is_product         ? (is_cross ? work.cross : work.attention)
                        : has(layer.name, "cross_k") || has(layer.name, "cross_v") ? work.cross_kv
                                                                                   : work.linear;
    sum += layer_macs(layer) * layer.repeat;
  }
  return work;
}

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

const char* const kBegin = "<!-- encoders -->\n";

}  // namespace

TEST_CASE(
    "import: encoders with a decoder have the totals of their layers "
    "(BITJOULE_UPDATE_DOCS=1 lists them)") {
  std::string table =
      "| model | `config.json` | GGUF | parameters | MACs of the encoder | of its keys and values "
      "| "
      "of a token: weights | cross-attention | attention | KV cache in fp16: cross, B | self, B |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const Model& m : kModels) {
    CAPTURE(m.name);
    const std::int64_t d = m.hidden, width = m.heads * m.head_dim, s = m.source, c = m.context;
    const std::int64_t attention = 4 * d * width, mlp = (m.gated ? 3 : 2) * d * m.ffn;
    for (const std::string file : {"config.json", "model.gguf"}) {
      if (file != "config.json" && is_whisper(m)) continue;
      CAPTURE(file);
      ImportOptions options;
      options.sizes = {{"context", c}, {"source", s}};
      const Imported imported =
          import_text(file, file == "config.json" ? config(m) : gguf(m), options);
      const auto& network = std::get<TransformerFile>(imported.what);
      CHECK(imported.notes.empty());
      const Network whole = network.build(file, "prefill"), encoder = network.build(file, "encode");
      const Network decoder = network.build(file);
      CHECK(total_parameters(whole) == m.parameters);
      // Both have the one table of words; of sound the encoder has none.
      const std::int64_t shared = is_whisper(m) ? 0 : m.vocab * d;
      CHECK(total_parameters(encoder) + total_parameters(decoder) - shared == m.parameters);
      const Work e = work_of(encoder), step = work_of(decoder);
      CHECK(e.stem == (is_whisper(m) ? 3 * d * (2 * s * m.bins + s * d) : 0));
      CHECK(e.linear == m.encoder_layers * s * (attention + mlp));
      CHECK(e.attention == m.encoder_layers * 2 * s * s * width);
      CHECK(e.cross_kv == m.layers * 2 * s * d * width);
      CHECK(step.linear + step.cross_kv ==
            m.layers * (2 * attention - 2 * d * width + mlp) + m.vocab * d);
      CHECK(step.cross_kv == 0);
      CHECK(step.cross == m.layers * 2 * s * width);
      CHECK(step.attention == m.layers * 2 * c * width);
      Precision fp16;
      fp16.weights.format = fp16.activations.format = "fp16";
      const std::int64_t of_source = 2 * m.layers * 2 * s * width;
      const std::int64_t of_context = 2 * m.layers * 2 * c * width;
      CHECK(network_memory(decoder, fp16).kv_cache == of_source + of_context);
      CHECK(network_memory(encoder, fp16).kv_cache == 0);
      CHECK(kv_elements_written(encoder) == of_source / 2);
      CHECK(kv_elements_written(decoder) == m.layers * 2 * width);
      if (file == "config.json")
        table += fmt::format("| {} | `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", m.name,
                             m.family, is_whisper(m) ? "no" : "`t5`", with_commas(m.parameters),
                             with_commas(e.stem + e.linear + e.attention), with_commas(e.cross_kv),
                             with_commas(step.linear), with_commas(step.cross),
                             with_commas(step.attention), with_commas(of_source),
                             with_commas(of_context));
    }
  }
  check_docs_table("networks.md", kBegin, table);
}

TEST_CASE("import: Whisper's totals are those of its published shapes") {
  const Model& m = kModels[4];
  ImportOptions options;
  options.sizes = {{"context", 448}};
  const Imported imported = import_text("config.json", config(m), options);
  const auto& network = std::get<TransformerFile>(imported.what);
  const Work e = work_of(network.build("config.json", "encode"));
  const Work step = work_of(network.build("config.json"));
  CHECK(e.stem == 8847360000);         // 8.847 G
  CHECK(e.linear == 943718400000);     // 943.718 G
  CHECK(e.attention == 184320000000);  // 184.320 G
  CHECK(e.cross_kv == 157286400000);   // 157.286 G
  CHECK(step.linear == 800391680);     // 800.39 M
  CHECK(step.cross == 122880000);      // 122.88 M
  CHECK(step.attention == 81920 * 448);
}

TEST_CASE("import: what an encoder with a decoder cannot be is refused") {
  const auto t5 = [](const char* more) {
    return R"({"model_type":"t5","d_model":64,"num_layers":2,"num_heads":4,"d_kv":16,"d_ff":96,
      "vocab_size":100)" +
           std::string(more) + "}";
  };
  CHECK(message_of("config.json", t5(R"(,"is_encoder_decoder":false)")) ==
        "config.json: is_encoder_decoder: false is not supported for t5: it changes the layers");
  CHECK(message_of("config.json", t5(R"(,"feed_forward_proj":"gated-tanh")"))
            .find("config.json: feed_forward_proj: expected one of relu, gated-gelu") == 0);
  CHECK(message_of("config.json", t5(R"(,"quantization_config":{"load_in_8bit":true,
      "quant_method":"bitsandbytes"})"))
            .find("config.json: quantization_config: is not supported for t5 without the weights "
                  "beside it") == 0);
  CHECK(message_of("config.json",
                   R"({"model_type":"albert","hidden_size":64,"num_hidden_layers":2,
      "num_attention_heads":4,"intermediate_size":96,"vocab_size":100,"embedding_size":32,
      "max_position_embeddings":64,"num_hidden_groups":2})")
            .find("config.json: num_hidden_groups: other numbers than 1 are not supported for "
                  "albert") == 0);
}

}  // namespace bitjoule::test::import_encoders_test
