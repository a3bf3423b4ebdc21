#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>

#include "core/error.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/run_file.h"

namespace bitjoule::config_errors_test {
namespace {

namespace fs = std::filesystem;

const char* const kAccelerator = R"(array: {rows: 8, cols: 16}
dram: {model: ideal}
)";
const char* const kRun = R"(accelerator: machine.yaml
layer: {gemm: {m: 1, n: 2, k: 3}}
precision: {weights: int8, activations: int8}
)";

/// A directory of its own with a run file and the accelerator it names.
class Files {
 public:
  Files() {
    std::string pattern = (fs::temp_directory_path() / "bitjoule-config-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    dir_ = pattern;
    write("machine.yaml", kAccelerator);
    write("run.yaml", kRun);
  }
  ~Files() {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ / name) << text;
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }

  /// The message of reading run.yaml, with "DIR/" for the directory; "" if it is fine.
  std::string error(const std::vector<std::string>& sets = {}) const {
    try {
      std::vector<Override> overrides;
      for (const std::string& set : sets) overrides.push_back(parse_override(set));
      read_run(file_source(path("run.yaml")), overrides);
      return "";
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::kInput);
      return without_dir(e.what());
    }
  }

 private:
  std::string without_dir(std::string text) const {
    const std::string prefix = dir_.string() + "/";
    for (std::size_t at; (at = text.find(prefix)) != std::string::npos;)
      text.replace(at, prefix.size(), "DIR/");
    return text;
  }
  fs::path dir_;
};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInput);
    return e.what();
  }
  return "";
}

std::string layer_error(const std::string& text) {
  return message_of([&] { read_document<Layer>(text_source("l.yaml", text)); });
}

std::string yaml_error(const std::string& text) {
  return message_of([&] {
    Problems problems;
    parse_yaml(text, "f.yaml", problems);
    problems.throw_if_any();
  });
}

}  // namespace

TEST_CASE("config errors: files named by files, from beside them or from the shipped ones") {
  const Files files;
  CHECK(files.error().empty());
  files.write("run.yaml", std::string("accelerator: edge-16x16.yaml\n") + (kRun + 26));
  CHECK(files.error().empty());
  files.write("run.yaml", std::string("accelerator: nowhere.yaml\n") + (kRun + 26));
  CHECK(files.error() ==
        "DIR/run.yaml:1:14: no such file \"nowhere.yaml\" (looked beside the naming file, in " +
            configs_dir() + " and in its folder accelerators)");
}

TEST_CASE("config errors: problems of several files and options come together, each in its place") {
  const Files files;
  files.write("machine.yaml", "array: {rows: 0, cols: 16, pe: {width: 1}}\ndram: {model: idel}\n");
  files.write("run.yaml", std::string(kRun) + "seed: -1\nfidelity: slow\n");
  CHECK(files.error({"layer.gemm.m=0", "accelerator.clock=1"}) ==
        "DIR/machine.yaml:1:15: array.rows: expected 1..1024, got \"0\"\n"
        "DIR/machine.yaml:1:40: array.pe.width: expected 2..1024, got \"1\"\n"
        "DIR/machine.yaml:2:15: dram.model: expected one of ideal, cycle, got \"idel\", did you "
        "mean \"ideal\"?\n"
        "DIR/run.yaml:4:7: seed: expected at least 0, got \"-1\"\n"
        "DIR/run.yaml:5:11: fidelity: expected one of fast, pe, estimate, got \"slow\"\n"
        "--set accelerator.clock: expected a frequency such as \"1 GHz\" (units: Hz, kHz, MHz, "
        "GHz), got \"1\"\n"
        "--set layer.gemm.m: expected 1..2147483648, got \"0\"");
}

