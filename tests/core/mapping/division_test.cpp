// The banks of a unified buffer: what each role gets for a tiling, by hand and against every other
// way to divide them.
#include "core/mapping/division.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"
#include "core/mapping/vector_program.h"

namespace bitjoule::division_test {
namespace {

using Role = BufferRole;
using Banks = std::array<std::int64_t, 5>;  // by role

constexpr unsigned kSeed = 20261129;

/// int8, 4 x 4 PEs of one MAC; `banks` banks of 64 B with ports of 8 bit; a large scale buffer.
MappingProblem small(const LayerOp& op, std::int64_t banks) {
  MappingProblem p;
  p.layer = lower(op);
  p.machine.array.rows = p.machine.array.cols = 4;
  p.machine.array.pe.width = 8;
  p.machine.output_unit.lanes = 4;
  p.machine.buffers.unified.emplace();
  p.machine.buffers.unified->sram = {Bytes(banks * 64), banks, Bits(8), true, false};
  Precision precision;
  precision.weights.format = precision.activations.format = "int8";
  p.path = resolve_data_path(precision, p.machine.array.pe);
  return p;
}

Tiling gemm_tile(std::int64_t m, std::int64_t n, std::int64_t k) {
  Tiling t;
  t.out_cols = m;
  t.n = n;
  t.k = k;
  return t;
}

std::optional<BuffersConfig> shares(const MappingProblem& p, const Tiling& t) {
  return divide(p, t, tile_footprint(p, t));
}

Banks banks_of(const BuffersConfig& buffers) {
  Banks banks{};
  for (const Role role : kBufferRoles)
    if (buffers.unifies(role)) banks[static_cast<std::size_t>(role)] = buffers.of(role).banks;
  return banks;
}

std::string message_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::kInput);
    return e.what();
  }
  return "";
}

/// The longest of the waits of docs/configuration.md, written anew: of an output tile, the accesses
/// of each port one after the other times the cycles of each, for a weight-stationary array of
/// 4 x 4 with one int8 MAC per PE. The GEMM is larger than the array.
std::int64_t longest_wait(const Tiling& t, std::int64_t all_k, const Banks& banks) {
  const auto cycles = [](std::int64_t bytes, std::int64_t n) { return (bytes + n - 1) / n; };
  const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const std::int64_t folds = up(t.n, 4) * up(t.k, 4) * up(all_k, t.k);
  const std::int64_t rows = std::min<std::int64_t>(t.k, 4), batches = up(t.out_cols * t.n, 4);
  return std::max({folds * t.out_cols * cycles(4, banks[0]),   // steps: 4 inputs of one byte
                   folds * rows * cycles(4, banks[1]),         // rows of 4 weights
                   folds * t.out_cols * cycles(16, banks[2]),  // steps: 4 sums of 4 bytes
                   batches * cycles(16, banks[2]),             // the output unit reads 4 sums
                   batches * cycles(4, banks[3])});            // ... and writes 4 bytes
}

/// Every way to give `left` banks to the roles of `banks` from `role` on.
void each_division(Banks banks, std::size_t role, std::int64_t left,
                   const std::function<void(const Banks&)>& f) {
  if (role == 3) {
    banks[3] += left;
    return f(banks);
  }
  for (std::int64_t some = 0; some <= left; ++some) {
    Banks with = banks;
    with[role] += some;
    each_division(with, role + 1, left - some, f);
  }
}

}  // namespace

