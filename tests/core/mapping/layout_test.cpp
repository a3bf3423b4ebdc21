// Bytes and bursts of the layouts in DRAM, worked by hand. Bursts are 64 bytes, elements one.
#include <doctest/doctest.h>

#include <set>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"
#include "core/mapping/tile_layout.h"

namespace bitjoule::layout_test {
namespace {

constexpr std::int64_t kBurst = 64;

MappingProblem problem_of(const LayerOp& op, DramLayout layout) {
  TensorFormat int8;
  int8.format = "int8";
  Precision precision;
  precision.weights = precision.activations = int8;
  MappingProblem p;
  p.layer = lower(op);
  p.path = resolve_data_path(precision, p.machine.array.pe);
  p.memory.burst_bytes = kBurst;
  p.weight_layout = p.activation_layout = layout;
  return p;
}

std::int64_t bursts(const std::vector<LoadOp>& loads, Tensor tensor) {
  std::int64_t sum = 0;
  for (const LoadOp& op : loads)
    if (op.tensor == tensor) sum += bursts_of(op.region, kBurst);
  return sum;
}

std::int64_t bursts(const std::vector<StoreOp>& stores) {
  std::int64_t sum = 0;
  for (const StoreOp& op : stores) sum += bursts_of(op.region, kBurst);
  return sum;
}

// X[4 x 40] * W[40 x 4], tiles of 4 x 2 x 20; for each half of n both halves of k.
const Gemm kGemm{4, 4, 40};

Tiling gemm_tiling() {
  Tiling t;
  t.out_cols = 4;
  t.n = 2;
  t.k = 20;
  return t;
}

/// Address and bursts of each request.
using Requests = std::vector<std::pair<std::int64_t, std::int64_t>>;

Requests requests_of(const Region& region, RequestSize size) {
  Requests all;
  for (RequestCursor c(region, size); !c.done(); c.next())
    all.emplace_back(c.address(), c.bursts());
  return all;
}

}  // namespace

TEST_CASE("regions: requests of several bursts end at multiples of their size and with their run") {
  // Bytes [20, 100) and [220, 300), in bursts of 16: 1 to 6 and 13 to 18.
  Region region = Region::contiguous(20, 80);
  region.strides[2] = {2, 200 * 8};
  CHECK(requests_of(region, {16, 4}) == Requests{{16, 3}, {64, 3}, {208, 3}, {256, 3}});
  CHECK(requests_of(region, {16, 1}).size() == 12);
  CHECK(requests_of(region, {16, 100}) == Requests{{16, 6}, {208, 6}});
  CHECK(requests_of(Region::contiguous(20, 0), {16, 4}).empty());
}

TEST_CASE("regions: pages are scattered, and requests end with them") {
  // Two parts of 5 pages of 64 bytes, from 128 on: page j lies at place 3 j % 5 of both parts.
  const Pages pages = Pages::scattered(128, 64, 5, 2);
  CHECK(pages.step == 3);  // 0.618 * 5
  const auto at = [](std::int64_t place, std::int64_t part) {
    return 128 + (place * 2 + part) * 64;
  };
  Region region = Region::contiguous(128 + 32, 3 * 64);  // half of page 0 to half of page 3
  region.pages = pages;
  CHECK(requests_of(region, {16, 8}) ==
        Requests{{at(0, 0) + 32, 2}, {at(3, 0), 4}, {at(1, 0), 4}, {at(4, 0), 2}});
  region.base_bits += 5 * 64 * 8;
  // Requests of 3 bursts begin at multiples of 3 of the region's own addresses: bursts 30 to 41.
  CHECK(requests_of(region, {16, 3}) == Requests{{at(0, 1) + 32, 2},
                                                 {at(3, 1), 1},
                                                 {at(3, 1) + 16, 3},
                                                 {at(1, 1), 3},
                                                 {at(1, 1) + 48, 1},
                                                 {at(4, 1), 2}});
  for (std::int64_t n = 1; n < 70; ++n) {  // each place once
    const Pages some = Pages::scattered(0, 16, n, 3);
    std::set<std::int64_t> places;
    for (std::int64_t page = 0; page < 3 * n; ++page) places.insert(some.place(page * 16) / 16);
    CHECK(static_cast<std::int64_t>(places.size()) == 3 * n);
    CHECK(*places.rbegin() == 3 * n - 1);
  }
}

TEST_CASE("layout: a cache in pages moves what it moves without, from the pages") {
  // 2 heads of 10 keys of 32 bytes in pages of 4: 3 pages a head, the last of 2 keys.
  MappingProblem p = problem_of(Matmul{2, 1, 10, 32, 1, false}, DramLayout::kRowMajor);
  Tiling t;
  t.groups = 1;
  t.out_cols = 1;
  t.n = 6;
  t.k = 32;
  const Program plain = make_program(p, t);
  p.kv_page = 4;
  const Program paged = make_program(p, t);
  CHECK(paged.dram_footprint.value >= plain.dram_footprint.value);
  REQUIRE(paged.weight_loads.size() == plain.weight_loads.size());
  const TileLayout layout(p, t);
  const std::int64_t base = layout.range(Stream::kWeights).begin;
  CHECK(layout.range(Stream::kWeights).end - base == 2 * 12 * 32);
  std::set<std::int64_t> keys;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < paged.weight_loads.size(); ++i) {
    const Region& region = paged.weight_loads[i].region;
    bytes += region.bytes();
    for (RequestCursor c(region, {32, 64}); !c.done(); c.next())
      for (std::int64_t b = 0; b < c.bursts(); ++b) keys.insert((c.address() - base) / 32 + b);
  }
  CHECK(bytes == 2 * 10 * 32);
  // Places of pages 0, 1, 2: 0, 2, 1 (step 2); of each, the pages of both heads.
  std::set<std::int64_t> expected;
  for (std::int64_t head = 0; head < 2; ++head)
    for (std::int64_t key = 0; key < 10; ++key)
      expected.insert((key / 4 * 2 % 3 * 2 + head) * 4 + key % 4);
  CHECK(keys == expected);
  CHECK(bursts(paged.weight_loads, Tensor::kWeights) == 2 * 10 / 2);
}

