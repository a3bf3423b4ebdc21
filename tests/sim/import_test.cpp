#include "sim/import/import.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/network_file.h"
#include "support/gguf_builder.h"
#include "support/import_text.h"
#include "support/paths.h"
#include "support/shell.h"

namespace bitjoule::test::import_test {

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
  CHECK(imported.notes.size() == 2);  // sparsity, and the number behind the strides
}

TEST_CASE("import: SCALE-Sim GEMMs") {
  const Network network =
      network_of(import_text("g.csv", "Layer, M, N, K,\ng32, 32, 16, 8,\ngx, 5, 6, 7, 1:1\n"));
  REQUIRE(network.layers.size() == 2);
  CHECK(total_macs(network) == 32 * 16 * 8 + 5 * 6 * 7);
}

TEST_CASE("import: SCALE-Sim's columns go by their headings, in every spelling of its files") {
  // 14 x 14 x 32, 8 filters of 3 x 3: 12 x 12 outputs, k = 288.
  const std::int64_t macs = 12 * 12 * 8 * 288;
  const std::string conv = "name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,";
  struct Row {
    std::string text;
    std::int64_t macs;
    std::size_t notes;
  };
  const Row kRows[] = {
      {conv + "Channels,Num Filter,Strides,Batch Size,\nc,14,14,3,3,32,8,1,4,\n", 4 * macs, 0},
      {conv + "Channels,Num Filter,Strides\nc,14,14,3,3,32,8,1\n", macs, 0},
      {conv + "Channels,Num Filter,Strides,\nc,14,14,3,3,32,8,1,#dw\n", macs, 1},
      {conv + "Channels,Num Filter,Stride height,Stride width,\nc,14,14,3,3,32,8,1,3,\n",
       12 * 5 * 8 * 288, 0},  // (14 - 3) / 3 + 1, rounded up
      {conv + "Channels,Num Filter,Strides,,,Eh,Ew\nc,14,14,3,3,32,8,1,,,12,12\n", macs, 2},
      {"\xef\xbb\xbfLayer name,Ifmap height,ifmap width,filter height,filter width,channel,num "
       "filters,strides,batch size,\r\nc,14,14,3,3,32,8,1,2,\r\n",
       2 * macs, 0},
      {"Layer,IFMAP Width,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,\n"
       "c,14,14,3,3,32,8,1,\n",
       macs, 0},
      {"Layer name\tIFMAP Height\tIFMAP Width\tFilter Height\tFilter Width\tChannels\tNum "
       "Filter\tStrides\t\nc\t14\t14\t3\t3\t32\t8\t1\n",
       macs, 0},
      // Without headings the first layer counts as well.
      {"c,14,14,3,3,32,8,1,\nd,14,14,3,3,32,8,1,\n", 2 * macs, 1},
      {"a,2,3,4,\nb,2,3,4,\n", 2 * 2 * 3 * 4, 1},
      {"what it is called,h,w,r,s,c,f,stride\nc,14,14,3,3,32,8,1\n", macs, 1},
      {"L,M,N,K,\na,2,3,4,\n", 2 * 3 * 4, 0},
      {"Layer Name,M,N,K,Sparsity,\na,2,3,4,2:4,\nb,2,3,4,1:1,\n", 2 * 2 * 3 * 4, 1},
      {"Layer,M,N,K,Batch,\na,2,3,4,5,\n", 5 * 2 * 3 * 4, 0},
      // What changes the shape counts: 14 + 2 - 2 and 14 - 4 windows, a fourth of the channels.
      {conv + "Channels,Num Filter,Strides,Padding,\nc,14,14,3,3,32,8,1,1,\n", 14 * 14 * 8 * 288,
       0},
      {conv + "Channels,Num Filter,Strides,Dilation,\nc,14,14,3,3,32,8,1,2,\n", 10 * 10 * 8 * 288,
       0},
      {conv + "Channels,Num Filter,Strides,Groups,\nc,14,14,3,3,32,8,1,4,\n", macs / 4, 0},
      {conv + "Channels,Num Filter,Strides,Padding,Groups,Dilation\nc,14,14,3,3,32,8,1,0,1,1\n",
       macs, 0},
      {"# a remark, with, commas, in, it, and, more, 1\n" + conv +
           "Channels,Num Filter,Strides,\n  # conv1\nc,14,14,3,3,32,8,1,\n",
       macs, 0},
      {"Layer;M;N;K;\na;2;3;4;\nb;2;3;4\n", 2 * 2 * 3 * 4, 0},
      {"\"Layer\",\"M\",N,K\n\"a, \"\"first\"\"\",2,\"3\",4\n", 2 * 3 * 4, 0},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.text);
    const Imported imported = import_text("t.csv", row.text);
    CHECK(total_macs(network_of(imported)) == row.macs);
    CHECK(imported.notes.size() == row.notes);
  }
}

