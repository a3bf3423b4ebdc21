#include "core/numeric/weight_quantizer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "core/enums.h"
#include "core/error.h"
#include "core/index.h"
#include "core/numeric/format.h"

namespace bitjoule::weight_quantizer_test {

namespace {

constexpr std::int64_t kRows = 6, kColumns = 64;

std::vector<float> weights() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> w(at(kRows * kColumns));
  for (float& x : w) x = normal(random);
  w[5] = 6;  // clipping it pays at few bits
  return w;
}

/// Of inputs that follow each other: corr(x_i, x_j) = 0.9^|i - j|, and grow with i.
InputMoments correlated() {
  InputMoments m;
  m.k = kColumns;
  for (std::int64_t i = 0; i < kColumns; ++i)
    for (std::int64_t j = 0; j < kColumns; ++j)
      m.mean.push_back(std::pow(0.9, std::abs(i - j)) * (1 + 0.1 * static_cast<double>(i)) *
                       (1 + 0.1 * static_cast<double>(j)));
  return m;
}

std::vector<float> decoded(const QuantizedTensor& tensor) {
  std::vector<float> values(at(tensor.rows() * tensor.k()));
  tensor.decode(values.data());
  return values;
}

/// Mean square of what products with such inputs lose: sum over rows of e^T M e.
double loss(const std::vector<float>& w, const QuantizedTensor& tensor, const InputMoments& m) {
  const std::vector<float> q = decoded(tensor);
  double sum = 0;
  for (std::int64_t row = 0; row < tensor.rows(); ++row)
    for (std::int64_t i = 0; i < m.k; ++i)
      for (std::int64_t j = 0; j < m.k; ++j) {
        const std::int64_t a = row * m.k + i, b = row * m.k + j;
        sum += static_cast<double>(w[at(a)] - q[at(a)]) * m.mean[at(i * m.k + j)] *
               static_cast<double>(w[at(b)] - q[at(b)]);
      }
  return sum;
}

InputMoments only_diagonal(InputMoments m) {
  for (std::int64_t i = 0; i < m.k; ++i)
    for (std::int64_t j = 0; j < m.k; ++j)
      if (i != j) m.mean[at(i * m.k + j)] = 0;
  return m;
}

InputMoments identity(std::int64_t k) {
  InputMoments m{k, std::vector<double>(at(k * k))};
  for (std::int64_t i = 0; i < k; ++i) m.mean[at(i * k + i)] = 1;
  return m;
}

TensorFormat grouped(const std::string& name, Granularity granularity) {
  TensorFormat format;
  format.format = name;
  format.granularity = granularity;
  format.group_size = 16;
  return format;
}

bool has_choice(const TensorFormat& format) {
  const StorageLayout layout = storage_layout(format);
  return !layout.interleaved() && layout.scale_format != ScaleFormat::kDynamic8 &&
         layout.scale_format != ScaleFormat::kTwoLevel && !layout.progressive();
}

/// All formats, those of integers in each granularity that weights have.
std::vector<TensorFormat> all_formats() {
  std::vector<TensorFormat> all;
  for (const Format& f : formats()) {
    if (!f.has_values) continue;
    const bool integer = f.cls == FormatClass::kInteger;
    all.push_back(grouped(f.name, Granularity::kPerTensor));
    if (!integer) continue;
    all.push_back(grouped(f.name, Granularity::kPerChannel));
    all.push_back(grouped(f.name, Granularity::kPerGroup));
    TensorFormat& last = all.back();
    if (f.bits > 2 && !f.mean_scale) last.symmetric = false;
  }
  return all;
}

}  // namespace

