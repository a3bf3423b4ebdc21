// Convolutions and pools of volumes, axis by axis: the machine's are 1-D and 2-D.
#include <fmt/format.h>

#include <algorithm>

#include "sim/formats/onnx_expand.h"
#include "sim/formats/onnx_rules.h"

namespace bitjoule {
namespace {

using Names = std::vector<std::string>;

/// One plane of the kernel after the other over as many planes of the volume as there are places;
/// their sums.
void volume_convolution(OnnxWriter& w) {
  const Shape x = w.shape(0), k = w.shape(1);
  if (k.size() != 5) return;
  if (k[2] > 4096) w.node.fail("a kernel of more than 4096 planes");
  Names planes;
  for (std::int64_t i = 0; i < k[2]; ++i) {
    const std::string part = fmt::format("plane{}", i);
    const std::string cut = w.add("Slice", {w.node.input(1)}, fmt::format("{}.slice", part));
    w.with("starts", Shape{i}).with("ends", Shape{i + 1}).with("axes", Shape{2});
    planes.push_back(w.add("Squeeze", {cut}, part));
    w.with("axes", Shape{2});
  }
  if (x.size() != 5) {  // only constants are asked for
    for (const std::string& plane : planes)
      w.add("Conv", {w.node.input(0), plane}, plane + ".conv");
    return;
  }
  const std::vector<OnnxWindow> windows = onnx_windows(w.node, x, Shape(k.begin() + 2, k.end()));
  const OnnxWindow &deep = windows[0], &down = windows[1], &across = windows[2];
  std::string volume = w.node.input(0);
  if (deep.before + deep.after > 0) {
    volume = w.add(
        "Pad", {volume, w.sized("depth_pads", {0, 0, deep.before, 0, 0, 0, 0, deep.after, 0, 0})},
        "padded");
  }
  volume = w.add("Transpose", {volume}, "by_depth");
  w.with("perm", Shape{0, 2, 1, 3, 4});
  std::string sum;
  for (std::int64_t i = 0; i < k[2]; ++i) {
    const std::string part = fmt::format("depth{}", i);
    const std::int64_t first = i * deep.dilation, reach = (deep.out - 1) * deep.stride + 1;
    std::string images = w.add("Slice",
                               {volume, w.sized(fmt::format("{}_from", part), {first}),
                                w.sized(fmt::format("{}_to", part), {first + reach}),
                                w.sized(fmt::format("{}_axis", part), {1}),
                                w.sized(fmt::format("{}_step", part), {deep.stride})},
                               part);
    images =
        w.reshaped(images, {x[0] * deep.out, x[1], x[3], x[4]}, fmt::format("{}.images", part));
    Names inputs = {images, planes[static_cast<std::size_t>(i)]};
    if (i == 0 && w.has(2)) inputs.push_back(w.node.input(2));
    const std::string y = w.add("Conv", inputs, fmt::format("{}.conv", part));
    w.with("group", w.node.integer("group", 1))
        .with("strides", Shape{down.stride, across.stride})
        .with("dilations", Shape{down.dilation, across.dilation})
        .with("pads", Shape{down.before, across.before, down.after, across.after});
    sum = sum.empty() ? y : w.add("Add", {sum, y}, fmt::format("{}.sum", part));
  }
  const std::string apart = w.reshaped(sum, {x[0], deep.out, k[0], down.out, across.out}, "planes");
  w.add("Transpose", {apart});
  w.with("perm", Shape{0, 2, 1, 3, 4});
}

/// A mean or maximum over a box is one over its planes of one over its rows.
template <const char* const& Op>
void volume_pool(OnnxWriter& w) {
  const Shape x = w.shape(0), kernel = w.node.integers("kernel_shape");
  if (x.size() != 5 || kernel.size() != 3) return;
  const std::vector<OnnxWindow> windows = onnx_windows(w.node, x, kernel);
  const auto setting = [&](const char* name, std::size_t first, std::size_t count, bool one) {
    const Shape given = w.node.integers(name);
    if (given.empty()) return;
    Shape own(given.begin() + static_cast<std::ptrdiff_t>(first),
              given.begin() + static_cast<std::ptrdiff_t>(first + count));
    if (one) own.push_back(1);
    w.with(name, own);
  };
  const auto settings = [&](bool is_depth) {
    if (w.node.has("auto_pad")) w.with("auto_pad", w.node.text("auto_pad", ""));
    for (const char* name : {"ceil_mode", "count_include_pad"})
      if (w.node.has(name)) w.with(name, w.node.integer(name, 0));
    for (const char* name : {"kernel_shape", "strides", "dilations"})
      setting(name, is_depth ? 0 : 1, is_depth ? 1 : 2, is_depth);
    const Shape pads = w.node.integers("pads");
    if (pads.empty()) return;
    w.with("pads",
           is_depth ? Shape{pads[0], 0, pads[3], 0} : Shape{pads[1], pads[2], pads[4], pads[5]});
  };
  const std::int64_t down = windows[1].out, across = windows[2].out;
  std::string y = w.add(
      Op, {w.reshaped(w.node.input(0), {x[0], x[1] * x[2], x[3], x[4]}, "planes")}, "plane_pools");
  settings(false);
  y = w.add(Op, {w.reshaped(y, {x[0], x[1], x[2], down * across}, "columns")}, "depth_pools");
  settings(true);
  w.add("Reshape", {y, w.sized("output_shape", {x[0], x[1], windows[0].out, down, across})});
}
const char* const kVolumeMax = "MaxPool";
const char* const kVolumeAverage = "AveragePool";

template <const char* const& Op>
void volume_global_pool(OnnxWriter& w) {
  const Shape x = w.shape(0);
  if (x.size() != 5) return;
  const std::string image = w.reshaped(w.node.input(0), {x[0], x[1], x[2], x[3] * x[4]}, "image");
  w.add("Reshape", {w.add(Op, {image}, "pooled"), w.sized("output_shape", {x[0], x[1], 1, 1, 1})});
}
const char* const kVolumeGlobalMax = "GlobalMaxPool";
const char* const kVolumeGlobalAverage = "GlobalAveragePool";

}  // namespace

void expand_volume_max_pool(OnnxWriter& w) { volume_pool<kVolumeMax>(w); }

std::vector<OnnxExpansion> onnx_volume_expansions() {
  return {
      {"", "AveragePool",
       "auto_pad:s dilations:I kernel_shape:I pads:I strides:I ceil_mode:i "
       "count_include_pad:i",
       volume_pool<kVolumeAverage>},
      {"", "Conv", "auto_pad:s dilations:I kernel_shape:I pads:I strides:I group:i",
       volume_convolution},
      {"", "GlobalAveragePool", "", volume_global_pool<kVolumeGlobalAverage>},
      {"", "GlobalMaxPool", "", volume_global_pool<kVolumeGlobalMax>},
  };
}

}  // namespace bitjoule
