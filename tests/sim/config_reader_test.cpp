#include <doctest/doctest.h>

#include <string>

#include "sim/config/reader.h"
#include "sim/config/schema.h"
#include "sim/config/writer.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/run_file.h"

namespace bitjoule::config_reader_test {
namespace {

const char* const kRun = R"(accelerator:
  clock: 700 MHz
  array: {rows: 8, cols: 16, dataflow: os, pe: {width: 16}}
  buffers:
    input: {capacity: 64 KiB, banks: 4, port_width: 32 bit}
layer:
  conv2d: {height: 14, width: 14, channels: 256, filters: 256, kernel: 3, padding: [1, 2]}
precision:
  weights: {format: int8, granularity: per_channel}
  activations: int8
dram: {model: ideal, bandwidth: 12.8 GB/s}
)";

RunConfig run_of(const std::string& text, const std::vector<Override>& overrides = {}) {
  return read_run(text_source("run.yaml", text), overrides);
}

std::string error_of(const std::string& text, const std::vector<std::string>& sets = {}) {
  try {
    std::vector<Override> overrides;
    for (const std::string& set : sets) overrides.push_back(parse_override(set));
    run_of(text, overrides);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInput);
    return e.what();
  }
  return "no error";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("config: a run file fills the structs, what is left out keeps its default") {
  const RunConfig run = run_of(kRun);
  CHECK(run.accelerator.clock == Hertz(700'000'000));
  CHECK(run.accelerator.array.rows == 8);
  CHECK(run.accelerator.array.cols == 16);
  CHECK(run.accelerator.array.dataflow == Dataflow::kOutputStationary);
  CHECK(run.accelerator.array.overlap == Overlap::kFull);
  CHECK(run.accelerator.array.pe.width == 16);
  CHECK(run.accelerator.buffers.input.capacity == Bytes(65536));
  CHECK(run.accelerator.buffers.input.port_width == Bits(32));
  CHECK(run.accelerator.buffers.weight.banks == 8);
  const Conv2d& conv = std::get<Conv2d>(run.layer.op);
  CHECK(conv.kernel_h == 3);
  CHECK(conv.kernel_w == 3);
  CHECK(conv.pad_top == 1);
  CHECK(conv.pad_left == 2);
  CHECK(conv.pad_bottom == 1);
  CHECK(conv.pad_right == 2);
  CHECK(run.precision.weights.granularity == Granularity::kPerChannel);
  CHECK(run.precision.activations.format == "int8");
}

TEST_CASE("config: one dataflow, or a list of different ones") {
  const auto dataflow = [](const char* text) {
    return replaced(kRun, "dataflow: os", std::string("dataflow: ") + text);
  };
  const ArrayConfig both = run_of(dataflow("[os, ws]")).accelerator.array;
  CHECK(both.dataflow == Dataflow::kOutputStationary);
  CHECK(both.other_dataflows == std::vector{Dataflow::kWeightStationary});
  const auto written = [&](const char* text) {
    return to_json(run_of(dataflow(text))).at("accelerator").at("array").at("dataflow");
  };
  CHECK(written("[os, ws]") == boost::json::array{"os", "ws"});
  CHECK(written("[os]") == "os");
  CHECK(written("os") == "os");
  const char* const place = "accelerator.array.dataflow";
  CHECK(error_of(dataflow("[os, os]"))
            .find(std::string(place) + ": expected one value, or a list of different ones") !=
        std::string::npos);
  CHECK(error_of(dataflow("[]")).find(std::string(place) + ": expected one value") !=
        std::string::npos);
  CHECK(error_of(dataflow("[os, sw]"))
            .find(std::string(place) + "[1]: expected one of ws, os, is, got \"sw\"") !=
        std::string::npos);
}

TEST_CASE("config: --set reaches, replaces and adds") {
  const RunConfig run =
      run_of(kRun, {{"accelerator.array.rows", "4"},
                    {"precision.activations.granularity", "per_group"},  // through a shorthand
                    {"mapping.tile.m", "64"},                            // was not there
                    {"mapping.order", "nkm"},
                    {"layer", "{gemm: {m: 1, n: 2, k: 3}}"},
                    {"layer.gemm.m", "5"},
                    {"values", "off"}});
  CHECK(run.accelerator.array.rows == 4);
  CHECK(run.accelerator.array.cols == 16);
  CHECK(run.precision.activations.granularity == Granularity::kPerGroup);
  CHECK(run.precision.activations.format == "int8");
  CHECK(run.mapping.tile_m == 64);
  CHECK(!run.mapping.tile_n);
  CHECK(run.mapping.order == LoopOrder::kNkm);
  CHECK(std::get<Gemm>(run.layer.op).m == 5);
  CHECK(!run.options.values);
}

TEST_CASE("config: --set of an accelerator keeps what the run says of memory and prices") {
  const std::string base =
      "layer: {gemm: {m: 1, n: 8, k: 8}}\n"
      "precision: {weights: int8, activations: int8, mac: int8}\n"
      "accelerator: edge-32x32.yaml\n";
  const Override other{"accelerator", "tpu-v1-like.yaml"};
  // Without a word of the run, memory is the new accelerator's, and prices the default.
  RunConfig run = run_of(base, {other});
  CHECK(run.accelerator.name == "tpu-v1-like");
  CHECK(run.dram->name == "ddr3-weights");
  CHECK(run.energy->name == "horowitz-2014-45nm");
  for (const std::string own : {"dram: lpddr5-6400.yaml\nenergy: jouppi-2021-7nm.yaml\n",
                                "dram: {base: lpddr5-6400.yaml}\n"
                                "energy: {base: jouppi-2021-7nm.yaml}\n"}) {
    run = run_of(base + own, {other});
    CHECK(run.dram->name == "lpddr5-6400");
    CHECK(run.energy->name == "jouppi-2021-7nm");
  }
  run = run_of(base, {{"dram", "lpddr5-6400.yaml"}, other});
  CHECK(run.dram->name == "lpddr5-6400");
  run = run_of(base, {other, {"dram", "hbm2-2000.yaml"}, {"accelerator", "edge-16x16.yaml"}});
  CHECK(run.accelerator.name == "edge-16x16");
  CHECK(run.dram->name == "hbm2-2000");
  CHECK(error_of(base, {"energy=null"}).find("energy: missing") != std::string::npos);
}

TEST_CASE("config: every kind of problem has its place and its words") {
  CHECK(error_of(replaced(kRun, "rows: 8", "rows: x")) ==
        "run.yaml:3:17: accelerator.array.rows: expected 1..1024, got \"x\"");
  CHECK(error_of(replaced(kRun, "rows: 8", "rows: 1025")) ==
        "run.yaml:3:17: accelerator.array.rows: expected 1..1024, got \"1025\"");
  CHECK(error_of(replaced(kRun, "rows: 8", "rows: 8.0")) ==
        "run.yaml:3:17: accelerator.array.rows: expected 1..1024, got \"8.0\"");
  CHECK(error_of(replaced(kRun, "rows: 8, ", "")) ==
        "run.yaml:3:10: accelerator.array.rows: missing");
  CHECK(error_of(replaced(kRun, "dataflow", "dataflw")) ==
        "run.yaml:3:30: accelerator.array: unknown key \"dataflw\", did you mean \"dataflow\"?");
  CHECK(error_of(replaced(kRun, "os,", "so,")) ==
        "run.yaml:3:40: accelerator.array.dataflow: expected one of ws, os, is, got \"so\"");
  CHECK(error_of(replaced(kRun, "700 MHz", "700")) ==
        "run.yaml:2:10: accelerator.clock: expected a frequency such as \"1 GHz\" (units: Hz, kHz, "
        "MHz, GHz), got \"700\"");
  CHECK(error_of(std::string(kRun) + "layer: {}\n") ==
        "run.yaml:12:1: duplicate key \"layer\", first given on line 6");
}

TEST_CASE("config: all problems of all places at once, in the order of the file") {
  const std::string text = replaced(replaced(kRun, "cols: 16", "cols: 0"), "height: 14, ", "");
  CHECK(error_of(text, {"accelerator.array.rows=x"}) ==
        "run.yaml:3:26: accelerator.array.cols: expected 1..1024, got \"0\"\n"
        "run.yaml:7:11: layer.conv2d.height: missing\n"
        "--set accelerator.array.rows: expected 1..1024, got \"x\"");
}

TEST_CASE("config: dram and energy belong to the accelerator, and the run file's win") {
  const std::string with_both =
      replaced(kRun, "  clock: 700 MHz", "  dram: {model: ideal, bandwidth: 1 GB/s}");
  const auto bandwidth = [](const RunConfig& run) {
    return std::get<IdealDramConfig>(run.dram->model).bandwidth.value;
  };
  CHECK(bandwidth(run_of(with_both)) == 12'800'000'000);
  CHECK(bandwidth(run_of(with_both, {{"dram.bandwidth", "2 GB/s"}})) == 2'000'000'000);
  CHECK(bandwidth(run_of(with_both, {{"accelerator.dram.bandwidth", "3 GB/s"}})) == 3'000'000'000);
  CHECK(bandwidth(run_of(with_both, {{"accelerator.dram", "{model: ideal, bandwidth: 4 GB/s}"}})) ==
        4'000'000'000);
  CHECK(error_of(replaced(kRun, "12.8 GB/s", "fast")) ==
        "run.yaml:11:33: dram.bandwidth: expected a bandwidth such as \"12.8 GB/s\" (units: B/s, "
        "kB/s, KiB/s, MB/s, MiB/s, GB/s, GiB/s, TB/s), got \"fast\"");
  CHECK(error_of(replaced(kRun, "dram: {model: ideal, bandwidth: 12.8 GB/s}\n", "")) ==
        "run.yaml:1:1: dram: missing, here and in the accelerator");
  CHECK(run_of(kRun).energy->name == "horowitz-2014-45nm");
  CHECK(run_of(kRun, {{"energy", "jouppi-2021-7nm.yaml"}}).energy->name == "jouppi-2021-7nm");
  CHECK(run_of(kRun, {{"accelerator", "edge-16x16.yaml"}}).energy->name == "horowitz-2014-45nm");
  const RunConfig hbm = run_of(kRun, {{"energy.dram", "hbm2-3.9pj.yaml"}});
  CHECK(hbm.energy->name == "horowitz-2014-45nm");
  CHECK(std::get<DramPerAccess>(hbm.energy->dram.scheme).read.value == 249.6);
}

TEST_CASE("config: a base file stands where a map has nothing of its own") {
  const std::string ideal = "dram: {model: ideal, bandwidth: 12.8 GB/s}";
  const RunConfig run = run_of(replaced(kRun, ideal,
                                        "dram: {base: lpddr5-6400.yaml, mapping: [row, bank, "
                                        "bank_group, column], timing: {CL: 20}}"));
  const auto& dram = std::get<CycleDramConfig>(run.dram->model);
  const RunConfig plain_run = run_of(replaced(kRun, ideal, "dram: lpddr5-6400.yaml"));
  const auto& plain = std::get<CycleDramConfig>(plain_run.dram->model);
  CHECK(run.dram->name == "lpddr5-6400");
  CHECK(dram.timing.values.at("CL") == 20);
  CHECK(dram.timing.values.at("tRCD") == plain.timing.values.at("tRCD"));
  CHECK(dram.organization.rows == plain.organization.rows);
  CHECK(dram.mapping.back() == "column");  // a list is replaced whole
  CHECK(dram.mapping.size() == 4);
  CHECK(plain.mapping.back() == "bank_group");
  CHECK(error_of(replaced(kRun, ideal, "dram: {base: none.yaml}")).find("no such file") !=
        std::string::npos);
  CHECK(error_of(replaced(kRun, ideal, "dram: {base: [1]}")).find("base: expected a file name") !=
        std::string::npos);
}

TEST_CASE("config: the resolved configuration reads back unchanged") {
  const boost::json::value json = to_json(run_of(kRun));
  const RunConfig again = run_of(json_text(json));
  CHECK(json_text(to_json(again)) == json_text(json));
  CHECK(content_hash(to_json(again)) == content_hash(json));
  CHECK(json.at("accelerator").at("clock") == "700 MHz");
  CHECK(json.at("accelerator").at("buffers").at("input").at("capacity") == "64 KiB");
  CHECK(json_text(schema_document<RunFile>("run")).find("\"rows\"") != std::string::npos);
}

TEST_CASE("config: the hash follows the meaning, not the writing") {
  const auto hash = [](const std::string& text, const std::vector<Override>& overrides = {}) {
    return content_hash(to_json(run_of(text, overrides)));
  };
  CHECK(hash(kRun).size() == 32);
  CHECK(hash(replaced(kRun, "{rows: 8, cols: 16, ", "{cols: 16, rows: 8, ")) == hash(kRun));
  CHECK(hash(replaced(kRun, "64 KiB", "65536 B")) == hash(kRun));
  CHECK(hash(replaced(kRun, "kernel: 3", "kernel: [3, 3]")) == hash(kRun));
  CHECK(hash(kRun, {{"energy", "horowitz-2014-45nm.yaml"}}) == hash(kRun));  // the default
  CHECK(hash(kRun, {{"seed", "2"}}) != hash(kRun));
  CHECK(hash(kRun, {{"energy.dram.per_access.read", "1301 pJ"}}) != hash(kRun));
  CHECK(hash(kRun, {{"accelerator.array.rows", "9"}}) != hash(kRun));
}

}  // namespace bitjoule::config_reader_test
