#include "sim/schema/network_file.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "core/error.h"
#include "sim/schema/expression.h"
#include "support/paths.h"

using namespace bitjoule;

namespace {

Network read(const std::string& text, const NetworkOptions& options = {},
             const std::vector<Override>& overrides = {}) {
  return read_network(text_source("n.yaml", text), overrides, options);
}

std::string message_of(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

double evaluate(const std::string& text) {
  return evaluate_expression(text, [](const std::string& name) -> double {
    if (name == "x") return 12;
    throw input_error("no " + name);
  });
}

}  // namespace

TEST_CASE("expression: precedence, division and comparison") {
  CHECK(evaluate("1 + 2 * 3") == 7);
  CHECK(evaluate("(1 + 2) * 3 - -4") == 13);
  CHECK(evaluate("x / 4 % 2") == 1);
  CHECK(evaluate("x / 8") == 1.5);
  CHECK(evaluate("1 / sqrt(x + 4)") == 0.25);
  CHECK(evaluate("x == 12") == 1);
  CHECK(evaluate("2 * x < x") == 0);
  CHECK(number_text(1.5) == "1.5");
  CHECK(number_text(-3) == "-3");
}

TEST_CASE("expression: faults are named") {
  CHECK_THROWS_WITH_AS(evaluate("1 +"),
                       "expression \"1 +\", character 4: expected a number, a name or '('", Error);
  CHECK_THROWS_WITH_AS(evaluate("1 2"), "expression \"1 2\", character 3: expected an operator",
                       Error);
  CHECK_THROWS_AS(evaluate("1 / 0"), Error);
  CHECK_THROWS_AS(evaluate("y"), Error);
  CHECK_THROWS_AS(evaluate("1e300"), Error);
  CHECK_THROWS_AS(evaluate(std::string(100000, '(')), Error);
  CHECK_THROWS_AS(evaluate(std::string(100000, '-')), Error);
}

TEST_CASE("network file: parameters, repeats and loops") {
  const std::string text = R"(
parameters: {wide: =4 * narrow, narrow: 8, depth: 3}
layers:
- repeat: =depth
  block:
  - {name: "{i}.up", gemm: {m: 1, n: =wide, k: =narrow}}
  - {name: "{i}.down", gemm: {m: 1, n: =narrow, k: =wide}, bias: true, inputs: ["{i}.up"]}
- for: [{c: 2, name: a}, {c: 3, name: b}]
  block:
  - {when: =c > 2, name: "{name}", gemm: {m: =c, n: 1, k: 1}}
)";
  const Network counted = read(text);
  REQUIRE(counted.layers.size() == 3);
  CHECK(counted.name == "n");
  CHECK(counted.layers[1].name == "*.down");
  CHECK(counted.layers[1].repeat == 3);
  CHECK(counted.layers[1].inputs == std::vector<std::string>{"*.up"});
  CHECK(counted.layers[2].name == "b");
  CHECK(total_parameters(counted) == 3 * (8 * 32 + 32 * 8 + 8) + 1);

  NetworkOptions options;
  options.unroll = true;
  options.parameters = {{"narrow", 16}};
  const Network unrolled = read(text, options);
  REQUIRE(unrolled.layers.size() == 7);
  CHECK(unrolled.layers[5].name == "2.down");
  CHECK(total_macs(unrolled) == 3 * 2 * 16 * 64 + 3);
}

TEST_CASE("network file: precision by layer, KV cache in its own format") {
  const Network network = read(R"(
kv_cache: int8
overrides:
- {layers: [first, "last*"], precision: {weights: int8}}
layers:
- {name: first, gemm: {m: 1, n: 4, k: 4}}
- {name: k, gemm: {m: 1, n: 4, k: 4}, kv_cache: true, precision: {weights: int4}}
- {name: qk, matmul: {m: 1, n: 4, k: 4}, kv_cache: true}
- {name: last, gemm: {m: 1, n: 4, k: 4}}
)");
  CHECK(network.layers[0].precision.weights->format == "int8");
  CHECK(network.layers[1].precision.weights->format == "int4");
  CHECK(network.layers[1].precision.output->format == "int8");
  CHECK(network.layers[2].precision.weights->format == "int8");
  CHECK(!network.layers[2].precision.output);
  CHECK(network.layers[3].precision.weights->format == "int8");
}

