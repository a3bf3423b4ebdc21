// config.json and the weights beside it: every key counts, is harmless, is refused or is told.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <set>

#include "run/network_memory.h"
#include "sim/formats/blob.h"
#include "support/gguf_builder.h"
#include "support/import_text.h"
#include "support/shell.h"

namespace bitjoule::test::import_hugging_face_test {

namespace {

/// A small llama with further keys.
std::string small_config(const std::string& keys, const std::string& type = "llama") {
  return "{\"model_type\":\"" + type +
         R"(","hidden_size":64,"num_hidden_layers":3,"num_attention_heads":4,
            "num_key_value_heads":4,"intermediate_size":128,"vocab_size":96)" +
         keys + "}";
}

std::string case_text(const std::string& name) {
  return text_of(fs::path(source_dir()) / ".." / "shared" / "cases" / "hf" / name);
}

std::int64_t weight_bytes(const Network& network) {
  Precision run;
  run.weights.format = run.activations.format = "fp16";
  return network_memory(network, run).weights;
}

}  // namespace

TEST_CASE("import: keys of config.json that change shapes, bytes or values are used or refused") {
  const auto message = [](const std::string& keys) {
    return message_of("config.json", small_config("," + keys));
  };
  struct Refused {
    const char* keys;
    const char* part;
  };
  for (
      const Refused& r : std::initializer_list<Refused>{
          {R"("num_local_experts":8)",
           "num_local_experts: 8 is not supported: it changes the shapes"},
          {R"("num_experts_per_tok":2)", "num_experts_per_tok"},
          {R"("attn_logit_softcapping":50.0)", "attn_logit_softcapping: 50 is not supported"},
          {R"("embedding_multiplier":12.0)", "embedding_multiplier"},
          {R"("logits_scaling":16.0)", "logits_scaling"},
          {R"("partial_rotary_factor":0.5)", "partial_rotary_factor"},
          {R"("rope_parameters":{"partial_rotary_factor":0.5})",
           "rope_parameters.partial_rotary_factor"},
          {R"("hidden_act":"quick_gelu")", "hidden_act: expected one of silu"},
          {R"("dtype":"float8_e4m3fn")", "dtype: expected bfloat16, float16 or float32"},
          {R"("dtype":"float16","torch_dtype":"bfloat16")", "differs from torch_dtype"},
          {R"("attention_bias":"yes")", "attention_bias: expected true or false, got \"yes\""},
          {R"("layer_types":["linear_attention"])", "layer_types"},
          {R"("rope_theta":10000.0,"rope_parameters":{"rope_theta":5e5})",
           "rope_parameters.rope_theta"},
          {R"("quantization_config":{"quant_method":"fp8","weight_block_size":[128,64]})",
           "quantization_config.weight_block_size: expected two equal sizes"},
          {R"("quantization_config":{"quant_method":"compressed-tensors","format":"marlin-24",
            "config_groups":{"g":{"weights":{"num_bits":4}}}})",
           "format: expected pack-quantized"},
          {R"("quantization_config":{"quant_method":"compressed-tensors","format":"pack-quantized",
            "ignore":["re:.*(q|k)_proj"],"config_groups":{"g":{"weights":{"num_bits":4}}}})",
           "ignore: expected names of modules, got \"re:.*(q|k)_proj\""},
          {R"("quantization_config":{"quant_method":"modelopt","quant_algo":"INT9"})",
           "quant_algo: expected NVFP4"},
          {R"("quantization_config":{"quant_method":"gptq","bits":4,"dynamic":{"-:.*q_proj":{}}})",
           "quantization_config.dynamic"},
          {R"("quantization_config":{"quant_method":"awq"},"num_hidden_layers":0.5)",
           "expected a positive number of layers, got 0.5"},
          {R"("quantization_config":{"quant_method":"awq"},"num_hidden_layers":100000)",
           "100000 quantized layers with 0 modules"},
          {R"("quantization_config":{"quant_method":"hqq"})", "quant_method: expected gptq, awq"},
          {R"("quantization_config":{"quant_method":"torchao"})", "mxfp4, got \"torchao\""},
          {R"("quantization_config":{"quant_method":"quark"})", "mxfp4, got \"quark\""},
          {R"("quantization_config":{"quant_method":"gptq","bits":4,"checkpoint_format":"marlin"})",
           "checkpoint_format: expected gptq, gptq_v2 or gptq_p, got \"marlin\""},
          {R"("quantization_config":{"quant_method":"gptq","bits":4,"is_marlin_format":true})",
           "is_marlin_format"},
          {R"("quantization":{"group_size":16,"bits":4,"mode":"mxfp6"})", "quantization.mode"},
          {R"("quantization":{"group_size":64,"bits":4,"model.layers.0.mlp.up_proj":{"bits":8}})",
           "bits and groups of single modules"}}) {
    CAPTURE(r.keys);
    const std::string text = message(r.keys);
    CAPTURE(text);
    CHECK(text.find(r.part) != std::string::npos);
  }
  // The same keys where they change nothing.
  CHECK(import_text("config.json",
                    small_config(R"(,"num_local_experts":1,"attn_logit_softcapping":null,
                      "logits_scaling":1.0,"partial_rotary_factor":1.0,"hidden_act":"silu",
                      "rope_scaling":null,"rope_parameters":{"rope_type":"default"},
                      "layer_types":["full_attention","full_attention","full_attention"])"))
            .notes.empty());
  auto layers =
      by_name(network_of(import_text("config.json", small_config(R"(,"hidden_act":"relu")"))));
  CHECK(std::get<VectorOp>(layers["blk.*.act"].op).kind == VectorKind::kRelu);
  CHECK(std::get<VectorOp>(
            by_name(network_of(import_text("config.json", small_config(""))))["norm"].op)
            .alpha == 1e-6);  // the library's default
}

