#include "sim/import/import.h"

#include <doctest/doctest.h>

#include <map>

#include "core/error.h"
#include "sim/config/describe_run.h"
#include "sim/config/reader.h"
#include "sim/network/network_file.h"
#include "sim/run/network_memory.h"
#include "support/gguf_builder.h"
#include "support/shell.h"

using namespace bitjoule;
using namespace bitjoule::test;

namespace {

Imported import_text(const std::string& name, const std::string& text,
                     const ImportOptions& options = {}) {
  return import_file("", Blob::from_memory(name, text), options);
}

Network network_of(const Imported& imported) {
  return read_network(text_source("imported.yaml", imported.yaml));
}

std::string message_of(const std::string& name, const std::string& text) {
  try {
    import_text(name, text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

std::map<std::string, NetworkLayer> by_name(const Network& network) {
  std::map<std::string, NetworkLayer> layers;
  for (const NetworkLayer& layer : network.layers) layers[layer.name] = layer;
  return layers;
}

}  // namespace

TEST_CASE("import: SCALE-Sim convolutions, with every shape of line") {
  const std::string text =
      "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
      "Strides,\n"
      "Conv1, 224, 224, 7, 7, 3, 64, 2,\n"
      "Conv1,56,56,3,3,64,64,1\r\n"
      "\n"
      "Conv3, 56, 28, 3, 1, 64, 64, 2, 1,\n"
      "Conv4, 56, 56, 3, 3, 64, 64, 1, 2:4,\n";
  const Imported imported = import_text("dir/resnet.csv", text);
  const Network network = network_of(imported);
  REQUIRE(network.layers.size() == 4);
  CHECK(network.name == "resnet.csv");
  CHECK(network.layers[1].name == "Conv1_2");
  // SCALE-Sim rounds (224 - 7) / 2 + 1 = 109.5 up: 110 x 110 windows (its report's m = 12100).
  const GemmExtents e = gemm_extents(std::get<Conv2d>(network.layers[0].op));
  CHECK(e.m == 110 * 110);
  CHECK(e.k == 7 * 7 * 3);
  CHECK(e.n == 64);
  CHECK(std::get<Conv2d>(network.layers[2].op).stride_w == 1);
  CHECK(output_elements(network.layers[2]) == 28 * 28 * 64);
  CHECK(imported.notes.size() == 1);  // sparsity
}

TEST_CASE("import: SCALE-Sim GEMMs") {
  const Network network =
      network_of(import_text("g.csv", "Layer, M, N, K,\ng32, 32, 16, 8,\ngx, 5, 6, 7, 1:1\n"));
  REQUIRE(network.layers.size() == 2);
  CHECK(total_macs(network) == 32 * 16 * 8 + 5 * 6 * 7);
}

TEST_CASE("import: faults in SCALE-Sim files name the line") {
  std::string many = "header\n";
  for (int i = 0; i < (1 << 16) + 1; ++i) many += "a,1,1,1\n";
  CHECK(message_of("t.csv", many) == "t.csv:65538: more than 65536 layers");
  CHECK(message_of("t.csv", "header\n") == "t.csv: no layers");
  CHECK(message_of("t.csv", "header\na,1,2\n") ==
        "t.csv:2: expected name, M, N, K or name and 7 sizes of a convolution, got 3 cells");
  CHECK(message_of("t.csv", "header\na,1,2,x\n") ==
        "t.csv:2, column 4: expected a positive integer, got \"x\"");
  CHECK(message_of("t.csv", "header\na,3,3,5,5,1,1,1\n").find("t.csv:2: conv2d.kernel[0]") == 0);
  CHECK(message_of("t.cfg", "ArrayHeight: 3\n") == "t.cfg:1: expected [section] or key: value");
  CHECK(message_of("t.cfg", "[architecture_presets]\nArrayHeight: 3\n") ==
        "t.cfg: [architecture_presets] arraywidth is missing");
  CHECK(message_of("t.csv", "header\n,1,2,3\n") == "t.csv:2, column 1: expected a name");
  // Neither YAML nor JSON could hold it.
  CHECK(message_of("t.csv", "header\na\xc3\xa4\xff,1,2,3\n") ==
        "t.csv: a name in it is no UTF-8, byte 0xff behind \"- {name: \"a\xc3\xa4\"");
  CHECK(message_of("t.cfg",
                   "[architecture_presets]\nArrayHeight: 5000\nArrayWidth: 4\nIfmapSramSzkB: 64\n"
                   "FilterSramSzkB: 64\nOfmapSramSzkB: 64\nDataflow: xs\n") ==
        "t.cfg: array.rows: expected 1..1024, got \"5000\"\n"
        "t.cfg: array.dataflow: expected one of ws, os, is, got \"xs\", did you mean \"ws\"?");
}

TEST_CASE("import: a SCALE-Sim hardware file becomes an accelerator") {
  const std::string text =
      "[general]\nrun_name = my_array\n\n[architecture_presets]\nArrayHeight:    12\n"
      "ArrayWidth:     14\nIfmapSramSzkB:    108\nFilterSramSzkB:   109\nOfmapSramSzkB:    110\n"
      "IfmapOffset:    0\nDataflow : os\nBandwidth : 10\n\n[run_presets]\n"
      "InterfaceBandwidth: USER\n";
  const Imported imported = import_text("scale.cfg", text);
  const auto file = read_document<AcceleratorFile>(text_source("a.yaml", imported.yaml));
  CHECK(file.machine.name == "my_array");
  CHECK(file.machine.array.rows == 12);
  CHECK(file.machine.array.cols == 14);
  CHECK(file.machine.array.dataflow == Dataflow::kOutputStationary);
  CHECK(file.machine.array.overlap == Overlap::kNone);
  CHECK(file.machine.buffers.input.capacity == Bytes(108 * 1024));
  CHECK(file.machine.buffers.weight.capacity == Bytes(109 * 1024));
  CHECK(file.machine.buffers.output.capacity == Bytes(110 * 1024));
  CHECK(imported.yaml.find("10 GB/s") != std::string::npos);
}

TEST_CASE("import: config.json families") {
  const char* const llama = R"({"model_type":"llama","_name_or_path":"meta/l","hidden_size":4096,
    "num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":32,
    "intermediate_size":11008,"vocab_size":32000,"rms_norm_eps":1e-5,"tie_word_embeddings":false})";
  const Network network = network_of(import_text("config.json", llama));
  CHECK(network.name == "meta/l");
  CHECK(total_parameters(network) == 6'738'415'616);

  // Qwen2-0.5B: 494,032,768 parameters (model card), biases on q, k and v, tied embeddings.
  const char* const qwen = R"({"model_type":"qwen2","hidden_size":896,"num_hidden_layers":24,
    "num_attention_heads":14,"num_key_value_heads":2,"intermediate_size":4864,"vocab_size":151936,
    "tie_word_embeddings":true,"rope_theta":1000000.0})";
  CHECK(total_parameters(network_of(import_text("config.json", qwen))) == 494'032'768);

