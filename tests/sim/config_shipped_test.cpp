#include <doctest/doctest.h>

#include <map>
#include <string>
#include <variant>

#include "core/dram/engine.h"
#include "core/workload/layer.h"
#include "sim/commands/kinds.h"
#include "sim/config/reader.h"
#include "sim/config/writer.h"
#include "sim/schema/describe_run.h"

namespace bitjoule::config_shipped_test {

TEST_CASE("config: every shipped file is of its folder's kind and reads back from its JSON") {
  for (const FileKindRow& kind : file_kinds()) {
    for (const std::string& file : shipped_files(kind.folder)) {
      CAPTURE(file);
      const Source source = file_source(file);
      CHECK(guess_file_kind(source).name == kind.name);
      const boost::json::value resolved = kind.check(source, {});
      const boost::json::value again =
          kind.check(text_source("resolved.json", json_text(resolved)), {});
      CHECK(json_text(again) == json_text(resolved));
    }
  }
}

TEST_CASE("config: the machines and tables that the manual names are shipped") {
  for (const char* name : {"edge-16x16", "edge-32x32", "tpu-v1-like", "scalesim"})
    CHECK(!find_file(std::string("accelerators/") + name + ".yaml", "", "").empty());
}

TEST_CASE("config: layer files have the MACs of workloads.md") {
  const std::map<std::string, std::int64_t> macs = {
      {"article-filter", 14 * 14 * 256 * std::int64_t{3 * 3 * 256}},
      {"resnet50-conv1", 118013952},
      {"resnet50-s1b0c1", 12845056},
      {"resnet50-s1b0c2", 115605504},
      {"resnet50-s1b0c3", 51380224},
      {"resnet50-s2b1c2", 115605504},
      {"resnet50-s3b0ds", 102760448},
      {"resnet50-s3b1c2", 115605504},
      {"resnet50-s3b1c3", 51380224},
      {"resnet50-s4b0c2", 115605504},
      {"resnet50-s4b1c1", 51380224},
      {"resnet50-s4b1c2", 115605504},
      {"resnet50-fc", 2048000},
      {"mobilenetv1-conv0", 10838016},
      {"mobilenetv1-dw2", 1806336},
      {"mobilenetv1-pw2", 25690112},
      {"mobilenetv1-dw7", 903168},
      {"mobilenetv1-pw7", 51380224},
      {"mobilenetv1-pw13", 51380224},
      {"llama2-7b-attention-decode", 16777216},
      {"llama2-7b-gate-up-decode", 45088768},
      {"llama2-7b-down-decode", 45088768},
      {"llama2-7b-head-decode", 131072000},
      {"llama2-7b-attention-prefill", 128 * 16777216LL},
      {"llama2-7b-gate-up-prefill", 128 * 45088768LL},
      {"llama2-7b-down-prefill", 128 * 45088768LL},
      {"llama2-7b-head-prefill", 128 * 131072000LL},
      {"tpu-v1-mlp", 200 * 20000000LL / 5},
      {"scalesim-g64", 64 * 64 * 64},
      {"gemmini-g512", 512 * 512 * 512}};
  CHECK(shipped_files("layers").size() == macs.size());
  for (const auto& entry : macs) {
    const std::string& name = entry.first;
    CAPTURE(name);
    const Layer layer = read_document<Layer>(file_source(name + ".yaml"));
    CHECK(layer.name == name);
    CHECK(gemm_extents(layer.op).macs() == entry.second);
  }
}

TEST_CASE("config: the shipped machines feed their arrays at full rate") {
  for (const std::string& file : shipped_files("accelerators")) {
    CAPTURE(file);
    const AcceleratorConfig machine = read_document<AcceleratorFile>(file_source(file)).machine;
    const auto bits_per_cycle = [](const BufferConfig& buffer) {
      return buffer.banks * buffer.port_width.value;
    };
    const std::int64_t inputs = machine.array.rows * machine.array.pe.width;
    const std::int64_t weights = machine.array.cols * machine.array.pe.width;
    const std::int64_t sums = machine.array.cols * 32;
    if (machine.buffers.unified) {  // all of them at once
      CHECK(bits_per_cycle(machine.buffers.unified->sram) >= inputs + weights + sums);
      continue;
    }
    CHECK(bits_per_cycle(machine.buffers.input) >= inputs);
    CHECK(bits_per_cycle(machine.buffers.weight) >= weights);
    CHECK(bits_per_cycle(machine.buffers.accumulator) >= sums);
  }
}

TEST_CASE(
    "config: the memory of the shipped Llama runs is of the reference's timing and holds it") {
  const DramConfig one = read_document<DramConfig>(file_source("lpddr5-6400.yaml"));
  const DramConfig four = read_document<DramConfig>(file_source("lpddr5-6400-x64.yaml"));
  const auto& a = std::get<CycleDramConfig>(one.model);
  const auto& b = std::get<CycleDramConfig>(four.model);
  CHECK(a.timing.tCK == b.timing.tCK);
  for (const auto& entry : a.timing.values) {
    const std::string& name = entry.first;
    CAPTURE(name);
    // 16 Gb refresh longer: 280 and 140 ns of 1.25 ns each.
    const std::int64_t expected = name == "tRFC" ? 224 : name == "tRFCpb" ? 112 : entry.second;
    CHECK(b.timing.values.at(name) == expected);
  }
  CHECK(make_dram_engine(four)->capacity() == Bytes(std::int64_t{8} << 30));
  CHECK(make_dram_engine(four)->peak_bandwidth().value == 51'200'000'000);
}

TEST_CASE("config: TPU v1's published figures follow from its file") {
  const AcceleratorFile file = read_document<AcceleratorFile>(file_source("tpu-v1-like.yaml"));
  const AcceleratorConfig& machine = file.machine;
  const std::int64_t macs_per_second =
      machine.array.rows * machine.array.cols * machine.clock.value;
  // Jouppi et al., ISCA 2017: 92 TOPS at two operations per MAC, ridge at 1350 MACs per byte.
  CHECK(2 * macs_per_second == 91'750'400'000'000);
  const auto& memory = std::get<IdealDramConfig>((*file.dram)->model);
  CHECK(macs_per_second / memory.bandwidth.value == 1349);
  CHECK(machine.buffers.weight.capacity.value == 4 * 256 * 256);
  CHECK(machine.buffers.accumulator.capacity.value == 4096 * 256 * 32 / 8);
  CHECK(machine.buffers.input.capacity.value + machine.buffers.output.capacity.value == 24 << 20);
}

}  // namespace bitjoule::config_shipped_test
