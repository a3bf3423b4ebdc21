#include "core/mapping/bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/mapping/bounds_view.h"
#include "core/mapping/region.h"

namespace bitjoule {
namespace {

// A sum of doubles may be this share too large.
constexpr double kRounding = 1e-12;

}  // namespace

Bounds::Bounds(const MappingProblem& problem, const MappingSpace& space, const EnergyRates& energy)
    : p_(problem),
      space_(space),
      dataflow_(dataflow_of(problem)),
      quanta_(dataflow_.quanta(problem.machine.array, problem.path.macs_per_pe)),
      t_(problem, space),
      fits_(problem, space),
      energy_(energy),
      least_time_(problem) {
  const Lowered& l = p_.layer;
  const GemmExtents& e = l.extents;
  const double burst = real(p_.memory.burst_bytes);
  const StorageLayout& weights = p_.path.weights.layout;
  const WeightExtent stored = stored_weights(p_, e.n, e.k);
  weights_ = real(main_bytes(weights, weight_bytes(p_, e.groups, stored.n, stored.k))) / burst;
  weight_scales_ = real(side_bytes(weights, weight_bytes(p_, e.groups, e.n, e.k))) / burst;
  biases_ = real(l.weight_rows() * p_.bias_bits()) / 8 / burst;
  outputs_ = outputs_on_chip(p_)
                 ? 0
                 : real(main_bits(p_.path.output.layout, e.n)) * real(e.m * e.groups) / 8 / burst;
  // Packing more groups makes no row of what stays wider, nor one of sums that stayed.
  rates_ = array_rates(p_, 1);
  const auto last = [](std::int64_t extent, std::int64_t step) { return (extent - 1) % step + 1; };
  const FoldExtents fold = fold_extents(p_, {e.m, e.n, e.k});
  last_fold_ = {last(e.m, fold.m), last(e.n, fold.n), last(e.k, fold.k)};
  weight_words_ = real(weight_buffer_bytes(p_, 1, e.n, e.k)) * 8 /
                  real(p_.machine.buffers.weight.port_width.value);
  note_limits();
  note_schemes();
  all_fit_ = fits_.all() && limits_nothing();
}

void Bounds::note_limits() {
  const BuffersConfig& b = p_.machine.buffers;
  const auto held = [](Bytes bytes, std::int64_t bits) {
    return real(bytes.value * 8) / real(bits);
  };
  const bool floats = p_.path.weights.dequantized &&
                      p_.machine.dequantizer.placement == DequantizerPlacement::kDramSide;
  most_.inputs = held(usable(b.input), p_.path.activations.layout.least_code_bits());
  most_.weights = held(usable(b.weight), floats ? p_.path.mac.operand_bits
                                                : p_.path.weights.layout.least_code_bits());
  most_.results = held(usable(b.output), p_.path.output.layout.least_code_bits());
  most_.sums = held(usable(b.accumulator), 32);
  most_.live_sums = held(b.accumulator.capacity, 32);
}

/// With loops that have one tile, orders are the same: the first in the list stands for them.
void Bounds::note_schemes() {
  const auto pattern = [](const LoopScheme& s, unsigned ones) {
    int code = s.input_full_k ? 1 : 0;
    for (const LoopDim dim : s.order)
      if ((ones >> static_cast<unsigned>(dim) & 1U) == 0)
        code = 4 * code + static_cast<int>(dim) + 1;
    return code;
  };
  std::vector<std::array<int, 8>> patterns(space_.schemes.size());
  new_.resize(space_.schemes.size());
  for (std::size_t s = 0; s < space_.schemes.size(); ++s)
    for (unsigned ones = 0; ones < new_[s].size(); ++ones) {
      const int own = patterns[s][ones] = pattern(space_.schemes[s], ones);
      const auto is_own = [&](const std::array<int, 8>& ahead) { return ahead[ones] == own; };
      // All of k at once holds all of the inputs' as well.
      const bool repeats = (ones & 4U) != 0 && space_.schemes[s].input_full_k;
      new_[s][ones] =
          !repeats &&
          std::none_of(patterns.begin(), patterns.begin() + static_cast<std::ptrdiff_t>(s), is_own);
    }
  for (std::size_t a = 0; a < kAxes; ++a)
    whole_[a] = static_cast<std::uint16_t>(std::find(t_.trips[a].begin(), t_.trips[a].end(), 1) -
                                           t_.trips[a].begin());
}

/// What limit_pixels() works out, of the largest sizes everywhere: if those let all of the layer
/// into one tile, so do all others, as each step rises with what it is made of.
bool Bounds::limits_nothing() const {
  const GemmExtents& e = p_.layer.extents;
  const auto largest = [](const RangeMin& table) { return table.largest(); };
  const double g = real(space_.sizes[kAxisG].back());
  const double m = real(e.m), n = real(e.n), k = real(e.k);
  const double sums = std::min(most_.sums, most_.live_sums) / g, results = most_.results / g;
  const double map_share =
      std::max(largest(t_.rows_per_output[0]), largest(t_.rows_per_output[1])) *
      std::max(largest(t_.cols_per_output[0]), largest(t_.cols_per_output[1]));
  const double pixels = most_.inputs / (g * real(p_.layer.channels) * map_share);
  const double nk = std::floor(most_.weights / g + 1e-6);
  return std::floor(std::min({pixels, results / n, sums / n}) + 1e-6) >= m && sums >= m * n &&
         std::floor(std::min({nk / k, results / m, sums / m}) + 1e-6) >= n &&
         std::floor(nk / n + 1e-6) >= k;
}

/// Capacities: the sums, results, inputs and weights of the smallest tile fit, and bound how large
/// the others may be, so that there are so many of them.
bool Bounds::limit_pixels(View& v) const {
  const Lowered& l = p_.layer;
  const GemmExtents& e = l.extents;
  const bool cut = v.least[kAxisK] > 1;
  const bool all_m = cut && v.inside_k(LoopDim::kM), all_n = cut && v.inside_k(LoopDim::kN);
  const bool may_live = v.most[kAxisK] > 1 && v.scheme.order[2] != LoopDim::kK;
  const double g = real(v.lo[kAxisG]), n = real(v.lo[kAxisN]), k = real(v.lo[kAxisK]);
  const double sums = (may_live ? most_.live_sums : most_.sums) / g, results = most_.results / g;
  // Input pixels: through one tap unless all of k is there.
  const bool all_taps = !v.apart;
  const double channels = all_taps ? real(l.channels) : std::min(k, real(l.channels));
  const std::size_t taps = all_taps ? 1 : 0;
  const double map_share =
      v.least_of(t_.rows_per_output[taps], kAxisR) * v.least_of(t_.cols_per_output[taps], kAxisC);
  const double pixels = most_.inputs / (g * channels * map_share);
  const double m_most =
      std::floor(std::min({pixels, results / n, sums / (all_n ? real(e.n) : n)}) + 1e-6);
  const double m = real(v.m());
  if (m_most < m) return false;
  if (all_m && sums < real(e.m) * (all_n ? real(e.n) : n)) return false;
  v.loops[0] = v.least_m();
  if (real(v.loops[0]) * m_most < real(e.m))
    v.loops[0] = static_cast<std::int64_t>(whole(real(e.m) / m_most));
  const double nk = std::floor(most_.weights / g + 1e-6);
  const double n_most =
      std::floor(std::min({nk / k, results / m, sums / (all_m ? real(e.m) : m)}) + 1e-6);
  const double k_most = std::floor(nk / n + 1e-6);
  if (n_most < 1 || k_most < 1) return false;
  v.loops[1] = v.least[kAxisN];
  if (real(v.loops[1]) * n_most < real(e.n))
    v.loops[1] = static_cast<std::int64_t>(whole(real(e.n) / n_most));
  v.loops[2] = v.least[kAxisK];
  if (real(v.loops[2]) * k_most < real(e.k))
    v.loops[2] = static_cast<std::int64_t>(whole(real(e.k) / k_most));
  return true;
}

Bounds::View Bounds::view(const Box& box) const {
  View v{box, space_.schemes[box.scheme]};
  for (std::size_t a = 0; a < kAxes; ++a) {
    v.lo[a] = space_.sizes[a][box.lo[a]];
    v.least[a] = t_.trips[a][box.hi[a]];
    v.most[a] = t_.trips[a][box.lo[a]];
  }
  v.apart = !v.scheme.input_full_k && v.most[kAxisK] > 1;
  v.together = v.scheme.input_full_k || v.least[kAxisK] == 1;
  return v;
}

/// The smallest tile of the box fits each buffer by itself. A longer k may hold less of the inputs:
/// channels of one kernel position, not parts of two.
bool Bounds::least_fits(const Box& box) const {
  return fits_(box.scheme, box.lo, box.lo[kAxisK] == box.hi[kAxisK]);
}

bool Bounds::may_fit(View& v) const {
  unsigned cut = 0;
  for (std::size_t a = 0; a < kAxes; ++a) cut |= static_cast<unsigned>(v.most[a] > 1) << a;
  if (!new_[v.box.scheme][loops_with_one_tile(cut)]) return false;
  if (!all_fit_) return limit_pixels(v);
  v.loops = {v.least_m(), v.least[kAxisN], v.least[kAxisK]};
  return true;
}

bool Bounds::may_fit(const Box& box) const {
  if (!least_fits(box)) return false;
  View v = view(box);
  return may_fit(v);
}

bool Bounds::feasible(const Box& box, CostBound& bound) const {
  if (!all_fit_ && !least_fits(box)) return false;
  View v = view(box);
  if (!may_fit(v)) return false;
  if (all_fit_) {
    Box sizes = box;
    sizes.scheme = v.scheme.input_full_k ? 1 : 0;
    Parts& parts = parts_[BoxKey(sizes)];
    if (!parts.known) note_parts(v, parts);
    note_bound(v, parts, bound);
  } else {
    Parts parts;
    note_parts(v, parts);
    note_bound(v, parts, bound);
  }
  return true;
}

void Bounds::note_parts(const View& v, Parts& parts) const {
  parts.known = true;
  parts.folds = folds(v);
  parts.together = once_together(v);
  parts.apart = once_apart(v);
  parts.weights = weight_bursts(v);
  parts.outputs = output_bursts(v);
  parts.array_time = least_time_.around_array(first_bursts(v), array_cycles(v, parts.folds), 1,
                                              parts.outputs > 0 ? 1 : 0);
  parts.behind = behind_operands(v);
  parts.accesses = accesses(v, parts.folds);
  parts.moves = moves(parts.folds);
}

void Bounds::note_bound(const View& v, const Parts& parts, CostBound& bound) const {
  const bool by_row = p_.path.weights.layout.scales.group == kWholeRow && !p_.layer.k_rows;
  double inputs = v.together ? parts.together * v.repetitions(true, false, false)
                             : std::numeric_limits<double>::infinity();
  if (v.apart) inputs = std::min(inputs, parts.apart * v.repetitions(true, false, true));
  if (inputs_on_chip(p_)) inputs = 0;
  const double outputs = parts.outputs;
  const double reads = inputs + parts.weights * v.repetitions(false, true, true) +
                       weight_scales_ * v.repetitions(false, true, !by_row) +
                       biases_ * v.repetitions(false, true, false);
  bound.bursts = whole((reads + outputs) * (1 - kRounding));
  bound.cycles = std::max({parts.array_time, least_time_.memory(reads + outputs),
                           least_time_.memory(reads) + parts.behind,
                           real(p_.layer.output_elements()) / real(p_.machine.output_unit.lanes)});
  bound.cycles = std::round(bound.cycles * (1 - kRounding));
  bound.energy_pj = (energy_.fixed + energy(v, parts.folds, parts.accesses, parts.moves) +
                     reads * energy_.dram_read + outputs * energy_.dram_write +
                     std::max(0.0, bound.cycles - energy_.free_cycles) * energy_.cycle) *
                    (1 - kRounding);
}

}  // namespace bitjoule