TEST_CASE("weight quantizers: none loses more than the nearest codes by its own measure") {
  const std::vector<float> w = weights();
  const InputMoments same = identity(kColumns), moments = correlated();
  const InputMoments importance = only_diagonal(moments);
  int better = 0;
  for (const TensorFormat& format : all_formats()) {
    if (!has_choice(format)) continue;
    CAPTURE(format.format);
    CAPTURE(enum_name(format.granularity));
    const auto quantized = [&](WeightQuantizer quantizer) {
      return quantize_weights(format, quantizer, w.data(), kRows, kColumns, &moments);
    };
    const QuantizedTensor nearest = quantized(WeightQuantizer::kNearest);
    const QuantizedTensor mse = quantized(WeightQuantizer::kMse);
    CHECK(loss(w, mse, same) <= loss(w, nearest, same));
    CHECK(loss(w, quantized(WeightQuantizer::kImportance), importance) <=
          loss(w, nearest, importance));
    // Of 8 bits and more, errors are small whatever is done.
    if (storage_layout(format).format->bits < 8)
      CHECK(loss(w, quantized(WeightQuantizer::kGptq), moments) < loss(w, nearest, moments));
    better += loss(w, mse, same) < loss(w, nearest, same) ? 1 : 0;
    CHECK(mse.bytes().size() == nearest.bytes().size());
  }
  CHECK(better >= 10);
}

TEST_CASE("weight quantizers: blocks of GGML by importance") {
  // What llama.cpp's rule makes least: errors weighted with importance * sqrt(mean + w^2).
  const std::vector<float> w = weights();
  InputMoments moments = only_diagonal(correlated());
  std::vector<double> squares(at(kRows));
  for (std::int64_t i = 0; i < kRows * kColumns; ++i)
    squares[at(i / kColumns)] += std::pow(static_cast<double>(w[at(i)]), 2) / kColumns;
  const auto weighted = [&](const QuantizedTensor& tensor) {
    const std::vector<float> q = decoded(tensor);
    double sum = 0;
    for (std::int64_t i = 0; i < kRows * kColumns; ++i) {
      const double x = static_cast<double>(w[at(i)]);
      const std::int64_t column = i % kColumns;
      sum += moments.mean[at(column * kColumns + column)] *
             std::sqrt(squares[at(i / kColumns)] + x * x) *
             std::pow(x - static_cast<double>(q[at(i)]), 2);
    }
    return sum;
  };
  for (const auto& row : std::vector<std::pair<std::string, double>>{
           {"q4_0", 0.95}, {"q4_1", 0.95}, {"q5_0", 0.95}, {"q5_1", 0.95}, {"q8_0", 1}}) {
    CAPTURE(row.first);
    TensorFormat format;
    format.format = row.first;
    const QuantizedTensor nearest =
        quantize_weights(format, WeightQuantizer::kNearest, w.data(), kRows, kColumns);
    const QuantizedTensor chosen =
        quantize_weights(format, WeightQuantizer::kImportance, w.data(), kRows, kColumns, &moments);
    CHECK(weighted(chosen) <= row.second * weighted(nearest));
    CHECK(chosen.bytes().size() == nearest.bytes().size());
  }
  // By hand: where all inputs but one are nothing, that weight is met as well as fp16 can: 0.7 is
  // one of the multiples of the scale that least squares of this one element gives.
  std::vector<float> row(32, 1.0f);
  row[3] = -0.7f;
  InputMoments one{32, std::vector<double>(32 * 32)};
  one.mean[3 * 32 + 3] = 1;
  TensorFormat q4_0;
  q4_0.format = "q4_0";
  const std::vector<float> met =
      decoded(quantize_weights(q4_0, WeightQuantizer::kImportance, row.data(), 1, 32, &one));
  CHECK(met[3] == doctest::Approx(-0.7).epsilon(0.0005));
}

