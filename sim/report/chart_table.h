// What each chart shows, said once: pages draw by it, and so do the figures of scripts/plot.py, to
// which the tests write it out (python/bitjoule/plotting/charts.py).
#pragma once

#include <string>
#include <vector>

namespace bitjoule {

/// A chart of one bar per run, layer or point, of parts that sum to a whole.
struct StackRow {
  const char* name;   ///< of the figure's file: "energy"
  const char* title;  ///< "Energy by component"
  const char* asks;   ///< the question that it answers
  const char* axis;   ///< the quantity along the bars
  const char* unit;   ///< of the axis; empty: a share of the whole, in per cent
  double scale;       ///< of a metric's value in that unit
  /// The parts are the metrics that begin and end so; those of several endings are summed.
  const char* prefix;
  std::vector<const char*> suffixes;
  const char* total;  ///< the metric of the whole; empty: the parts' sum, in bytes
  bool always;        ///< also where nothing has a part
};
const std::vector<StackRow>& stack_charts();

/// One axis of a chart of points.
struct MeasureRow {
  const char* metric;
  const char* axis;  ///< "energy"
  const char* unit;  ///< "J"
  double scale;      ///< of the metric's value in that unit
  const char* hint;  ///< "less is better"
};

/// A chart with one dot per layer or point.
struct PointsRow {
  const char* name;
  const char* title;
  const char* asks;
  MeasureRow x, y;
};
const PointsRow& pareto_chart();
/// As pareto_chart(), by what the errors do to a model.
const PointsRow& accuracy_chart();
const PointsRow& weights_chart();
const PointsRow& roofline_chart();
/// What is drawn as lines along an axis of numbers.
const std::vector<MeasureRow>& line_charts();

/// How a part that is no component of the machine looks: a cause of time, a tensor.
struct PartRow {
  const char* name;    ///< "dram_read"
  const char* colour;  ///< of Okabe and Ito's palette or a shade of it
  const char* hatch;   ///< in print, over the colour: a pattern of matplotlib
  const char* does;    ///< of a cause: "the array waits for data from DRAM"; else empty
};
const std::vector<PartRow>& part_looks();

/// Names of one chart's parts in its order: components as operands pass them, parts of the DRAM;
/// causes and tensors as part_looks() has them; others behind them by name.
std::vector<std::string> in_order(std::vector<std::string> names);
/// The colour of a part in every chart: a component, a part of the DRAM, a cause, a tensor.
std::string part_colour(const std::string& name);
/// Its name as prose: a component by its title.
std::string part_title(const std::string& name);

}  // namespace bitjoule