TEST_CASE("division: each role has the banks that its tiles fill, the rest widens what is slow") {
  // Tiles of 16 x 8 x 8: inputs 128 B, weights 64 B, sums 16 * 8 * 4 = 512 B, outputs 128 B, twice.
  const Tiling t = gemm_tile(16, 8, 8);
  const MappingProblem p = small(Gemm{64, 32, 8}, 32);
  // 4 + 2 + 16 + 4 = 26. Ports: a step of 4 inputs takes a cycle with 4 banks, of 16 bytes of sums
  // with 16; a row of weights two with 2: 4 folds of 4 rows, 32 cycles against 4 folds of 16 steps.
  // No other port is slow, so the weights have two banks more and the last four nobody.
  const std::optional<BuffersConfig> b = shares(p, t);
  REQUIRE(b);
  CHECK(banks_of(*b) == Banks{4, 4, 16, 4, 0});
  CHECK(b->weight.capacity == Bytes(4 * 64));
  CHECK(b->weight.port_width == Bits(8));
  CHECK(b->weight.double_buffered);
  // With one bank more than the tiles fill nothing is gained: two cycles a row it stays.
  CHECK(banks_of(*shares(small(Gemm{64, 32, 8}, 27), t)) == Banks{4, 2, 16, 4, 0});
  CHECK(banks_of(*shares(small(Gemm{64, 32, 8}, 26), t)) == Banks{4, 2, 16, 4, 0});
  CHECK(!shares(small(Gemm{64, 32, 8}, 25), t));
  // One tile at a time: 2 + 1 + 8 + 2 = 13. Of 16 banks the three over go to the sums (2 cycles for
  // each of 4 x 16 steps) only if there are eight; to the inputs (2 cycles as well) there are two.
  MappingProblem single = small(Gemm{64, 32, 8}, 16);
  single.machine.buffers.unified->sram.double_buffered = false;
  CHECK(banks_of(*shares(single, t)) == Banks{4, 2, 8, 2, 0});
  // Roles that the buffer does not have stay as they are.
  MappingProblem apart = small(Gemm{64, 32, 8}, 16);
  apart.machine.buffers.unified->roles = {Role::kInput, Role::kWeight};
  apart.machine.buffers.accumulator = {Bytes(1024), 1, Bits(512), true, false};
  const std::optional<BuffersConfig> two = shares(apart, t);
  REQUIRE(two);
  CHECK(banks_of(*two) == Banks{4, 4, 0, 0, 0});
  CHECK(two->accumulator.port_width == Bits(512));
  // Sums of all four tiles of m live at once where k is outside: 4 x 512 B, and no halves.
  Tiling outside = gemm_tile(16, 8, 4);
  outside.order = {LoopDim::kN, LoopDim::kK, LoopDim::kM};
  const std::optional<BuffersConfig> many = shares(small(Gemm{64, 32, 8}, 64), outside);
  REQUIRE(many);
  CHECK(many->accumulator.banks == 4 * 512 / 64);
}

TEST_CASE("division: no other one that holds the tiles makes the longest wait shorter") {
  std::mt19937 engine(kSeed);
  const auto to = [&](int lo, int hi) {
    return std::int64_t{std::uniform_int_distribution<int>(lo, hi)(engine)};
  };
  int compared = 0, fit = 0;
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    const std::int64_t k = 8 * to(1, 6);
    const Tiling t = gemm_tile(to(1, 24), 4 * to(1, 4), std::min(k, 4 * to(1, 8)));
    const MappingProblem p = small(Gemm{64, 32, k}, to(8, 40));
    const TileFootprint f = tile_footprint(p, t);
    const std::optional<BuffersConfig> mine = divide(p, t, f);
    const auto filled = [](Bytes tile) {
      return std::max<std::int64_t>(1, (2 * tile.value + 63) / 64);
    };
    const Banks needed{filled(f.input), filled(f.weight), filled(f.accumulator), filled(f.output),
                       0};
    const std::int64_t banks = p.machine.buffers.unified->sram.banks;
    const std::int64_t left = banks - std::accumulate(needed.begin(), needed.end(), std::int64_t{});
    CHECK(mine.has_value() == (left >= 0));
    if (!mine) continue;
    ++fit;
    const Banks given = banks_of(*mine);
    CHECK(std::accumulate(given.begin(), given.end(), std::int64_t{}) <= banks);
    for (std::size_t role = 0; role < given.size(); ++role) CHECK(given[role] >= needed[role]);
    const std::int64_t wait = longest_wait(t, k, given);
    bool is_least = true;
    each_division(needed, 0, left, [&](const Banks& other) {
      ++compared;
      is_least = is_least && wait <= longest_wait(t, k, other);
    });
    CHECK(is_least);
  }
  CHECK(fit > 60);
  CHECK(compared > 5000);
}