  // Gemma-2B: 2,506,172,416 parameters (model card), heads of 256.
  const char* const gemma = R"({"model_type":"gemma","hidden_size":2048,"num_hidden_layers":18,
    "num_attention_heads":8,"num_key_value_heads":1,"head_dim":256,"intermediate_size":16384,
    "vocab_size":256000})";
  CHECK(total_parameters(network_of(import_text("config.json", gemma))) == 2'506'172'416);

  const char* const gpt2 = R"({"model_type":"gpt2","n_embd":768,"n_layer":12,"n_head":12,
    "n_inner":null,"vocab_size":50257,"n_positions":1024})";
  CHECK(total_parameters(network_of(import_text("config.json", gpt2))) == 124'439'808);

  const char* const bert = R"({"model_type":"bert","hidden_size":768,"num_hidden_layers":12,
    "num_attention_heads":12,"intermediate_size":3072,"vocab_size":30522,
    "max_position_embeddings":512,"type_vocab_size":2})";
  ImportOptions options;
  options.sizes = {{"tokens", 7}};
  options.batch = 3;
  const Network encoder = network_of(import_text("config.json", bert, options));
  CHECK(total_parameters(encoder) == 109'482'240);
  CHECK(encoder.parameters.at("rows") == 21);
}

TEST_CASE("import: quantization_config becomes formats") {
  const auto with = [](const std::string& quantization) {
    return by_name(network_of(import_text(
        "config.json", R"({"model_type":"mistral","hidden_size":64,"num_hidden_layers":2,
          "num_attention_heads":4,"intermediate_size":128,"vocab_size":100,
          "torch_dtype":"bfloat16","quantization_config":)" +
                           quantization + "}")));
  };
  auto layers = with(R"({"quant_method":"gptq","bits":4,"group_size":128,"sym":true})");
  CHECK(layers["blk.*.q"].precision.weights->format == "int4");
  CHECK(layers["blk.*.q"].precision.weights->granularity == Granularity::kPerGroup);
  CHECK(layers["blk.*.q"].precision.weights->group_size == 128);
  CHECK(layers["blk.*.q"].precision.weights->scale == "fp16");
  CHECK(layers["head"].precision.weights->format == "bf16");
  CHECK(!layers["blk.*.qk"].precision.weights);

  layers = with(R"({"quant_method":"awq","bits":4,"group_size":64,"zero_point":true})");
  CHECK(layers["blk.*.down"].precision.weights->format == "uint4");
  CHECK(!layers["blk.*.down"].precision.weights->symmetric);
  CHECK(layers["blk.*.down"].precision.weights->zero_point == "packed_awq");
  layers = with(R"({"quant_method":"awq","bits":4,"group_size":64,"version":"gemv_fast"})");
  CHECK(layers["blk.*.down"].precision.weights->zero_point == "fp16");

  layers = with(R"({"load_in_4bit":true,"bnb_4bit_quant_type":"nf4",
                    "bnb_4bit_use_double_quant":true})");
  CHECK(layers["blk.*.gate"].precision.weights->format == "nf4_dq");
}