TEST_CASE("import: SCALE-Sim's layers named DP run over one channel after the other") {
  for (const char* file : {"batch.csv", "dp.csv", "trailing_comment.csv"})
    REQUIRE(std::filesystem::exists(test::source_dir() + "/../shared/cases/scalesim/" + file));
  const std::string folder = test::source_dir() + "/../shared/cases/scalesim/";
  const Network network = import_network(folder + "dp.csv", {});
  REQUIRE(network.layers.size() == 1);
  const NetworkLayer& layer = network.layers[0];
  // 32 channels of 14 x 14, one filter of 3 x 3 over each.
  CHECK(layer.repeat == 32);
  const GemmExtents e = gemm_extents(std::get<Conv2d>(layer.op));
  CHECK(e.m == 12 * 12);
  CHECK(e.n == 1);
  CHECK(e.k == 3 * 3);
  CHECK(total_macs(network) == 32 * 12 * 12 * 9);
  CHECK(total_macs(import_network(folder + "batch.csv", {})) == 4 * 12 * 12 * 8 * 288);
  CHECK(total_macs(import_network(folder + "trailing_comment.csv", {})) == 12 * 12 * 8 * 288);
}

TEST_CASE("import: faults in SCALE-Sim files name the line") {
  std::string many = "header\n";
  for (int i = 0; i < (1 << 16) + 1; ++i) many += "a,1,1,1\n";
  CHECK(message_of("t.csv", many) == "t.csv:65538: more than 65536 layers");
  CHECK(message_of("t.csv", "header\n") == "t.csv: no layers");
  CHECK(message_of("t.csv", "header\na,1,2\n") ==
        "t.csv:2: expected 4 columns (name, M, N, K), got 3");
  CHECK(message_of("t.csv", "Layer, M, N, K, Sparsity,\na,1,2,3,half,\n") ==
        "t.csv:2: expected a sparsity ratio such as 2:4, got \"half\"");
  CHECK(message_of("t.csv", "Layer, M, N, K,\na,1,2,3,4,\n") ==
        "t.csv:2, column 5: \"4\" has no heading that says what it is");
  // A heading of another kind of layer names no number of this one.
  const std::string conv =
      "Layer,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,";
  CHECK(message_of("t.csv", conv + "N,\nc,14,14,3,3,32,8,1,4,\n") ==
        "t.csv:2, column 9: \"4\" under a heading that says nothing of a convolution (Batch Size "
        "counts images)");
  CHECK(message_of("t.csv", "Layer,M,N,K,Strides,\na,1,2,3,4,\n") ==
        "t.csv:2, column 5: \"4\" under a heading that says nothing of a product");
  CHECK(message_of("t.csv", conv + "Padding,\nc,14,14,3,3,32,8,1,same,\n") ==
        "t.csv:2, column 9: expected a positive integer, got \"same\"");
  CHECK(message_of("t.csv", conv + "Groups,\nc,14,14,3,3,32,8,1,5,\n").find("t.csv:2: ") == 0);
  CHECK(message_of("t.csv", conv + "Groups,\nDPc,14,14,3,3,32,8,1,4,\n") ==
        "t.csv:2: a layer named DP is depthwise, so it has no groups");
  CHECK(message_of("t.csv", "Layer,M,N,K\n\"a,1,2,3\n") ==
        "t.csv:2: a quote (\") that does not end on its line");
  CHECK(message_of("t.csv", "Layer, M, M, N, K,\na,1,2,3,4,\n") ==
        "t.csv:1: a heading stands twice: Layer, M, M, N, K");
  CHECK(message_of("t.csv", "header\na,1,2,x\n") ==
        "t.csv:2, column 4: expected a positive integer, got \"x\"");
  CHECK(message_of("t.csv", "header\na,3,3,5,5,1,1,1\n").find("t.csv:2: conv2d.kernel[0]") == 0);
  CHECK(message_of("t.cfg", "ArrayHeight: 3\n") == "t.cfg:1: expected [section] or key: value");
  CHECK(message_of("t.cfg", "[architecture_presets]\nArrayHeight: 3\n") ==
        "t.cfg: [architecture_presets] arraywidth is missing");
  CHECK(message_of("t.csv", "header\n,1,2,3\n") == "t.csv:2, column 1: expected a name");
  // Neither YAML nor JSON could hold it.
  CHECK(message_of("t.csv", "header\na\xc3\xa4\xff,1,2,3\n") ==
        "t.csv: a name in it is no UTF-8, byte 0xff behind \"a\xc3\xa4\"");
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
  const auto file = read_document<AcceleratorFile>(text_source("a.yaml", imported_yaml(imported)));
  CHECK(file.machine.name == "my_array");
  CHECK(file.machine.array.rows == 12);
  CHECK(file.machine.array.cols == 14);
  CHECK(file.machine.array.dataflow == Dataflow::kOutputStationary);
  CHECK(file.machine.array.overlap == Overlap::kNone);
  CHECK(file.machine.buffers.input.capacity == Bytes(108 * 1024));
  CHECK(file.machine.buffers.weight.capacity == Bytes(109 * 1024));
  CHECK(file.machine.buffers.output.capacity == Bytes(110 * 1024));
  CHECK(imported_yaml(imported).find("10 GB/s") != std::string::npos);
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
          "num_attention_heads":4,"num_key_value_heads":4,"intermediate_size":128,
          "vocab_size":100,"torch_dtype":"bfloat16","quantization_config":)" +
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
  CHECK(layers["blk.*.down"].precision.weights->zero_point == "offset_fp16");

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
  CHECK(message_of("config.json", R"({"model_type":"mamba"})") ==
        "config.json: model_type: expected one of llama, mistral, qwen2, qwen3, gemma, gemma2, "
        "gemma3_text, phi3, smollm3, granite, olmo2, falcon, gpt_neox, opt, bloom, mixtral, "
        "qwen2_moe, "
        "qwen3_moe, deepseek_v2, deepseek_v3, gpt_oss, gpt2, bert, "
        "roberta, xlm-roberta, distilbert, electra, albert, t5, mt5, whisper, got \"mamba\"");
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
  CHECK(notes(R"(,"sliding_window":4096)").empty());  // counts with use_sliding_window alone
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
  // Llama 3.1's table for RoPE divides frequencies: without its data a model is timed, and has no
  // values.
  GgufBuilder factors = tiny_llama();
  factors.tensor("rope_freqs.weight", {32}, 0, std::string(128, '\0'));
  const Imported with_factors = import_text("t.gguf", factors.bytes());
  CHECK(with_factors.notes.empty());
  CHECK(by_name(network_of(with_factors))["blk.0.rope_k"].tensors["factors"].tensor ==
        "rope_freqs.weight");
  const Imported header = import_text("t.gguf", factors.header());
  REQUIRE(header.notes.size() == 1);
  CHECK(header.notes[0].find("tensor rope_freqs.weight: ") == 0);
  CHECK(imported_yaml(header).find("timing_only: [") != std::string::npos);
  // Keys that change the model are refused, unknown ones told.
  CHECK(message_of("t.gguf", tiny_llama().number("llama.expert_count", 8).bytes()) ==
        "t.gguf: metadata \"llama.expert_used_count\" is missing");
  CHECK(
      message_of("t.gguf", tiny_llama().number("llama.expert_shared_count", 2).bytes()) ==
      "t.gguf: metadata \"llama.expert_shared_count\": is not supported: it changes the layers: a "
      "mixture of experts");
  CHECK(message_of("t.gguf", tiny_llama().real("llama.attn_logit_softcapping", 50).bytes())
            .find("it changes the values of attention") != std::string::npos);
  CHECK(message_of("t.gguf", tiny_llama().number("llama.rope.dimension_count", 32).bytes())
            .find("llama.rope.dimension_count") != std::string::npos);
  const Imported told = import_text(
      "t.gguf",
      tiny_llama().number("llama.rope.dimension_count", 64).number("llama.new_key", 1).bytes());
  CHECK(told.notes ==
        std::vector<std::string>{"metadata llama.new_key: not known here, so it has no effect"});
  CHECK(imported_yaml(
            import_text("t.gguf", tiny_llama().text("llama.rope.scaling.type", "yarn").bytes()))
            .find("timing_only: [") != std::string::npos);
  // A second block without tensors; one part of a model in several files.
  GgufBuilder part = tiny_llama(512, 2);
  CHECK(message_of("t.gguf", part.bytes()) ==
        "t.gguf: 9 missing tensors: blk.1.attn_norm.weight, blk.1.attn_q.weight, "
        "blk.1.attn_k.weight, blk.1.attn_v.weight, blk.1.attn_output.weight, ...");
  part.number("split.count", 2);
  CHECK(message_of("t.gguf", part.header()).find("; the model is split: merge its files") !=
        std::string::npos);
  CHECK(message_of("t.gguf", GgufBuilder().text("general.architecture", "mamba").bytes())
            .find("expected one of llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3, phi3, "
                  "smollm3, granite, "
                  "olmo2, falcon, gptneox, bloom, qwen2moe, qwen3moe, deepseek2, gpt-oss, t5, got "
                  "\"mamba\"") != std::string::npos);
  CHECK(message_of("t.gguf", GgufBuilder().text("general.architecture", "lama").bytes())
            .find("did you mean") == std::string::npos);
}

