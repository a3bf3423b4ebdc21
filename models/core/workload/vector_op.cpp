#include "core/workload/vector_op.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace bitjoule {
namespace {

/// Elements read per output element (windows and reductions), before padding is left out.
std::int64_t window_elements(const VectorOp& op) {
  if (op.window) return op.window->kernel_h * op.window->kernel_w;
  if (op.kind == VectorKind::kResize) {
    std::int64_t taps = 1;
    for (std::size_t i = 0; i < op.shape.size(); ++i)
      taps *= op.shape[i] == op.operand_shapes[0][i] ? 1 : vector_alpha(op) == 0 ? 2 : 4;
    return taps;
  }
  if (op.routing) return op.routing->chosen;
  return op.reduced;
}

std::int64_t volume(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

/// Multiplies sizes without leaving 63 bits.
std::int64_t checked_volume(const char* name, const std::vector<std::int64_t>& shape,
                            std::int64_t least = 1) {
  std::int64_t total = 1;
  for (std::int64_t size : shape) {
    if (size < least || size > kMaxVectorElements)
      throw input_error(fmt::format("{}: expected sizes of {}..{}, got {}", name, least,
                                    kMaxVectorElements, size));
    if (size != 0 && total > kMaxVectorElements / size)
      throw input_error(fmt::format("{}: more than {} elements", name, kMaxVectorElements));
    total *= size;
  }
  return total;
}

void check_window(const VectorRow& row, const VectorOp& op) {
  const bool pools = row.kind >= VectorKind::kMaxPool && row.kind <= VectorKind::kGlobalMaxPool;
  if (pools != op.window.has_value())
    throw input_error(fmt::format("{}: {} a window", row.name, pools ? "needs" : "has no use for"));
  if (!pools) return;
  const PoolWindow& w = *op.window;
  if (w.beyond_bottom < 0 || w.beyond_bottom > w.pad_bottom || w.beyond_right < 0 ||
      w.beyond_right > w.pad_right)
    throw input_error(
        fmt::format("{}: window.beyond is part of the padding: expected 0..{} and "
                    "0..{}, got {} and {}",
                    row.name, w.pad_bottom, w.pad_right, w.beyond_bottom, w.beyond_right));
  if (w.groups != w.channels || w.filters != w.channels)
    throw input_error(fmt::format("{}: window.groups and filters must equal channels ({})",
                                  row.name, w.channels));
  const GemmExtents e = gemm_extents(w);
  if (e.groups * e.m != op.elements())
    throw input_error(fmt::format("{}: the window yields {} elements, rows x cols is {}", row.name,
                                  e.groups * e.m, op.elements()));
}

void check_shapes(const VectorRow& row, const VectorOp& op) {
  if (!op.shape.empty() && checked_volume("shape", op.shape) != op.elements())
    throw input_error(fmt::format("{}: shape [{}] differs from rows x cols ({} x {})", row.name,
                                  fmt::join(op.shape, ", "), op.rows, op.cols));
  for (const auto& shape : op.operand_shapes) checked_volume("operand_shapes", shape);
  if (op.routing && !op.operand_shapes.empty())
    throw input_error(fmt::format("{}: operand_shapes: there is no use for them", row.name));
  const auto operands = static_cast<std::size_t>(row.operands);
  if (operands >= 2 && !op.operand_shapes.empty() && op.operand_shapes.size() != operands)
    throw input_error(fmt::format("{}: operand_shapes: expected {}, got {}", row.name, operands,
                                  op.operand_shapes.size()));
  if (broadcasts(op))
    for (const auto& shape : op.operand_shapes) {
      bool fits = shape.size() <= op.shape.size();
      for (std::size_t i = 0; fits && i < shape.size(); ++i)
        fits = shape[shape.size() - 1 - i] == 1 ||
               shape[shape.size() - 1 - i] == op.shape[op.shape.size() - 1 - i];
      if (!fits)
        throw input_error(fmt::format("{}: [{}] does not broadcast to [{}]", row.name,
                                      fmt::join(shape, ", "), fmt::join(op.shape, ", ")));
    }
}

/// Shapes of what has one operand of another shape, or of a state and what enters it.
template <class Refuse>
void check_reshaped(const VectorOp& op, const Refuse& refuse) {
  const bool resizes = op.kind == VectorKind::kResize || op.kind == VectorKind::kResizeNearest;
  if (resizes != op.resize.has_value()) refuse(resizes ? "resize: missing" : "resize: no use");
  const bool shifts = op.kind == VectorKind::kShiftIn;
  if (!resizes && !shifts && op.kind != VectorKind::kExpand) return;
  const std::size_t rank = op.shape.size();
  if (op.operand_shapes.size() != (shifts ? 2 : 1) || op.operand_shapes[0].size() != rank ||
      rank == 0)
    refuse("operand_shapes: expected as many axes as the output has");
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t size = op.operand_shapes[0][i];
    if ((shifts && size != op.shape[i]) ||
        (op.kind == VectorKind::kExpand && size != 1 && size != op.shape[i]))
      refuse("operand_shapes: do not fit the output");
  }
  if (shifts) {
    std::vector<std::int64_t> column = op.shape;
    column.back() = 1;
    if (op.operand_shapes[1] != column) refuse("operand_shapes: expected a column of the state");
  }
  if (!resizes || op.resize->scales.empty()) return;
  if (op.resize->scales.size() != rank) refuse("resize.scales: expected one for each axis");
  for (const double scale : op.resize->scales)
    if (!(scale > 0) || !std::isfinite(scale)) refuse("resize.scales: expected positive numbers");
}

/// Rows of [n, c] by the indices of [m] and what takes their place, [m, c].
template <class Refuse>
void check_scattered(const VectorOp& op, const Refuse& refuse) {
  if (op.kind != VectorKind::kScatter) return;
  const auto& shapes = op.operand_shapes;
  if (op.shape.size() != 2 || shapes.size() != 3 || shapes[0] != op.shape ||
      shapes[1].size() != 1 || shapes[2] != std::vector<std::int64_t>{shapes[1][0], op.shape[1]})
    refuse("operand_shapes: expected [n, c] as the output, [m] and [m, c]");
  const double way = vector_beta(op);
  if (way != std::floor(way) || way < 0 || way > 4) refuse("beta: expected 0, 1, 2, 3 or 4");
}

/// Gates of a row; an LSTM whose input gate is what its forget gate leaves has three.
std::int64_t gates_of(const VectorOp& op) {
  const std::int64_t gates = recurrent_gates(op.kind);
  return gates == 4 && op.axes.size() == 3 ? 3 : gates;
}

/// Places of the gates.
template <class Refuse>
void check_gates(const VectorOp& op, const Refuse& refuse) {
  const std::int64_t gates = gates_of(op);
  if (gates == 0) return;
  std::vector<std::int64_t> sorted = op.axes;
  std::sort(sorted.begin(), sorted.end());
  for (std::int64_t i = 0; i < gates; ++i)
    if (static_cast<std::int64_t>(sorted.size()) != gates ||
        sorted[static_cast<std::size_t>(i)] != i)
      refuse("axes: expected the place of each gate");
}

template <class Refuse>
void check_scaling(const RopeScaling& scaling, const Refuse& refuse) {
  if (!(scaling.factor > 0)) refuse("scaling.factor: expected a positive number");
  if (scaling.original < 0) refuse("scaling.original: expected at least 0");
  if (!(scaling.low_frequency > 0 && scaling.high_frequency > scaling.low_frequency))
    refuse("scaling: expected 0 < low_frequency < high_frequency");
}

/// ALiBi is added by each pass that reads the scores, rather than kept between them; a sink is one
/// more score of a row.
void add_to_scores(const VectorOp& op, std::vector<std::vector<VectorWork>>& work) {
  if (op.alibi > 0)
    for (std::size_t pass : {0, 1}) {
      work[pass].push_back({Primitive::kMultiply, op.elements()});
      work[pass].push_back({Primitive::kAdd, op.elements()});
    }
  if (op.distances)
    for (std::size_t pass : {0, 1}) work[pass].push_back({Primitive::kAdd, op.elements()});
  if (!op.sinks) return;
  work[0].push_back({Primitive::kCompare, op.rows});
  work[1].push_back({Primitive::kAdd, 2 * op.rows});
  work[1].push_back({Primitive::kExp, op.rows});
}

template <class Refuse>
void check_distances(const VectorOp& op, const Refuse& refuse) {
  const Distances& d = *op.distances;
  if (op.kind != VectorKind::kSoftmax || op.sinks || op.alibi != 0)
    refuse("distances: of a softmax, without alibi and sinks");
  const std::int64_t exact = d.buckets / (op.causal == 0 ? 4 : 2);
  if (d.buckets % 4 != 0 || exact < 1 || d.farthest <= exact)
    refuse(
        "distances: expected buckets, a multiple of 4, and farthest beyond those of one distance");
  if (op.heads < 1 || op.rows % (op.heads * rows_of_head(op)) != 0)
    refuse("heads: expected so many heads of `causal` rows each, or of as many as columns");
}

template <class Refuse>
void check_routing(const VectorOp& op, const Refuse& refuse) {
  const bool routes = op.kind == VectorKind::kRoute || op.kind == VectorKind::kCombine ||
                      op.kind == VectorKind::kDispatch;
  if (routes != op.routing.has_value()) refuse(routes ? "routing: missing" : "routing: no use");
  if (!routes) return;
  const Routing& r = *op.routing;
  if (r.experts < 1 || r.chosen < 1 || r.chosen > r.experts)
    refuse("routing: expected 1 <= chosen <= experts");
  if (op.kind == VectorKind::kRoute && op.cols != r.experts)
    refuse("cols: expected a score for each of routing.experts");
  if (op.kind == VectorKind::kDispatch && op.rows % r.chosen != 0)
    refuse("rows: expected a multiple of routing.chosen");
  checked_volume("rows, cols and routing.chosen", {op.rows, op.cols, r.chosen});
  checked_volume("rows and routing.experts", {op.rows, r.experts});
  if (r.groups < 1 || r.experts % r.groups != 0 || r.kept_groups < 1 || r.kept_groups > r.groups)
    refuse("routing.groups: expected a divisor of experts, and 1 <= kept_groups <= groups");
  if (r.group_best < 1 || r.group_best > r.experts / r.groups ||
      r.kept_groups * (r.experts / r.groups) < r.chosen)
    refuse("routing: the groups have too few experts for group_best or chosen");
}

std::int64_t scales_of_row(const VectorOp& op) {
  return op.kind == VectorKind::kQuantize ? op.reduced : 1;
}

}  // namespace