TEST_CASE("import: biases of attention and of the gate's layers, as config.json says") {
  const auto parameters = [](const std::string& keys) {
    return total_parameters(network_of(import_text(
        "dir/config.json",
        R"({"model_type":"llama","hidden_size":64,"num_hidden_layers":3,"num_attention_heads":4,
            "num_key_value_heads":2,"intermediate_size":128,"vocab_size":100)" +
            keys + "}")));
  };
  const std::int64_t plain = parameters("");
  // q and o have 64 outputs, k and v 2 heads of 16.
  CHECK(parameters(R"(,"attention_bias":true)") == plain + 3 * (64 + 32 + 32 + 64));
  CHECK(parameters(R"(,"attention_bias":false,"mlp_bias":true)") == plain + 3 * (128 + 128 + 64));
}

TEST_CASE("import: faults in config.json") {
  const auto with_heads = [](int heads, int key_heads) {
    return "{\"model_type\":\"llama\",\"hidden_size\":96,\"num_hidden_layers\":1,"
           "\"intermediate_size\":8,\"vocab_size\":9,\"num_attention_heads\":" +
           std::to_string(heads) + ",\"num_key_value_heads\":" + std::to_string(key_heads) + "}";
  };
  CHECK(message_of("config.json", with_heads(7, 7)) ==
        "config.json: 7 heads do not divide the hidden size of 96");
  CHECK(message_of("config.json", with_heads(8, 3)) ==
        "config.json: 8 heads do not share 3 key heads evenly");
  CHECK(message_of("config.json", "{").find("config.json: ") == 0);
  // One model type is never taken for another.
  CHECK(message_of("config.json", R"({"model_type":"mixtral"})") ==
        "config.json: model_type: expected one of llama, mistral, qwen2, gemma, gpt2, bert, got "
        "\"mixtral\"");
  CHECK(message_of("config.json", R"({"model_type":"llama"})") ==
        "config.json: hidden_size: expected a positive number, it is missing");
  CHECK(message_of("config.json", R"({"model_type":"gpt2","n_embd":-1})") ==
        "config.json: n_embd: expected a positive number");
  CHECK(message_of("config.json", R"({"model_type":"llama","hidden_size":1000000000000,
    "num_hidden_layers":1000000,"num_attention_heads":3,"intermediate_size":11008,
    "vocab_size":32000})") != "");
  // Sizes that only the layers refuse: whose they are stands before the place in the base file.
  const std::string deep = message_of("config.json", R"({"model_type":"gpt2","n_embd":64,
    "n_layer":9000000,"n_head":4,"vocab_size":100,"n_positions":64})");
  CAPTURE(deep);
  CHECK(deep.find("config.json: ") == 0);
  CHECK(deep.find("repeat: expected 0..1048576, got 9000000") != std::string::npos);
}

TEST_CASE("import: what config.json says and the network does not do is told") {
  const auto notes = [](const std::string& keys) {
    return import_text("config.json",
                       R"({"model_type":"qwen2","hidden_size":64,"num_hidden_layers":2,
          "num_attention_heads":4,"num_key_value_heads":4,"intermediate_size":128,
          "vocab_size":100)" +
                           keys + "}")
        .notes;
  };
  CHECK(notes("").empty());
  CHECK(notes(R"(,"sliding_window":null)").empty());
  CHECK(notes(R"(,"sliding_window":32768,"use_sliding_window":false)").empty());
  CHECK(notes(R"(,"sliding_window":4096)") ==
        std::vector<std::string>{"sliding_window: attention reads the whole context here, also "
                                 "what lies beyond 4096 tokens"});
  CHECK(notes(R"(,"quantization_config":{"quant_method":"awq","bits":4,
              "modules_to_not_convert":["lm_head"]})")
            .empty());
  CHECK(notes(R"(,"quantization_config":{"quant_method":"awq","bits":4,
              "modules_to_not_convert":["visual"]})") ==
        std::vector<std::string>{
            "quantization: no layer is a module \"visual\", which stays as it is"});
  CHECK(notes(R"(,"use_cache":true,"transformers_version":"5.0","some_new_key":[1])") ==
        std::vector<std::string>{"some_new_key: not known here, so it has no effect"});
}

