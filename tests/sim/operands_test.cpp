// Operands from files and generators: what a run computes with them, and what it refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "core/numeric/tensor_values.h"
#include "run/generators.h"
#include "sim/formats/blob.h"
#include "sim/formats/npy.h"
#include "support/gguf_builder.h"
#include "support/shell.h"

namespace bitjoule::operands_test {
namespace {

namespace fs = std::filesystem;
using test::Outcome;
using test::shell;
using test::TemporaryDirectory;
using test::text_of;
using test::write_file;

/// Small integers, exact in every format used here.
std::vector<float> counting(std::int64_t n, int modulus) {
  std::vector<float> values(static_cast<std::size_t>(n));
  const int middle = modulus / 2;
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] =
        static_cast<float>(static_cast<int>(i * 7 % static_cast<std::size_t>(modulus)) - middle);
  return values;
}

Outcome run(const TemporaryDirectory& dir, const std::string& layer, const std::string& more = "") {
  return shell("cd " + dir.at("") +
               " && {sim} run runs/quickstart.yaml --set precision.weights=fp32 --set "
               "precision.activations=fp32 --set precision.mac=auto --set 'layer=" +
               layer + "' " + more);
}

constexpr std::int64_t kM = 3, kN = 4, kK = 32;
const char* const kGemm = "gemm: {m: 3, n: 4, k: 32}, inputs: {file: x.npy}";

std::vector<float> product(const std::vector<float>& x, const std::vector<float>& w) {
  std::vector<float> y;
  for (std::int64_t m = 0; m < kM; ++m)
    for (std::int64_t n = 0; n < kN; ++n)
      y.push_back(std::inner_product(&x[static_cast<std::size_t>(m * kK)],
                                     &x[static_cast<std::size_t>(m * kK)] + kK,
                                     &w[static_cast<std::size_t>(n * kK)], 0.0f));
  return y;
}

std::vector<float> saved(const TemporaryDirectory& dir) {
  const StoredTensor tensor = parse_npy(map_file(dir.at("out/outputs.npy")));
  CHECK(tensor.shape == std::vector<std::int64_t>{kM, kN});
  return tensor_values(tensor);
}

}  // namespace

TEST_CASE("operands: .npy files in both orders give the product, saved as .npy") {
  const TemporaryDirectory dir;
  const std::vector<float> x = counting(kM * kK, 11), w = counting(kN * kK, 13);
  std::vector<float> transposed;
  for (std::size_t k = 0; k < kK; ++k)
    for (std::size_t n = 0; n < kN; ++n) transposed.push_back(w[n * kK + k]);
  write_npy(dir.at("x.npy"), {kM, kK}, x);
  write_npy(dir.at("w.npy"), {kN, kK}, w);
  write_npy(dir.at("t.npy"), {kK, kN}, transposed);
  for (const char* weights : {"{file: w.npy}", "{file: t.npy, layout: transposed}"}) {
    const Outcome outcome =
        run(dir, std::string("{") + kGemm + ", weights: " + weights + "}", "--save-outputs -o out");
    CHECK_MESSAGE(outcome.code == 0, outcome.text);
    CHECK(saved(dir) == product(x, w));
  }
}

TEST_CASE("operands: a file is looked up beside the run file that names it") {
  const TemporaryDirectory dir;
  fs::create_directory(dir.at("data"));
  write_npy(dir.at("data/x.npy"), {kM, kK}, counting(kM * kK, 11));
  write_file(dir, "data/run.yaml",
             "accelerator: edge-32x32.yaml\nlayer: {gemm: {m: 3, n: 4, k: 32}, inputs: {file: "
             "x.npy}}\nprecision: {weights: fp32, activations: fp32}\n");
  const Outcome outcome = shell("cd / && {sim} run " + dir.at("data/run.yaml"));
  CHECK_MESSAGE(outcome.code == 0, outcome.text);
  CHECK(outcome.text.find("x.npy (fp32 as stored)") != std::string::npos);
}