TEST_CASE("import: keys of config.json that contradict each other or the network are refused") {
  struct Refused {
    const char* keys;
    const char* part;
  };
  for (const Refused& r : std::initializer_list<Refused>{
           {R"("quantization_config":{"quant_method":"awq","w_bit":4,"bits":8})", "w_bit"},
           {R"("quantization_config":{"quant_method":"awq","q_group_size":64,"group_size":128})",
            "q_group_size"},
           {R"("quantization_config":{"quant_method":"awq","version":"marlin","zero_point":true})",
            "quantization_config.zero_point: true contradicts version: marlin"},
           {R"("quantization_config":{"load_in_4bit":true,"load_in_8bit":true,
               "bnb_4bit_quant_type":"nf4"})",
            "load_in_4bit: true contradicts load_in_8bit"},
           {R"("quantization_config":{"load_in_4bit":true,"_load_in_4bit":false})",
            "_load_in_4bit: differs"},
           {R"("quantization_config":{"quant_method":"gptq","bits":4,"wbits":8})",
            "wbits: 8 differs from bits: 4"},
           {R"("quantization_config":{"quant_method":"gptq","bits":4,"group_size":128,
               "groupsize":64})",
            "groupsize: 64 differs from group_size: 128"},
           {R"("quantization_config":{"quant_method":"gptq","group_size":128})",
            "quantization_config.bits: missing"},
           {R"("compression_config":{"format":"pack-quantized"})", "compression_config"},
           {R"("kv_cache_quant_algo":"FP8")", "kv_cache_quant_algo"},
           {R"("qkv_bias":true)", "qkv_bias: true is not supported"},
           {R"("add_qkv_bias":true)", "add_qkv_bias"},
           {R"("query_pre_attn_scalar":144)", "query_pre_attn_scalar: 144 is not supported"},
           {R"("norm_type":"layernorm")", "norm_type"},
           {R"("num_mtp_layers":1)", "num_mtp_layers: 1 is not supported: it changes the layers"},
           {R"("dual_chunk_attention_config":{"chunk_size":8192})", "dual_chunk_attention_config"},
           {R"("use_bidirectional_attention":true)", "use_bidirectional_attention"},
           {R"("hidden_act":"silu","hidden_activation":"gelu")",
            "hidden_activation: \"gelu\" contradicts hidden_act: silu"},
           {R"("activation_function":"relu")", "activation_function"},
           {R"("layer_types":["full_attention","full_attention"])",
            "layer_types: expected 3 kinds of layers, got 2"}}) {
    CAPTURE(r.keys);
    const std::string text = message_of("config.json", small_config(std::string(",") + r.keys));
    CAPTURE(text);
    CHECK(text.find(r.part) != std::string::npos);
  }
  // The same where they agree: heads of 64 / 4 elements.
  CHECK(import_text("config.json", small_config(R"(,"query_pre_attn_scalar":16,"qkv_bias":false,
                      "norm_type":"rmsnorm","num_mtp_layers":0,"hidden_act":"silu",
                      "hidden_activation":"silu","use_bidirectional_attention":false,
                      "quantization_config":{"quant_method":"gptq","bits":4,"wbits":4})"))
            .notes.empty());
}

