// The oracle's results against loops over a layer's definition, one result at a time: the same
// bits, whichever results are asked for together.
#include "core/oracle/oracle.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace bitjoule::oracle_test {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// One element of a sum: where it lies in both operands; input row -1 in the padding.
struct Term {
  std::int64_t input_row, input_k, weight_row, weight_k;
};

std::vector<Term> terms_of(const LayerOp& op, std::int64_t index) {
  std::vector<Term> terms;
  if (const auto* c = std::get_if<Conv2d>(&op)) {
    const std::int64_t f = index % c->filters, pixel = index / c->filters;
    const std::int64_t depth = c->channels / c->groups, group = f / (c->filters / c->groups);
    const std::int64_t plane = c->out_height() * c->out_width();
    for (std::int64_t kh = 0, k = 0; kh < c->kernel_h; ++kh)
      for (std::int64_t kw = 0; kw < c->kernel_w; ++kw)
        for (std::int64_t d = 0; d < depth; ++d, ++k) {
          const std::int64_t h =
              pixel % plane / c->out_width() * c->stride_h + kh * c->dilation_h - c->pad_top;
          const std::int64_t w =
              pixel % c->out_width() * c->stride_w + kw * c->dilation_w - c->pad_left;
          const bool inside = h >= 0 && h < c->height && w >= 0 && w < c->width;
          terms.push_back({inside ? (pixel / plane * c->height + h) * c->width + w : -1,
                           group * depth + d, f, k});
        }
    return terms;
  }
  Matmul p = std::holds_alternative<Matmul>(op) ? std::get<Matmul>(op) : Matmul{};
  if (const auto* g = std::get_if<Gemm>(&op)) p = {1, g->m, g->n, g->k, 1};
  const std::int64_t row = index / p.n;
  for (std::int64_t k = 0; k < p.k; ++k)
    terms.push_back({row, k, row / (p.m * p.shared) * p.n + index % p.n, k});
  return terms;
}

struct Case {
  LayerOp op;
  TensorFormat inputs, weights;
  std::string mac;
  std::vector<std::int64_t> chunks;
  bool grouped = false;
};

/// Operands of a case, and its results from the definition.
class Definition {
 public:
  Definition(const Case& c, std::mt19937& random, bool infinite)
      : c_(c),
        extents_(gemm_extents(c.op)),
        conv_(std::get_if<Conv2d>(&c.op)),
        x(random_values(random, input_rows() * input_k())),
        w(random_values(random, weight_rows() * extents_.k)),
        stored_x(QuantizedTensor::quantize(c.inputs, x.data(), input_rows(), input_k())),
        stored_w(QuantizedTensor::quantize(c.weights, w.data(), weight_rows(), extents_.k)),
        decoded_x_(x.size()),
        decoded_w_(w.size()) {
    if (infinite) w[w.size() / 2] = std::numeric_limits<float>::infinity();
    stored_x.decode(decoded_x_.data());
    stored_w.decode(decoded_w_.data());
  }

  OracleResult at_index(std::int64_t index) const {
    const std::vector<Term> terms = terms_of(c_.op, index);
    OracleResult result;
    std::int64_t k = 0;
    for (const std::int64_t end : c_.chunks) {
      const Term& head = terms[at(k)];
      const std::int64_t row = std::max<std::int64_t>(0, head.input_row);
      const std::int64_t column = head.input_row < 0 ? 0 : head.input_k;
      const std::int64_t first = k;
      float sum = 0;
      std::int64_t products = 0, activations = 0;
      for (; k < end; ++k) {
        const Term& t = terms[at(k)];
        const std::int64_t i = t.input_row * input_k() + t.input_k;
        const std::int64_t j = t.weight_row * extents_.k + t.weight_k;
        const bool inside = t.input_row >= 0;
        if (inside) result.reference += static_cast<double>(x[at(i)]) * double{w[at(j)]};
        if (is_integer()) {
          std::int16_t qa = 0, qw = 0;
          if (!inside) continue;
          stored_x.codes(t.input_row, t.input_k, t.input_k + 1, &qa);
          stored_w.codes(t.weight_row, t.weight_k, t.weight_k + 1, &qw);
          const std::int64_t a = qa - stored_x.zero_point(row, column);
          products += a * (qw - stored_w.zero_point(head.weight_row, head.weight_k));
          activations += a;
        } else {
          const float product = (inside ? decoded_x_[at(i)] : 0.0f) * decoded_w_[at(j)];
          sum = sum + product;
        }
      }
      const float sw = is_integer() ? stored_w.scale(head.weight_row, head.weight_k) : 0;
      const float sa = is_integer() ? stored_x.scale(row, column) : 0;
      result.sum += products;
      if (c_.grouped) {
        const float min = stored_w.min(head.weight_row, head.weight_k);
        sum = static_cast<float>(products) * sw * sa;
        if (min != 0) sum += min * sa * static_cast<float>(activations);
      }
      if (!is_integer() || c_.grouped) result.value = first == 0 ? sum : result.value + sum;
      if (is_integer()) result.real_scale = double{sa} * double{sw};
      if (is_integer() && !c_.grouped && end == extents_.k)
        result.value = static_cast<float>(result.sum) * sw * sa;
    }
    result.overflow = result.sum != static_cast<std::int32_t>(result.sum);
    return result;
  }

