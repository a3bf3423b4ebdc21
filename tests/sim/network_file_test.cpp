#include "sim/schema/network_file.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_network.h"
#include "sim/schema/expression.h"
#include "support/paths.h"

namespace bitjoule::network_file_test {

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
  CHECK(evaluate("min(x, 3 + 2) * max(1, -x)") == 5);
  CHECK(number_text(1.5) == "1.5");
  CHECK(number_text(-3) == "-3");
}

TEST_CASE("expression: faults are named") {
  CHECK_THROWS_WITH_AS(evaluate("1 +"),
                       "expression \"1 +\", character 4: expected a number, a name or '('", Error);
  CHECK_THROWS_WITH_AS(evaluate("1 2"), "expression \"1 2\", character 3: expected an operator",
                       Error);
  CHECK_THROWS_WITH_AS(evaluate("min(1)"), "expression \"min(1)\", character 6: expected ','",
                       Error);
  CHECK_THROWS_AS(evaluate("min"), Error);
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

namespace {

/// Random blocks within blocks: `text` is their YAML, `macs` the sum by hand.
class RandomNesting {
 public:
  explicit RandomNesting(unsigned seed) : random_(seed) {}

  std::string text = "layers:\n- {name: first, gemm: {m: 1, n: 1, k: 1}}\n";
  std::int64_t macs = 1;

  void add_items(int depth, std::int64_t times, const std::string& indent) {
    const int items = pick(1, 3);
    for (int i = 0; i < items; ++i) {
      const int kind = depth == 4 ? 0 : pick(0, 3);
      if (kind <= 1)
        add_layer(times, indent, depth > 0);
      else
        add_block(depth, times, indent, kind == 3);
    }
  }

 private:
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  void add_layer(std::int64_t times, const std::string& indent, bool in_block) {
    // Some names have the index of the block around them, some none at all.
    const bool indexed = in_block && may_index_ && pick(0, 2) > 0;
    const std::string name = fmt::format("{}l{}", indexed ? "{i}." : "", ++layers_);
    const int m = pick(1, 9), n = pick(1, 9), k = pick(1, 9), own = pick(0, 3);
    std::string rest = own > 0 ? fmt::format(", repeat: {}", own) : "";
    if (!before_.empty() && pick(0, 1) == 1) rest += fmt::format(", inputs: [\"{}\"]", before_);
    text += fmt::format("{}- {{name: \"{}\", gemm: {{m: {}, n: {}, k: {}}}{}}}\n", indent, name, m,
                        n, k, rest);
    macs += times * m * n * k * std::max(own, 1);
    before_ = name;
  }

  void add_block(int depth, std::int64_t times, const std::string& indent, bool each) {
    const int count = pick(1, 4);
    const bool outer = may_index_;
    if (each) {
      std::string turns;
      for (int t = 0; t < count; ++t) turns += fmt::format("{}{{t: {}}}", t > 0 ? ", " : "", t);
      text += fmt::format("{}- for: [{}]\n{}  block:\n", indent, turns, indent);
      // Turns of a `for` tell their layers apart.
      text += fmt::format("{}  - {{name: \"f{}.{{t}}\", gemm: {{m: 1, n: 2, k: 1}}}}\n", indent,
                          ++layers_);
      macs += 2 * times * count;
      before_ = "";
      return;
    }
    may_index_ = true;
    text += fmt::format("{}- repeat: {}\n{}  block:\n", indent, count, indent);
    add_items(depth + 1, times * count, indent + "  ");
    may_index_ = outer;
    before_ = "";  // "{i}" means something else out here
  }

  std::mt19937 random_;
  std::string before_;
  bool may_index_ = false;
  int layers_ = 0;
};

}  // namespace

TEST_CASE("network file: repetitions multiply, however they nest and whether they are unrolled") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    RandomNesting nesting(seed);
    nesting.add_items(0, 1, "");
    CAPTURE(nesting.text);
    NetworkOptions unroll;
    unroll.unroll = true;
    CHECK(total_macs(read(nesting.text)) == nesting.macs);
    CHECK(total_macs(read(nesting.text, unroll)) == nesting.macs);
  }
}

