// What a program gives as plain structs is checked as files are: each value that no file may have
// is told by its name, and nothing divides by it or loops over it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "hw/accelerator.h"
#include "run/key.h"
#include "run/machine.h"
#include "sim/schema/run_file.h"

namespace bitjoule::test::plain_structs_test {
namespace {

RunConfig plain() {
  RunConfig run;
  run.accelerator.name = "plain";
  run.accelerator.buffers.unified = std::nullopt;
  run.dram = {"pipe", IdealDramConfig{BytesPerSecond(12'800'000'000)}, {}};
  run.energy = no_prices();
  run.layer = {"layer", Gemm{2, 16, 16}};
  run.options.values = false;
  return run;
}

/// A run with a DRAM of banks and rows, from a file.
RunConfig with_banks() {
  RunConfig run = plain();
  run.dram = read_run(text_source("run.yaml",
                                  "{accelerator: accelerators/edge-16x16.yaml, "
                                  "dram: ddr4-2400-x8.yaml, layer: {gemm: {m: 1, n: 1, k: 1}}, "
                                  "precision: {weights: int8, activations: int8}}"))
                 .dram;
  return run;
}

std::string refusal(const RunConfig& run) {
  try {
    Machine machine(run);
    machine.run();
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInput);
    return e.what();
  }
  return "";
}

/// Every integer that run/key.h knows of: a list that nobody can forget a member in.
void add_integers(const std::int64_t& value, std::vector<std::int64_t*>& all) {
  all.push_back(const_cast<std::int64_t*>(&value));
}
template <class Tag>
void add_integers(const Quantity<Tag, std::int64_t>& value, std::vector<std::int64_t*>& all) {
  add_integers(value.value, all);
}
template <class T>
void add_integers(const T& value, std::vector<std::int64_t*>& all);
template <class T>
void add_integers(const std::optional<T>& value, std::vector<std::int64_t*>& all) {
  if (value) add_integers(*value, all);
}
template <class... Ts>
void add_integers(const std::variant<Ts...>& value, std::vector<std::int64_t*>& all) {
  std::visit([&](const auto& one) { add_integers(one, all); }, value);
}
template <class K, class T>
void add_integers(const std::map<K, T>& values, std::vector<std::int64_t*>& all) {
  for (const auto& [key, value] : values) add_integers(value, all);
}
template <class T, class = void>
struct HasMembers : std::false_type {};
template <class T>
struct HasMembers<T, std::void_t<decltype(members(std::declval<const T&>()))>> : std::true_type {};
template <class T>
void add_integers(const T& value, std::vector<std::int64_t*>& all) {
  if constexpr (HasMembers<T>::value)
    std::apply([&](const auto&... each) { (add_integers(each, all), ...); }, members(value));
}

/// Sets one integer after the other to values beyond any range.
template <class Pick>
int spoil(const RunConfig& good, Pick pick) {
  RunConfig run = good;
  std::vector<std::int64_t*> all;
  add_integers(pick(run), all);
  int refused = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const std::int64_t bad : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-3},
                                   std::int64_t{0}, std::numeric_limits<std::int64_t>::max()}) {
      CAPTURE(i);
      CAPTURE(bad);
      const std::int64_t before = *all[i];
      *all[i] = bad;
      const std::string text = refusal(run);
      CAPTURE(text);
      *all[i] = before;
      if (bad != 0) CHECK(text.find(fmt::format("got {}", bad)) != std::string::npos);
      if (bad != 0) CHECK(text.find(": expected ") != std::string::npos);
      refused += text.empty() ? 0 : 1;
    }
  CHECK(refusal(run).empty());
  return refused;
}

}  // namespace

