// Rules of operators that move, name or make elements, and what they do with constants.
#include <fmt/format.h>

#include <algorithm>

#include "sim/formats/onnx_fold.h"

namespace bitjoule {
namespace {

using P = onnx::TensorProto;
using Infos = std::vector<OnnxInfo>;
using Folded = std::vector<StoredTensor>;

/// The same bytes under another shape.
Folded fold_renamed(const OnnxOperands& in, const Infos& out) {
  StoredTensor tensor = in.value(0);
  tensor.shape = out[0].shape;
  return {tensor};
}

/// Integers of an operand, or of an attribute that older opsets have in its place.
Shape setting(const OnnxOperands& in, int operand, const char* attribute) {
  return in.has(operand) ? in.integers(operand) : in.node.integers(attribute);
}

Infos reshape(const OnnxOperands& in) {
  const OnnxNode& node = in.node;
  const Shape& from = in.shape(0);
  if (!in.has(1) && !node.has("shape")) node.fail("operand 2 is missing");
  Shape to = setting(in, 1, "shape");
  const bool copies = node.integer("allowzero", 0) == 0;
  std::size_t open = to.size();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i] == 0 && copies) {
      if (i >= from.size()) node.fail(fmt::format("shape: 0 at place {} has no size to copy", i));
      to[i] = from[i];
    } else if (to[i] == -1) {
      if (open != to.size()) node.fail("shape: more than one -1");
      open = i;
    } else if (to[i] < 0) {
      node.fail(fmt::format("shape: expected -1 or more, got {}", to[i]));
    }
  }
  const std::int64_t volume = volume_of(from);
  if (open != to.size()) {
    to[open] = 1;
    const std::int64_t rest = volume_of(to);
    if (rest == 0 || volume % rest != 0)
      node.fail(fmt::format("shape: {} elements are no multiple of {}", volume, rest));
    to[open] = volume / rest;
  }
  if (volume_of(to) != volume)
    node.fail(fmt::format("shape: {} elements cannot lie as {}", volume, volume_of(to)));
  return {{in.type(0), to}};
}

Infos flatten(const OnnxOperands& in) {
  const Shape& x = in.shape(0);
  const auto rank = static_cast<std::int64_t>(x.size());
  std::int64_t axis = in.node.integer("axis", 1);
  if (axis < -rank || axis > rank) in.node.fail(fmt::format("axis {} is out of range", axis));
  if (axis < 0) axis += rank;
  return {{in.type(0),
           {volume_of(Shape(x.begin(), x.begin() + axis)),
            volume_of(Shape(x.begin() + axis, x.end()))}}};
}

/// Marks of the axes that Squeeze and Unsqueeze name; fails for doubled ones.
std::vector<bool> named_axes(const OnnxNode& node, const Shape& axes, std::size_t rank) {
  std::vector<bool> named(rank, false);
  for (const std::int64_t axis : axes) {
    const auto i = static_cast<std::size_t>(node.settled_axis(axis, rank));
    if (named[i]) node.fail("axes: one is named twice");
    named[i] = true;
  }
  return named;
}

Infos squeeze(const OnnxOperands& in) {
  const Shape& x = in.shape(0);
  const Shape axes = setting(in, 1, "axes");
  std::vector<bool> gone = named_axes(in.node, axes, x.size());
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (axes.empty()) gone[i] = x[i] == 1;
    if (gone[i] && x[i] != 1)
      in.node.fail(fmt::format("axis {} has {} elements, expected 1", i, x[i]));
    if (!gone[i]) out.push_back(x[i]);
  }
  return {{in.type(0), out}};
}

Infos unsqueeze(const OnnxOperands& in) {
  const Shape axes = setting(in, 1, "axes");
  if (axes.size() > 64) in.node.fail("axes: more than 64");
  const std::size_t rank = in.shape(0).size() + axes.size();
  const std::vector<bool> made = named_axes(in.node, axes, rank);
  Shape out;
  auto next = in.shape(0).begin();
  for (std::size_t i = 0; i < rank; ++i) out.push_back(made[i] ? 1 : *next++);
  return {{in.type(0), out}};
}