TEST_CASE("import: GGUF, tensor by tensor as it is stored") {
  const Network network = network_of(import_text("dir/tiny.gguf", tiny_llama().bytes()));
  CHECK(network.name == "tiny");
  auto layers = by_name(network);
  const std::map<std::string, std::string> expected = {
      {"embed", "q4_k"},          {"head", "q4_k"},       {"blk.0.q", "q4_0"},
      {"blk.0.k", "q8_0"},        {"blk.0.v", "q6_k"},    {"blk.0.o", "fp16"},
      {"blk.0.up", "q5_k"},       {"blk.0.gate", "q4_1"}, {"blk.0.down", "q3_k"},
      {"blk.0.attn_norm", "fp32"}};
  for (const auto& entry : expected) {
    const std::string &name = entry.first, &format = entry.second;
    CAPTURE(name);
    CHECK(layers.at(name).precision.weights->format == format);
  }
  CHECK(layers["blk.0.v"].tensors["weights"].tensor == "blk.0.attn_v.weight");
  CHECK(layers["blk.0.v"].tensors["weights"].file == "tiny.gguf");
  CHECK(layers["head"].tensors["weights"].tensor == "token_embd.weight");
  const std::int64_t d = 256, kv = 128, ffn = 512;
  CHECK(total_parameters(network) == 32 * d + 3 * d + 2 * d * d + 2 * d * kv + 3 * d * ffn);
}

TEST_CASE("import: a GGUF header alone gives types without tensors") {
  auto layers = by_name(network_of(import_text("tiny.gguf", tiny_llama().header())));
  CHECK(layers["blk.0.v"].precision.weights->format == "q6_k");
  CHECK(layers["blk.0.v"].tensors.empty());
}

