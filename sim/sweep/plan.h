// The points of a sweep, each resolved and checked before anything runs.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "sim/schema/run_file.h"
#include "sim/sweep/sweep_file.h"

namespace bitjoule {

constexpr std::size_t kMaxPoints = 100'000;     ///< of a product, unless --max-points says
constexpr std::size_t kMostPoints = 1'000'000;  ///< that it may say: a point takes 1 KB of memory

struct SweepPoint {
  std::vector<std::string> labels;  ///< by column of the sweep
  std::vector<Override> set;
  std::string hash;  ///< of the resolved configuration: the name of its result
  /// That it may take on one core behind the points ahead: good to a factor of a few.
  double seconds = 0;
  /// The run, where it is small, and so are the points in number; it has read nothing.
  std::shared_ptr<const RunConfig> run;

  std::string name() const;  ///< labels, joined
};

struct SweepPlan {
  Sweep sweep;
  std::shared_ptr<const RunTemplate> base;
  std::vector<SweepPoint> points;  ///< the last axis varies fastest
  /// RunConfig::notes, each once, with the first point that has it.
  std::vector<std::string> notes;

  /// The run of a point, named as its layer so that equal runs of different sweeps are one.
  RunConfig config(const SweepPoint& point) const;
};

/// Throws one input Error that names axis and value of what the base refuses, and refuses products
/// above `max_points` (counted before `exclude`).
SweepPlan make_plan(Sweep sweep, std::size_t max_points);

/// Whether a point's labels are what a selection asks for.
bool selects(const Selection& selection, const std::vector<std::string>& columns,
             const std::vector<std::string>& labels);

}  // namespace bitjoule