const VectorRow& vector_row(VectorKind kind) {
  return vector_rows().at(static_cast<std::size_t>(kind));
}

const VectorRow& find_vector_row(const std::string& name) {
  std::string names;
  for (const VectorRow& row : vector_rows()) {
    if (name == row.name) return row;
    names += names.empty() ? row.name : fmt::format(", {}", row.name);
  }
  throw input_error(fmt::format("vector operator: expected one of {}, got \"{}\"", names, name));
}

std::vector<std::vector<VectorWork>> vector_work(const VectorOp& op) {
  std::vector<std::vector<VectorWork>> work;
  const bool scales = op.kind == VectorKind::kAffine && vector_beta(op) == 0;
  const bool combines = op.kind == VectorKind::kCombine;
  for (const VectorPass& pass : vector_row(op.kind).passes) {
    std::vector<VectorWork> steps;
    for (const VectorStep& step : pass) {
      if (scales && step.primitive == Primitive::kAdd) continue;  // nothing is added
      std::int64_t times = op.elements();
      if (op.kind == VectorKind::kRope) times = op.rows * rotated_cols(op);
      if (step.per == Per::kRow) times = op.rows * scales_of_row(op);
      if (step.per == Per::kWindow) times *= window_elements(op);
      if (combines && step.primitive == Primitive::kAdd) times -= op.elements();
      steps.push_back({step.primitive, step.count * times});
    }
    work.push_back(std::move(steps));
  }
  if (op.kind == VectorKind::kSoftmax) add_to_scores(op, work);
  if (op.kind == VectorKind::kQuantize && vector_beta(op) == 2) {
    work.front().push_back({Primitive::kCompare, op.elements()});  // for the smallest too,
    work.back().push_back({Primitive::kAdd, op.elements()});       // which is taken off
  }
  return work;
}

