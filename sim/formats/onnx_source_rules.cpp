// Rules of operators that yield elements from shapes and constants alone, and of those that change
// the sizes of images.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "sim/formats/onnx_fold.h"
#include "sim/formats/onnx_model.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;
using Infos = std::vector<OnnxInfo>;
using Folded = std::vector<StoredTensor>;

Folded integers_of(const OnnxOperands& in, const OnnxInfo& out, Shape values) {
  return {tensor_of(in.node, out, OnnxNumbers{true, std::move(values), {}})};
}

/// The sizes that Shape names: all, or from `start` to `end` (opset 15 on).
Shape named_sizes(const OnnxOperands& in) {
  const Shape& x = in.shape(0);
  const auto rank = static_cast<std::int64_t>(x.size());
  const auto place = [&](const char* name, std::int64_t otherwise) {
    const std::int64_t value = in.node.integer(name, otherwise);
    return std::clamp<std::int64_t>(value < 0 ? value + rank : value, 0, rank);
  };
  const std::int64_t start = place("start", 0), end = place("end", rank);
  return start < end ? Shape(x.begin() + start, x.begin() + end) : Shape();
}

Infos shape_of(const OnnxOperands& in) {
  return {{P::INT64, {static_cast<std::int64_t>(named_sizes(in).size())}}};
}

Folded fold_shape(const OnnxOperands& in, const Infos& out) {
  return integers_of(in, out[0], named_sizes(in));
}

Infos size_of(const OnnxOperands&) { return {{P::INT64, {}}}; }

Folded fold_size(const OnnxOperands& in, const Infos& out) {
  return integers_of(in, out[0], {volume_of(in.shape(0))});
}

Infos constant_of_shape(const OnnxOperands& in) {
  const onnx::AttributeProto* value = in.node.find("value");
  if (value != nullptr &&
      (value->t().dims_size() > 1 || (value->t().dims_size() == 1 && value->t().dims(0) != 1)))
    in.node.fail("value: expected one element");
  return {{value == nullptr ? int{P::FLOAT} : value->t().data_type(), in.integers(0)}};
}

Folded fold_constant_of_shape(const OnnxOperands& in, const Infos& out) {
  const onnx::AttributeProto* value = in.node.find("value");
  const auto count = static_cast<std::size_t>(volume_of(out[0].shape));
  if (value == nullptr) return {computed_tensor(in.node, out[0], std::string(4 * count, '\0'))};
  const StoredTensor one = to_stored(value->t(), in.node.file());
  std::string bytes;
  bytes.reserve(count * one.bytes);
  for (std::size_t i = 0; i < count; ++i)
    bytes.append(reinterpret_cast<const char*>(one.data), one.bytes);
  return {computed_tensor(in.node, out[0], std::move(bytes))};
}

/// Elements of a Range: its start and step as numbers, and how many there are.
struct RangeOf {
  OnnxNumbers start, step;
  std::int64_t count;
};

RangeOf range_of(const OnnxOperands& in) {
  for (int i = 0; i < 3; ++i)
    if (in.type(i) != in.type(0) || volume_of(in.shape(i)) != 1)
      in.node.fail("expected three scalars of one type");
  const OnnxNumbers start = numbers_of(in.value(0)), limit = numbers_of(in.value(1)),
                    step = numbers_of(in.value(2));
  const auto real = [](const OnnxNumbers& n) {
    return n.integer ? static_cast<double>(n.whole[0]) : n.real[0];
  };
  const double count = std::ceil((real(limit) - real(start)) / real(step));
  if (!(count <= 0x1p46)) in.node.fail("it has too many elements, or no step");
  return {start, step, static_cast<std::int64_t>(std::max(0.0, count))};
}

Infos range(const OnnxOperands& in) { return {{in.type(0), {range_of(in).count}}}; }

Folded fold_range(const OnnxOperands& in, const Infos& out) {
  const RangeOf range = range_of(in);
  OnnxNumbers y{range.start.integer, {}, {}};
  for (std::int64_t i = 0; i < range.count; ++i)
    if (y.integer)
      y.whole.push_back(static_cast<std::int64_t>(
          static_cast<std::uint64_t>(range.start.whole[0]) +
          static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(range.step.whole[0])));
    else
      y.real.push_back(range.start.real[0] + static_cast<double>(i) * range.step.real[0]);
  return {tensor_of(in.node, out[0], y)};
}