TEST_CASE("import: GGUF faults") {
  CHECK(message_of("t.gguf", tiny_llama(256).bytes()) ==
        "t.gguf: tensor \"blk.0.ffn_gate.weight\" has 65536 elements, layer \"blk.0.gate\" needs "
        "131072");
  GgufBuilder extra = tiny_llama();
  extra.tensor("blk.0.ffn_gate_exps.weight", {32}, 2, std::string(18, '\0'));
  CHECK(message_of("t.gguf", extra.bytes()) ==
        "t.gguf: unknown tensors (--skip-unknown leaves them out): blk.0.ffn_gate_exps.weight");
  ImportOptions skip;
  skip.skip_unknown = true;
  CHECK(import_text("t.gguf", extra.bytes(), skip).notes.size() == 1);
  // Llama 3.1's table for RoPE is known: such a model is timed, and has no values.
  GgufBuilder factors = tiny_llama();
  factors.tensor("rope_freqs.weight", {16}, 0, std::string(64, '\0'));
  const Imported with_factors = import_text("t.gguf", factors.bytes());
  CHECK(with_factors.notes.size() == 1);
  CHECK(with_factors.notes[0].find("tensor rope_freqs.weight: ") == 0);
  CHECK(with_factors.yaml.find("timing_only: [") != std::string::npos);
  // Keys that change the model are refused, unknown ones told.
  CHECK(
      message_of("t.gguf", tiny_llama().number("llama.expert_count", 8).bytes()) ==
      "t.gguf: metadata \"llama.expert_count\": is not supported: it changes the layers: a mixture "
      "of experts");
  CHECK(message_of("t.gguf", tiny_llama().real("llama.attn_logit_softcapping", 50).bytes())
            .find("it changes the values of attention") != std::string::npos);
  CHECK(message_of("t.gguf", tiny_llama().number("llama.rope.dimension_count", 32).bytes())
            .find("llama.rope.dimension_count") != std::string::npos);
  const Imported told = import_text(
      "t.gguf",
      tiny_llama().number("llama.rope.dimension_count", 64).number("llama.new_key", 1).bytes());
  CHECK(told.notes ==
        std::vector<std::string>{"metadata llama.new_key: not known here, so it has no effect"});
  CHECK(import_text("t.gguf", tiny_llama().text("llama.rope.scaling.type", "yarn").bytes())
            .yaml.find("timing_only: [") != std::string::npos);
  // A second block without tensors; one part of a model in several files.
  GgufBuilder part = tiny_llama(512, 2);
  CHECK(message_of("t.gguf", part.bytes()) ==
        "t.gguf: 9 missing tensors: blk.1.attn_norm.weight, blk.1.attn_q.weight, "
        "blk.1.attn_k.weight, blk.1.attn_v.weight, blk.1.attn_output.weight, ...");
  part.number("split.count", 2);
  CHECK(message_of("t.gguf", part.header()).find("; the model is split: merge its files") !=
        std::string::npos);
  CHECK(message_of("t.gguf", GgufBuilder().text("general.architecture", "falcon").bytes())
            .find("expected one of llama, mistral, qwen2, gemma, got \"falcon\"") !=
        std::string::npos);
  CHECK(message_of("t.gguf", GgufBuilder().text("general.architecture", "lama").bytes())
            .find("did you mean") == std::string::npos);
}

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
  for (const Refused& r : std::initializer_list<Refused>{
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
           {R"("quantization_config":{"quant_method":"fp8","weight_block_size":[128,128]})",
            "quantization_config.weight_block_size: [128,128] is not supported: it changes the "
            "bytes"},
           {R"("quantization_config":{"quant_method":"gptq","dynamic":{"-:.*q_proj":{}}})",
            "quantization_config.dynamic"},
           {R"("quantization_config":{"quant_method":"awq"},"num_hidden_layers":0.5)",
            "expected a positive number of layers, got 0.5"},
           {R"("quantization_config":{"quant_method":"awq"},"num_hidden_layers":100000)",
            "100000 quantized layers with 0 modules"},
           {R"("quantization_config":{"quant_method":"hqq"})", "quant_method: expected gptq, awq"},
           {R"("quantization":{"group_size":16,"bits":4,"mode":"nvfp4"})", "quantization.mode"},
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
                      "layer_types":["full_attention"])"))
            .notes.empty());
  auto layers =
      by_name(network_of(import_text("config.json", small_config(R"(,"hidden_act":"relu")"))));
  CHECK(std::get<VectorOp>(layers["blk.*.act"].op).kind == VectorKind::kRelu);
  CHECK(std::get<VectorOp>(
            by_name(network_of(import_text("config.json", small_config(""))))["norm"].op)
            .alpha == 1e-6);  // the library's default
}

TEST_CASE("import: rope_parameters as transformers 5 writes them") {
  const auto theta = [](const std::string& text) {
    return *std::get<VectorOp>(
                by_name(network_of(import_text("config.json", text)))["blk.*.rope_q"].op)
                .alpha;
  };
  CHECK(theta(case_text("h07_rope_parameters.json")) == 500000);
  CHECK(theta(small_config(R"(,"rope_theta":20000)")) == 20000);
  for (const char* type : {"linear", "dynamic", "llama3", "yarn", "longrope"})
    for (const std::string key : {"rope_scaling", "rope_parameters"})
      for (const std::string name : {"rope_type", "type"}) {
        const Imported imported = import_text(
            "config.json",
            small_config(",\"" + key + "\":{\"" + name + "\":\"" + type + "\",\"factor\":8.0}"));
        REQUIRE(imported.notes.size() == 1);
        CHECK(imported.notes[0] ==
              key + ": \"" + type +
                  "\" scaling changes no cycles or bytes; runs with values are "
                  "refused");
        CHECK(imported.yaml.find("timing_only: [\"" + key) != std::string::npos);
      }
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
    CHECK(format.zero_point == "bf16");
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
  layers = with(R"({"quant_method":"awq","bits":4,"group_size":32,
    "modules_to_not_convert":["v_proj","model.layers.2.mlp"]})");
  CHECK(layers["blk.0.v"].precision.weights->format == "bf16");
  CHECK(layers["blk.1.up"].precision.weights->format == "uint4");
  CHECK(layers["blk.2.up"].precision.weights->format == "bf16");
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
      return import_file("", Blob::map_file(config), {}).yaml;
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
  CHECK(import().find("unknown tensors (--skip-unknown leaves them out): "
                      "model.layers.0.mlp.up_proj.weight_scale; scales multiply the weights") !=
        std::string::npos);
  safetensors("", "I8");
  CHECK(import().find("is int8: expected real numbers") != std::string::npos);
}