TEST_CASE("import: what config.json leaves out or says in vain is told") {
  const auto notes = [](const std::string& keys, const std::string& type) {
    return import_text("config.json", small_config(keys, type)).notes;
  };
  using Notes = std::vector<std::string>;
  CHECK(notes(R"(,"torch_dtype":"bfloat16")", "llama") ==
        Notes{"torch_dtype: bfloat16: no effect: the formats of the run's precision count"});
  CHECK(notes(R"(,"torch_dtype":"float32")", "llama").empty());
  CHECK(notes(R"(,"hidden_act":"gelu")", "gemma") ==
        Notes{"hidden_act: gelu: no effect: gelu_pytorch_tanh is computed, as the library does"});
  CHECK(notes(R"(,"attention_bias":true)", "qwen2") ==
        Notes{"attention_bias: no effect: qwen2 has biases of q, k and v, and none of o"});
  // Without num_key_value_heads the classes' own defaults hold: 32 for qwen2, 8 for mistral.
  const auto heads = [](const std::string& type, int count, const char* more) {
    return R"({"model_type":")" + type + R"(","hidden_size":1792,"num_hidden_layers":1,
      "head_dim":64,"intermediate_size":128,"vocab_size":96,"num_attention_heads":)" +
           std::to_string(count) + more + "}";
  };
  const auto key_outputs = [&](const std::string& text) {
    auto layers = by_name(network_of(import_text("config.json", text)));
    return std::get<Gemm>(layers["blk.*.k"].op).n;
  };
  CHECK(key_outputs(heads("qwen2", 64, "")) == 32 * 64);
  CHECK(key_outputs(heads("mistral", 64, "")) == 8 * 64);
  CHECK(key_outputs(heads("qwen2", 28, R"(,"num_key_value_heads":null)")) == 28 * 64);
  CHECK(message_of("config.json", heads("qwen2", 28, "")) ==
        "config.json: num_key_value_heads: missing, and the default of qwen2, 32, does not divide "
        "28 heads");
}

TEST_CASE("import: rope_parameters as transformers 5 writes them") {
  const auto theta = [](const std::string& text) {
    return *std::get<VectorOp>(
                by_name(network_of(import_text("config.json", text)))["blk.*.rope_q"].op)
                .alpha;
  };
  CHECK(theta(case_text("h07_rope_parameters.json")) == 500000);
  CHECK(theta(small_config(R"(,"rope_theta":20000)")) == 20000);
  for (const char* type : {"dynamic", "yarn", "longrope"})
    for (const std::string key : {"rope_scaling", "rope_parameters"})
      for (const std::string name : {"rope_type", "type"}) {
        const Imported imported = import_text(
            "config.json",
            small_config(fmt::format(R"(,"{}":{{"{}":"{}","factor":8.0}})", key, name, type)));
        REQUIRE(imported.notes.size() == 1);
        CHECK(imported.notes[0] ==
              key + ": \"" + type +
                  "\" scaling changes no cycles or bytes; runs with values are "
                  "refused");
        CHECK(imported_yaml(imported).find("timing_only: [\"" + key) != std::string::npos);
      }
}

TEST_CASE("import: rotary scaling that values know") {
  const auto scaling = [](const std::string& keys) {
    const Imported imported = import_text("config.json", small_config(keys));
    CHECK(imported.notes.empty());
    CHECK(imported_yaml(imported).find("timing_only") == std::string::npos);
    return std::get<VectorOp>(by_name(network_of(imported))["blk.*.rope_k"].op).scaling;
  };
  CHECK(!scaling(R"(,"rope_scaling":{"rope_type":"default"})"));
  const auto linear = scaling(R"(,"rope_scaling":{"type":"linear","factor":4.0})");
  REQUIRE(linear);
  CHECK(linear->factor == 4);
  CHECK(linear->original == 0);
  const auto llama3 = scaling(
      R"(,"rope_parameters":{"rope_type":"llama3","rope_theta":5e5,"factor":32.0,
        "low_freq_factor":1.5,"high_freq_factor":6.0,"original_max_position_embeddings":8192})");
  REQUIRE(llama3);
  CHECK(llama3->factor == 32);
  CHECK(llama3->low_frequency == 1.5);
  CHECK(llama3->high_frequency == 6);
  CHECK(llama3->original == 8192);
  CHECK(message_of("config.json",
                   small_config(R"(,"rope_scaling":{"rope_type":"llama3","factor":8.0})"))
            .find("rope_scaling.low_freq_factor: expected a positive number") != std::string::npos);
}