 private:
  const Case& c_;
  GemmExtents extents_;
  const Conv2d* conv_;

  static std::vector<float> random_values(std::mt19937& random, std::int64_t count) {
    std::normal_distribution<float> normal(0.2f, 1);
    std::vector<float> values(at(count));
    for (float& v : values) v = normal(random);
    return values;
  }
  bool is_integer() const { return find_mac_type(c_.mac).is_integer; }
  std::int64_t input_k() const { return conv_ != nullptr ? conv_->channels : extents_.k; }
  std::int64_t input_rows() const {
    return conv_ != nullptr ? conv_->batch * conv_->height * conv_->width
                            : extents_.groups * extents_.m;
  }
  std::int64_t weight_rows() const {
    const auto* product = std::get_if<Matmul>(&c_.op);
    return extents_.groups * extents_.n / (product != nullptr ? product->shared : 1);
  }

 public:
  std::vector<float> x, w;
  QuantizedTensor stored_x, stored_w;

 private:
  std::vector<float> decoded_x_, decoded_w_;
};

TensorFormat format_of(const char* name, Granularity granularity = Granularity::kPerTensor,
                       bool symmetric = true) {
  TensorFormat f;
  f.format = name;
  f.granularity = granularity;
  f.symmetric = symmetric;
  return f;
}

std::vector<Case> cases() {
  Conv2d conv;
  conv.batch = 2;
  conv.height = 7;
  conv.width = 5;
  conv.channels = 8;
  conv.filters = 22;
  conv.groups = 2;
  conv.kernel_h = 3;
  conv.kernel_w = 2;
  conv.dilation_w = 2;
  conv.pad_top = conv.pad_right = conv.pad_bottom = 1;
  Conv2d depthwise = conv;
  depthwise.groups = depthwise.filters = 8;
  const Gemm many{37, 21, 64}, one{1, 21, 64};
  const Matmul product{6, 5, 9, 64, 3};
  const TensorFormat fp32 = format_of("fp32");
  const TensorFormat int8 = format_of("int8"),
                     uint8 = format_of("uint8", Granularity::kPerTensor, false);
  const TensorFormat channels = format_of("int8", Granularity::kPerChannel);
  const TensorFormat uneven = format_of("uint8", Granularity::kPerChannel, false);
  const TensorFormat wide = format_of("int16");
  TensorFormat groups = format_of("uint4", Granularity::kPerGroup, false);
  groups.group_size = 32;
  std::vector<Case> all;
  for (const LayerOp& op :
       {LayerOp{conv}, LayerOp{depthwise}, LayerOp{many}, LayerOp{one}, LayerOp{product}}) {
    const std::int64_t k = gemm_extents(op).k;
    const std::vector<std::int64_t> chunks =
        k > 5 ? std::vector<std::int64_t>{5, k - 1, k} : std::vector<std::int64_t>{k};
    all.push_back({op, fp32, fp32, "fp32", chunks});
    all.push_back({op, int8, channels, "int8", chunks});
    all.push_back({op, uint8, uneven, "int8", chunks});
    all.push_back({op, wide, wide, "int16", {k}});
    if (!std::holds_alternative<Conv2d>(op))
      all.push_back({op, uneven, groups, "int8", {32, 64}, true});
  }
  return all;
}

template <class T>
bool same_bits(T a, T b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

}  // namespace

TEST_CASE("oracle: results have the bits of the definition, one or many at a time") {
  MESSAGE("seed 51");
  std::mt19937 random(51);
  for (const Case& c : cases())
    for (const bool infinite : {false, true}) {
      CAPTURE(c.op.index());
      CAPTURE(c.inputs.format);
      CAPTURE(c.weights.format);
      CAPTURE(infinite);
      const Definition d(c, random, infinite);
      const Oracle oracle(c.op, find_mac_type(c.mac), d.stored_x, d.stored_w, d.x, d.w, c.chunks,
                          c.grouped);
      std::vector<std::int64_t> all, some;
      for (std::int64_t i = 0; i < oracle.outputs(); ++i) all.push_back(i);
      for (std::int64_t i = 0; i < oracle.outputs();
           i += 1 + static_cast<std::int64_t>(random() % 9))
        some.push_back(i);
      std::vector<std::int64_t> shuffled = all;
      std::shuffle(shuffled.begin(), shuffled.end(), random);
      for (const auto& indices : {all, some, shuffled}) {
        std::int64_t told = 0;
        const std::vector<OracleResult> got =
            oracle.at(indices, [&](std::int64_t results) { told = results; });
        REQUIRE(got.size() == indices.size());
        CHECK(told == static_cast<std::int64_t>(indices.size()));
        std::int64_t wrong = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
          const OracleResult e = d.at_index(indices[i]);
          wrong += same_bits(got[i].value, e.value) && same_bits(got[i].reference, e.reference) &&
                           got[i].sum == e.sum && got[i].overflow == e.overflow &&
                           (!find_mac_type(c.mac).is_integer ||
                            same_bits(got[i].real_scale, e.real_scale))
                       ? 0
                       : 1;
        }
        CHECK(wrong == 0);
      }
    }
}

}  // namespace bitjoule::oracle_test
