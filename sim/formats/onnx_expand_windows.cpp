// Windows and their places: norms of windows, the places of maxima and back
// from them, cuts and paddings around the middle, sequences backwards, windows
// of signals.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_rules.h"

namespace bitjoule {
namespace {

using Names = std::vector<std::string>;
using P = onnx::TensorProto;

/// (sum |x|^p over the window)^(1/p), by a mean that counts padding.
void lp_pool(OnnxWriter& w) {
  const Shape x = w.shape(0), kernel = w.node.integers("kernel_shape");
  if (x.empty()) return;
  const std::vector<OnnxWindow> windows = onnx_windows(w.node, x, kernel);
  for (const OnnxWindow& window : windows)
    if (window.beyond > 0) w.node.fail("windows beyond the padding are not supported");
  const auto p = static_cast<double>(w.node.integer("p", 2));
  const std::string powers =
      w.add("Pow", {w.add("Abs", {w.node.input(0)}, "magnitudes"), w.number("p", p)}, "powers");
  const std::string mean = w.add("AveragePool", {powers}, "mean");
  w.with("count_include_pad", std::int64_t{1}).with("kernel_shape", kernel);
  Shape pads, strides, dilations;
  for (const OnnxWindow& window : windows) {
    pads.push_back(window.before);
    strides.push_back(window.stride);
    dilations.push_back(window.dilation);
  }
  for (const OnnxWindow& window : windows) pads.push_back(window.after);
  w.with("pads", pads).with("strides", strides);
  if (std::any_of(dilations.begin(), dilations.end(), [](std::int64_t d) { return d > 1; }))
    w.with("dilations", dilations);
  const auto size = static_cast<double>(volume_of(kernel));
  const std::string sum = w.add("Mul", {mean, w.number("size", size)}, "sum");
  w.add("Pow", {sum, w.number("root", 1 / p)});
}

void global_lp_pool(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (x.size() < 3) return;
  const auto p = static_cast<double>(w.node.integer("p", 2));
  const std::string powers =
      w.add("Pow", {w.add("Abs", {w.node.input(0)}, "magnitudes"), w.number("p", p)}, "powers");
  const std::string axes = w.sized("axes", counted(2, static_cast<std::int64_t>(x.size())));
  w.add("Pow", {w.add("ReduceSum", {powers, axes}, "sum"), w.number("root", 1 / p)});
}

/// Flat places in one image of the elements of a window, -1 behind its borders;
/// outputs one after the other.
Shape window_places(const std::vector<OnnxWindow>& windows) {
  Shape all;
  std::int64_t outputs = 1, elements = 1;
  for (const OnnxWindow& window : windows) {
    outputs *= window.out;
    elements *= window.kernel;
  }
  for (std::int64_t o = 0; o < outputs; ++o)
    for (std::int64_t e = 0; e < elements; ++e) {
      std::int64_t place = 0, stride = 1, left_o = o, left_e = e;
      for (std::size_t d = windows.size(); d-- > 0;) {
        const OnnxWindow& window = windows[d];
        const std::int64_t at = left_o % window.out * window.stride +
                                left_e % window.kernel * window.dilation - window.before;
        if (place >= 0) place = at < 0 || at >= window.size ? -1 : place + at * stride;
        stride *= window.size;
        left_o /= window.out;
        left_e /= window.kernel;
      }
      all.push_back(place);
    }
  return all;
}

/// The same place counted column by column.
std::int64_t by_columns(const std::vector<OnnxWindow>& windows, std::int64_t place) {
  std::int64_t result = 0, rest = place, strides = 1;
  for (const OnnxWindow& window : windows) strides *= window.size;
  for (std::size_t d = windows.size(); d-- > 0; rest /= windows[d].size) {
    std::int64_t stride = 1;
    for (std::size_t i = 0; i < d; ++i) stride *= windows[i].size;
    result += rest % windows[d].size * stride;
  }
  return result;
}

/// Maxima and their places: elements of all windows side by side, the first of
/// the largest.
void max_pool_places(OnnxWriter& w) {
  const Shape x = w.shape(0), kernel = w.node.integers("kernel_shape");
  if (w.node.output(1).empty()) return expand_volume_max_pool(w);
  if (x.size() < 3) return;
  const std::vector<OnnxWindow> windows = onnx_windows(w.node, x, kernel);
  const std::int64_t images = x[0] * x[1], elements = volume_of(kernel);
  const std::int64_t pixels = volume_of(Shape(x.begin() + 2, x.end()));
  Shape out = {x[0], x[1]};
  for (const OnnxWindow& window : windows) out.push_back(window.out);
  const std::int64_t outputs = volume_of(out) / images;
  w.check_made({images, outputs, elements});
  const Shape places = window_places(windows);
  std::string rows = w.reshaped(w.node.input(0), {images, pixels}, "rows");
  Shape taken = places;  // what lies behind the borders is one more element
  for (std::int64_t& place : taken)
    if (place < 0) place = pixels;
  const bool is_float = w.type(0) == P::FLOAT || w.type(0) == P::FLOAT16 || w.type(0) == P::DOUBLE;
  const double least = is_float ? -6e4 : w.type(0) == P::UINT8 ? 0 : -128;
  const std::string border =
      w.add("Expand",
            {w.scalar("least", w.type(0) == P::FLOAT ? -3e38 : least, w.type(0)),
             w.sized("border_shape", {images, 1})},
            "border");
  rows = w.add("Concat", {rows, border}, "bordered");
  w.with("axis", std::int64_t{1});
  std::string all = w.add("Gather", {rows, w.sized("taken", taken)}, "taken_elements");
  w.with("axis", std::int64_t{1});
  all = w.reshaped(all, {images, outputs, elements}, "windows");
  const std::string largest = w.add("ReduceMax", {all}, "largest");
  w.with("axes", Shape{2}).with("keepdims", std::int64_t{0});
  w.add("Reshape", {largest, w.sized("output_shape", out)});
  const std::string best = w.add("ArgMax", {all}, "best");
  w.with("axis", std::int64_t{2}).with("keepdims", std::int64_t{0});
  // The place of element e of output o, and the image before it.
  Shape bases, table = places, offsets;
  for (std::int64_t o = 0; o < outputs; ++o) bases.push_back(o * elements);
  if (w.node.integer("storage_order", 0) != 0)
    for (std::int64_t& place : table)
      if (place >= 0) place = by_columns(windows, place);
  for (std::int64_t& place : table) place = std::max<std::int64_t>(place, 0);
  for (std::int64_t i = 0; i < images; ++i) offsets.push_back(i * pixels);
  const std::string at =
      w.add("Add", {best, w.sized_of(P::INT64, "bases", bases, {1, outputs})}, "at");
  const std::string found = w.add("Gather", {w.sized("places", table), at}, "found");
  const std::string flat =
      w.add("Add", {found, w.sized_of(P::INT64, "offsets", offsets, {images, 1})}, "flat");
  w.add("Reshape", {flat, w.sized("output_shape", out)}, "indices");
  w.to_output(1);
}

/// Elements to the places that a MaxPool found; zeros elsewhere.
void max_unpool(OnnxWriter& w) {
  const Shape x = w.shape(0), kernel = w.node.integers("kernel_shape");
  if (x.size() < 3) return;
  Shape out = x;
  if (w.has(2)) {
    const std::optional<Shape> given = w.whole(2);
    if (!given || given->size() != x.size()) w.node.fail("output_shape must be a constant");
    out = *given;
  }
  const Shape strides = w.node.integers("strides", Shape(kernel.size(), 1));
  const Shape pads = w.node.integers("pads", Shape(2 * kernel.size(), 0));
  if (kernel.size() + 2 != x.size() || strides.size() != kernel.size() ||
      pads.size() != 2 * kernel.size())
    w.node.fail(
        "kernel_shape, strides and pads: expected one for each axis of "
        "the image");
  Shape own = x;  // what the indices count in
  for (std::size_t i = 0; i < kernel.size(); ++i)
    own[i + 2] = (x[i + 2] - 1) * strides[i] + kernel[i] - pads[i] - pads[kernel.size() + i];
  if (!w.has(2)) out = own;
  Shape pads_behind(2 * x.size(), 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (own[i] < 1 || out[i] < own[i]) w.node.fail("its result is smaller than its windows");
    pads_behind[x.size() + i] = out[i] - own[i];
  }
  w.check_made(out);
  const std::string zeros =
      w.add("Expand", {w.scalar("zero", 0, w.type(0)), w.sized("flat_shape", {volume_of(own), 1})},
            "zeros");
  const std::string places = w.reshaped(w.node.input(1), {volume_of(x)}, "places");
  const std::string updates = w.reshaped(w.node.input(0), {volume_of(x), 1}, "updates");
  const std::string flat = w.add("ScatterRows", {zeros, places, updates}, "scattered");
  w.with("way", std::int64_t{0}).in_domain(kOwnDomain);
  w.add("Pad", {w.reshaped(flat, own, "image"), w.sized("pads_behind", pads_behind)});
}

/// The middle of an axis, or the axis in the middle of zeros.
void center_crop_pad(OnnxWriter& w) {
  const Shape x = w.shape(0);
  const std::optional<Shape> to = w.whole(1);
  if (x.empty() || !to) return;
  const Shape axes = w.node.integers("axes", counted(0, static_cast<std::int64_t>(x.size())));
  if (axes.size() != to->size()) w.node.fail("shape: expected one size for each axis");
  std::string y = w.node.input(0);
  Shape pads(2 * x.size(), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(w.node.settled_axis(axes[i], x.size()));
    const std::int64_t from = x[axis], size = (*to)[i];
    if (size < 1 || size > kMostMade) w.node.fail(fmt::format("shape: {}", size));
    if (size < from) {
      const std::int64_t first = (from - size) / 2;
      y = w.add("Slice", {y}, fmt::format("axis{}", axis));
      w.with("starts", Shape{first}).with("ends", Shape{first + size});
      w.with("axes", Shape{static_cast<std::int64_t>(axis)});
    } else {
      pads[axis] = (size - from) / 2;
      pads[x.size() + axis] = size - from - pads[axis];
    }
  }
  w.add("Pad", {y, w.sized("pads", pads)});
}

/// The first elements of each sequence backwards, as many as a constant says.
void reverse_sequence(OnnxWriter& w) {
  const Shape x = w.shape(0);
  const std::optional<Shape> lengths = w.whole(1);
  if (x.size() < 2) return;
  if (!lengths) w.node.fail("sequence_lens must be a constant");
  const std::int64_t batch = w.node.integer("batch_axis", 1), time = w.node.integer("time_axis", 0);
  if (batch + time != 1 || batch * time != 0)
    w.node.fail("expected batch_axis and time_axis 0 and 1");
  if (lengths->size() != static_cast<std::size_t>(x[static_cast<std::size_t>(batch)]))
    w.node.fail("sequence_lens: expected one for each sequence");
  Shape places;
  for (std::int64_t i = 0; i < x[0]; ++i)
    for (std::int64_t j = 0; j < x[1]; ++j) {
      const std::int64_t t = time == 0 ? i : j;
      const std::int64_t n = (*lengths)[static_cast<std::size_t>(time == 0 ? j : i)];
      const std::int64_t from = t < n ? n - 1 - t : t;
      places.push_back(time == 0 ? from * x[1] + j : i * x[1] + from);
    }
  for (const std::int64_t place : places)
    if (place < 0 || place >= x[0] * x[1]) w.node.fail("sequence_lens: longer than the sequences");
  const std::string flat =
      w.reshaped(w.node.input(0), {x[0] * x[1], volume_of(x) / x[0] / x[1]}, "flat");
  w.add("Reshape",
        {w.add("Gather", {flat, w.sized("places", places)}, "taken"), w.sized("output_shape", x)});
}

/// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N).
void signal_window(OnnxWriter& w, double a0, double a1, double a2) {
  const std::optional<Shape> size = w.whole(0);
  if (w.reads_constants() && !size) return;
  if (!size || size->size() != 1) w.node.fail("its size must be a constant");
  const std::int64_t n = size->front();
  if (n < 1 || n > kMostMade) w.node.fail(fmt::format("its size: {}", n));
  const bool is_periodic = w.node.integer("periodic", 1) != 0;
  const auto period = static_cast<double>(is_periodic ? n : n - 1);
  constexpr double kPi = 3.14159265358979323846;
  std::vector<double> values;
  for (std::int64_t i = 0; i < n; ++i) {
    const double angle = 2 * kPi * static_cast<double>(i) / period;
    values.push_back(a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle));
  }
  w.sized_reals("window", values, {n});
  w.to_output(0);
}
void hann_window(OnnxWriter& w) { signal_window(w, 0.5, 0.5, 0); }
void hamming_window(OnnxWriter& w) { signal_window(w, 25.0 / 46, 21.0 / 46, 0); }
void blackman_window(OnnxWriter& w) { signal_window(w, 0.42, 0.5, 0.08); }

void eye_like(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (x.size() != 2) return;
  w.check_made(x);
  const std::int64_t k = w.node.integer("k", 0);
  Shape ones;
  for (std::int64_t i = 0; i < x[0]; ++i)
    for (std::int64_t j = 0; j < x[1]; ++j) ones.push_back(j - i == k ? 1 : 0);
  w.sized_of(static_cast<int>(w.node.integer("dtype", w.type(0))), "eye", ones, x);
  w.to_output(0);
}

}  // namespace

std::vector<OnnxExpansion> onnx_window_expansions() {
  return {
      {"", "BlackmanWindow", "output_datatype:i=1 periodic:i", blackman_window},
      {"", "CenterCropPad", "axes:I", center_crop_pad},
      {"", "EyeLike", "dtype:i k:i", eye_like},
      {"", "GlobalLpPool", "p:i", global_lp_pool},
      {"", "HammingWindow", "output_datatype:i=1 periodic:i", hamming_window},
      {"", "HannWindow", "output_datatype:i=1 periodic:i", hann_window},
      {"", "LpPool", "auto_pad:s dilations:I kernel_shape:I pads:I strides:I ceil_mode:i p:i",
       lp_pool},
      {"", "MaxPool",
       "auto_pad:s dilations:I kernel_shape:I pads:I strides:I ceil_mode:i "
       "storage_order:i",
       max_pool_places},
      {"", "MaxUnpool", "kernel_shape:I pads:I strides:I", max_unpool},
      {"", "ReverseSequence", "batch_axis:i time_axis:i", reverse_sequence},
  };
}

}  // namespace bitjoule