Cycles vector_cycles(const VectorOp& op, const VectorUnitConfig& unit) {
  const VectorRow& row = vector_row(op.kind);
  if (row.moves_nothing) return Cycles(0);
  if (row.passes.empty()) return Cycles(ceil_div(op.elements(), unit.lanes)) + unit.latency;
  Cycles total{0};
  for (const auto& pass : vector_work(op)) {
    for (const VectorWork& work : pass) total += Cycles(ceil_div(work.count, unit.lanes));
    total += unit.latency;
  }
  return total;
}

std::vector<std::int64_t> operand_elements(const VectorOp& op) {
  const VectorRow& row = vector_row(op.kind);
  if (op.window) {
    const Conv2d& w = *op.window;
    return {w.batch * w.height * w.width * w.channels};
  }
  if (!op.operand_shapes.empty()) {
    std::vector<std::int64_t> elements;
    for (const auto& shape : op.operand_shapes) elements.push_back(volume(shape));
    return elements;
  }
  if (reduces(op.kind)) return {op.elements() * op.reduced};
  if (const std::int64_t gates = gates_of(op); gates != 0)
    return {op.elements() * gates, op.elements() * gates, op.elements()};
  if (op.kind == VectorKind::kCombine)
    return {op.elements() * op.routing->chosen, op.rows * op.routing->experts};
  if (op.kind == VectorKind::kDispatch)
    return {op.elements() / op.routing->chosen, op.rows / op.routing->chosen * op.routing->experts};
  if (op.kind == VectorKind::kConcat) throw internal_error("concat: operand_shapes are missing");
  return std::vector<std::int64_t>(static_cast<std::size_t>(row.operands), op.elements());
}

