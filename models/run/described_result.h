// What a run reports, described once; its parts are in core/result/described.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/result/described.h"
#include "run/network_totals.h"
#include "run/result.h"
#include "run/run_config.h"

namespace bitjoule {

/// A run of one or more layers: totals, which are sums over layers times their repeats, and
/// `layers`. What layers share stands in the run: their actions, and in `timelines` their traffic
/// over time.
void describe_layers(const RunConfig& run, const Result& result, ResultVisitor& v);
/// One layer: an element of `layers`, with its place in `timelines`, which an estimate has not.
/// `actions` are at least its own.
void describe_layer(const LayerResult& layer, std::optional<std::int64_t> timeline,
                    const Counts& actions, ResultVisitor& v);
/// The sums over the layers of one kind: an element of `network.kinds`.
void describe_kind(const KindTotals& kind, ResultVisitor& v);
/// `network`: kinds, largest layers, memory, tokens.
void describe_network(const NetworkResult& network, ResultVisitor& v);
/// `accuracy`: what an evaluation found.
void describe_accuracy(const Accuracy& accuracy, ResultVisitor& v);
/// A field with its place: "dram.per_tensor.*.read_bytes", "layers[].name", where '*' is any name.
struct FieldRow {
  std::string path, unit, meaning;
  OverLayers over = OverLayers::kOwn;
  bool more_is_better = false;
  std::string like;  ///< the path where its parts are described, if elsewhere
};

/// Everything with a meaning of its own that results can have, in their order. What is described
/// elsewhere is there alone: layers[] have the fields of a run, as far as they have them too.
const std::vector<FieldRow>& reported_fields();
/// The field of a value by its path with names, "dram.per_tensor.weights.read_bytes"; nullptr where
/// there is none.
const FieldRow* find_field(const std::string& path,
                           const std::vector<FieldRow>& rows = reported_fields());

/// Results that show every shape that results have: with all there can be, and with the least.
struct ExampleResult {
  RunConfig run;
  Result result;
};
std::vector<ExampleResult> example_results();
/// The fields that a description has of any example, each once.
std::vector<FieldRow> collect_fields(void (*describe)(const ExampleResult&, ResultVisitor&));

}  // namespace bitjoule