TEST_CASE("import: which layers have a window") {
  const auto keys = [](const std::string& type, int layers, const std::string& more) {
    const std::string text = R"({"model_type":")" + type +
                             R"(","hidden_size":64,"num_attention_heads":4,
      "num_key_value_heads":2,"intermediate_size":128,"vocab_size":96,"num_hidden_layers":)" +
                             std::to_string(layers) + more + "}";
    ImportOptions options;
    options.sizes["context"] = 100;
    std::vector<std::int64_t> seen;
    for (const NetworkLayer& layer : network_of(import_text("config.json", text, options)).layers)
      if (const auto* op = std::get_if<Matmul>(&layer.op);
          op != nullptr && op->k != 100 && layer.name.find(".qk") < 99)
        for (std::int64_t i = 0; i < layer.repeat; ++i) seen.push_back(op->n);
    return seen;
  };
  using Seen = std::vector<std::int64_t>;
  CHECK(keys("mistral", 2, R"(,"sliding_window":7)") == Seen{7, 7});
  CHECK(keys("mistral", 2, R"(,"sliding_window":null)") == Seen{100, 100});
  CHECK(keys("mistral", 2, "") == Seen{100, 100});  // 4096
  CHECK(keys("qwen3", 3, R"(,"sliding_window":7,"max_window_layers":1)") == Seen{100, 100, 100});
  CHECK(
      keys("qwen2", 3, R"(,"sliding_window":7,"max_window_layers":1,"use_sliding_window":true)") ==
      Seen{100, 7, 7});
  CHECK(keys("gemma2", 3, R"(,"sliding_window":7)") == Seen{7, 100, 7});
  CHECK(keys("gemma2", 3, R"(,"sliding_window":7,"layer_types":["full_attention",
        "sliding_attention","sliding_attention"])") == Seen{100, 7, 7});
  CHECK(keys("gemma3_text", 7, R"(,"sliding_window":7)") == Seen{7, 7, 7, 7, 7, 100, 7});
  CHECK(keys("gemma3_text", 3, R"(,"sliding_window":7,"sliding_window_pattern":2)") ==
        Seen{7, 100, 7});
  const auto refused = [](const std::string& type, const std::string& more) {
    return message_of("config.json", small_config(more, type));
  };
  CHECK(refused("gemma2", R"(,"layer_types":["full_attention","sliding_attention",
        "full_attention"])")
            .find("layer_types: layers with a window in no regular order") != std::string::npos);
  CHECK(refused("gemma3_text", R"(,"sliding_window_pattern":2,"layer_types":["sliding_attention",
        "sliding_attention","full_attention"])")
            .find("layer_types: contradicts sliding_window_pattern") != std::string::npos);
  CHECK(refused("qwen2", R"(,"sliding_window":7,"layer_types":["full_attention",
        "sliding_attention","sliding_attention"])")
            .find("contradicts use_sliding_window: false") != std::string::npos);
  CHECK(refused("llama", R"(,"layer_types":["full_attention","sliding_attention",
        "sliding_attention"])")
            .find("sliding_attention is not supported for llama") != std::string::npos);
  CHECK(refused("falcon", R"(,"new_decoder_architecture":true)")
            .find("new_decoder_architecture: true is not supported for falcon: it changes the "
                  "layers") != std::string::npos);
  // Qwen3's norms are always there: its files may say so, and not the contrary.
  CHECK(keys("qwen3", 2, R"(,"use_qk_norm":true)") == Seen{100, 100});
  CHECK(refused("qwen3", R"(,"use_qk_norm":false)")
            .find("use_qk_norm: false is not supported for qwen3") != std::string::npos);
  CHECK(refused("llama", R"(,"use_qk_norm":true)").find("use_qk_norm") != std::string::npos);
  CHECK(refused("gpt_neox", R"(,"use_parallel_residual":false)")
            .find("use_parallel_residual: false is not supported") != std::string::npos);
  CHECK(refused("gpt_neox", R"(,"rotary_pct":0.25,"partial_rotary_factor":0.5)")
            .find("rotary_pct: 0.25 differs from another share in the file") != std::string::npos);
  CHECK(refused("smollm3", R"(,"no_rope_layers":[1,0,1])")
            .find("no_rope_layers: expected a 0 for every 4 layers of 3") != std::string::npos);
  CHECK(refused("smollm3", R"(,"sliding_window":7,"use_sliding_window":true)")
            .find("use_sliding_window: true is not supported for smollm3") != std::string::npos);
}

