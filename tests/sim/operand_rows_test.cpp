// In which rows vector operators read what other layers have written, where scales lie along rows.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/workload/network.h"
#include "run/layer_formats.h"
#include "run/network_memory.h"

namespace bitjoule::operand_rows_test {
namespace {

NetworkLayer layer(const std::string& name, NetworkOp op, std::vector<std::string> inputs) {
  NetworkLayer l;
  l.name = name;
  l.op = std::move(op);
  l.inputs = std::move(inputs);
  return l;
}

/// All elements of 4 x 4 pixels of 40 channels in one row, as importers write them.
VectorOp flat(VectorKind kind) {
  VectorOp op;
  op.kind = kind;
  op.rows = 1;
  op.cols = 4 * 4 * 40;
  return op;
}

Network network() {
  Conv2d conv;
  conv.height = conv.width = 4;
  conv.channels = 8;
  conv.filters = 40;
  Network n;
  n.layers = {layer("conv", conv, {"image"}), layer("view", flat(VectorKind::kReshape), {}),
              layer("relu", flat(VectorKind::kRelu), {"view"}),
              layer("add", flat(VectorKind::kAdd), {"relu", "conv"})};
  return n;
}

Precision in(const std::string& format) {
  Precision p;
  p.weights.format = "fp16";
  p.activations.format = format;
  return p;
}

}  // namespace

TEST_CASE("operand rows: those of who wrote them, whatever is only addressed otherwise between") {
  Network n = network();
  note_operand_rows(in("mxfp8_e4m3"), n);
  CHECK(n.layers[2].operand_rows == std::vector<std::int64_t>{40});
  CHECK(n.layers[3].operand_rows == std::vector<std::int64_t>{640, 40});
  CHECK(vector_formats(n.layers[3], in("mxfp8_e4m3")).operand_rows == n.layers[3].operand_rows);
  Network plain = network();
  for (const char* format : {"fp16", "q8_0", "int8"}) {
    note_operand_rows(in(format), plain);
    for (const NetworkLayer& l : plain.layers) CHECK(l.operand_rows.empty());
  }
}

TEST_CASE("operand rows: results that stay in memory take their scales") {
  // Pixels of 40 channels have two scales each, all elements in a row one for 32.
  const auto bytes = [](const std::string& format) {
    Network one = network();
    one.layers.resize(1);
    return network_memory(one, in(format)).activations;
  };
  CHECK(bytes("fp8_e4m3") == 16 * 40);
  CHECK(bytes("mxfp8_e4m3") == 16 * (40 + 2));
}

}  // namespace bitjoule::operand_rows_test