TEST_CASE("network file: overrides reach parameters and phases") {
  const std::string text = R"(
phase: one
parameters: {tokens: 9}
phases: {one: {tokens: 1}, many: {tokens: 5}}
layers:
- {name: a, gemm: {m: =tokens, n: 1, k: 1}}
)";
  CHECK(total_macs(read(text)) == 1);
  CHECK(total_macs(read(text, {}, {{"phase", "many"}})) == 5);
  CHECK(total_macs(read(text, {}, {{"phase", "many"}, {"phases.many.tokens", "7"}})) == 7);
}

TEST_CASE("network file: what it writes reads back equal") {
  const char* const files[] = {"stories260k", "mobilenet-v2", "vit-b-16", "alexnet", "bert-base"};
  for (const char* file : files) {
    CAPTURE(file);
    const Network network =
        read_network(file_source(test::source_dir() + "/configs/networks/" + file + ".yaml"));
    const std::string yaml = network_yaml(network);
    const Network again = read(yaml);
    CHECK(network_yaml(again) == yaml);
    CHECK(total_macs(again) == total_macs(network));
    CHECK(total_parameters(again) == total_parameters(network));
    REQUIRE(again.layers.size() == network.layers.size());
    for (std::size_t i = 0; i < again.layers.size(); ++i) {
      CHECK(again.layers[i].kind == network.layers[i].kind);
      CHECK(again.layers[i].bias == network.layers[i].bias);
      CHECK(output_elements(again.layers[i]) == output_elements(network.layers[i]));
    }
  }
}

TEST_CASE("network file: errors name the place") {
  CHECK(message_of("layers:\n- {name: a, gemm: {m: =rows, n: 1, k: 1}}\n") ==
        "n.yaml:2:23: unknown name \"rows\"");
  CHECK(message_of("parameters: {rows: 1}\nlayers:\n- {name: a, gemm: {m: =row, n: 1, k: 1}}\n") ==
        "n.yaml:3:23: unknown name \"row\", did you mean \"rows\"?");
  CHECK(message_of("parameters: {a: =b, b: =a}\nlayers: []\n") != "");  // each depends on itself
  CHECK(message_of("layers:\n- {name: a, gemm: {m: =1 / 2, n: 1, k: 1}}\n") ==
        "n.yaml:2:23: gemm.m: expected 1..2147483648, got \"0.5\"");
  CHECK(message_of("layers:\n- {name: a, vector: {op: softmx}}\n").find("softmax") !=
        std::string::npos);
  CHECK(message_of("layers:\n- repeat: 2\n  block:\n  - {name: a, gemm: {m: =i, n: 1, k: 1}}\n") ==
        "n.yaml:4:25: \"i\" has a value only where repeats are unrolled");
  CHECK(message_of("layers:\n- {name: a, gemm: {m: 1, n: 1, k: 1}, inputs: [b]}\n") ==
        "n: layer \"a\": input \"b\" is not produced before it");
  CHECK(message_of("phase: x\nphases: {y: {}}\nlayers: []\n") ==
        "n: phase: expected y, got \"x\", did you mean \"y\"?");
  CHECK(message_of("base: nowhere.yaml\n") ==
        "n.yaml:1:7: base: expected a network file, got \"nowhere.yaml\"");
  CHECK(message_of("layers: 3\n") == "n.yaml:1:9: expected a list, got \"3\"");
  CHECK(message_of("overrides: [{layers: [x], precision: {weights: int8}}]\n"
                   "layers:\n- {name: a, gemm: {m: 1, n: 1, k: 1}}\n") ==
        "n: overrides: no layer is named \"x\"");
  CHECK(message_of("overrides: [{layers: [b.1.q], precision: {weights: int8}}]\n"
                   "layers:\n- repeat: 2\n  block:\n"
                   "  - {name: \"b.{i}.q\", gemm: {m: 1, n: 1, k: 1}}\n") ==
        "n: overrides: no layer is named \"b.1.q\"; \"b.*.q\" stands for all repetitions, `unroll: "
        "true` makes layers of them");
}

TEST_CASE("network file: exploding files are refused in bounded time") {
  std::string text = "layers:\n";
  std::string indent;
  for (int depth = 0; depth < 20; ++depth) {
    text += fmt::format("{0}- repeat: 1000000\n{0}  block:\n", indent);
    indent += "  ";
  }
  text += indent + "- {name: a, when: false}\n";
  NetworkOptions options;
  options.unroll = true;
  CHECK_THROWS_AS(read(text, options), Error);
  CHECK_THROWS_AS(read("layers:\n- repeat: 1000000\n  block:\n  - {name: \"{i}\", gemm: {m: 1, n: "
                       "1, k: 1}}\n",
                       options),
                  Error);
}