/// Indices of what is not 0, axis by axis: how many there are is in no shape.
Shape places_not_zero(const OnnxOperands& in) {
  const StoredTensor x = in.value(0);
  const OnnxNumbers numbers = numbers_of(x);
  Shape places;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (numbers.integer ? numbers.whole[i] != 0 : numbers.real[i] != 0)
      places.push_back(static_cast<std::int64_t>(i));
  return places;
}

Infos not_zero(const OnnxOperands& in) {
  const auto found = static_cast<std::int64_t>(places_not_zero(in).size());
  return {{onnx::TensorProto::INT64,
           {std::max<std::int64_t>(1, static_cast<std::int64_t>(in.shape(0).size())), found}}};
}

Folded fold_not_zero(const OnnxOperands& in, const Infos& out) {
  Shape shape = in.shape(0);
  if (shape.empty()) shape = {1};
  const Shape strides = strides_of(shape), places = places_not_zero(in);
  OnnxNumbers y{true, {}, {}};
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    for (const std::int64_t place : places) y.whole.push_back(place / strides[axis] % shape[axis]);
  return {tensor_of(in.node, out[0], y)};
}

/// SpaceToDepth and DepthToSpace.
Infos blocks(const OnnxOperands& in) {
  const std::int64_t b = in.node.integer("blocksize", 0);
  constexpr std::int64_t kMax = std::int64_t{1} << 31;
  if (b < 1 || b > kMax) in.node.fail(fmt::format("blocksize: expected 1..{}, got {}", kMax, b));
  Shape x = in.shape(0);
  if (x.size() != 4) in.node.fail(fmt::format("expected 4 axes, got {}", x.size()));
  const bool to_depth = in.node.op() == "SpaceToDepth";
  const std::int64_t height = x[2], width = x[3], channels = x[1];
  if (to_depth ? height % b != 0 || width % b != 0 : channels % b != 0 || channels / b % b != 0)
    in.node.fail("the image does not hold whole blocks");
  if (to_depth) return {{in.type(0), {x[0], channels * b * b, height / b, width / b}}};
  return {{in.type(0), {x[0], channels / b / b, height * b, width * b}}};
}

/// Upsample takes scales as an attribute until opset 9, then as its second operand.
Infos resize(const OnnxOperands& in) {
  const OnnxNode& node = in.node;
  const Shape& x = in.shape(0);
  const bool upsamples = node.op() == "Upsample" || node.opset() < 11;
  if (node.has("axes") || node.integer("antialias", 0) != 0 ||
      node.text("keep_aspect_ratio_policy", "stretch") != "stretch")
    node.fail("axes, antialias and keep_aspect_ratio_policy are not supported");
  const int scales_at = upsamples ? 1 : 2;
  if (!upsamples && in.has(3) && volume_of(in.shape(3)) > 0) {
    const Shape sizes = in.integers(3);
    if (sizes.size() != x.size()) node.fail("sizes: expected one for each axis");
    for (const std::int64_t size : sizes)
      if (size < 1) node.fail(fmt::format("sizes: expected 1 or more, got {}", size));
    return {{in.type(0), sizes}};
  }
  std::vector<float> scales;
  if (in.has(scales_at)) scales = to_floats(in.value(scales_at));
  if (const auto* attribute = node.find("scales"); attribute != nullptr && scales.empty())
    scales.assign(attribute->floats().begin(), attribute->floats().end());
  if (scales.size() != x.size()) node.fail("scales: expected one for each axis");
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(scales[i] > 0 && scales[i] < 65536))
      node.fail(fmt::format("scales: expected positive numbers, got {}", scales[i]));
    out.push_back(static_cast<std::int64_t>(std::floor(static_cast<float>(x[i]) * scales[i])));
  }
  return {{in.type(0), out}};
}

void require_own(const OnnxNode& node) {
  if (node.proto().domain() != kOwnDomain) node.fail("the operator is not known");
}

Infos spread(const OnnxOperands& in) {
  require_own(in.node);
  return {{in.type(0), in.node.integers("sizes")}};
}