TEST_CASE("import: sizes of mixtures that are null, and activations of experts") {
  const auto with = [](const std::string& type, const std::string& keys) {
    return fmt::format(R"({{"model_type":"{}","hidden_size":64,"num_hidden_layers":2,
      "num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":128,"vocab_size":100,
      "num_experts_per_tok":2{}{}}})",
                       type, type == "mixtral" ? "" : ",\"moe_intermediate_size\":32", keys);
  };
  for (const auto& [type, keys, key] : std::initializer_list<std::array<const char*, 3>>{
           {"mixtral", ",\"num_local_experts\":null", "num_local_experts"},
           {"qwen3_moe", ",\"num_experts\":null", "num_experts"},
           {"deepseek_v2", ",\"n_routed_experts\":8,\"kv_lora_rank\":null", "kv_lora_rank"}}) {
    const std::string message = message_of("config.json", with(type, keys));
    CAPTURE(message);
    CHECK(message.find(std::string(key) + ": expected a positive number, got null") !=
          std::string::npos);
  }
  const auto names = [&](const std::string& type, const std::string& keys) {
    const Network network = network_of(import_text("config.json", with(type, keys)));
    std::set<std::string> kinds;
    for (const NetworkLayer& layer : network.layers)
      if (const auto* op = std::get_if<VectorOp>(&layer.op))
        if (layer.name.find("act_") != std::string::npos) kinds.insert(vector_row(op->kind).name);
    return kinds;
  };
  CHECK(names("mixtral", ",\"num_local_experts\":4,\"hidden_act\":\"relu\"") ==
        std::set<std::string>{"relu"});
  CHECK(names("mixtral", ",\"num_local_experts\":4,\"hidden_act\":\"gelu\"") ==
        std::set<std::string>{"gelu"});
  const std::string few = ",\"n_routed_experts\":8,\"n_group\":1,\"topk_group\":1";
  CHECK(names("deepseek_v2", few + ",\"n_shared_experts\":null").size() == 1);
}