TEST_CASE("division: never more traffic than any fixed division into the same banks") {
  std::mt19937 engine(kSeed + 1);
  const auto to = [&](int lo, int hi) {
    return std::int64_t{std::uniform_int_distribution<int>(lo, hi)(engine)};
  };
  int better = 0, ran = 0;
  for (int i = 0; i < 24; ++i) {
    CAPTURE(i);
    Conv2d conv;
    conv.height = conv.width = to(4, 14);
    conv.channels = to(1, 24);
    conv.filters = to(1, 24);
    conv.kernel_h = conv.kernel_w = to(1, 3);
    const LayerOp op = to(0, 1) == 0 ? LayerOp(Gemm{to(1, 80), to(1, 80), to(1, 160)}) : conv;
    MappingProblem p = small(op, 9);
    p.machine.buffers.unified->sram = {Bytes(9 * 256), 9, Bits(64), to(0, 1) == 1, false};
    p.machine.array.dataflow = std::array{Dataflow::kWeightStationary, Dataflow::kOutputStationary,
                                          Dataflow::kInputStationary}[i % 3];
    MappingPins pins;
    pins.objective = MappingObjective::kTraffic;
    std::optional<std::int64_t> unified, best, even;
    if (message_of([&] { unified = map_layer(p, pins).estimate.moved_bytes(); }).empty()) ++ran;
    MappingProblem fixed = p;
    fixed.machine.buffers.unified.reset();
    each_division({1, 1, 1, 1, 0}, 0, 5, [&](const Banks& banks) {
      for (const Role role : kBufferRoles) {
        if (role == Role::kScale) continue;
        const std::int64_t some = banks[static_cast<std::size_t>(role)];
        fixed.machine.buffers.of(role) = p.machine.buffers.unified->sram;
        fixed.machine.buffers.of(role).banks = some;
        fixed.machine.buffers.of(role).capacity = Bytes(some * 256);
      }
      message_of([&] {
        const std::int64_t bytes = map_layer(fixed, pins).estimate.moved_bytes();
        if (!best || bytes < *best) best = bytes;
        if (banks == Banks{2, 2, 3, 2, 0}) even = bytes;
      });
    });
    CHECK(unified.has_value() == best.has_value());
    if (unified && best) CHECK(*unified == *best);
    better += unified && even && *unified < *even ? 1 : 0;
  }
  MESSAGE(better, " of ", ran, " move less than with banks shared out evenly");
  CHECK(better > ran / 3);
}

TEST_CASE("division: a tile that does not fit is told role by role") {
  const MappingProblem p = small(Gemm{64, 32, 8}, 25);
  const Tiling t = gemm_tile(16, 8, 8);
  CHECK(misfit(p, t, tile_footprint(p, t)) ==
        "tiles take 26 banks of the unified buffer, which has 25 of 64 B: input 4 for two halves, "
        "weight 2 for two halves, accumulator 16 for two halves, output 4 for two halves");
  CHECK(!fits(p, t, tile_footprint(p, t)));
  MappingProblem on_chip = small(Gemm{64, 32, 8}, 25);
  on_chip.activations = ActivationMemory::kOnChip;  // 64 x 8 inputs, 64 x 32 results
  CHECK(misfit(on_chip, t, tile_footprint(on_chip, t)) ==
        "tiles take 58 banks of the unified buffer, which has 25 of 64 B: input 8 for all of "
        "them, as they stay on chip, weight 2 for two halves, accumulator 16 for two halves, "
        "output 32 for all of them, as they stay on chip");
  CHECK(message_of([] { map_layer(small(Gemm{64, 32, 8}, 4)); }) == "");
  MappingPins pins;
  pins.tile_n = 32;
  const std::string refused = message_of([&] { map_layer(small(Gemm{64, 32, 8}, 4), pins); });
  CHECK(refused.find("no tile of the layer fits the machine") == 0);
  CHECK(refused.find("banks of the unified buffer, which has 4 of 64 B: input 1") !=
        std::string::npos);
}

TEST_CASE("division: activations that stay on chip have the banks that all of them fill") {
  MappingProblem p = small(Gemm{64, 32, 8}, 64);
  p.activations = ActivationMemory::kOnChip;
  const std::optional<BuffersConfig> b = shares(p, gemm_tile(16, 8, 8));
  REQUIRE(b);
  CHECK(b->input.capacity == Bytes(64 * 8));
  CHECK(b->output.capacity == Bytes(64 * 32));
  p.machine.buffers = *b;
  make_program(p, gemm_tile(16, 8, 8));
}