Shape permutation(const OnnxOperands& in) {
  Shape axes;
  for (std::size_t i = in.shape(0).size(); i-- > 0;) axes.push_back(static_cast<std::int64_t>(i));
  Shape named = in.node.integers("perm", axes), sorted = named;
  std::sort(sorted.begin(), sorted.end());
  std::reverse(axes.begin(), axes.end());
  if (sorted != axes) in.node.fail("perm is no permutation of the axes");
  return named;
}

Infos transpose(const OnnxOperands& in) {
  return {{in.type(0), permuted(in.shape(0), permutation(in))}};
}

Folded fold_transpose(const OnnxOperands& in, const Infos& out) {
  const Shape strides = permuted(strides_of(in.shape(0)), permutation(in));
  return {strided_copy(in.node, in.value(0), out[0], 0, strides)};
}

Infos concat(const OnnxOperands& in) {
  OnnxInfo out = in.info(0);
  if (!in.node.has("axis") && in.node.opset() >= 4) in.node.fail("attribute axis is missing");
  const auto axis =
      static_cast<std::size_t>(in.node.settled_axis(in.node.integer("axis", 1), out.shape.size()));
  for (int i = 1; i < in.count(); ++i) {
    Shape next = in.shape(i);
    if (in.type(i) != out.type || next.size() != out.shape.size())
      in.node.fail(fmt::format("\"{}\" and \"{}\" differ in type or number of axes",
                               in.node.input(0), in.node.input(i)));
    const std::int64_t size = next[axis];
    next[axis] = out.shape[axis];
    if (next != out.shape)
      in.node.fail(fmt::format("\"{}\" and \"{}\" differ in more than the axis", in.node.input(0),
                               in.node.input(i)));
    out.shape[axis] += size;
    volume_of(out.shape);
  }
  return {out};
}

Folded fold_concat(const OnnxOperands& in, const Infos& out) {
  const Shape& shape = out[0].shape;
  const std::int64_t axis = in.node.settled_axis(in.node.integer("axis", 1), shape.size());
  const std::int64_t blocks = volume_of(Shape(shape.begin(), shape.begin() + axis));
  std::vector<StoredTensor> parts;
  for (int i = 0; i < in.count(); ++i) parts.push_back(in.value(i));
  std::string bytes;
  for (std::int64_t block = 0; block < blocks; ++block)
    for (const StoredTensor& part : parts) {
      const auto length = static_cast<std::size_t>(part.bytes) / static_cast<std::size_t>(blocks);
      const std::uint8_t* from = part.data + static_cast<std::size_t>(block) * length;
      bytes.insert(bytes.end(), from, from + length);
    }
  return {computed_tensor(in.node, out[0], std::move(bytes))};
}

Infos slice(const OnnxOperands& in) { return {{in.type(0), onnx_slice(in).shape}}; }

Folded fold_slice(const OnnxOperands& in, const Infos& out) {
  const OnnxSlice slice = onnx_slice(in);
  Shape strides = strides_of(in.shape(0));
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    offset += slice.starts[i] * strides[i];
    // A single element needs no step; a step may be as large as any tensor.
    strides[i] = slice.shape[i] > 1 ? strides[i] * slice.steps[i] : 0;
  }
  return {strided_copy(in.node, in.value(0), out[0], offset, strides)};
}