bool broadcasts(const VectorOp& op) {
  return op.kind > VectorKind::kRope && op.kind <= VectorKind::kDequantizeLinear &&
         vector_row(op.kind).operands >= 2;
}

std::int64_t recurrent_gates(VectorKind kind) {
  if (kind == VectorKind::kLstmCell || kind == VectorKind::kLstmHidden) return 4;
  return kind == VectorKind::kGruReset || kind == VectorKind::kGruHidden ? 3 : 0;
}

bool reduces(VectorKind kind) {
  return kind >= VectorKind::kReduceMean && kind <= VectorKind::kArgMax;
}

std::int64_t parameter_elements(const VectorOp& op) {
  if (op.kind == VectorKind::kEmbedding)
    return checked_volume("embedding table", {op.table_rows, op.cols}, 0);
  if (op.kind == VectorKind::kSoftmax) {
    const std::int64_t of_distances =
        op.distances ? checked_volume("distances", {op.distances->buckets, op.heads}) : 0;
    return of_distances + (op.sinks ? op.heads : 0);
  }
  if (op.kind == VectorKind::kRoute) return op.routing->biased ? op.cols : 0;
  return checked_volume("parameters", {vector_row(op.kind).parameters_per_col, op.cols}, 0);
}

std::int64_t rotated_cols(const VectorOp& op) { return op.rotated > 0 ? op.rotated : op.cols; }

std::int64_t rows_of_head(const VectorOp& op) {
  if (op.causal > 0) return op.causal;
  return op.distances ? op.cols : 1;
}

std::int64_t distance_bucket(const VectorOp& op, std::int64_t distance) {
  std::int64_t buckets = op.distances->buckets, first = 0;
  if (op.causal == 0) {
    buckets /= 2;
    if (distance < 0) first = buckets;
    distance = std::abs(distance);
  }
  distance = std::max<std::int64_t>(0, distance);
  const std::int64_t exact = buckets / 2;
  if (distance < exact) return first + distance;
  // In floats, as T5 was trained: of distances where a bucket begins, rounding decides.
  const auto times = static_cast<float>(distance) / static_cast<float>(exact);
  const auto farthest = static_cast<double>(op.distances->farthest) / static_cast<double>(exact);
  const float share = std::log(times) / static_cast<float>(std::log(farthest));
  const auto further = static_cast<std::int64_t>(share * static_cast<float>(buckets - exact));
  return first + std::min(exact + further, buckets - 1);
}

