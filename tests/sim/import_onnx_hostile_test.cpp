// Models that break what an operator expects: refused with an input Error, or read; never worse.
#include <doctest/doctest.h>

#include <limits>
#include <random>

#include "core/error.h"
#include "sim/formats/onnx_rules.h"
#include "sim/formats/onnx_values.h"
#include "sim/import/import.h"
#include "sim/import/onnx_import.h"
#include "support/onnx_builder.h"

namespace bitjoule::test::import_onnx_hostile_test {

namespace {

constexpr unsigned kSeed = 11;
constexpr int kModels = 400;  // of each operator

using Random = std::mt19937;
using Limits = std::numeric_limits<std::int64_t>;

template <class T>
T one_of(Random& random, const std::vector<T>& values) {
  return values[random() % values.size()];
}

std::int64_t odd_integer(Random& random) {
  return one_of<std::int64_t>(random, {0, 1, 2, 3, 4, -1, -2, 7, 1 << 20, std::int64_t{1} << 31,
                                       std::int64_t{1} << 62, Limits::max(), Limits::min()});
}

std::vector<std::int64_t> odd_shape(Random& random, bool data) {
  std::vector<std::int64_t> shape(random() % 6);
  for (std::int64_t& size : shape)
    size = random() % 12 != 0 ? 1 + static_cast<std::int64_t>(random() % 4)
           : data             ? one_of<std::int64_t>(random, {1 << 20, std::int64_t{1} << 40})
                              : one_of<std::int64_t>(random, {0, -1});
  return shape;
}

int odd_type(Random& random) {
  using P = onnx::TensorProto;
  if (random() % 2 == 0) return P::FLOAT;
  return one_of<int>(random, {P::INT64, P::INT8, P::UINT8, P::INT32, P::BOOL, P::FLOAT16, P::DOUBLE,
                              P::STRING, 22, 99});
}

void add_tensor(Random& random, onnx::TensorProto& tensor, const std::string& name) {
  tensor.set_name(name);
  tensor.set_data_type(odd_type(random));
  std::int64_t elements = 1;
  for (const std::int64_t size : odd_shape(random, false)) {
    tensor.add_dims(size);
    elements *= size;
  }
  if (random() % 10 == 0) ++elements;
  for (std::int64_t i = 0; i < elements; ++i) {
    const std::int64_t value = odd_integer(random);
    tensor.add_int64_data(value);
    tensor.add_int32_data(static_cast<std::int32_t>(value));
    tensor.add_float_data(static_cast<float>(value));
    tensor.add_double_data(static_cast<double>(value));
  }
  if (random() % 20 == 0) tensor.set_raw_data("odd");
}

void add_attribute(Random& random, onnx::NodeProto& node, const std::string& word) {
  using A = onnx::AttributeProto;
  A& a = *node.add_attribute();
  a.set_name(word.substr(0, word.size() - 2));
  const char kind =
      random() % 12 == 0 ? one_of<char>(random, {'i', 'I', 'f', 's', 't'}) : word.back();
  if (kind == 'i') {
    a.set_type(A::INT);
    a.set_i(odd_integer(random));
  } else if (kind == 'f') {
    a.set_type(A::FLOAT);
    a.set_f(static_cast<float>(odd_integer(random)));
  } else if (kind == 's') {
    a.set_type(A::STRING);
    a.set_s(
        one_of<std::string>(random, {"", "SAME_UPPER", "SAME_LOWER", "VALID", "constant", "?"}));
  } else if (kind == 't') {
    a.set_type(A::TENSOR);
    add_tensor(random, *a.mutable_t(), "");
  } else {
    a.set_type(A::INTS);
    for (std::size_t n = random() % 6; n > 0; --n)
      a.add_ints(random() % 3 != 0 ? static_cast<std::int64_t>(random() % 4) : odd_integer(random));
  }
}

/// One node of the operator over operands and attributes of any kind, and a reader of its output.
std::string odd_model(Random& random, const OnnxRule& rule) {
  OnnxModel m(one_of<int>(random, {1, 9, 10, 12, 13, 17, 18, 21, 23, 99}));
  m.output("y");
  onnx::NodeProto& node = m.node(rule.op_type, {}, "a");
  const int inputs = random() % 8 == 0 ? static_cast<int>(random() % 10)
                                       : rule.least_inputs + static_cast<int>(random() % 3);
  for (int i = 0; i < inputs; ++i) {
    const std::string name = random() % 16 == 0 ? "" : "x" + std::to_string(i);
    node.add_input(name);
    if (name.empty()) continue;
    if ((i == 0 && random() % 4 != 0) || random() % 3 == 0)
      m.input(name, odd_shape(random, true), odd_type(random));
    else
      add_tensor(random, *m.graph().add_initializer(), name);
  }
  for (std::size_t n = random() % 3; n > 0; --n) node.add_output("b" + std::to_string(n));
  std::string attributes = rule.attributes, word;
  for (const char c : attributes + " ") {
    if (c != ' ') {
      word += c;
      continue;
    }
    if (!word.empty() && random() % 2 == 0) add_attribute(random, node, word);
    word.clear();
  }
  m.node("Relu", {"a"}, "y");
  return m.bytes();
}

template <class Read>
bool is_read(const std::string& model, const Read& read) {
  try {
    read(Blob::from_memory("m.onnx", model));
    return true;
  } catch (const Error& error) {
    CHECK_MESSAGE(error.kind() == ErrorKind::kInput, error.what());
    return false;
  }
}

}  // namespace

TEST_CASE("onnx: odd ranks, sizes, types, operands and attributes of every operator") {
  ImportOptions skip;
  skip.skip_unknown = true;
  int read = 0, models = 0;
  for (const OnnxRule* rule : onnx_rules()) {
    Random random(kSeed);
    for (int i = 0; i < kModels; ++i) {
      CAPTURE(std::string(rule->op_type));
      CAPTURE(i);
      const std::string model = odd_model(random, *rule);
      ++models;
      read += is_read(model, [&](const Blob& blob) { import_onnx(blob, skip); }) ? 1 : 0;
      is_read(model, [](const Blob& blob) { onnx_tensors(blob); });
    }
  }
  CHECK(read > models / 50);  // not all stop at the first check
}

TEST_CASE("onnx: data beside the model, and only there") {
  OnnxModel m;
  m.input("x", {1, 4}).output("y").constant("w", {4, 2});
  m.node("MatMul", {"x", "w"}, "y");
  onnx::TensorProto& w = *m.graph().mutable_initializer(0);
  w.clear_float_data();
  w.set_data_location(onnx::TensorProto::EXTERNAL);
  onnx::StringStringEntryProto& entry = *w.add_external_data();
  entry.set_key("location");
  for (const char* place : {"/etc/passwd", "../w.bin", "a/../../w.bin", "", ".", "no such file"}) {
    CAPTURE(place);
    entry.set_value(place);
    CHECK_FALSE(is_read(m.bytes(), [](const Blob& blob) { onnx_tensors(blob); }));
  }
}

TEST_CASE("onnx: raw data, sizes and sparse indices that do not fit") {
  const auto refused = [](const char* part, const OnnxModel& m) {
    try {
      import_onnx(Blob::from_memory("m.onnx", m.bytes()), {});
    } catch (const Error& error) {
      return std::string(error.what()).find(part) != std::string::npos;
    }
    return false;
  };
  OnnxModel odd;
  odd.input("x", {1, 4}).output("y").constant("w", {4, 2});
  odd.node("MatMul", {"x", "w"}, "y");
  odd.graph().mutable_initializer(0)->clear_float_data();
  odd.graph().mutable_initializer(0)->set_raw_data(std::string(31, '\0'));
  CHECK(refused("\"w\": the shape needs 32 bytes, the file has 31", odd));

  OnnxModel negative;
  negative.input("x", {1, 4}).output("y").constant("w", {4, 2});
  negative.node("MatMul", {"x", "w"}, "y");
  negative.graph().mutable_initializer(0)->set_dims(0, -4);
  CHECK(refused("negative dimension -4", negative));

  OnnxModel huge;
  huge.input("x", {std::int64_t{1} << 40, std::int64_t{1} << 40}).output("y");
  huge.node("Relu", {"x"}, "y");
  CHECK(refused("input \"x\": a tensor is too large", huge));

  OnnxModel sparse;
  sparse.input("x", {1, 4}).output("y");
  onnx::SparseTensorProto& w = *sparse.graph().add_sparse_initializer();
  w.mutable_values()->set_name("w");
  w.mutable_values()->set_data_type(onnx::TensorProto::FLOAT);
  w.mutable_values()->add_dims(1);
  w.mutable_values()->add_float_data(3);
  w.mutable_indices()->set_data_type(onnx::TensorProto::INT64);
  w.mutable_indices()->add_dims(1);
  w.mutable_indices()->add_int64_data(8);
  w.add_dims(4);
  w.add_dims(2);
  sparse.node("MatMul", {"x", "w"}, "y");
  CHECK(refused("sparse tensor \"w\": index 8 is out of range", sparse));
}

TEST_CASE("onnx: long chains of constants are computed without recursion, and within bounds") {
  OnnxModel chain;
  chain.input("x", {2, 3}).output("y").constant("s0", {2}, onnx::TensorProto::INT64, {3, 2});
  constexpr int kSteps = 20000;
  for (int i = 0; i < kSteps; ++i)
    chain.node("Identity", {"s" + std::to_string(i)}, "s" + std::to_string(i + 1));
  chain.node("Reshape", {"x", "s" + std::to_string(kSteps)}, "y");
  CHECK(is_read(chain.bytes(), [](const Blob& blob) { import_onnx(blob, {}); }));

  OnnxModel doubled;  // 2^60 elements from four
  doubled.input("x", {2, 2})
      .output("y")
      .constant("s0", {4}, onnx::TensorProto::INT64, {1, 1, 2, 2});
  for (int i = 0; i < 40; ++i) {
    const std::string from = "s" + std::to_string(i);
    OnnxModel::set(doubled.node("Concat", {from, from}, "s" + std::to_string(i + 1)), "axis",
                   std::int64_t{0});
  }
  doubled.node("Reshape", {"x", "s40"}, "y");
  CHECK_FALSE(is_read(doubled.bytes(), [](const Blob& blob) { import_onnx(blob, {}); }));
}

}  // namespace bitjoule::test::import_onnx_hostile_test