/// The axis of a Split and the sizes of its parts.
std::pair<std::size_t, Shape> parts_of(const OnnxOperands& in) {
  const OnnxNode& node = in.node;
  const Shape& x = in.shape(0);
  const auto axis = static_cast<std::size_t>(node.settled_axis(node.integer("axis", 0), x.size()));
  Shape sizes = setting(in, 1, "split");
  const std::int64_t count = node.integer("num_outputs", node.outputs());
  if (count != node.outputs())
    node.fail(fmt::format("num_outputs is {}, it has {}", count, node.outputs()));
  if (sizes.empty()) {
    const std::int64_t part = (x[axis] + count - 1) / count;
    std::int64_t rest = x[axis];
    if (part * (count - 1) > rest || (part * count != rest && !node.has("num_outputs")))
      node.fail(fmt::format("{} elements make no {} equal parts", rest, count));
    for (std::int64_t i = 0; i < count; ++i, rest -= part) sizes.push_back(std::min(part, rest));
  }
  std::int64_t sum = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0 || size > x[axis]) node.fail(fmt::format("split: {} of {}", size, x[axis]));
    sum += size;
  }
  if (sum != x[axis] || static_cast<int>(sizes.size()) != node.outputs())
    node.fail(fmt::format("split: {} parts of {} in all, expected {} of {}", sizes.size(), sum,
                          node.outputs(), x[axis]));
  return {axis, sizes};
}

Infos split(const OnnxOperands& in) {
  const auto [axis, sizes] = parts_of(in);
  Infos out;
  for (const std::int64_t size : sizes) {
    out.push_back(in.info(0));
    out.back().shape[axis] = size;
  }
  return out;
}

Folded fold_split(const OnnxOperands& in, const Infos& out) {
  const auto [axis, sizes] = parts_of(in);
  const Shape strides = strides_of(in.shape(0));
  Folded parts;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    parts.push_back(strided_copy(in.node, in.value(0), out[i], offset * strides[axis], strides));
    offset += sizes[i];
  }
  return parts;
}

Infos pad(const OnnxOperands& in) {
  if (in.node.text("mode", "constant") != "constant")
    in.node.fail("only constant padding is supported");
  OnnxInfo out = in.info(0);
  const std::size_t rank = out.shape.size();
  Shape pads = setting(in, 1, in.node.has("paddings") ? "paddings" : "pads");
  Shape axes = setting(in, 3, "axes");
  if (!in.has(3))
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  named_axes(in.node, axes, rank);
  if (pads.size() != 2 * axes.size())
    in.node.fail(fmt::format("pads: expected {} values, got {}", 2 * axes.size(), pads.size()));
  for (const std::int64_t p : pads)
    if (p < 0 || p > kMaxTensorElements)
      in.node.fail(fmt::format("pads: expected 0..{}, got {}", kMaxTensorElements, p));
  for (std::size_t i = 0; i < axes.size(); ++i)
    out.shape[static_cast<std::size_t>(in.node.settled_axis(axes[i], rank))] +=
        pads[i] + pads[axes.size() + i];
  return {out};
}

/// Zeros, or the one value given, around the elements.
Folded fold_pad(const OnnxOperands& in, const Infos& out) {
  const std::size_t rank = out[0].shape.size();
  const Shape pads = setting(in, 1, in.node.has("paddings") ? "paddings" : "pads");
  Shape axes = setting(in, 3, "axes");
  if (!in.has(3))
    for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  const Shape from = strides_of(in.shape(0)), to = strides_of(out[0].shape);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < axes.size(); ++i)
    offset += pads[i] * to[static_cast<std::size_t>(in.node.settled_axis(axes[i], rank))];
  const OnnxNumbers x = numbers_of(in.value(0));
  OnnxNumbers y, value{x.integer, {0}, {in.node.real("value", 0)}};
  if (in.has(2)) value = numbers_of(in.value(2));
  if (value.size() != 1 || value.integer != x.integer)
    in.node.fail("expected one value of the operand's type to pad with");
  const auto count = static_cast<std::size_t>(volume_of(out[0].shape));
  y.integer = x.integer;
  if (x.integer)
    y.whole.assign(count, value.whole[0]);
  else
    y.real.assign(count, value.real[0]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::int64_t at = offset, rest = static_cast<std::int64_t>(i);
    for (std::size_t axis = 0; axis < rank; rest %= from[axis], ++axis)
      at += rest / from[axis] * to[axis];
    if (x.integer)
      y.whole[static_cast<std::size_t>(at)] = x.whole[i];
    else
      y.real[static_cast<std::size_t>(at)] = x.real[i];
  }
  return {tensor_of(in.node, out[0], y)};
}