TEST_CASE("operands: GGUF blocks are used as they are, or decoded and quantized again") {
  const TemporaryDirectory dir;
  const std::vector<float> x = counting(kM * kK, 11);
  write_npy(dir.at("x.npy"), {kM, kK}, x);
  // q4_0: d = 2 (fp16 0x4000), codes 8 + (n + i) % 4 in the low nibbles, 8 in the high ones.
  std::string blocks;
  std::vector<float> w(kN * kK, 0.0f);
  for (std::size_t n = 0; n < kN; ++n) {
    blocks += std::string("\x00\x40", 2);
    for (std::size_t i = 0; i < 16; ++i) {
      blocks += static_cast<char>(0x80 | (8 + (n + i) % 4));
      w[n * kK + i] = 2.0f * static_cast<float>((n + i) % 4);
    }
  }
  write_file(dir, "w.gguf", test::GgufBuilder().tensor("blk.0.w", {kK, kN}, 2, blocks).bytes());
  const std::string layer =
      std::string("{") + kGemm + ", weights: {file: w.gguf, tensor: blk.0.w}}";
  const Outcome own = run(
      dir, layer, "--save-outputs -o out --set precision.weights=q4_0 --set precision.mac=fp32");
  CHECK_MESSAGE(own.code == 0, own.text);
  CHECK(own.text.find("w.gguf blk.0.w (q4_0 as stored)") != std::string::npos);
  CHECK(saved(dir) == product(x, w));
  CHECK(text_of(dir.at("out/result.json")).find("\"as_stored\": true") != std::string::npos);

  const Outcome again = run(dir, layer, "--save-outputs -o out");
  CHECK(again.text.find("(q4_0, quantized at load)") != std::string::npos);
  CHECK(saved(dir) == product(x, w));
}

TEST_CASE("operands: files that do not fit are refused before anything is written") {
  const TemporaryDirectory dir;
  std::vector<float> x = counting(kM * kK, 11);
  write_npy(dir.at("x.npy"), {kM, kK}, x);
  write_npy(dir.at("t.npy"), {kK, kN}, counting(kN * kK, 13));
  write_npy(dir.at("nan.npy"), {kN, kK}, std::vector<float>(kN * kK, std::nanf("")));
  write_file(dir, "w.gguf", test::GgufBuilder().tensor("a", {1, 1}, 0, "1234").bytes());
  const auto refused = [&](const std::string& weights, const std::string& why,
                           const std::string& more = "") {
    const Outcome o =
        run(dir, std::string("{") + kGemm + ", weights: " + weights + "}", "-o out " + more);
    CHECK(o.code == 2);
    CHECK_MESSAGE(o.text.find(why) != std::string::npos, o.text);
    CHECK_FALSE(fs::exists(dir.at("out")));
  };
  refused("{file: t.npy}",
          "layer.weights: t.npy: expected 4 x 32, got 32 x 4; it would be with layout: transposed");
  refused("{file: w.gguf, tensor: b}", "no tensor \"b\", did you mean \"a\"?");
  refused("{file: w.gguf, tensor: a}",
          "layer.weights: w.gguf: tensor \"a\": expected 4 x 32, got 1 x 1");
  refused("{file: none.npy}", "none.npy: no such file");
  refused("{file: nan.npy}", "layer.weights: nan.npy: element 0 is nan, which int8 cannot hold",
          "--set precision.weights=int8 --set precision.mac=fp32");
  refused("{tensor: a}", "weights.tensor: allowed only with file or input");
}

TEST_CASE("operands: generators have the stated moments and outliers") {
  TensorSource source;
  const std::int64_t rows = 64, k = 1000;
  const auto deviation = [&](const std::vector<float>& v) {
    double sum = 0, squares = 0;
    for (float x : v) sum += x, squares += static_cast<double>(x) * x;
    CHECK(std::abs(sum / static_cast<double>(v.size())) < 0.02);
    return std::sqrt(squares / static_cast<double>(v.size()));
  };
  // The deviation of a sample of 64000 differs by 0.3 %, at most a few times that.
  CHECK(deviation(generate_values(source, rows, k, 2.0, 1)) == doctest::Approx(2.0).epsilon(0.02));
  source.generator = TensorSource::Generator::kUniform;
  const std::vector<float> uniform = generate_values(source, rows, k, 2.0, 1);
  CHECK(deviation(uniform) == doctest::Approx(2.0).epsilon(0.02));
  for (float v : uniform) CHECK_FALSE(std::abs(v) > 2.0f * 1.7320509f);

  source.generator = TensorSource::Generator::kOutliers;
  source.outlier_share = 0.003;
  source.outlier_factor = 16;  // a power of two: exact
  const std::vector<float> outliers = generate_values(source, rows, k, 2.0, 1);
  const std::vector<float> plain = generate_values({}, rows, k, 2.0, 1);
  std::int64_t channels = 0;
  for (std::int64_t c = 0; c < k; ++c) {
    bool all = true, none = true;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto i = static_cast<std::size_t>(r * k + c);
      all = all && outliers[i] == 16 * plain[i];
      none = none && outliers[i] == plain[i];
    }
    CHECK((all || none));
    channels += all && !none;
  }
  CHECK(channels == 3);
}

}  // namespace bitjoule::operands_test
