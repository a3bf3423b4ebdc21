// The shipped networks against published totals and layer tables (reference: the model cards and
// papers named in docs/networks.md).
#include <doctest/doctest.h>

#include <map>

#include "core/error.h"
#include "sim/commands/kinds.h"
#include "sim/schema/network_file.h"
#include "support/paths.h"

namespace bitjoule::network_shipped_test {
namespace {

Network shipped(const std::string& name, const NetworkOptions& options = {}) {
  return read_network(file_source(test::source_dir() + "/configs/networks/" + name + ".yaml"), {},
                      options);
}

/// Llama's parameters from its configuration alone: the closed form beside the network file.
struct Llama {
  const char* file;
  std::int64_t hidden, layers, heads, kv_heads, ffn, vocab;
  bool tied;
  std::int64_t parameters, macs_per_token, attention_per_context;

  std::int64_t linear() const {
    const std::int64_t kv = kv_heads * (hidden / heads);
    return layers * (2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * ffn);
  }
};

// parameters | MACs per token without attention | attention MACs per token and context entry
const Llama kLlamas[] = {
    {"llama2-7b", 4096, 32, 32, 32, 11008, 32000, false, 6'738'415'616, 6'607'077'376, 262144},
    {"llama2-13b", 5120, 40, 40, 40, 13824, 32000, false, 13'015'864'320, 12'851'609'600, 409600},
    {"llama2-70b", 8192, 80, 64, 8, 28672, 32000, false, 68'976'648'192, 68'713'185'280, 1310720},
    {"tinyllama-1.1b", 2048, 22, 32, 4, 5632, 32000, false, 1'100'048'384, 1'034'420'224, 90112},
    {"stories110m", 768, 12, 12, 12, 2048, 32000, true, 109'529'856, 109'510'656, 18432},
    {"stories42m", 512, 8, 8, 8, 1376, 32000, true, 41'689'600, 41'680'896, 8192},
    {"stories15m", 288, 6, 6, 6, 768, 32000, true, 15'191'712, 15'187'968, 3456},
    {"stories260k", 64, 5, 8, 4, 172, 512, true, 260'032, 259'328, 640},
};

/// MACs and weights of every layer with MACs, in order.
std::vector<std::pair<std::string, std::pair<std::int64_t, std::int64_t>>> mac_layers(
    const Network& network) {
  std::vector<std::pair<std::string, std::pair<std::int64_t, std::int64_t>>> rows;
  for (const NetworkLayer& layer : network.layers)
    if (!std::holds_alternative<VectorOp>(layer.op))
      rows.push_back({layer.name, {layer_macs(layer), layer_weights(layer)}});
  return rows;
}

std::int64_t total_weights(const Network& network) {
  std::int64_t total = 0;
  for (const NetworkLayer& layer : network.layers) total += layer_weights(layer) * layer.repeat;
  return total;
}

}  // namespace

TEST_CASE("shipped: every file reads, and unrolled means the same as counted") {
  for (const std::string& file : shipped_files("networks")) {
    CAPTURE(file);
    const std::string path = test::source_dir() + "/configs/" + file;
    const Network counted = read_network(file_source(path));
    NetworkOptions options;
    options.unroll = true;
    const Network unrolled = read_network(file_source(path), {}, options);
    CHECK(total_macs(counted) == total_macs(unrolled));
    CHECK(total_parameters(counted) == total_parameters(unrolled));
    CHECK(kv_elements_written(counted) == kv_elements_written(unrolled));
    for (const NetworkLayer& layer : unrolled.layers) CHECK(layer.repeat == 1);
  }
}

TEST_CASE("shipped: Llama's parameters and MACs per token") {
  for (const Llama& model : kLlamas) {
    CAPTURE(model.file);
    const std::int64_t norms = (2 * model.layers + 1) * model.hidden;
    const std::int64_t embedding = model.vocab * model.hidden;
    CHECK(model.linear() + norms + (model.tied ? 1 : 2) * embedding == model.parameters);

    for (std::int64_t context : {1, 512, 2048, 4096}) {
      NetworkOptions options;
      options.parameters = {{"context", context}};
      const Network network = shipped(model.file, options);
      CHECK(total_parameters(network) == model.parameters);
      CHECK(total_macs(network) == model.macs_per_token + model.attention_per_context * context);
      // Keys and values of one token.
      CHECK(kv_elements_written(network) ==
            model.layers * 2 * model.kv_heads * (model.hidden / model.heads));
    }
  }
}

TEST_CASE("shipped: prefill is the prompt's tokens times one token, attention over the square") {
  const Llama& model = kLlamas[0];
  const std::int64_t prompt = 128, batch = 3;
  NetworkOptions options;
  options.parameters = {{"prompt", prompt}, {"batch", batch}};
  const Network network =
      read_network(file_source(test::source_dir() + "/configs/networks/llama2-7b.yaml"),
                   {{"phase", "prefill"}}, options);
  CHECK(total_macs(network) ==
        batch * (prompt * model.macs_per_token + model.attention_per_context * prompt * prompt));
  CHECK(total_parameters(network) == model.parameters);
}

TEST_CASE("shipped: totals of the convolutional networks") {
  struct Row {
    const char* file;
    std::int64_t macs, weights, parameters;
  };
  const Row rows[] = {
      {"mobilenet-v1", 568'740'352, 4'209'088, 4'231'976},
      {"mobilenet-v2", 300'774'272, 3'469'760, 3'504'872},
      {"resnet18", 1'814'073'344, 11'678'912, 11'689'512},
      {"resnet50", 4'089'184'256, 25'502'912, 25'557'032},
      {"resnet50-v1", 3'857'973'248, 25'502'912, 25'557'032},
      {"mlperf-tiny-ad", 264'192, 264'192, 265'864},
      {"mlperf-tiny-kws", 2'656'768, 22'016, 22'604},
      {"mlperf-tiny-ic", 12'501'632, 77'360, 77'706},
      {"mlperf-tiny-vww", 7'489'664, 208'112, 210'850},
  };
  for (const Row& row : rows) {
    CAPTURE(row.file);
    const Network network = shipped(row.file);
    CHECK(total_macs(network) == row.macs);
    CHECK(total_weights(network) == row.weights);
    CHECK(total_parameters(network) == row.parameters);
  }
}

TEST_CASE("shipped: layer tables of MLPerf Tiny") {
  const auto check = [](const char* file,
                        const std::vector<std::pair<std::int64_t, std::int64_t>>& expected) {
    CAPTURE(file);
    const auto rows = mac_layers(shipped(file));
    REQUIRE(rows.size() == expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CAPTURE(rows[i].first);
      CHECK(rows[i].second == expected[i]);
    }
  };
  using Rows = std::vector<std::pair<std::int64_t, std::int64_t>>;
  Rows kws = {{320000, 2560}};
  for (int i = 0; i < 4; ++i) kws.insert(kws.end(), {{72000, 576}, {512000, 4096}});
  kws.push_back({768, 768});
  check("mlperf-tiny-kws", kws);

  check("mlperf-tiny-vww",
        {{497664, 216},   {165888, 72},    {294912, 128},   {82944, 144},    {294912, 512},
         {165888, 288},   {589824, 1024},  {41472, 288},    {294912, 2048},  {82944, 576},
         {589824, 4096},  {20736, 576},    {294912, 8192},  {41472, 1152},   {589824, 16384},
         {41472, 1152},   {589824, 16384}, {41472, 1152},   {589824, 16384}, {41472, 1152},
         {589824, 16384}, {41472, 1152},   {589824, 16384}, {10368, 1152},   {294912, 32768},
         {20736, 2304},   {589824, 65536}, {512, 512}});

  // The block's shortcut convolution stands behind its two others, as in the flat file.
  check("mlperf-tiny-ic", {{442368, 432},
                           {2359296, 2304},
                           {2359296, 2304},
                           {1179648, 4608},
                           {2359296, 9216},
                           {131072, 512},
                           {1179648, 18432},
                           {2359296, 36864},
                           {131072, 2048},
                           {640, 640}});

  check("mlperf-tiny-ad", {{81920, 81920},
                           {16384, 16384},
                           {16384, 16384},
                           {16384, 16384},
                           {1024, 1024},
                           {1024, 1024},
                           {16384, 16384},
                           {16384, 16384},
                           {16384, 16384},
                           {81920, 81920}});
}

namespace {

/// A row of a published layer table: input channels and size, kernel, stride, groups, filters.
struct ConvRow {
  std::string name;
  std::int64_t cin, size, kernel, stride, groups, cout, macs, weights;
};

void check_table(const char* file, const std::vector<ConvRow>& table) {
  CAPTURE(file);
  const Network network = shipped(file);
  std::map<std::string, const NetworkLayer*> by_name;
  std::size_t with_macs = 0;
  for (const NetworkLayer& layer : network.layers) {
    by_name[layer.name] = &layer;
    with_macs += !std::holds_alternative<VectorOp>(layer.op);
  }
  CHECK(with_macs == table.size());
  for (const ConvRow& row : table) {
    CAPTURE(row.name);
    REQUIRE(by_name.count(row.name) == 1);
    const NetworkLayer& layer = *by_name[row.name];
    CHECK(layer_macs(layer) == row.macs);
    CHECK(layer_weights(layer) == row.weights);
    if (const auto* conv = std::get_if<Conv2d>(&layer.op)) {
      CHECK(conv->channels == row.cin);
      CHECK(conv->height == row.size);
      CHECK(conv->kernel_h == row.kernel);
      CHECK(conv->stride_w == row.stride);
      CHECK(conv->groups == row.groups);
      CHECK(conv->filters == row.cout);
    }
  }
}

}  // namespace

#include "network_tables.inc"

TEST_CASE("shipped: the first TPU's networks have the sizes of its paper") {
  // Jouppi et al., ISCA 2017, table 1: layers, weights, MACs per weight (times the batch).
  CHECK(shipped("tpu-v1-mlp0").layers.size() == 5);
  CHECK(total_parameters(shipped("tpu-v1-mlp0")) == 20 << 20);
  CHECK(total_macs(shipped("tpu-v1-mlp0")) == std::int64_t{200} * (20 << 20));
  CHECK(shipped("tpu-v1-cnn0").layers.size() == 16);
  CHECK(total_parameters(shipped("tpu-v1-cnn0")) == 8 << 20);
  CHECK(total_macs(shipped("tpu-v1-cnn0")) == std::int64_t{2888} * (8 << 20));
}

TEST_CASE("shipped: AlexNet, VGG-16, BERT and ViT from their definitions") {
  // AlexNet: filters * (kernel area * channels / groups) + biases.
  const std::int64_t alexnet_weights = 96 * 11 * 11 * 3 + 256 * 25 * 48 + 384 * 9 * 256 +
                                       384 * 9 * 192 + 256 * 9 * 192 + 4096 * 9216 + 4096 * 4096 +
                                       1000 * 4096;
  const std::int64_t alexnet_biases = 96 + 256 + 384 + 384 + 256 + 4096 + 4096 + 1000;
  CHECK(total_parameters(shipped("alexnet")) == alexnet_weights + alexnet_biases);
  CHECK(total_macs(shipped("alexnet")) == 55 * 55 * 96 * 363 + 27 * 27 * 256 * 1200 +
                                              13 * 13 * (384 * 2304 + 384 * 1728 + 256 * 1728) +
                                              4096 * (9216 + 4096 + 1000));

  const std::int64_t channels[] = {3,   64,  64,  128, 128, 256, 256,
                                   256, 512, 512, 512, 512, 512, 512};
  const std::int64_t sizes[] = {224, 224, 112, 112, 56, 56, 56, 28, 28, 28, 14, 14, 14};
  std::int64_t macs = 0, parameters = 0;
  for (int i = 0; i < 13; ++i) {
    const std::int64_t weights = 9 * channels[i] * channels[i + 1];
    macs += sizes[i] * sizes[i] * weights;
    parameters += weights + channels[i + 1];
  }
  const std::int64_t linear = 25088 * 4096 + 4096 * 4096 + 4096 * 1000;
  CHECK(total_macs(shipped("vgg16")) == macs + linear);
  CHECK(total_parameters(shipped("vgg16")) == parameters + linear + 4096 + 4096 + 1000);
  CHECK(total_parameters(shipped("vgg16")) == 138'357'544);  // as published

  // One encoder layer: four attention projections, two of the feed-forward part, two norms.
  const std::int64_t d = 768, ffn = 3072;
  const std::int64_t encoder = 4 * (d * d + d) + (d * ffn + ffn) + (ffn * d + d) + 2 * 2 * d;
  CHECK(total_parameters(shipped("bert-base")) ==
        (30522 + 512 + 2) * d + 2 * d + 12 * encoder + (d * d + d));
  const std::int64_t tokens = 128;
  CHECK(total_macs(shipped("bert-base")) ==
        12 * (tokens * (4 * d * d + 2 * d * ffn) + 2 * tokens * tokens * d) + d * d);
  CHECK(total_parameters(shipped("vit-b-16")) ==
        d * 16 * 16 * 3 + d + d + 197 * d + 12 * encoder + 2 * d + 1000 * d + 1000);
  CHECK(total_parameters(shipped("vit-b-16")) == 86'567'656);  // as published
  CHECK(total_parameters(shipped("gpt2")) == (50257 + 1024) * d + 12 * encoder + 2 * d);
}

}  // namespace bitjoule::network_shipped_test