double alibi_slope(const VectorOp& op, std::int64_t head) {
  std::int64_t heads = 1;
  while (2 * heads <= op.heads) heads *= 2;
  const bool is_further = head >= heads;
  const std::int64_t step = is_further ? 2 * (head - heads) + 1 : 2 * (head + 1);
  return std::exp2(-op.alibi * static_cast<double>(step) / static_cast<double>(2 * heads));
}

std::int64_t default_index(const VectorOp& op, std::int64_t row) {
  if (op.tokens > 0) return (op.position + row % op.tokens) % op.table_rows;
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio (Knuth, vol. 3, 6.4)
  const std::uint64_t spread = static_cast<std::uint64_t>(row) * kGolden >> 20;
  return static_cast<std::int64_t>(spread % static_cast<std::uint64_t>(op.table_rows));
}

double vector_alpha(const VectorOp& op) { return op.alpha.value_or(vector_row(op.kind).alpha); }
double vector_beta(const VectorOp& op) { return op.beta.value_or(vector_row(op.kind).beta); }

void check_vector_op(const VectorOp& op) {
  const VectorRow& row = vector_row(op.kind);
  checked_volume("rows and cols", {op.rows, op.cols});
  checked_volume("rows, cols and reduced", {op.rows, op.cols, op.reduced});
  check_window(row, op);
  check_shapes(row, op);
  const auto refuse = [&row](const char* what) {
    throw input_error(fmt::format("{}: {}", row.name, what));
  };
  if (op.kind == VectorKind::kEmbedding) {
    if (op.table_rows < 1) refuse("table_rows: expected a positive number");
    checked_volume("embedding table", {op.table_rows, op.cols});
    if (op.tokens < 0 || op.position < 0) refuse("tokens and position: expected at least 0");
  }
  for (const std::int64_t step : op.steps)
    if (step == 0 || (step < 0 && op.kind != VectorKind::kSlice))
      refuse("steps: expected positive numbers, or of a slice negative ones");
  check_routing(op, refuse);
  check_reshaped(op, refuse);
  check_scattered(op, refuse);
  check_gates(op, refuse);
  const bool by_head = op.alibi != 0 || op.sinks;
  if (by_head && op.kind != VectorKind::kSoftmax) refuse("alibi and sinks: no use");
  if (op.alibi < 0) refuse("alibi: expected at least 0");
  if (op.distances) check_distances(op, refuse);
  if (by_head && (op.heads < 1 || op.rows % (op.heads * std::max<std::int64_t>(1, op.causal)) != 0))
    refuse("heads: expected so many heads of `causal` rows each");
  if (op.kind == VectorKind::kRope && rotated_cols(op) % 2 != 0)
    refuse(op.rotated > 0 ? "rotated: expected an even number" : "cols: expected an even number");
  if (op.rotated < 0 || op.rotated > op.cols) refuse("rotated: expected at most cols");
  if (op.scaling) check_scaling(*op.scaling, refuse);
  if (op.kind == VectorKind::kRope && (op.heads < 1 || op.rows % op.heads != 0))
    refuse("heads: expected a divisor of rows");
  if (op.kind == VectorKind::kSoftmax && op.causal != 0 &&
      (op.causal < 0 || op.causal > op.cols || op.rows % op.causal != 0))
    refuse("causal: expected a divisor of rows, at most cols");
  constexpr std::int64_t kMostStages = 30;
  if (op.kind == VectorKind::kHadamard && (op.reduced < 1 || op.reduced > kMostStages ||
                                           op.cols % (std::int64_t{1} << op.reduced) != 0))
    refuse("reduced: expected at least 1, and cols a multiple of 2^reduced");
  if (op.reach < 0) refuse("reach: expected at least 0");
  if (op.kind == VectorKind::kConcat && op.operand_shapes.empty())
    refuse("operand_shapes: missing");
}

}  // namespace bitjoule