TEST_CASE("import: MLX checkpoints") {
  auto layers = by_name(network_of(import_text("config.json", case_text("h19_mlx.json"))));
  for (const char* name : {"embed", "head", "blk.*.q", "blk.*.down"}) {
    CAPTURE(name);
    const TensorFormat& format = *layers[name].precision.weights;
    CHECK(format.format == "uint4");
    CHECK(format.group_size == 64);
    CHECK(!format.symmetric);
    CHECK(format.scale == "bf16");
    CHECK(format.zero_point == "offset_bf16");
  }
  // 4 bits, and a scale and a bias of 16 bits for each 64: 4.5 bits for every weight of embedding,
  // head and two blocks (kv: 2 of 4 heads); norms in fp32.
  const std::int64_t h = 256, kv = 128, ffn = 512, vocab = 1000;
  const std::int64_t weights = 2 * vocab * h + 2 * (2 * h * h + 2 * h * kv + 3 * h * ffn);
  CHECK(weight_bytes(network_of(import_text("config.json", case_text("h19_mlx.json")))) ==
        weights * 9 / 16 + 5 * h * 4);
  layers = by_name(network_of(import_text(
      "config.json", small_config(R"(,"dtype":"float16","quantization":{"group_size":32,"bits":4,
        "mode":"mxfp4","lm_head":false,"model.layers.1.mlp.up_proj":false})"))));
  CHECK(layers["embed"].precision.weights->format == "mxfp4");
  CHECK(layers["head"].precision.weights->format == "fp16");
  CHECK(layers["blk.0.up"].precision.weights->format == "mxfp4");
  CHECK(layers["blk.1.up"].precision.weights->format == "fp16");
}

TEST_CASE("import: AWQ and GPTQ in every spelling, and which modules they leave alone") {
  const auto with = [](const std::string& quantization) {
    return by_name(network_of(
        import_text("config.json",
                    small_config(R"(,"dtype":"bfloat16","quantization_config":)" + quantization))));
  };
  auto layers = with(R"({"w_bit":4,"q_group_size":64,"zero_point":true})");
  CHECK(layers["blk.*.q"].precision.weights->group_size == 64);
  CHECK(layers["blk.*.q"].precision.weights->zero_point == "packed_awq");
  CHECK(layers["head"].precision.weights->format == "bf16");
  layers = with(R"({"quant_method":"awq","bits":4,"group_size":128,"zero_point":false})");
  CHECK(layers["blk.*.q"].precision.weights->format == "int4");
  CHECK(layers["blk.*.q"].precision.weights->symmetric);
  layers = with(R"({"quant_method":"gptq","bits":8,"group_size":-1,"sym":false,"lm_head":true})");
  CHECK(layers["head"].precision.weights->format == "uint8");
  CHECK(layers["head"].precision.weights->granularity == Granularity::kPerChannel);
  layers = with(R"({"quant_method":"gptq","bits":4,"group_size":32,"sym":true,
    "modules_in_block_to_quantize":[["self_attn.q_proj"],["mlp.down_proj"]]})");
  CHECK(layers["blk.*.q"].precision.weights->format == "int4");
  CHECK(layers["blk.*.down"].precision.weights->format == "int4");
  CHECK(layers["blk.*.up"].precision.weights->format == "bf16");
  layers = with(R"({"quant_method":"fp8","activation_scheme":"dynamic","fmt":"e4m3",
    "weight_block_size":[128,128]})");
  CHECK(layers["blk.*.q"].precision.weights->format == "fp8_e4m3_scaled");
  CHECK(layers["blk.*.q"].precision.weights->granularity == Granularity::kPerBlock);
  CHECK(layers["blk.*.q"].precision.weights->scale == "fp32");
  layers = with(R"({"quant_method":"compressed-tensors","format":"pack-quantized",
    "quantization_status":"compressed","ignore":["lm_head","re:.*\\.v_proj$"],"config_groups":
    {"group_0":{"targets":["Linear"],"input_activations":null,"weights":{"num_bits":4,"type":"int",
    "symmetric":false,"strategy":"group","group_size":64}}}})");
  CHECK(layers["blk.*.q"].precision.weights->format == "int4");
  CHECK(layers["blk.*.q"].precision.weights->group_size == 64);
  CHECK(layers["blk.*.q"].precision.weights->zero_point == "packed_plain");
  CHECK(layers["blk.*.q"].precision.weights->scale == "bf16");
  CHECK(layers["blk.*.v"].precision.weights->format == "bf16");
  CHECK(layers["head"].precision.weights->format == "bf16");
  layers = with(R"({"quant_method":"modelopt","quant_algo":"NVFP4","ignore":["lm_head",
    "model.layers.0*"]})");
  CHECK(layers["blk.1.q"].precision.weights->format == "nvfp4");
  CHECK(layers["blk.0.q"].precision.weights->format == "bf16");
  layers = with(R"({"quant_method":"awq","bits":4,"group_size":32,
    "modules_to_not_convert":["v_proj","model.layers.2.mlp"]})");
  CHECK(layers["blk.0.v"].precision.weights->format == "bf16");
  CHECK(layers["blk.1.up"].precision.weights->format == "uint4");
  CHECK(layers["blk.2.up"].precision.weights->format == "bf16");
}