/// Kernels [inputs, outputs / group, ...] turned by half a turn as [outputs, inputs / group, ...].
Infos turned(const OnnxOperands& in) {
  require_own(in.node);
  const std::int64_t group = in.node.integer("group", 1);
  Shape w = in.shape(0);
  if (w.size() < 3 || group < 1 || w[0] % group != 0)
    in.node.fail("the weights do not fit the groups");
  const std::int64_t inputs = w[0];
  w[0] = w[1] * group;
  w[1] = inputs / group;
  return {{in.type(0), w}};
}

Folded fold_turned(const OnnxOperands& in, const Infos& out) {
  const StoredTensor from = in.value(0);
  const Shape &w = in.shape(0), &to = out[0].shape;
  const auto width = static_cast<std::size_t>(from.type->block_bytes);
  const std::int64_t pixels = volume_of(Shape(w.begin() + 2, w.end()));
  const std::int64_t per_group = w[1], inputs = to[1];
  std::string bytes(from.bytes, '\0');
  for (std::int64_t o = 0; o < to[0]; ++o)
    for (std::int64_t i = 0; i < inputs; ++i)
      for (std::int64_t p = 0; p < pixels; ++p) {
        const std::int64_t row = o / per_group * inputs + i;
        const std::int64_t source = (row * per_group + o % per_group) * pixels + pixels - 1 - p;
        const std::int64_t place = (o * inputs + i) * pixels + p;
        std::memcpy(&bytes[static_cast<std::size_t>(place) * width],
                    from.data + static_cast<std::size_t>(source) * width, width);
      }
  return {computed_tensor(in.node, out[0], std::move(bytes))};
}

/// MatMulNBits' weights: codes [N, blocks, bytes], low bits first; scales and zero-points of blocks
/// along K, zero-points packed a row like codes, or of the scales' type. Without, half the range.
Infos bits(const OnnxOperands& in) {
  require_own(in.node);
  const OnnxNode& node = in.node;
  const std::int64_t k = node.integer("K", 0), n = node.integer("N", 0);
  const std::int64_t block = node.integer("block_size", 0), width = node.integer("bits", 4);
  if (k < 1 || n < 1 || k > kMaxTensorElements / n || block < 16 || block > k * 2 + 256 ||
      (block & (block - 1)) != 0 || (width != 2 && width != 4 && width != 8))
    node.fail(fmt::format("K {}, N {}, blocks of {}, {} bits", k, n, block, width));
  const std::int64_t blocks = (k + block - 1) / block;
  if (in.type(0) != P::UINT8 || volume_of(in.shape(0)) != n * blocks * block * width / 8 ||
      volume_of(in.shape(1)) != n * blocks)
    node.fail("its weights or scales have another size");
  const std::int64_t packed = (blocks * width + 7) / 8;
  if (in.has(2) && volume_of(in.shape(2)) != n * (in.type(2) == P::UINT8 ? packed : blocks))
    node.fail("its zero-points have another size");
  return {{in.type(1), {k, n}}};
}

Folded fold_bits(const OnnxOperands& in, const Infos& out) {
  const OnnxNode& node = in.node;
  const std::int64_t k = out[0].shape[0], n = out[0].shape[1];
  const std::int64_t block = node.integer("block_size", 0), width = node.integer("bits", 4);
  const std::int64_t blocks = (k + block - 1) / block, packed = (blocks * width + 7) / 8;
  const StoredTensor codes = in.value(0);
  const OnnxNumbers scales = numbers_of(in.value(1));
  const bool has_zeros = in.has(2), are_packed = has_zeros && in.type(2) == P::UINT8;
  const StoredTensor zero_codes = has_zeros ? in.value(2) : StoredTensor();
  const OnnxNumbers zeros = has_zeros && !are_packed ? numbers_of(zero_codes) : OnnxNumbers();
  const auto code = [width](const std::uint8_t* row, std::int64_t i) {
    return row[i * width / 8] >> (i * width % 8) & ((1 << width) - 1);
  };
  OnnxNumbers y;
  y.real.resize(static_cast<std::size_t>(k * n));
  for (std::int64_t r = 0; r < n; ++r)
    for (std::int64_t i = 0; i < k; ++i) {
      const std::int64_t b = r * blocks + i / block;
      double zero = static_cast<double>(1 << (width - 1));
      if (are_packed) zero = code(zero_codes.data + r * packed, i / block);
      if (has_zeros && !are_packed) zero = zeros.real[static_cast<std::size_t>(b)];
      const int q = code(codes.data + b * block * width / 8, i % block);
      y.real[static_cast<std::size_t>(i * n + r)] =
          (q - zero) * scales.real[static_cast<std::size_t>(b)];
    }
  return {tensor_of(node, out[0], y)};
}

