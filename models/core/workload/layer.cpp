#include "core/workload/layer.h"

#include <fmt/format.h>

#include <limits>

#include "core/error.h"

namespace bitjoule {
namespace {

// Far above any real layer, and small enough that products of two sizes and a byte count fit 63
// bits.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 31;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 46;

void require_size(const char* field, std::int64_t value, std::int64_t min = 1) {
  if (value < min || value > kMaxSize)
    throw input_error(fmt::format("{}: expected {}..{}, got {}", field, min, kMaxSize, value));
}

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

GemmExtents lower(const Gemm& g) {
  require_size("gemm.m", g.m);
  require_size("gemm.n", g.n);
  require_size("gemm.k", g.k);
  return {1, g.m, g.n, g.k};
}

GemmExtents lower(const Matmul& g) {
  require_size("matmul.batch", g.batch);
  require_size("matmul.m", g.m);
  require_size("matmul.n", g.n);
  require_size("matmul.k", g.k);
  require_size("matmul.shared", g.shared);
  if (g.batch % g.shared != 0)
    throw input_error(fmt::format("matmul.shared: expected a divisor of matmul.batch ({}), got {}",
                                  g.batch, g.shared));
  return {g.batch, g.m, g.n, g.k};
}

GemmExtents lower(const Conv2d& c) {
  const std::pair<const char*, std::int64_t> sizes[] = {{"conv2d.batch", c.batch},
                                                        {"conv2d.height", c.height},
                                                        {"conv2d.width", c.width},
                                                        {"conv2d.channels", c.channels},
                                                        {"conv2d.filters", c.filters},
                                                        {"conv2d.kernel[0]", c.kernel_h},
                                                        {"conv2d.kernel[1]", c.kernel_w},
                                                        {"conv2d.stride[0]", c.stride_h},
                                                        {"conv2d.stride[1]", c.stride_w},
                                                        {"conv2d.dilation[0]", c.dilation_h},
                                                        {"conv2d.dilation[1]", c.dilation_w},
                                                        {"conv2d.groups", c.groups}};
  for (const auto& [field, value] : sizes) require_size(field, value);
  for (std::int64_t pad : {c.pad_top, c.pad_left, c.pad_bottom, c.pad_right})
    require_size("conv2d.padding", pad, 0);
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
  throw input_error(fmt::format("activation: expected relu or relu6, got \"{}\"", activation));
}

GemmExtents gemm_extents(const LayerOp& op) {
  const GemmExtents extents = std::visit([](const auto& layer) { return lower(layer); }, op);
  require_total(extents);
  return extents;
}

}  // namespace bitjoule