TEST_CASE("config errors: --set") {
  const Files files;
  CHECK(files.error({"accelerator.array.rows=4", "accelerator.array={rows: 2, cols: 2}"}).empty());
  CHECK(files.error({"accelerator.aray.rows=4"}) ==
        "--set accelerator.aray.rows: unknown key \"aray\", did you mean \"array\"?");
  CHECK(files.error({"accelerator.array.rows.x=4"}) ==
        "--set accelerator.array.rows.x: accelerator.array.rows is \"8\" without a \"x\"");
  CHECK(files.error({"accelerator.array.rows="}) ==
        "--set accelerator.array.rows: expected 1..1024, got nothing");
  CHECK(files.error({"layer.conv2d.height=4"}) ==
        "DIR/run.yaml:2:8: layer: expected one of gemm, conv2d, matmul, got gemm, conv2d\n"
        "--set layer.conv2d.height: width: missing\n"
        "--set layer.conv2d.height: channels: missing\n"
        "--set layer.conv2d.height: filters: missing");
  CHECK(files.error({"accelerator=nowhere.yaml"})
            .rfind("--set accelerator: no such file \"nowhere.yaml\"", 0) == 0);
  // One message: that the machine then lacks a memory or prices follows from it.
  for (const char* part : {"dram", "energy"}) {
    const std::string message = files.error({std::string(part) + "=nowhere.yaml"});
    CAPTURE(message);
    CHECK(message.rfind(std::string("--set ") + part + ": no such file \"nowhere.yaml\"", 0) == 0);
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK(files.error({"layer={gemm: {m: 1, n: 2}}"}) == "--set layer: gemm.k: missing");
  CHECK(files.error({"layer={gemm: "}).rfind("--set layer:", 0) == 0);
  CHECK(message_of([] { parse_override("a.b"); }) == "--set a.b: expected a.b.c=value");
  CHECK(message_of([] { parse_override("a..b=1"); }) ==
        "--set a..b=1: empty key in the path \"a..b\"");
  CHECK(message_of([] { parse_override("=1"); }) == "--set =1: empty key in the path \"\"");
}

TEST_CASE("config errors: layers") {
  CHECK(layer_error("gemm: {m: 1, n: 1, k: 1}").empty());
  CHECK(layer_error("name: x") == "l.yaml:1:1: expected one of gemm, conv2d, matmul, got none");
  CHECK(layer_error("gemm: {m: 1, n: 1, k: 1}\nmatmul: {m: 1, n: 1, k: 1}") ==
        "l.yaml:1:1: expected one of gemm, conv2d, matmul, got gemm, matmul");
  CHECK(layer_error("gemm: 3") == "l.yaml:1:7: gemm: expected a map, got \"3\"");
  CHECK(layer_error("[]") == "l.yaml:1:1: expected a file name or a map, got a list");
  CHECK(layer_error("") == "l.yaml:1:1: expected a file name or a map, got nothing");
  CHECK(layer_error("gemm: {m: 1, n: 1, k: \"1\"}") ==
        "l.yaml:1:23: gemm.k: expected 1..2147483648, got \"1\"");
  for (const char* bad : {"1.0", "1e3", ".inf", ".nan", "-1", "0", "0x10", "1_000", "true", "[1]",
                          "9223372036854775808", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(layer_error(std::string("gemm: {m: 1, n: 1, k: ") + bad + "}")
              .rfind("l.yaml:1:23: gemm.k: expected 1..2147483648, got ", 0) == 0);
  }
  const std::string conv = "conv2d: {height: 8, width: 8, channels: 6, filters: 4, ";
  CHECK(layer_error(conv + "kernel: 3}").empty());
  CHECK(layer_error(conv + "kernel: [3, 3, 3]}") ==
        "l.yaml:1:64: conv2d.kernel: expected 1 or 2 values, got 3");
  CHECK(layer_error(conv + "padding: []}") ==
        "l.yaml:1:65: conv2d.padding: expected 1, 2 or 4 values, got 0");
  CHECK(layer_error(conv + "kernel: [3, x]}") ==
        "l.yaml:1:68: conv2d.kernel[1]: expected 1..2147483648, got \"x\"");
  // From core's checks over several fields: reported where the named field stands.
  CHECK(layer_error(conv + "groups: 4}") ==
        "l.yaml:1:64: conv2d.groups: expected a divisor of channels (6) and filters (4), got 4");
  CHECK(layer_error(conv + "kernel: 9}") ==
        "l.yaml:1:64: conv2d.kernel[0]: kernel of 9 (dilation 1) exceeds the padded height 8");
  CHECK(layer_error("gemm: {m: 2147483648, n: 2147483648, k: 2147483648}") ==
        "l.yaml:1:1: elements of the first operand exceed the limit of 70368744177664");
}

TEST_CASE("config errors: bytes that are no UTF-8") {
  const auto message = [](const std::string& text) -> std::string {
    try {
      read_document<RunFile>(text_source("r.yaml", text));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message("a: 1\nname: \"\xc3\xa4 \xff\"\n") == "r.yaml:2:11: no UTF-8: byte 0xff");
  // Too long for what they say, a surrogate, beyond U+10FFFF, cut off.
  for (const char* bytes :
       {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    CHECK(message(bytes).find("r.yaml:1:1: no UTF-8") == 0);
  for (const char* bytes : {"\xe2\x82\xac", "\xf0\x9f\x99\x82", "\xef\xbb\xbf"})
    CHECK(message(bytes).find("no UTF-8") == std::string::npos);
}

TEST_CASE("config errors: YAML") {
  CHECK(yaml_error("a: 1\nb: 2\na: 3\n") ==
        "f.yaml:3:1: duplicate key \"a\", first given on line 1");
  CHECK(yaml_error("a: {b: 1, b: 2}") == "f.yaml:1:11: duplicate key \"b\", first given on line 1");
  CHECK(yaml_error("a: &x 1\nb: *x\n") == "f.yaml:1:4: anchors and aliases are not supported");
  CHECK(yaml_error("a: !!int 1\n") == "f.yaml:1:4: tags (tag:yaml.org,2002:int) are not supported");
  CHECK(yaml_error("a: 1\n---\nb: 2\n") ==
        "f.yaml:2:1: expected one YAML document, found a second");
  CHECK(yaml_error("? {a: 1}\n: 2\n") == "f.yaml:1:3: a key must be a single word or string");
  CHECK(yaml_error("a: [1, 2\n").rfind("f.yaml:", 0) == 0);
  CHECK(yaml_error(std::string(65, '[') + std::string(65, ']')) ==
        "f.yaml:1:65: nested more than 64 levels deep");
  std::string long_list = "[0";
  for (int i = 0; i < 1'000'000; ++i) long_list += ",0";
  CHECK(yaml_error(long_list + "]") == "f.yaml:1:2000000: more than 1000000 values");
  CHECK(yaml_error(std::string(100000, '[')).find("f.yaml:") == 0);
  CHECK(yaml_error(std::string(100000, '{')).find("f.yaml:") == 0);
}

TEST_CASE("config errors: buffers, energy tables and DRAM that contradict themselves") {
  const Files files;
  CHECK(files.error({"accelerator.buffers.input={capacity: 100 B, banks: 3}"}) ==
        "--set accelerator.buffers.input: capacity: expected a multiple of banks (3), got 100 "
        "bytes");
  CHECK(files.error({"accelerator.buffers.input.port_width=12"}) ==
        "--set accelerator.buffers.input.port_width: expected a multiple of 8 bits, got 12");
  const std::string unified = "accelerator.buffers={unified: ";
  CHECK(files.error({unified + "{roles: [input, weight]}, weight: {banks: 4}}"}) ==
        "--set accelerator.buffers: weight: allowed only with a unified buffer of other roles");
  CHECK(files.error({unified + "{banks: 3, capacity: 3 KiB}}"}) ==
        "--set accelerator.buffers: unified: banks: expected at least one for each of 4 roles, got "
        "3; a bank is not shared, so that roles never wait for one another's accesses");
  CHECK(files.error({unified + "{roles: [input, input]}}"}) ==
        "--set accelerator.buffers: unified: roles: expected two roles or more, each once, got "
        "input, input");
  CHECK(files.error({unified + "{roles: [input, weights]}}"}) ==
        "--set accelerator.buffers: unified.roles[1]: expected one of input, weight, accumulator, "
        "output, scale, got \"weights\", did you mean \"weight\"?");
  CHECK(files.error({unified + "{capacity: 100 B, banks: 8}}"}) ==
        "--set accelerator.buffers: unified: capacity: expected a multiple of banks (8), got 100 "
        "bytes");
  CHECK(files.error({"accelerator.buffers.input.double_buffered=perhaps"}) ==
        "--set accelerator.buffers.input.double_buffered: expected true, false, on, off or auto, "
        "got \"perhaps\"");
  CHECK(files.error({"dram.timing={tCK: 1 ns}"}) ==
        "--set dram.timing: allowed only with model: cycle");
  CHECK(files.error({"energy.arithmetic=[]", "energy.sram.points=[]", "energy.unpriced=[{}]"}) ==
        "--set energy.unpriced: [0].primitive: missing\n"
        "--set energy.unpriced: [0].reason: missing");
  CHECK(files.error({"precision.weights={format: int8, scale: fp8}"}) ==
        "--set precision.weights: scale: expected one of fp32, fp16, bf16, e8m0, fp32_inverse, got "
        "\"fp8\"");
}

TEST_CASE("config errors: formats and layers that the machine cannot take") {
  const Files files;
  CHECK(
      files.error({"precision.weights=fp32", "precision.mac=int8"}) ==
      "--set precision.mac: int8 takes integers, but precision.weights is fp32; choose an integer "
      "format there, a float MAC, or auto");
  CHECK(files.error({"accelerator.array.pe.width=4"}) ==
        "DIR/run.yaml:1:1: a PE of 4 bits does not hold an int8 MAC of 8 bits");
}

TEST_CASE("config errors: any bytes give a tree or an input error") {
  constexpr unsigned kSeed = 7;
  INFO("seed ", kSeed);
  std::mt19937 random(kSeed);
  const std::string good = std::string(kAccelerator) + kRun;
  const std::string spice = "{}[]:,-#&*!|>'\"%@`?~\n\t \\x0";
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (int change = 0; change < 4; ++change) {
      const std::size_t at = random() % text.size();
      if (random() % 3 == 0)
        text.erase(at, random() % 8);
      else
        text.insert(at, 1, spice[random() % spice.size()]);
      if (text.empty()) text = "x";
    }
    try {
      read_run(text_source("fuzz.yaml", text));
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::kInput);
    }
  }
}

TEST_CASE("config: what stands at the root of a run stays when --set replaces its accelerator") {
  Files files;
  files.write("other.yaml", "array: {rows: 4, cols: 4}\ndram: {model: ideal, latency: 7 ns}\n");
  files.write("priced.yaml", std::string(kAccelerator) + "energy: jouppi-2021-7nm.yaml\n");
  const auto read = [&](const std::vector<std::string>& sets) {
    std::vector<Override> overrides;
    for (const std::string& set : sets) overrides.push_back(parse_override(set));
    return read_run(file_source(files.path("run.yaml")), overrides);
  };
  const std::string other = "accelerator=" + files.path("other.yaml");
  const std::string priced = "accelerator=" + files.path("priced.yaml");
  const auto latency = [](const RunConfig& run) {
    return std::get<IdealDramConfig>(run.dram->model).latency;
  };
  CHECK(read({other}).accelerator.array.rows == 4);
  CHECK(read({other}).energy->name == "horowitz-2014-45nm");  // the default
  CHECK(latency(read({other})) == Femtoseconds(7'000'000));   // the other accelerator's
  CHECK(read({priced}).energy->name == "jouppi-2021-7nm");
  CHECK(read({priced, other}).energy->name == "horowitz-2014-45nm");
  CHECK(read({"energy=jouppi-2021-7nm.yaml", other}).energy->name == "jouppi-2021-7nm");
  CHECK(read({"accelerator.energy=jouppi-2021-7nm.yaml", other}).energy->name ==
        "horowitz-2014-45nm");
  CHECK(latency(read({"dram.latency=9 ns", other})) == Femtoseconds(7'000'000));
  CHECK(latency(read({other, "dram.latency=9 ns"})) == Femtoseconds(9'000'000));
  files.write("run.yaml", std::string(kRun) +
                              "dram: {model: ideal, latency: 8 ns}\n"
                              "energy: jouppi-2021-7nm.yaml\n");
  CHECK(latency(read({other})) == Femtoseconds(8'000'000));
  CHECK(read({other}).energy->name == "jouppi-2021-7nm");
  CHECK(read({other, "accelerator.array.rows=5"}).accelerator.array.rows == 5);
  CHECK(files.error({"energy="}) == "DIR/run.yaml:1:1: energy: missing");
}

}  // namespace bitjoule::config_errors_test