TEST_CASE("layout: row-major tiles fetch the bursts that their rows touch") {
  const MappingProblem p = problem_of(kGemm, DramLayout::kRowMajor);
  const Program program = make_program(p, gemm_tiling());
  // Rows of 40 bytes. First half of k: [0,20) [40,60) [80,100) [120,140): 1 + 1 + 1 + 2 bursts;
  // second half: [20,40) [60,80) [100,120) [140,160): 1 + 2 + 1 + 1.
  CHECK(bursts(program.weight_loads, Tensor::kWeights) == 5 + 5);
  CHECK(bursts(program.input_loads, Tensor::kInputs) == 2 * (5 + 5));  // once for each half of n
  CHECK(bursts(program.stores) == 2 * 4);                              // runs of 2 bytes every 4
  CHECK(estimate(p, gemm_tiling()).traffic[Tensor::kWeights].bursts == 10);
}

TEST_CASE("layout: tiles that are contiguous begin and end with whole bursts") {
  const MappingProblem p = problem_of(kGemm, DramLayout::kTiled);
  const Program program = make_program(p, gemm_tiling());
  CHECK(bursts(program.weight_loads, Tensor::kWeights) == 4);          // 2 x 20 bytes each
  CHECK(bursts(program.input_loads, Tensor::kInputs) == 2 * (2 + 2));  // 4 x 20 bytes each
  CHECK(bursts(program.stores) == 2);                                  // 4 x 2 bytes each
  std::int64_t asked = 0;
  for (const LoadOp& op : program.input_loads) asked += op.region.bytes();
  CHECK(asked == 2 * 4 * 40);
  const MappingEstimate e = estimate(p, gemm_tiling());
  CHECK(e.traffic[Tensor::kInputs].bursts == 8);
  CHECK(e.traffic[Tensor::kWeights].bursts == 4);
  CHECK(e.traffic[Tensor::kOutputs].bursts == 2);
}