// llama.cpp's own blocks of these weights and this importance (ggml_quantize_chunk of libggml 0.5.0
// as node-llama-cpp ships it), as the 64-bit FNV-1a of their bytes.
TEST_CASE("weight quantizers: blocks by importance are llama.cpp's, byte by byte") {
  struct Expected {
    const char* format;
    std::size_t bytes;
    std::uint64_t hash;
  };
  const Expected expected[] = {
      {"q4_0", 1152, 0x2ec84ba23115f62},  {"q4_1", 1280, 0xf5f24e0002449f57},
      {"q5_0", 1408, 0x83331fe85aed2a68}, {"q5_1", 1536, 0x6639d68a45d4716d},
      {"q2_k", 672, 0x9db631acc9dab958},  {"q3_k", 880, 0xb2eaddca10fd207f},
      {"q4_k", 1152, 0x2ac25a743df3d526}, {"q5_k", 1408, 0xf07a3b44b1c1c9e4},
      {"q6_k", 1680, 0xc1340085b178cbf0},
  };
  constexpr int kLong = 512, kFew = 4;
  std::vector<float> w;
  for (int i = 0; i < kFew * kLong; ++i)
    w.push_back(static_cast<float>(i * 7919 % 2003 - 900) * static_cast<float>(1 + i / 64 % 5) /
                4096);
  InputMoments moments{kLong, std::vector<double>(at(kLong * kLong))};
  for (int i = 0; i < kLong; ++i) moments.mean[at(i * kLong + i)] = (i * i % 17) / 8.0;
  for (const Expected& row : expected) {
    CAPTURE(row.format);
    TensorFormat format;
    format.format = row.format;
    const std::vector<std::uint8_t> bytes =
        quantize_weights(format, WeightQuantizer::kImportance, w.data(), kFew, kLong, &moments)
            .bytes();
    CHECK(bytes.size() == row.bytes);
    std::uint64_t hash = 14695981039346656037u;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 1099511628211u;
    CHECK(hash == row.hash);
  }
}

TEST_CASE("weight quantizers: K-quants by importance lose less of what counts") {
  // One input of sixteen counts a hundredfold: its weights are met better, at the same bytes.
  constexpr std::int64_t kLong = 256;
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> w(at(kRows * kLong));
  for (float& x : w) x = normal(random);
  InputMoments moments{kLong, std::vector<double>(at(kLong * kLong))};
  for (std::int64_t i = 0; i < kLong; ++i) moments.mean[at(i * kLong + i)] = i % 16 == 3 ? 100 : 1;
  for (const char* name : {"q2_k", "q3_k", "q4_k", "q5_k", "q6_k"}) {
    CAPTURE(name);
    TensorFormat format;
    format.format = name;
    const QuantizedTensor nearest =
        quantize_weights(format, WeightQuantizer::kNearest, w.data(), kRows, kLong);
    const QuantizedTensor chosen =
        quantize_weights(format, WeightQuantizer::kImportance, w.data(), kRows, kLong, &moments);
    CHECK(loss(w, chosen, moments) < 0.8 * loss(w, nearest, moments));
    CHECK(chosen.bytes().size() == nearest.bytes().size());
  }
  // Inputs that are all nothing: nothing counts, and all that is stored is finite.
  const InputMoments none{kLong, std::vector<double>(at(kLong * kLong))};
  for (const char* name : {"q2_k", "q3_k", "q4_k", "q5_k", "q6_k"}) {
    TensorFormat format;
    format.format = name;
    for (const float value : decoded(
             quantize_weights(format, WeightQuantizer::kImportance, w.data(), kRows, kLong, &none)))
      CHECK(std::isfinite(value));
  }
}

TEST_CASE("weight quantizers: a clip by hand") {
  // int2 holds -1, 0, 1. With a scale of 10 all but the last are 0: 7 squares of 1. Of 10 times
  // 0.3, 0.325, ... the least, 3: ones become 0 still (1/3 of it).
  TensorFormat format = grouped("int2", Granularity::kPerChannel);
  const std::vector<float> one = {4, -4, 4, 4, -4, 4, 4, 10};
  // The scale s makes every 4 an s (as 4 > s / 2) for s < 8, and 10 an s: 7 (4 - s)^2 + (10 - s)^2
  // is least at s = 38 / 8 = 4.75, which is 10 times 0.475.
  const QuantizedTensor tensor = quantize_weights(format, WeightQuantizer::kMse, one.data(), 1, 8);
  CHECK(tensor.scale(0, 0) == doctest::Approx(4.75));
  // What counts a hundredfold draws it: 6 * (4 - s)^2 + 100 * ... of the last: (10 - s)^2 * 100 + 7
  // (4 - s)^2 is least at s = (1000 + 28) / 107 = 9.61; 4 becomes 0 from s = 8 on, so that
  // 100 (10 - s)^2 + 7 * 16 is least at 10.
  InputMoments moments = identity(8);
  moments.mean.back() = 100;
  const QuantizedTensor weighted =
      quantize_weights(format, WeightQuantizer::kImportance, one.data(), 1, 8, &moments);
  CHECK(weighted.scale(0, 0) == 10);
}

