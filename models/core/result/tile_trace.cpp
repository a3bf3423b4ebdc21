#include "core/result/tile_trace.h"

#include <fmt/format.h>

#include <map>

namespace bitjoule {
namespace {

/// ", rows 0-13", or nothing where the range is all there is.
std::string range(const char* name, std::int64_t begin, std::int64_t end, std::int64_t all) {
  if (begin == 0 && end == all) return "";
  return end == begin + 1 ? fmt::format(", {} {}", name, begin)
                          : fmt::format(", {}s {}-{}", name, begin, end - 1);
}

/// The place of the first operation that needs more than `loads` of a queue; the last one's where
/// none says so.
template <class Operation>
std::size_t first_user(const std::vector<Operation>& operations, std::int64_t Operation::*needed,
                       std::size_t load, std::size_t from) {
  std::size_t at = from;
  while (at + 1 < operations.size() && operations[at].*needed <= static_cast<std::int64_t>(load))
    ++at;
  return at;
}

/// Activities by unit, in the order of the trace.
using Units = std::map<std::string, std::vector<std::size_t>>;

/// Names a queue's loads by the first work that waits for each, and links them to it; `ahead` of
/// the program's came before the layer began.
template <class Operation>
void tell_loads(const std::vector<std::size_t>& loads, std::size_t ahead,
                const std::vector<Operation>& operations, std::int64_t Operation::*needed,
                const std::vector<std::size_t>& works, const std::vector<std::string>& names,
                Trace& trace) {
  std::size_t user = 0;
  for (std::size_t i = 0; i < loads.size() && !operations.empty(); ++i) {
    user = first_user(operations, needed, ahead + i, user);
    trace.rename(loads[i],
                 fmt::format("{} for {}", trace.activities()[loads[i]].name, names[user]));
    if (user < works.size()) trace.link(loads[i], works[user]);
  }
}

/// Stores follow each result: `works` is what makes it.
void tell_stores(const Program& program, const std::vector<std::size_t>& stores,
                 const std::vector<std::size_t>& works, const std::vector<std::string>& names,
                 Trace& trace) {
  for (std::size_t i = 0; i < stores.size() && i < program.stores.size(); ++i) {
    const auto result = static_cast<std::size_t>(program.stores[i].outputs_needed - 1);
    if (result >= works.size()) continue;
    trace.rename(stores[i],
                 fmt::format("{} of {}", trace.activities()[stores[i]].name, names[result]));
    trace.link(works[result], stores[i]);
  }
}

}  // namespace

std::string tile_text(const MappingProblem& problem, const Tile& t) {
  const Lowered& l = problem.layer;
  // The rows of a product lie along the width.
  const bool is_convolution = l.kernel_h * l.kernel_w > 1 || l.out_height > 1;
  const std::string text = range("group", t.g0, t.g1, l.extents.groups) +
                           range("image", t.b0, t.b1, l.batch) +
                           range("row", t.r0, t.r1, l.out_height) +
                           range(is_convolution ? "column" : "row", t.c0, t.c1, l.out_width) +
                           range(is_convolution ? "filter" : "output", t.n0, t.n1, l.extents.n) +
                           range("term", t.k0, t.k1, l.extents.k);
  return text.empty() ? "all" : text.substr(2);
}

void tell_tiles(const MappingProblem& problem, const Program& program, std::size_t ahead,
                Trace& trace) {
  Units units;
  for (std::size_t i = 0; i < trace.activities().size(); ++i)
    units[trace.activities()[i].unit].push_back(i);
  const std::vector<std::size_t>&inputs = units[kDmaTracks[0]], &weights = units[kDmaTracks[1]],
        &stores = units[kDmaTracks[2]];
  std::vector<std::string> names;
  if (program.fused()) {
    const std::vector<std::size_t>& works = units["array"];
    for (const ComputeOp& op : program.computes)
      names.push_back(fmt::format("{}: {}", op.product == 0 ? "scores" : "context",
                                  tile_text(*program.products[op.product], op.tile)));
    for (std::size_t i = 0; i < works.size() && i < names.size(); ++i)
      trace.rename(works[i], names[i]);
    tell_loads(inputs, 0, program.computes, &ComputeOp::inputs_needed, works, names, trace);
    tell_loads(weights, ahead, program.computes, &ComputeOp::weights_needed, works, names, trace);
    return;
  }
  if (!program.vectors.empty()) {
    const std::vector<std::size_t>& works = units["vector unit"];
    for (std::size_t i = 0; i < program.vectors.size(); ++i)
      names.push_back(fmt::format("piece {} of {}", i + 1, program.vectors.size()));
    for (std::size_t i = 0; i < works.size(); ++i) trace.rename(works[i], names[i]);
    tell_loads(inputs, 0, program.vectors, &VectorJob::inputs_needed, works, names, trace);
    tell_loads(weights, ahead, program.vectors, &VectorJob::weights_needed, works, names, trace);
    tell_stores(program, stores, works, names, trace);
    return;
  }
  const std::vector<std::size_t>&works = units["array"], &outputs = units["output unit"];
  for (const ComputeOp& op : program.computes) names.push_back(tile_text(problem, op.tile));
  for (std::size_t i = 0; i < works.size() && i < names.size(); ++i)
    trace.rename(works[i], names[i]);
  tell_loads(inputs, 0, program.computes, &ComputeOp::inputs_needed, works, names, trace);
  tell_loads(weights, ahead, program.computes, &ComputeOp::weights_needed, works, names, trace);
  std::vector<std::string> results;
  for (std::size_t i = 0; i < program.outputs.size(); ++i) {
    const auto compute = static_cast<std::size_t>(program.outputs[i].compute);
    Tile tile = program.computes[compute].tile;
    tile.k0 = 0, tile.k1 = problem.layer.extents.k;  // a result is of all terms
    results.push_back(tile_text(problem, tile));
    if (i >= outputs.size()) continue;
    trace.rename(outputs[i], results.back());
    if (compute < works.size()) trace.link(works[compute], outputs[i]);
  }
  tell_stores(program, stores, outputs, results, trace);
}

}  // namespace bitjoule
