#include "core/workload/network.h"

#include <doctest/doctest.h>

#include <numeric>

#include "core/error.h"

namespace bitjoule::network_test {

namespace {

std::string message_of(const Network& network) {
  try {
    check_network(network);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

NetworkLayer linear(const std::string& name, std::int64_t m, std::int64_t n, std::int64_t k) {
  NetworkLayer layer;
  layer.name = name;
  layer.kind = "linear";
  layer.op = Gemm{m, n, k};
  layer.parameters = n * k;
  return layer;
}

}  // namespace

TEST_CASE("network: totals count MACs, weights and parameters times the repeats") {
  Network network;
  network.name = "tiny";
  network.layers = {linear("a", 2, 3, 5), linear("b", 2, 7, 3)};
  network.layers[1].repeat = 4;
  network.layers[1].parameters += 7;  // a bias

  NetworkLayer scores;
  scores.name = "scores";
  scores.op = Matmul{6, 2, 9, 8, 3};
  network.layers.push_back(scores);

  CHECK(total_macs(network) == 2 * 3 * 5 + 4 * (2 * 7 * 3) + 6 * 2 * 9 * 8);
  CHECK(total_parameters(network) == 3 * 5 + 4 * (7 * 3 + 7));
  CHECK(layer_weights(network.layers[0]) == 15);
  CHECK(layer_weights(network.layers[2]) == 0);
  CHECK(output_elements(network.layers[2]) == 6 * 2 * 9);
  CHECK(message_of(network).empty());
}

TEST_CASE("network: a depthwise convolution holds kernel x channels weights") {
  NetworkLayer layer;
  Conv2d conv;
  conv.height = conv.width = 6;
  conv.channels = conv.filters = conv.groups = 8;
  conv.kernel_h = conv.kernel_w = 3;
  layer.op = conv;
  CHECK(layer_weights(layer) == 3 * 3 * 8);
  CHECK(layer_macs(layer) == 4 * 4 * 3 * 3 * 8);
  CHECK(output_elements(layer) == 4 * 4 * 8);
}

TEST_CASE("network: experts that a batch reaches, by the expectation") {
  // 128 experts, 8 chosen: 128 * (1 - (15/16)^B), models.md's table rounded.
  Experts experts{128, 8, {}};
  const auto loads = [&](std::int64_t tokens) {
    return spread_loads(Gemm{tokens * experts.chosen, 1, 1}, experts);
  };
  const std::int64_t expected[][2] = {{1, 8},   {2, 16},   {4, 29},   {8, 52},
                                      {16, 82}, {32, 112}, {64, 126}, {256, 128}};
  for (const auto& row : expected) {
    const std::int64_t tokens = row[0], active = row[1];
    CAPTURE(tokens);
    const std::vector<std::int64_t> rows = loads(tokens);
    CHECK(static_cast<std::int64_t>(rows.size()) == active);
    CHECK(std::accumulate(rows.begin(), rows.end(), std::int64_t{0}) == 8 * tokens);
    CHECK(rows.front() - rows.back() <= 1);
  }
  experts = {8, 2, {}};
  CHECK(loads(4) == std::vector<std::int64_t>{2, 2, 2, 1, 1});  // 5.47 experts of 8
}

TEST_CASE("network: faults name the layer and the field") {
  Network network;
  network.name = "n";
  network.layers = {linear("a", 1, 1, 1), linear("a", 1, 1, 1)};
  CHECK(message_of(network) == "n: layer \"a\": the name is empty or already taken");
  network.layers[1] = linear("b", 1, 0, 1);
  CHECK(message_of(network) == "n: layer \"b\": gemm.n: expected 1..2147483648, got 0");
  network.layers[1] = linear("b", 1, 1, 1);
  network.layers[1].inputs = {"c"};
  CHECK(message_of(network) == "n: layer \"b\": input \"c\" is not produced before it");
  network.layers[1].inputs = {"b"};  // a layer that feeds itself: a cycle
  CHECK(message_of(network) == "n: layer \"b\": input \"b\" is not produced before it");
  network.layers[1] = linear("b", 1 << 30, 1 << 14, 1 << 14);
  network.layers[1].repeat = 1 << 30;
  CHECK(message_of(network) == "network totals exceed the limit of 4611686018427387904");
}

TEST_CASE("network: a layer's precision replaces only what it names") {
  PrecisionOverride only_weights;
  only_weights.weights = TensorFormat{"int4", Granularity::kPerGroup, 32};
  Precision base;
  base.mac = "int8";
  base.weights.format = "int8";
  const Precision result = only_weights.apply(base);
  CHECK(result.weights.format == "int4");
  CHECK(result.activations.format == base.activations.format);
  CHECK(result.mac == "int8");
}

}  // namespace bitjoule::network_test