TEST_CASE("import: what is written reads back equal, and runs as the file itself does") {
  const TemporaryDirectory dir;
  const std::string csv = write_file(
      dir, "net.csv",
      "Layer,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,\n"
      "first,9,8,3,2,3,5,2,\nDP one,6,6,3,3,4,1,1,\nlast,3,3,1,1,5,7,1,\n");
  const Imported imported = import_file("", map_file(csv), {});
  const auto* network = std::get_if<Network>(&imported.what);
  REQUIRE(network != nullptr);
  CHECK(network->layers.size() == 3);
  const std::string text = imported_yaml(imported);
  CHECK(to_json(read_network(text_source("net.yaml", text))) == to_json(*network));
  CHECK(network_yaml(read_network(text_source("net.yaml", text))) == text);
  REQUIRE(shell("{sim} import " + csv + " -o " + dir.at("net.yaml")).code == 0);
  CHECK(text_of(dir.at("net.yaml")) == text);
  std::string results[2];
  for (const char* file : {"net.csv", "net.yaml"}) {
    const Outcome outcome = shell("{sim} run resnet50.yaml --set values=off --quiet --network " +
                                  dir.at(file) + " -o " + dir.at("out"));
    CAPTURE(outcome.text);
    REQUIRE(outcome.code == 0);
    results[std::string(file) == "net.csv" ? 0 : 1] =
        text_of(dir.at("out/result.json")) + text_of(dir.at("out/layers.csv"));
  }
  CHECK(results[0] == results[1]);
}

}  // namespace bitjoule::test::import_test