TEST_CASE("plain structs: a value out of its range is told by name and range") {
  struct Case {
    std::string message;
    void (*spoil)(RunConfig&);
  };
  for (const Case& c : std::vector<Case>{
           {"accelerator.array.rows: expected 1..1024, got 0",
            [](RunConfig& r) { r.accelerator.array.rows = 0; }},
           {"accelerator.array.rows: expected 1..1024, got -3",
            [](RunConfig& r) { r.accelerator.array.rows = -3; }},
           {"accelerator.array.pe.width: expected 2..1024, got 0",
            [](RunConfig& r) { r.accelerator.array.pe.width = 0; }},
           {"accelerator.clock: expected 1000..100000000000 Hz, got 0",
            [](RunConfig& r) { r.accelerator.clock = Hertz(0); }},
           {"accelerator.buffers.weight.capacity: expected 1..1099511627776 bytes, got 0",
            [](RunConfig& r) { r.accelerator.buffers.weight.capacity = Bytes(0); }},
           {"accelerator.buffers.input.capacity: expected a multiple of banks (7), got 65536 bytes",
            [](RunConfig& r) { r.accelerator.buffers.input.banks = 7; }},
           {"accelerator.buffers.unified.roles: expected two roles or more, each once, got input",
            [](RunConfig& r) {
              r.accelerator.buffers.unified.emplace();
              r.accelerator.buffers.unified->roles = {BufferRole::kInput};
            }},
           {"accelerator.dequantizer.latency: expected 0..1024 cycles, got -1",
            [](RunConfig& r) { r.accelerator.dequantizer.latency = Cycles(-1); }},
           {"accelerator.array.rows: expected 1..1024, got 0\n"
            "accelerator.dma.queue: expected 1..1024, got 0",
            [](RunConfig& r) { r.accelerator.array.rows = r.accelerator.dma.queue = 0; }},
           {"dram.bandwidth: expected 1..1125899906842624 bytes per second, got 0",
            [](RunConfig& r) {
              std::get<IdealDramConfig>(r.dram.edit().model).bandwidth = BytesPerSecond(0);
            }},
           {"gemm.k: expected 1..2147483648, got 0",
            [](RunConfig& r) {
              r.layer.op = Gemm{2, 16, 0};
            }},
           {"conv2d.stride[0]: expected 1..2147483648, got 0",
            [](RunConfig& r) {
              Conv2d conv;
              conv.stride_h = 0;
              r.layer.op = conv;
            }},
           {"precision.weights.group_size: expected 1..1048576, got 0",
            [](RunConfig& r) {
              r.precision.weights.granularity = Granularity::kPerGroup;
              r.precision.weights.group_size = 0;
            }},
           {"mapping.tile.m: expected 1..2147483648, got -3",
            [](RunConfig& r) { r.mapping.tile_m = -3; }},
           {"mapping.finalists: expected 1..64, got 0",
            [](RunConfig& r) { r.mapping.finalists = 0; }},
           {"density.weights: expected 0..1, got 2",
            [](RunConfig& r) {
              r.options.data.density = {1, 2};
            }},
           {"density.inputs: expected 0..1, got nan",
            [](RunConfig& r) {
              r.options.data.density = {std::numeric_limits<double>::quiet_NaN(), 1};
            }},
       }) {
    RunConfig run = plain();
    REQUIRE(refusal(run).empty());
    c.spoil(run);
    CHECK(refusal(run) == c.message);
  }
  RunConfig run = with_banks();
  std::get<CycleDramConfig>(run.dram.edit().model).organization.rows = 0;
  CHECK(refusal(run) == "dram.organization.rows: expected 1..16777216, got 0");
  run = plain();
  run.accelerator.array.cols = 2000;
  CHECK_THROWS_WITH_AS(Accelerator("a", run.accelerator, run.dram, Fidelity::kFast),
                       "accelerator.array.cols: expected 1..1024, got 2000", Error);
}

TEST_CASE("plain structs: a file has the same ranges, with their place") {
  const char* const kFile =
      "accelerator: {{base: accelerators/edge-16x16.yaml, array: {{rows: {}, cols: 4}}}}\n"
      "dram: ideal.yaml\nlayer: {{gemm: {{m: 1, n: 1, k: 1}}}}\n"
      "precision: {{weights: int8, activations: int8}}\n";
  CHECK_NOTHROW(read_run(text_source("run.yaml", fmt::format(fmt::runtime(kFile), 1024))));
  for (const int bad : {0, 1025})
    CHECK_THROWS_WITH_AS(
        read_run(text_source("run.yaml", fmt::format(fmt::runtime(kFile), bad))),
        fmt::format("run.yaml:1:65: accelerator.array.rows: expected 1..1024, got \"{}\"", bad)
            .c_str(),
        Error);
}

TEST_CASE("plain structs: no integer of a machine ends the program or keeps it forever") {
  RunConfig run = plain();
  run.accelerator.max_clock = run.accelerator.clock;
  const int refused = spoil(
      run, [](RunConfig & r) -> const auto& { return r.accelerator; });
  CHECK(refused > 100);
  RunConfig unified = plain();
  unified.accelerator.buffers.unified.emplace();
  CHECK(spoil(
            unified, [](RunConfig & r) -> const auto& { return *r.accelerator.buffers.unified; }) >=
        11);
}

TEST_CASE("plain structs: nor does one of a DRAM") {
  CHECK(spoil(
            plain(), [](RunConfig & r) -> const auto& { return r.dram; }) >= 13);
  CHECK(spoil(
            with_banks(), [](RunConfig & r) -> const auto& { return r.dram; }) > 80);
}

TEST_CASE("plain structs: nor does one of a layer or of what is pinned") {
  RunConfig run = plain();
  for (const LayerOp& op : {LayerOp(Gemm{2, 16, 16}), LayerOp(Matmul{2, 2, 16, 16, 1}),
                            LayerOp(Conv2d{1, 6, 6, 2, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2})}) {
    run.layer.op = op;
    CHECK(spoil(
              run, [](RunConfig & r) -> const auto& { return r.layer.op; }) > 8);
  }
  run = plain();
  run.mapping.tile_m = run.mapping.tile_n = run.mapping.tile_k = 4;
  run.mapping.tile_groups = 1;
  CHECK(spoil(
            run, [](RunConfig & r) -> const auto& { return static_cast<TilePins&>(r.mapping); }) >
        11);
}

}  // namespace bitjoule::test::plain_structs_test