TEST_CASE("import: what Model Optimizer says in a file of its own") {
  const TemporaryDirectory directory;
  const std::string config = write_file(directory, "config.json", small_config("", "llama"));
  const auto import = [&](const std::string& text) {
    write_file(directory, "hf_quant_config.json", text);
    return import_file("", map_file(config), {});
  };
  const Imported imported = import(R"({"producer":{"name":"modelopt","version":"0.29.0"},
    "quantization":{"quant_algo":"NVFP4","kv_cache_quant_algo":null,"group_size":16,
    "exclude_modules":["lm_head"]}})");
  auto layers = by_name(network_of(imported));
  CHECK(layers["blk.*.q"].precision.weights->format == "nvfp4");
  CHECK(layers["head"].precision.weights->format == "fp16");
  const auto fault = [&](const std::string& text) -> std::string {
    try {
      import(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(fault(R"({"quantization":{"quant_algo":"W4A8_AWQ"}})")
            .find("hf_quant_config.json: quantization.quant_algo: expected NVFP4") !=
        std::string::npos);
  CHECK(fault("{}").find("hf_quant_config.json: quantization: missing") != std::string::npos);
  CHECK(fault("[1]").find("hf_quant_config.json: expected an object") != std::string::npos);
}

TEST_CASE("import: Gemma's defaults, scales and norms") {
  const std::string text = small_config("", "gemma");
  const Network network = network_of(import_text("config.json", text));
  auto layers = by_name(network);
  CHECK(std::get<Gemm>(layers["blk.*.q"].op).n == 4 * 256);  // head_dim is not 64 / 4
  CHECK(layers["head"].parameters == 0);                     // tied
  CHECK(*std::get<VectorOp>(layers["embed_scale"].op).alpha == 8);
  CHECK(*std::get<VectorOp>(layers["norm"].op).beta == 1);
  CHECK(std::get<VectorOp>(layers["blk.*.act"].op).kind == VectorKind::kGeluTanh);
  layers = by_name(network_of(
      import_text("config.json", small_config(R"(,"tie_word_embeddings":false)", "gemma"))));
  CHECK(layers["head"].parameters == 96 * 64);
}

TEST_CASE("import: weights beside a config.json, and what is wrong with them") {
  const TemporaryDirectory directory;
  const std::string config = write_file(
      directory, "config.json",
      R"({"model_type":"llama","hidden_size":4,"num_hidden_layers":1,"num_attention_heads":1,
          "intermediate_size":4,"vocab_size":4,"tie_word_embeddings":true})");
  const auto safetensors = [&](const std::string& extra, const std::string& type = "F32") {
    std::string header;
    std::size_t at = 0;
    const auto add = [&](const std::string& name, const std::string& dtype, std::size_t rows,
                         std::size_t bytes) {
      header += header.empty() ? "{" : ",";
      header += "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" +
                (rows > 0 ? std::to_string(rows) + "," : "") + "4],\"data_offsets\":[" +
                std::to_string(at) + "," + std::to_string(at + bytes) + "]}";
      at += bytes;
    };
    const std::size_t size = type == "F32" ? 4 : 1;
    add("model.embed_tokens.weight", "F32", 4, 64);
    add("model.norm.weight", "F32", 0, 16);
    for (const char* name : {"input_layernorm", "post_attention_layernorm"})
      add(std::string("model.layers.0.") + name + ".weight", "F32", 0, 16);
    for (const char* name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                             "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"})
      if (name != extra) add(std::string("model.layers.0.") + name + ".weight", type, 4, 16 * size);
    if (extra.find("scale") != std::string::npos) add(extra, "F32", 0, 16);
    header += "}";
    write_file(directory, "model.safetensors",
               little_endian<std::uint64_t>(header.size()) + header + std::string(at, '\0'));
  };
  const auto import = [&]() -> std::string {
    try {
      return imported_yaml(import_file("", map_file(config), {}));
    } catch (const Error& error) {
      return error.what();
    }
  };
  CHECK(import().find("tensors") == std::string::npos);
  safetensors("");
  CHECK(import().find(R"({"layers":["blk.0.q"],"tensors":{"weights":{"file":"model.safetensors",)"
                      R"("tensor":"model.layers.0.self_attn.q_proj.weight"}}})") !=
        std::string::npos);
  CHECK(import().find(R"({"layers":["head"],"tensors":{"weights":{"file":"model.safetensors",)"
                      R"("tensor":"model.embed_tokens.weight"}}})") != std::string::npos);
  safetensors("mlp.up_proj");
  CHECK(import().find("1 missing tensor: model.layers.0.mlp.up_proj.weight") != std::string::npos);
  // Scales beside FP8: the codes alone are other weights.
  safetensors("model.layers.0.mlp.up_proj.weight_scale", "F8_E4M3");
  CHECK(import().find(R"({"layers":["blk.0.up"],"precision":{"weights":{)"
                      R"("format":"fp8_e4m3_scaled","granularity":"per_channel")") !=
        std::string::npos);
  safetensors("", "I8");
  CHECK(import().find("is int8: expected real numbers") != std::string::npos);
}

}  // namespace bitjoule::test::import_hugging_face_test