TEST_CASE("layout: padded weight tiles are whole arrays, in DRAM, traffic and buffer") {
  MappingProblem p = problem_of(Gemm{1, 600, 600}, DramLayout::kTiled);
  p.machine.array.weight_tiles = WeightTiles::kPadded;
  p.machine.array.pe.width = 8;
  p.path.macs_per_pe = 1;
  const struct {
    std::int64_t size;
    Dataflow dataflow;
    std::int64_t n, k;  // as stored
  } rows[] = {{256, Dataflow::kWeightStationary, 3 * 256, 3 * 256},
              {512, Dataflow::kWeightStationary, 2 * 512, 2 * 512},
              {300, Dataflow::kWeightStationary, 600, 600},
              {256, Dataflow::kOutputStationary, 3 * 256, 600},
              {256, Dataflow::kInputStationary, 600, 3 * 256}};
  for (const auto& row : rows) {
    CAPTURE(row.size);
    p.machine.array.rows = p.machine.array.cols = row.size;
    p.machine.array.dataflow = row.dataflow;
    Tiling t;
    t.out_cols = 1;
    t.n = t.k = row.size;
    const Program program = make_program(p, t);
    std::int64_t bytes = 0, buffer = 0;
    for (const LoadOp& op : program.weight_loads)
      bytes += op.region.bytes(), buffer += op.sram_bits;
    CHECK(bytes == row.n * row.k);
    CHECK(buffer == bytes * 8);
    CHECK(estimate(p, t).traffic[Tensor::kWeights].read_bytes == bytes);
    CHECK(estimate(p, t).traffic[Tensor::kWeights].bursts ==
          bursts(program.weight_loads, Tensor::kWeights));
    CHECK(tile_footprint(p, t).weight.value ==
          stored_weights(p, row.size, row.size).n * stored_weights(p, row.size, row.size).k);
  }
  p.weight_layout = DramLayout::kRowMajor;
  CHECK_THROWS_WITH_AS(check_layer_formats(p),
                       "mapping.weight_layout: expected tiled, as accelerator.array.weight_tiles "
                       "is padded: whole tiles stand one after the other",
                       Error);
}

TEST_CASE("layout: tiled windows of a convolution hold the rows they share twice") {
  Conv2d conv;
  conv.height = conv.width = 4;
  conv.channels = 16;
  conv.filters = 1;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  Tiling t;
  t.out_rows = 2;
  t.out_cols = 4;
  t.k = 9 * 16;
  t.input_full_k = true;
  const std::int64_t window = 3 * 4 * 16;  // three of four rows
  const Program rows = make_program(problem_of(conv, DramLayout::kRowMajor), t);
  REQUIRE(rows.input_loads.size() == 2);
  CHECK(rows.input_loads[1].region.base_bits == 8 * 4 * 16);  // the second row
  const MappingProblem p = problem_of(conv, DramLayout::kTiled);
  const Program tiles = make_program(p, t);
  REQUIRE(tiles.input_loads.size() == 2);
  CHECK(tiles.input_loads[0].region.bytes() == window);
  CHECK(tiles.input_loads[1].region.base_bits == 8 * window);
  CHECK(tiles.input_loads[1].region.bytes() == window);
  CHECK(estimate(p, t).traffic[Tensor::kInputs].read_bytes == 2 * window);
}

TEST_CASE("layout: what lies between the strides of a 1 x 1 window is not fetched") {
  Conv2d conv;
  conv.height = conv.width = 5;
  conv.channels = 64;
  conv.filters = 8;
  conv.kernel_h = conv.kernel_w = 1;
  conv.stride_h = conv.stride_w = 2;
  const auto fetched = [&](DramLayout layout) {
    const MappingProblem p = problem_of(conv, layout);
    const Mapping mapping = map_layer(p);
    CHECK(mapping.tiling.m() == p.layer.extents.m);  // nothing is gained by smaller tiles
    const Program program = make_program(p, mapping.tiling);
    REQUIRE(program.input_loads.size() == 1);
    CHECK(bursts_of(program.input_loads[0].region, kBurst) ==
          mapping.estimate.traffic[Tensor::kInputs].bursts);
    CHECK(tile_footprint(p, mapping.tiling).input.value * 8 >= program.input_loads[0].sram_bits);
    return program.input_loads[0].region.bytes();
  };
  CHECK(fetched(DramLayout::kRowMajor) == 9 * 64);  // rows and columns 0, 2 and 4
  CHECK(fetched(DramLayout::kTiled) == 9 * 64);
  conv.pad_top = conv.pad_left = 1;
  CHECK(fetched(DramLayout::kRowMajor) == 4 * 64);  // rows and columns 1 and 3
  conv.pad_top = conv.pad_left = 0;
  conv.channels = 16;
  const MappingProblem narrow = problem_of(conv, DramLayout::kRowMajor);
  const Program program = make_program(narrow, map_layer(narrow).tiling);
  REQUIRE(program.input_loads.size() == 1);
  // Three rows of five pixels: 16 bytes between two are less than a burst.
  CHECK(program.input_loads[0].region.bytes() == 3 * 5 * 16);
  // [0, 80), [160, 240) and [320, 400): two bursts each.
  CHECK(bursts_of(program.input_loads[0].region, kBurst) == 6);
}

}  // namespace bitjoule::layout_test