TEST_CASE("division: where either is allowed, halves are given up only where that makes room") {
  // The whole layer is a tile: inputs 1024 B, weights 1024 B, sums 4096 B, outputs 1024 B.
  const Tiling t = gemm_tile(32, 32, 32);
  MappingProblem p = small(Gemm{32, 32, 32}, 224);
  p.machine.buffers.unified->sram.either_buffering = true;
  const auto ways = [&](std::int64_t banks) {
    p.machine.buffers.unified->sram.banks = banks;
    p.machine.buffers.unified->sram.capacity = Bytes(banks * 64);
    return bufferings(p, t, tile_footprint(p, t));
  };
  // Two of each are 32 + 32 + 128 + 32 banks, whose ports hold nothing up: there is no better way.
  REQUIRE(ways(224).size() == 1);
  CHECK(ways(224)[0].single == BufferRoles{});
  // One bank less: some role has one tile, and any more may.
  const std::vector<Buffering> less = ways(223);
  CHECK(less.size() == 15);
  for (const Buffering& way : less) CHECK(!(way.single == BufferRoles{}));
  CHECK(ways(112).size() == 1);
  CHECK(ways(111).empty());
  for (const Buffering& way : ways(160)) {
    std::int64_t banks = 0;
    for (const Role role : kBufferRoles) {
      if (role == Role::kScale) continue;
      const BufferConfig& share = way.buffers.of(role);
      CHECK(share.double_buffered == !way.single.has(role));
      const std::int64_t tile = role == Role::kAccumulator ? 4096 : 1024;
      CHECK(share.capacity.value >= tile * (share.double_buffered ? 2 : 1));
      banks += share.banks;
    }
    CHECK(banks <= 160);
  }
  // A fixed buffer: halves where both hold the tile.
  MappingProblem fixed = small(Gemm{32, 32, 32}, 16);
  fixed.machine.buffers.unified.reset();
  fixed.machine.buffers.weight = {Bytes(2048), 8, Bits(64), true, true};
  const TileFootprint f = tile_footprint(fixed, t);
  REQUIRE(bufferings(fixed, t, f).size() == 1);
  CHECK(bufferings(fixed, t, f)[0].buffers.weight.double_buffered);
  fixed.machine.buffers.weight.capacity = Bytes(2047);
  REQUIRE(bufferings(fixed, t, f).size() == 1);
  CHECK(!bufferings(fixed, t, f)[0].buffers.weight.double_buffered);
  fixed.machine.buffers.weight.capacity = Bytes(1023);
  CHECK(bufferings(fixed, t, f).empty());
}

TEST_CASE("division: with either way allowed, no more traffic than with any one way") {
  std::mt19937 engine(kSeed + 2);
  const auto to = [&](int lo, int hi) {
    return std::int64_t{std::uniform_int_distribution<int>(lo, hi)(engine)};
  };
  MappingPins pins;
  pins.objective = MappingObjective::kTraffic;
  int gains = 0;
  for (int i = 0; i < 40; ++i) {
    CAPTURE(i);
    MappingProblem p = small(Gemm{to(1, 90), to(1, 90), to(1, 90)}, 16);
    p.machine.buffers.unified.reset();
    for (const Role role : kBufferRoles)
      p.machine.buffers.of(role) = {Bytes(256 * to(2, 8)), 2, Bits(64), true, true};
    const std::int64_t mine = map_layer(p, pins).estimate.moved_bytes();
    std::int64_t least = mine + 1;
    for (std::uint32_t halves = 0; halves < 16; ++halves) {
      MappingProblem one = p;
      for (std::size_t role = 0; role < 5; ++role) {
        one.machine.buffers.of(kBufferRoles[role]).either_buffering = false;
        one.machine.buffers.of(kBufferRoles[role]).double_buffered = (halves >> role & 1U) != 0;
      }
      message_of([&] { least = std::min(least, map_layer(one, pins).estimate.moved_bytes()); });
      if (halves == 15) gains += map_layer(one, pins).estimate.moved_bytes() > mine ? 1 : 0;
    }
    CHECK(mine == least);
  }
  CHECK(gains > 5);
}