/// Constants by one scale, one for each index of an axis, or one for each block along it.
Infos dequantized_codes(const OnnxOperands& in) {
  require_own(in.node);
  const Shape &x = in.shape(0), &scale = in.shape(1);
  if (in.has(2) && in.shape(2) != scale) in.node.fail("scale and zero-point differ in shape");
  const auto named = static_cast<int>(in.node.integer("output_dtype", 0));
  const OnnxInfo out = {named != 0                  ? named
                        : in.type(1) == kOnnxScale8 ? int{P::FLOAT}
                                                    : in.type(1),
                        x};
  if (volume_of(scale) == 1) return {out};
  const auto axis =
      static_cast<std::size_t>(in.node.settled_axis(in.node.integer("axis", 1), x.size()));
  const std::int64_t block = in.node.integer("block_size", 0);
  if (block < 0 || block > kMaxTensorElements) in.node.fail(fmt::format("block_size {}", block));
  Shape expected = {x[axis]};
  if (block > 0) {
    expected = x;
    expected[axis] = (x[axis] + block - 1) / block;
  }
  if (scale != expected) in.node.fail("its scales do not fit its blocks");
  return {out};
}

Folded fold_dequantized(const OnnxOperands& in, const Infos& out) {
  const Shape& x = in.shape(0);
  const bool one = volume_of(in.shape(1)) == 1;
  const auto axis =
      one ? 0
          : static_cast<std::size_t>(in.node.settled_axis(in.node.integer("axis", 1), x.size()));
  const std::int64_t block = in.node.integer("block_size", 0);
  const auto reals = [&](int operand) {
    OnnxNumbers numbers = numbers_of(in.value(operand));
    numbers.real.insert(numbers.real.end(), numbers.whole.begin(), numbers.whole.end());
    return numbers.real;
  };
  const std::vector<double> codes = reals(0), scales = reals(1);
  const std::vector<double> zeros = in.has(2) ? reals(2) : std::vector<double>(scales.size(), 0);
  const Shape strides = strides_of(x),
              places = block > 0 ? strides_of(in.shape(1)) : Shape(x.size(), 0);
  OnnxNumbers y;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), place = 0;
    for (std::size_t d = 0; !one && d < x.size(); rest %= strides[d], ++d) {
      const std::int64_t index = rest / strides[d];
      if (block > 0)
        place += (d == axis ? index / block : index) * places[d];
      else if (d == axis)
        place = index;
    }
    const auto p = static_cast<std::size_t>(place);
    y.real.push_back((codes[i] - zeros[p]) * scales[p]);
  }
  return {tensor_of(in.node, out[0], y)};
}

/// Rows of [n, c] at indices [m] give way to those of [m, c].
Infos scattered(const OnnxOperands& in) {
  require_own(in.node);
  const Shape &x = in.shape(0), &places = in.shape(1), &fresh = in.shape(2);
  if (x.size() != 2 || places.size() != 1 || fresh != Shape{places[0], x[1]} ||
      in.type(2) != in.type(0))
    in.node.fail("its updates do not fit its indices and its data");
  return {in.info(0)};
}

std::int64_t only_integer(const OnnxOperands& in, int operand) {
  const Shape values = in.integers(operand);
  if (values.size() != 1)
    in.node.fail(fmt::format("operand {}: expected one integer", operand + 1));
  return values.front();
}

/// The upper or lower triangle of the last two axes; zeros elsewhere.
Infos triangle(const OnnxOperands& in) {
  if (in.shape(0).size() < 2) in.node.fail("expected 2 axes or more");
  return {in.info(0)};
}

Folded fold_triangle(const OnnxOperands& in, const Infos& out) {
  const StoredTensor from = in.value(0);
  const bool upper = in.node.integer("upper", 1) != 0;
  const std::int64_t k = in.has(1) ? only_integer(in, 1) : 0;
  const std::int64_t rows = out[0].shape[out[0].shape.size() - 2], columns = out[0].shape.back();
  const auto width = static_cast<std::size_t>(from.type->block_bytes);
  std::string bytes(reinterpret_cast<const char*>(from.data), from.bytes);
  for (std::int64_t i = 0; i < volume_of(out[0].shape); ++i) {
    const std::int64_t distance = i % columns - i / columns % rows;
    if (upper ? distance < k : distance > k)
      std::memset(&bytes[static_cast<std::size_t>(i) * width], 0, width);
  }
  return {computed_tensor(in.node, out[0], std::move(bytes))};
}

