#include "run/native_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/enums.h"
#include "core/error.h"
#include "core/interrupt.h"
#include "core/numeric/tensor_values.h"

namespace bitjoule {
namespace {

using Shape = std::vector<std::int64_t>;

std::vector<std::size_t> file_order(TensorLayout layout, std::size_t dimensions) {
  std::vector<std::size_t> order(dimensions);
  std::iota(order.begin(), order.end(), 0);
  if (layout == TensorLayout::kChannelsFirst && dimensions == 4) order = {0, 3, 1, 2};
  // Rows of a matrix, or filters, come last.
  if (layout == TensorLayout::kTransposed) {
    if (dimensions == 4) order = {1, 2, 3, 0};
    if (dimensions == 2 || dimensions == 3) std::swap(order[dimensions - 2], order[dimensions - 1]);
  }
  return order;
}

Shape permuted(const Shape& shape, const std::vector<std::size_t>& order) {
  Shape result;
  for (std::size_t i : order) result.push_back(shape[i]);
  return result;
}

/// Sizes of 1 do not change where elements lie.
Shape squeezed(Shape shape) {
  shape.erase(std::remove(shape.begin(), shape.end(), 1), shape.end());
  return shape;
}

/// The first axis may be two, of groups and their rows: the elements lie the same.
bool is_grouped(const Shape& shape, const Shape& expected) {
  if (shape.size() != expected.size() + 1 || expected.empty()) return false;
  return shape[0] * shape[1] == expected[0] &&
         std::equal(shape.begin() + 2, shape.end(), expected.begin() + 1);
}

}  // namespace

Shape input_shape(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op)) return {c->batch, c->height, c->width, c->channels};
  if (const auto* g = std::get_if<Gemm>(&op)) return {g->m, g->k};
  const auto& p = std::get<Matmul>(op);
  return {p.batch, p.m, p.k};
}

Shape weight_shape(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return {c->filters, c->kernel_h, c->kernel_w, c->channels / c->groups};
  if (const auto* g = std::get_if<Gemm>(&op)) return {g->n, g->k};
  const auto& p = std::get<Matmul>(op);
  return p.k_rows ? Shape{p.batch / p.shared, p.k, p.n} : Shape{p.batch / p.shared, p.n, p.k};
}

Shape output_shape(const LayerOp& op) {
  if (const auto* c = std::get_if<Conv2d>(&op))
    return {c->batch, c->out_height(), c->out_width(), c->filters};
  if (const auto* g = std::get_if<Gemm>(&op)) return {g->m, g->n};
  const auto& p = std::get<Matmul>(op);
  return {p.batch, p.m, p.n};
}

NativeOrder::NativeOrder(TensorLayout layout, const Shape& native)
    : native_(native), order_(file_order(layout, native.size())) {}

NativeOrder::NativeOrder(const std::string& where, TensorLayout layout, const Shape& native,
                         const Shape& shape)
    : NativeOrder(layout, native) {
  const Shape expected = permuted(native, order_);
  if (squeezed(shape) == squeezed(expected)) return;
  if (layout == TensorLayout::kNative && is_grouped(squeezed(shape), squeezed(expected))) return;
  std::string hint;
  for (const EnumRow<TensorLayout>& row : enum_rows<TensorLayout>())
    if (row.value != layout &&
        squeezed(shape) == squeezed(permuted(native, file_order(row.value, native.size()))))
      hint = fmt::format("; it would be with layout: {}", row.name);
  throw input_error(fmt::format("{}: expected {}, got {}{}", where, shape_text(expected),
                                shape_text(shape), hint));
}

bool NativeOrder::is_native() const {
  std::vector<std::size_t> moved;
  for (std::size_t i : order_)
    if (native_[i] != 1) moved.push_back(i);
  return std::is_sorted(moved.begin(), moved.end());
}

template <class T>
std::vector<T> NativeOrder::apply(const std::vector<T>& from) const {
  if (is_native()) return from;
  const std::size_t n = native_.size();
  std::vector<std::size_t> stride(n);  // in the file, of each native dimension
  std::size_t step = 1;
  for (std::size_t i = n; i-- > 0;) {
    stride[order_[i]] = step;
    step *= static_cast<std::size_t>(native_[order_[i]]);
  }
  std::vector<T> to(from.size());
  Shape index(n, 0);
  for (T& value : to) {
    check_interrupt_after(8);
    std::size_t at = 0;
    for (std::size_t i = 0; i < n; ++i) at += static_cast<std::size_t>(index[i]) * stride[i];
    value = from[at];
    for (std::size_t i = n; i-- > 0 && ++index[i] == native_[i];) index[i] = 0;
  }
  return to;
}

template std::vector<float> NativeOrder::apply(const std::vector<float>&) const;
template std::vector<double> NativeOrder::apply(const std::vector<double>&) const;
template std::vector<std::int32_t> NativeOrder::apply(const std::vector<std::int32_t>&) const;

}  // namespace bitjoule
