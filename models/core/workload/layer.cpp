#include "core/workload/layer.h"

#include <fmt/format.h>

#include <limits>

#include "core/checker.h"
#include "core/error.h"
#include "core/workload/rows.h"

namespace bitjoule {
namespace {

// Far above any real tensor.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 46;

/// The product of sizes, refused where a tensor or MAC count would leave 63 bits.
std::int64_t product(const char* what, std::initializer_list<std::int64_t> sizes,
                     std::int64_t limit) {
  __extension__ using wide = unsigned __int128;
  wide total = 1;
  for (std::int64_t size : sizes) {
    total *= static_cast<wide>(size);
    if (total > static_cast<wide>(limit))
      throw input_error(fmt::format("{} exceed the limit of {}", what, limit));
  }
  return static_cast<std::int64_t>(total);
}

void require_total(const GemmExtents& e) {
  product("elements of the first operand", {e.groups, e.m, e.k}, kMaxElements);
  product("elements of the second operand", {e.groups, e.n, e.k}, kMaxElements);
  product("elements of the output", {e.groups, e.m, e.n}, kMaxElements);
  product("MACs of the layer", {e.groups, e.m, e.n, e.k}, std::int64_t{1} << 60);
}

const char* name(const Gemm&) { return "gemm"; }
const char* name(const Matmul&) { return "matmul"; }
const char* name(const Conv2d&) { return "conv2d"; }

GemmExtents lower(const Gemm& g) { return {1, g.m, g.n, g.k}; }

GemmExtents lower(const Matmul& g) {
  if (g.batch % g.shared != 0)
    throw input_error(fmt::format("matmul.shared: expected a divisor of matmul.batch ({}), got {}",
                                  g.batch, g.shared));
  return {g.batch, g.m, g.n, g.k};
}

GemmExtents lower(const Conv2d& c) {
  if (c.channels % c.groups != 0 || c.filters % c.groups != 0)
    throw input_error(
        fmt::format("conv2d.groups: expected a divisor of channels ({}) and filters ({}), got {}",
                    c.channels, c.filters, c.groups));
  if (c.out_height() < 1 ||
      c.dilation_h * (c.kernel_h - 1) + 1 > c.height + c.pad_top + c.pad_bottom)
    throw input_error(
        fmt::format("conv2d.kernel[0]: kernel of {} (dilation {}) exceeds the padded height {}",
                    c.kernel_h, c.dilation_h, c.height + c.pad_top + c.pad_bottom));
  if (c.out_width() < 1 || c.dilation_w * (c.kernel_w - 1) + 1 > c.width + c.pad_left + c.pad_right)
    throw input_error(
        fmt::format("conv2d.kernel[1]: kernel of {} (dilation {}) exceeds the padded width {}",
                    c.kernel_w, c.dilation_w, c.width + c.pad_left + c.pad_right));
  product("elements of conv2d's input", {c.batch, c.height, c.width, c.channels}, kMaxElements);
  return {c.groups,
          product("output pixels", {c.batch, c.out_height(), c.out_width()}, kMaxElements),
          c.filters / c.groups,
          product("conv2d reduction length", {c.channels / c.groups, c.kernel_h, c.kernel_w},
                  kMaxElements)};
}

}  // namespace

ActivationBounds activation_bounds(const std::string& activation) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (activation.empty()) return {-kInfinity, kInfinity};
  if (activation == "relu") return {0, kInfinity};
  if (activation == "relu6") return {0, 6};
  if (activation == "relu_n1_to_1") return {-1, 1};
  throw input_error(
      fmt::format("activation: expected relu, relu6 or relu_n1_to_1, got \"{}\"", activation));
}

GemmExtents gemm_extents(const LayerOp& op) {
  const GemmExtents extents = std::visit(
      [](auto layer) {
        Checker checker(name(layer));
        describe(checker, layer);
        checker.throw_if_any();
        return lower(layer);
      },
      op);
  require_total(extents);
  return extents;
}

}  // namespace bitjoule