/// Sums up to each place of an axis, or up to the one before; from behind.
Infos sums(const OnnxOperands& in) { return {in.info(0)}; }

Folded fold_sums(const OnnxOperands& in, const Infos& out) {
  const Shape& shape = out[0].shape;
  const auto axis =
      static_cast<std::size_t>(in.node.settled_axis(only_integer(in, 1), shape.size()));
  const bool back = in.node.integer("reverse", 0) != 0,
             excludes = in.node.integer("exclusive", 0) != 0;
  OnnxNumbers x = numbers_of(in.value(0));
  const auto stride = static_cast<std::size_t>(strides_of(shape)[axis]);
  const auto n = static_cast<std::size_t>(shape[axis]);
  const auto add_up = [&](auto& values) {
    for (std::size_t first = 0; first < values.size(); first += n * stride)
      for (std::size_t i = first; i < first + stride; ++i) {
        std::decay_t<decltype(values[i])> sum = 0;
        for (std::size_t j = 0; j < n; ++j) {
          auto& value = values[i + (back ? n - 1 - j : j) * stride];
          const auto before = sum;
          sum += value;
          value = excludes ? before : sum;
        }
      }
  };
  x.integer ? add_up(x.whole) : add_up(x.real);
  return {tensor_of(in.node, out[0], x)};
}

Infos tile(const OnnxOperands& in) {
  const Shape times = in.integers(1);
  Shape out = in.shape(0);
  if (times.size() != out.size()) in.node.fail("repeats: expected one for each axis");
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (times[i] < 0 || times[i] > kMaxTensorElements)
      in.node.fail(fmt::format("repeats: {}", times[i]));
    out[i] *= times[i];
  }
  return {{in.type(0), out}};
}

}  // namespace

const std::vector<OnnxRule>& onnx_source_rules() {
  static const std::vector<OnnxRule> kRows = {
      {"Shape", 1, 1, 1, "start:i end:i", shape_of, fold_shape},
      {"Size", 1, 1, 1, "", size_of, fold_size},
      {"ConstantOfShape", 1, 1, 1, "value:t", constant_of_shape, fold_constant_of_shape},
      {"NonZero", 1, 1, 1, "", not_zero, fold_not_zero},
      {"Range", 3, 3, 1, "", range, fold_range},
      {"SpaceToDepth", 1, 1, 1, "blocksize:i", blocks, nullptr},
      {"DepthToSpace", 1, 1, 1, "blocksize:i mode:s", blocks, nullptr},
      {"Resize", 1, 4, 1,
       "antialias:i axes:I coordinate_transformation_mode:s cubic_coeff_a:f exclude_outside:i "
       "extrapolation_value:f keep_aspect_ratio_policy:s mode:s nearest_mode:s",
       resize, nullptr},
      {"Upsample", 1, 2, 1, "mode:s scales:F", resize, nullptr},
      {"Tile", 2, 2, 1, "", tile, nullptr},
      // On constants only.
      {"Trilu", 1, 2, 1, "upper:i", triangle, fold_triangle},
      {"CumSum", 2, 2, 1, "exclusive:i reverse:i", sums, fold_sums},
      // The weights of com.microsoft's MatMulNBits.
      {"DequantizeBits", 2, 3, 1, "K:i N:i bits:i block_size:i", bits, fold_bits},
      // Constants of blocks, or of floats of 8 or 4 bits.
      {"DequantizeCodes", 2, 3, 1, "axis:i block_size:i output_dtype:i", dequantized_codes,
       fold_dequantized},
      // Of ScatterND and its kin.
      {"ScatterRows", 3, 3, 1, "way:i", scattered, nullptr},
      // Parts of a transposed convolution.
      {"SpreadImage", 1, 1, 1, "sizes:I starts:I steps:I", spread, nullptr},
      {"TurnKernel", 1, 1, 1, "group:i", turned, fold_turned},
  };
  return kRows;
}

}  // namespace bitjoule