TEST_CASE(
    "network file: names of repetitions, which become layers of their own where they differ") {
  const auto text = [](const std::string& wide) {
    return "parameters: {n: 4}\nlayers:\n- repeat: =n\n  with: {wide: =" + wide +
           ", k: =1 + 2 * wide}\n  block:\n"
           "  - {name: \"{i}.a\", gemm: {m: 1, n: 1, k: =k}}\n"
           "  - {when: =wide == 1, name: \"{i}.b\", gemm: {m: 1, n: 1, k: 10}}\n"
           "  - {name: \"{i}.c\", gemm: {m: 1, n: 1, k: 1}, inputs: [\"{i}.a\"]}\n";
  };
  const Network same = read(text("n == 4"));
  REQUIRE(same.layers.size() == 3);
  CHECK(same.layers[0].name == "*.a");
  CHECK(same.layers[0].repeat == 4);
  CHECK(total_macs(same) == 4 * (3 + 10 + 1));
  const Network different = read(text("i % 2"));
  REQUIRE(different.layers.size() == 10);
  CHECK(different.layers[3].name == "1.b");
  CHECK(different.layers[4].inputs == std::vector<std::string>{"1.a"});
  CHECK(total_macs(different) == 2 * (1 + 1) + 2 * (3 + 10 + 1));
  CHECK(message_of("layers:\n- with: {a: 1}\n  block: [{name: x, gemm: {m: 1, n: 1, k: 1}}]\n")
            .find("a block without repeat has none") != std::string::npos);
  CHECK(message_of("layers:\n- repeat: 1000000\n  with: {a: =i}\n"
                   "  block: [{name: x, gemm: {m: 1, n: 1, k: 1}}]\n")
            .find("repeat: expected 0..131072 beside with, got 1000000") != std::string::npos);
  CHECK(message_of("layers:\n- repeat: 2\n  with: [1]\n"
                   "  block: [{name: x, gemm: {m: 1, n: 1, k: 1}}]\n")
            .find("with: expected a map of names and values") != std::string::npos);
}

TEST_CASE("network file: a layer's own repetitions within those of a block") {
  const std::string text =
      "layers:\n- {name: a, gemm: {m: 1, n: 1, k: 1}}\n- repeat: 13\n  block:\n"
      "  - {name: \"{i}.b\", repeat: 3, gemm: {m: 2, n: 1, k: 1}}\n"
      "  - {name: c, gemm: {m: 1, n: 1, k: 1}, inputs: [\"{i}.b\"]}\n"
      "outputs: [c]\noverrides: [{layers: [c], precision: {weights: int4}}]\n";
  const std::int64_t macs = 1 + 13 * (3 * 2 + 1);
  CHECK(total_macs(read(text)) == macs);
  NetworkOptions unroll;
  unroll.unroll = true;
  const Network each = read(text, unroll);
  CHECK(total_macs(each) == macs);
  REQUIRE(each.layers.size() == 1 + 13 * 2);
  // Names that say no index get one; rules and outputs find them by the common name.
  CHECK(each.layers[2].name == "c");
  CHECK(each.layers[4].name == "c.1");
  CHECK(each.layers[4].inputs == std::vector<std::string>{"1.b"});
  CHECK(each.layers[26].precision.weights->format == "int4");
  CHECK(each.outputs[0].layer == "c.12");
  CHECK(message_of("layers:\n- repeat: 1000000\n  block:\n  - repeat: 1000000\n    block:\n"
                   "    - {name: a, repeat: 1000000, gemm: {m: 1, n: 1, k: 1}}\n")
            .find("repeat: with those of the blocks around it, more than 2^53") !=
        std::string::npos);
  // One problem, said once, also where the layer has no count of its own.
  const std::string nested = message_of(
      "layers:\n- repeat: 1000000\n  block:\n  - repeat: 1000000\n    block:\n"
      "    - repeat: 1000000\n      block: [{name: a, gemm: {m: 1, n: 1, k: 1}}]\n");
  CHECK(nested.find("more than 2^53") != std::string::npos);
  CHECK(nested.find("expected") == std::string::npos);
  CHECK(message_of("layers:\n- repeat: 2\n  block:\n"
                   "  - {name: a, repeat: 1.5, gemm: {m: 1, n: 1, k: 1}}\n")
            .find("repeat: expected") != std::string::npos);
  // Two layers of one name stay a fault, also in blocks.
  CHECK_THROWS_AS(read("layers:\n- repeat: 2\n  block:\n  - {name: a, gemm: {m: 1, n: 1, k: 1}}\n"
                       "  - {name: a, gemm: {m: 1, n: 1, k: 1}}\n",
                       unroll),
                  Error);
}