TEST_CASE("weight quantizers: an error that makes up for another, by hand") {
  // fp4_e2m1 holds 0, 0.5, 1, 1.5, ... 0.7 is nearest to 0.5; what it loses, 0.2, comes back by
  // the second input, which moves with the first: 0.7 + 0.2 * 0.9 / 1.01 = 0.878, nearest to 1.
  TensorFormat format;
  format.format = "fp4_e2m1";
  const float w[] = {0.7f, 0.7f};
  const InputMoments moments{2, {1, 0.9, 0.9, 1}};
  CHECK(decoded(quantize_weights(format, WeightQuantizer::kNearest, w, 1, 2)) ==
        std::vector<float>{0.5f, 0.5f});
  CHECK(decoded(quantize_weights(format, WeightQuantizer::kGptq, w, 1, 2, &moments)) ==
        std::vector<float>{0.5f, 1.0f});
  // Opposite inputs: 0.7 - 0.178.
  const InputMoments opposite{2, {1, -0.9, -0.9, 1}};
  CHECK(decoded(quantize_weights(format, WeightQuantizer::kGptq, w, 1, 2, &opposite)) ==
        std::vector<float>{0.5f, 0.5f});
}

TEST_CASE("weight quantizers: inputs that have nothing to do with each other feed nothing back") {
  const std::vector<float> w = weights();
  const InputMoments same = identity(kColumns);
  for (const Granularity granularity :
       {Granularity::kPerTensor, Granularity::kPerChannel, Granularity::kPerGroup}) {
    const TensorFormat format = grouped("int4", granularity);
    CHECK(quantize_weights(format, WeightQuantizer::kGptq, w.data(), kRows, kColumns, &same)
              .bytes() ==
          quantize_weights(format, WeightQuantizer::kMse, w.data(), kRows, kColumns).bytes());
  }
  // All inputs 0: nothing is known, so every square counts alike.
  const InputMoments none{kColumns, std::vector<double>(at(kColumns * kColumns))};
  const TensorFormat format = grouped("int4", Granularity::kPerGroup);
  CHECK(
      quantize_weights(format, WeightQuantizer::kGptq, w.data(), kRows, kColumns, &none).bytes() ==
      quantize_weights(format, WeightQuantizer::kMse, w.data(), kRows, kColumns).bytes());
}

TEST_CASE("weight quantizers: refusals") {
  const std::vector<float> w = weights();
  const InputMoments other = identity(3);
  const auto message = [&](const char* name, WeightQuantizer quantizer,
                           const InputMoments* moments) -> std::string {
    try {
      quantize_weights(grouped(name, Granularity::kPerTensor), quantizer, w.data(), kRows, kColumns,
                       moments);
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::kInput);
      return e.what();
    }
    return "";
  };
  CHECK(message("q4_0", WeightQuantizer::kMse, nullptr) ==
        "quantizer: mse: q4_0 brings a rule of its own; expected nearest or importance");
  CHECK(message("nf4_dq", WeightQuantizer::kGptq, nullptr) ==
        "quantizer: gptq: nf4_dq brings a rule of its own; expected nearest");
  CHECK(message("int4", WeightQuantizer::kGptq, nullptr) ==
        "quantizer: gptq needs the moments of 64 inputs");
  CHECK(message("int4", WeightQuantizer::kImportance, &other) ==
        "quantizer: importance needs the moments of 64 inputs");
  CHECK(message("q4_0", WeightQuantizer::kNearest, nullptr).empty());
}

}  // namespace bitjoule::weight_quantizer_test