TEST_CASE("division: nothing that fits in any way is better than what the mapper chooses") {
  std::mt19937 engine(kSeed + 3);
  const auto to = [&](int lo, int hi) {
    return std::int64_t{std::uniform_int_distribution<int>(lo, hi)(engine)};
  };
  using Objective = MappingObjective;
  constexpr Objective kObjectives[] = {Objective::kTraffic, Objective::kCycles, Objective::kEdp};
  int compared = 0;
  for (int i = 0; i < 6; ++i) {
    CAPTURE(i);
    const GemmExtents e{1, to(3, 5), to(3, 5), to(3, 5)};
    MappingProblem p = small(Gemm{e.m, e.n, e.k}, to(6, 16));
    p.machine.array.rows = p.machine.array.cols = 2;
    BufferConfig& sram = p.machine.buffers.unified->sram;
    sram.capacity = Bytes(sram.banks * 8);
    sram.either_buffering = true;
    p.machine.buffers.scale.either_buffering = true;
    if (i % 2 == 1) p.machine.buffers.unified->roles = {Role::kInput, Role::kWeight, Role::kOutput};
    p.machine.array.dataflow = std::array{Dataflow::kWeightStationary, Dataflow::kOutputStationary,
                                          Dataflow::kInputStationary}[i % 3];
    const auto costs = [](const MappingEstimate& of) {
      const auto cycles = static_cast<double>(of.cycles);
      const auto bursts = static_cast<double>(of.traffic.total().bursts);
      return std::array{bursts, cycles, bursts * cycles};  // nothing has a price
    };
    std::array<double, 3> least{1e18, 1e18, 1e18};
    Tiling t;
    for (t.out_cols = 1; t.out_cols <= e.m; ++t.out_cols)
      for (t.n = 1; t.n <= e.n; ++t.n)
        for (t.k = 1; t.k <= e.k; ++t.k)
          for (int way = 0; way < 6 * 4 * 16; ++way) {
            t.order = {LoopDim::kM, LoopDim::kN, LoopDim::kK};
            for (int step = 0; step < way % 6; ++step)
              std::next_permutation(t.order.begin(), t.order.end());
            t.input_full_k = way / 6 % 2 == 1;
            t.fold_order =
                way / 12 % 2 == 1 ? FoldOrder::kColumnsInnermost : FoldOrder::kKInnermost;
            t.single = {};
            for (std::size_t role = 0; role < 4; ++role)
              if ((way / 24 >> role & 1) != 0) t.single.add(kBufferRoles[role]);
            if (!shares(p, t)) continue;
            ++compared;
            const std::array<double, 3> some = costs(estimate(divided(p, t), t));
            for (std::size_t o = 0; o < some.size(); ++o) least[o] = std::min(least[o], some[o]);
          }
    for (std::size_t o = 0; o < least.size(); ++o) {
      MappingPins pins;
      pins.objective = kObjectives[o];
      const Mapping m = map_layer(p, pins);
      CHECK(costs(m.estimate)[o] == least[o]);
      // ... which is what the division that goes with it costs.
      CHECK(costs(estimate(configured(p, m), m.tiling))[o] == least[o]);
    }
  }
  MESSAGE(compared, " compared");
  CHECK(compared > 20000);
}

TEST_CASE("division: weights of the next layer come ahead only into banks that stay weight banks") {
  MappingProblem p = small(Gemm{64, 32, 8}, 128);
  const BuffersConfig a = *shares(p, gemm_tile(16, 8, 8)), b = *shares(p, gemm_tile(16, 32, 8));
  CHECK(same_weight_slots(a, a));
  CHECK(a.weight.banks != b.weight.banks);
  CHECK(!same_weight_slots(a, b));
  BuffersConfig whole = a;
  whole.weight.double_buffered = false;
  CHECK(!same_weight_slots(a, whole));
  BuffersConfig scales = a;
  scales.scale.capacity = Bytes(64);
  CHECK(!same_weight_slots(a, scales));
}

TEST_CASE("division: a buffer that is not divided, or beyond its banks, is an internal error") {
  const MappingProblem p = small(Gemm{64, 32, 8}, 32);
  CHECK_THROWS_WITH_AS(make_program(p, gemm_tile(16, 8, 8)),
                       "the unified buffer of 32 banks is not divided", Error);
  BuffersConfig b = *shares(p, gemm_tile(16, 8, 8));
  require_divided(b);
  b.output.banks += 5;
  CHECK_THROWS_WITH_AS(require_divided(b), "the unified buffer of 32 banks is divided into 33",
                       Error);
}

TEST_CASE("division: a vector operator has what it keeps, and the rest as it reads and writes") {
  MappingProblem p = small(Gemm{1, 1, 1}, 34);
  VectorOp add;
  add.kind = VectorKind::kAdd;
  add.rows = 100;
  add.cols = 96;
  add.operands = 2;
  // Two operands of equal size are read for each result written: 34 - 2 banks, two thirds of them.
  const MappingProblem sum = divided(p, add);
  CHECK(banks_of(sum.machine.buffers) == Banks{21, 1, 1, 11, 0});
  VectorOp norm;
  norm.kind = VectorKind::kLayerNorm;
  norm.rows = 100;
  norm.cols = 96;
  const std::int64_t parameters = parameter_elements(norm);  // one byte each
  const Banks banks = banks_of(divided(p, norm).machine.buffers);
  CHECK(banks[1] == ceil_div(parameters, 64));
  CHECK(banks[0] == banks[3]);
  CHECK(banks[2] == 1);
  CHECK(banks[0] + banks[1] + banks[2] + banks[3] == 34);
}

}  // namespace bitjoule::division_test