Infos gather(const OnnxOperands& in) {
  const Shape &from = in.shape(0), &indices = in.shape(1);
  if (in.type(1) != P::INT64 && in.type(1) != P::INT32)
    in.node.fail("indices: expected int32 or int64");
  const std::int64_t axis = in.node.settled_axis(in.node.integer("axis", 0), from.size());
  Shape out(from.begin(), from.begin() + axis);
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), from.begin() + axis + 1, from.end());
  return {{in.type(0), out}};
}

Folded fold_gather(const OnnxOperands& in, const Infos& out) {
  const Shape& from = in.shape(0);
  const std::int64_t axis = in.node.settled_axis(in.node.integer("axis", 0), from.size());
  const std::int64_t size = from[static_cast<std::size_t>(axis)];
  const StoredTensor table = in.value(0);
  const std::vector<std::int64_t> indices = to_integers(in.value(1));
  const auto before = volume_of(Shape(from.begin(), from.begin() + axis));
  const auto row = static_cast<std::size_t>(volume_of(Shape(from.begin() + axis + 1, from.end())) *
                                            table.type->block_bytes);
  std::string bytes;
  for (std::int64_t b = 0; b < before; ++b)
    for (std::int64_t index : indices) {
      if (index < -size || index >= size)
        in.node.fail(fmt::format("index {} is out of range: there are {}", index, size));
      if (index < 0) index += size;
      const std::uint8_t* at = table.data + static_cast<std::size_t>(b * size + index) * row;
      bytes.insert(bytes.end(), at, at + row);
    }
  return {computed_tensor(in.node, out[0], std::move(bytes))};
}

Infos expand(const OnnxOperands& in) {
  const Shape to = in.integers(1);
  volume_of(to);
  return {{in.type(0), onnx_broadcast(in.node, in.shape(0), to)}};
}

Folded fold_expand(const OnnxOperands& in, const Infos& out) {
  const Shape own = strides_of(in.shape(0));
  Shape strides(out[0].shape.size(), 0);
  for (std::size_t i = 0; i < own.size(); ++i)
    if (in.shape(0)[i] != 1) strides[strides.size() - own.size() + i] = own[i];
  return {strided_copy(in.node, in.value(0), out[0], 0, strides)};
}

}  // namespace

const std::vector<OnnxRule>& onnx_movement_rules() {
  static const int kMany = 1 << 20;
  static const std::vector<OnnxRule> kRows = {
      {"Identity", 1, 1, 1, "", onnx_same, fold_renamed},
      {"Reshape", 1, 2, 1, "allowzero:i shape:I", reshape, fold_renamed},
      {"Flatten", 1, 1, 1, "axis:i", flatten, fold_renamed},
      {"Squeeze", 1, 2, 1, "axes:I", squeeze, fold_renamed},
      {"Unsqueeze", 1, 2, 1, "axes:I", unsqueeze, fold_renamed},
      {"Transpose", 1, 1, 1, "perm:I", transpose, fold_transpose},
      {"Concat", 1, kMany, 1, "axis:i", concat, fold_concat},
      {"Slice", 1, 5, 1, "starts:I ends:I axes:I", slice, fold_slice},
      {"Split", 1, 2, kMany, "axis:i split:I num_outputs:i", split, fold_split},
      {"Pad", 1, 4, 1, "mode:s pads:I paddings:I value:f", pad, fold_pad},
      {"Gather", 2, 2, 1, "axis:i", gather, fold_gather},
      {"Expand", 2, 2, 1, "", expand, fold_expand},
  };
  return kRows;
}

}  // namespace bitjoule