TEST_CASE("network file: a parameter that is set counts before what a phase of the base says") {
  const std::string macs_of_base =
      "base: base/llama.yaml\nparameters: {hidden: 8, layers: 1, heads: 2, "
      "ffn: 4, vocab: 5, context: 16";
  // Without attention: 4 h^2 + 3 h f per token, and the head; attention: 2 h context.
  const auto macs = [](std::int64_t tokens) {
    return tokens * (4 * 8 * 8 + 3 * 8 * 4 + 8 * 5 + 2 * 8 * 16);
  };
  CHECK(total_macs(read(macs_of_base + "}\n")) == macs(1));
  CHECK(total_macs(read(macs_of_base + ", tokens: 3}\n")) == macs(3));
  // The context is left open by the phase decode alone: in the other it is the prompt's.
  CHECK(total_macs(read(macs_of_base + ", prompt: 2}\nphase: prefill\n")) ==
        2 * (4 * 8 * 8 + 3 * 8 * 4 + 8 * 5 + 2 * 8 * 2));
  CHECK(total_macs(read(macs_of_base + "}\n", {}, {{"parameters.tokens", "4"}})) == macs(4));
  // What is set and reaches no layer is told.
  std::vector<std::string> notes;
  NetworkFile file = read_document<NetworkFile>(text_source("n.yaml", macs_of_base + "}\n"),
                                                {{"parameters.prompt", "9"}, {"kv_cache", "int8"}});
  build_network(file, {}, &notes);
  CHECK(notes ==
        std::vector<std::string>{
            "network.parameters.prompt: no effect: no layer depends on it in phase decode"});
  notes.clear();
  file = read_document<NetworkFile>(
      text_source("n.yaml",
                  "layers: [{name: a, gemm: {m: 1, n: 1, k: 1}}]\nkv_cache: int8\n"
                  "phase: decode\n"));
  build_network(file, {}, &notes);
  CHECK(notes == std::vector<std::string>{
                     "phase: decode: no effect: the network has no phases",
                     "kv_cache: no effect: no layer reads a cache whose format is not its own"});
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

TEST_CASE("network file: expressions are as deep as all of them together") {
  // Each parameter stands in the one before it, in so many parentheses: links * (1 + parentheses)
  // levels in all, of which 512 are too many from 513 on.
  const auto chain = [](int links, int parentheses) {
    std::string text = "parameters:\n";
    for (int i = 0; i < links; ++i)
      text += "  p" + std::to_string(i) + ": =" + std::string(parentheses, '(') + "p" +
              std::to_string(i + 1) + std::string(parentheses, ')') + "\n";
    return text + "  p" + std::to_string(links) +
           ": 3\nlayers:\n- {name: a, gemm: {m: =p0, n: 1, k: 1}}\n";
  };
  CHECK(message_of(chain(256, 1)) == "");
  CHECK(message_of(chain(257, 1)).find("nested more than 512 deep") != std::string::npos);
  CHECK(message_of(chain(8, 63)) == "");
  CHECK(message_of(chain(300, 62)).find("nested more than 512 deep") != std::string::npos);
  CHECK(message_of(chain(1000, 500)).find("nested more than 512 deep") != std::string::npos);
  const std::string minus = "parameters: {p: =" + std::string(100000, '-') + "1}\nlayers: []\n";
  const std::string message = message_of(minus);
  CHECK(message.find("nested more than 512 deep") != std::string::npos);
  CHECK(message.size() < 1000);  // not all of the expression
  const Source file = file_source(test::source_dir() + "/../shared/cases/yaml/chain_300_62.yaml");
  CHECK_THROWS_WITH_AS(read_network(file), doctest::Contains("nested more than 512 deep"), Error);
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

}  // namespace bitjoule::network_file_test
