// Products that share an operand fetch it once; tensors keep to their addresses.
#include <doctest/doctest.h>

#include <map>

#include "core/error.h"
#include "core/mapping/mapper.h"
#include "core/mapping/program.h"

namespace bitjoule::shared_operand_test {
namespace {

MappingProblem problem_of(const LayerOp& op) {
  Precision precision;
  precision.weights.format = precision.activations.format = "int8";
  MappingProblem p;
  p.layer = lower(op);
  p.path = resolve_data_path(precision, p.machine.array.pe);
  return p;
}

std::int64_t bytes_of(const Program& program, Tensor tensor) {
  std::int64_t bytes = 0;
  for (const auto* loads : {&program.input_loads, &program.weight_loads})
    for (const LoadOp& op : *loads)
      if (op.tensor == tensor) bytes += op.region.bytes();
  for (const StoreOp& op : program.stores)
    if (tensor == Tensor::kOutputs) bytes += op.region.bytes();
  return bytes;
}

}  // namespace

TEST_CASE("shared operands: the rows of the products that share one lie together") {
  const Lowered l = lower(Matmul{12, 3, 5, 7, 4});
  CHECK(l.extents.groups == 3);
  CHECK(l.extents.m == 4 * 3);
  CHECK(l.extents.macs() == 12 * 3 * 5 * 7);
  CHECK(l.weight_rows() == 3 * 5);
  // Product 9, row 1 of it: the second of the products of the third operand.
  const std::int64_t product = 9, row = 1, m = (product - 8) * 3 + row;
  CHECK(l.input_index(2, m, 6) == (product * 3 + row) * 7 + 6);
  CHECK(l.output_index(2, m, 4) == (product * 3 + row) * 5 + 4);
  CHECK(l.weight_row(2, 4) == 2 * 5 + 4);
}

TEST_CASE("shared operands: fetched once where the rows of all products are one tile") {
  // Eight heads, one operand of 512 x 64 bytes.
  const MappingProblem p = problem_of(Matmul{8, 1, 512, 64, 8});
  const Mapping mapping = map_layer(p);
  CHECK(bytes_of(make_program(p, mapping.tiling), Tensor::kWeights) == 32 * 1024);
  CHECK(mapping.estimate.traffic[Tensor::kWeights].read_bytes == 32 * 1024);
}

TEST_CASE("shared operands: a decode step of Llama-2-70B reads its cache once") {
  // 80 layers, 64 heads on 8 pairs of K and V of 128 numbers per token, 512 tokens.
  const Matmul scores{64, 1, 512, 128, 8}, results{64, 1, 128, 512, 8};
  std::int64_t read = 0;
  for (const Matmul& product : {scores, results}) {
    const MappingProblem p = problem_of(product);
    read += bytes_of(make_program(p, map_layer(p).tiling), Tensor::kWeights);
  }
  CHECK(80 * read == 80 * 1024 * 1024);
}

TEST_CASE("shared operands: in every order, once for each tile of the rows that use it") {
  // Prefill: 2 sequences x 8 heads on 4, 16 tokens; tiles of 24 of the 2 x 16 rows.
  const Matmul product{16, 16, 64, 64, 2};
  Tiling t;
  t.out_cols = 24;
  t.n = 32;
  t.k = 32;
  const std::int64_t operand = 8 * 64 * 64;
  for (const auto& order : {std::array{LoopDim::kM, LoopDim::kN, LoopDim::kK},
                            std::array{LoopDim::kN, LoopDim::kK, LoopDim::kM}}) {
    t.order = order;
    for (DramLayout layout : {DramLayout::kTiled, DramLayout::kRowMajor}) {
      MappingProblem p = problem_of(product);
      p.weight_layout = layout;
      const std::int64_t times = order[0] == LoopDim::kM ? 2 : 1;  // tiles of m
      const Program program = make_program(p, t);
      CHECK(bytes_of(program, Tensor::kWeights) == times * operand);
      CHECK(bytes_of(program, Tensor::kOutputs) == 16 * 16 * 64);
      check_addresses(p, t, program);
    }
  }
}

TEST_CASE("addresses: tiles of several groups take the weights of these groups") {
  // Ten groups of 4 x 8 bytes in tiles of three groups; bursts of 16.
  MappingProblem p = problem_of(Matmul{10, 2, 4, 8, 1});
  p.memory.burst_bytes = 16;
  Tiling t;
  t.groups = 3;
  t.out_cols = 2;
  t.n = 4;
  t.k = 8;
  std::map<DramLayout, std::vector<std::int64_t>> begins;
  for (DramLayout layout : {DramLayout::kTiled, DramLayout::kRowMajor}) {
    p.weight_layout = layout;
    const Program program = make_program(p, t);
    check_addresses(p, t, program);
    for (const LoadOp& op : program.weight_loads) begins[layout].push_back(op.region.base_bits / 8);
  }
  // Inputs, 10 x 2 x 8 bytes, take the first page; tiles of 96 bytes are whole bursts.
  const std::vector<std::int64_t> expected = {4096, 4096 + 96, 4096 + 192, 4096 + 288};
  CHECK(begins[DramLayout::kTiled] == expected);
  CHECK(begins[DramLayout::kRowMajor] == expected);
  // Of a half of n: 2 x 8 bytes of each group, every 32.
  t.n = 2;
  const Program halves = make_program(p, t);
  const Region& first = halves.weight_loads.front().region;
  CHECK(first.run_bits == 2 * 8 * 8);
  CHECK(first.runs() == 3);
  CHECK(first.end_bits() == (4096 + 2 * 32 + 16) * 8);
}

TEST_CASE("addresses: some channels of several groups of a convolution lie apart") {
  // 4 groups of 4 channels and 4 filters, one pixel; tiles of two groups, two channels, two
  // filters.
  Conv2d conv;
  conv.channels = conv.filters = 16;
  conv.groups = 4;
  const MappingProblem p = problem_of(conv);
  Tiling t;
  t.groups = t.n = t.k = 2;
  const Program program = make_program(p, t);
  check_addresses(p, t, program);
  const Region& inputs = program.input_loads[1].region;  // channels 2 and 3 of groups 0 and 1
  CHECK(inputs.base_bits == 2 * 8);
  CHECK(inputs.run_bits == 2 * 8);
  CHECK(inputs.strides[3].count == 2);
  CHECK(inputs.strides[3].bits == 4 * 8);
  CHECK(bytes_of(program, Tensor::kOutputs) == 16);
  CHECK(program.stores[1].region.base_bits - program.stores[0].region.base_bits == 2 * 8);
}

TEST_CASE("addresses: many small products stay inside their tensors") {
  const MappingProblem p = problem_of(Matmul{400000, 1, 1, 1, 1});
  const Mapping mapping = map_layer(p);
  const Program program = make_program(p, mapping.tiling);
  check_addresses(p, mapping.tiling, program);
  for (const Tensor tensor : {Tensor::kInputs, Tensor::kWeights, Tensor::kOutputs})
    CHECK(bytes_of(program, tensor) == 400000);
}

TEST_CASE("addresses: a transfer outside its tensor is noticed") {
  const MappingProblem p = problem_of(Gemm{64, 64, 64});
  const Tiling tiling = map_layer(p).tiling;
  Program program = make_program(p, tiling);
  check_addresses(p, tiling, program);
  program.weight_loads.front().region.base_bits += 8;
  CHECK_THROWS_AS(check_addresses(p, tiling, program), Error);
}

}  // namespace bitjoule::shared_operand_test
