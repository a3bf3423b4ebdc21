#include "sim/evaluate/calibrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/index.h"
#include "run/calibration.h"
#include "run/transforms.h"
#include "run/value_pass.h"
#include "sim/formats/safetensors.h"

namespace bitjoule {
namespace {

/// The nearest float that is no nearer to zero.
float away_from_zero(double x) {
  const auto nearest = static_cast<float>(x);
  const bool is_nearer = std::fabs(static_cast<double>(nearest)) < std::fabs(x);
  const float far = std::copysign(std::numeric_limits<float>::infinity(), nearest);
  return is_nearer ? std::nextafter(nearest, far) : nearest;
}

/// Tensors whose numbers live as long as it does.
class TensorList {
 public:
  void add(const std::string& name, const std::vector<std::int64_t>& shape,
           std::vector<float> values) {
    floats_.push_back(std::move(values));
    add(name, "fp32", shape, floats_.back().data());
  }
  void add(const std::string& name, std::vector<std::int64_t> values) {
    integers_.push_back(std::move(values));
    add(name, "int64", {static_cast<std::int64_t>(integers_.back().size())},
        integers_.back().data());
  }
  const std::vector<StoredTensor>& tensors() const { return tensors_; }

 private:
  void add(const std::string& name, const char* type, const std::vector<std::int64_t>& shape,
           const void* data) {
    StoredTensor tensor;
    tensor.name = name;
    tensor.type = find_stored_type(type);
    tensor.shape = shape;
    tensor.data = static_cast<const std::uint8_t*>(data);
    tensor.bytes = stored_bytes(*tensor.type, shape, name);
    tensors_.push_back(std::move(tensor));
  }

  std::deque<std::vector<float>> floats_;
  std::deque<std::vector<std::int64_t>> integers_;
  std::vector<StoredTensor> tensors_;
};

/// A run's tensors, and those of a calibration that is under way under the name of its file.
class WithCalibration : public TensorReader {
 public:
  WithCalibration(std::shared_ptr<TensorReader> files, std::string file,
                  const std::vector<StoredTensor>& tensors)
      : files_(std::move(files)), file_(std::move(file)), tensors_(tensors) {}

  const StoredTensor& get(const std::string& file, const std::string& name) override {
    if (file != file_) return files_->get(file, name);
    for (const StoredTensor& tensor : tensors_)
      if (tensor.name == name) return tensor;
    throw input_error(fmt::format("no tensor \"{}\" is calibrated", name));
  }

 private:
  std::shared_ptr<TensorReader> files_;
  std::string file_;
  const std::vector<StoredTensor>& tensors_;
};

/// Returns the signature of the transformations in what it has observed.
std::string observe_windows(const RunConfig& run, const EvaluationPlan& plan,
                            Calibrator& calibrator, const ProgressSink& progress) {
  std::map<std::int64_t, std::unique_ptr<ValuePass>> passes;  // by the tokens of a window
  std::string signature;
  std::size_t done = 0;
  for (const DataWindow& w : plan.windows) {
    std::unique_ptr<ValuePass>& pass = passes[w.window.size];
    if (pass == nullptr)
      pass = std::make_unique<ValuePass>(run, run.evaluation->network(w.window.size), &calibrator);
    const auto first = plan.sequences[at(w.sequence)].begin() + w.window.first;
    std::map<std::string, NetworkTensor> inputs;
    inputs.emplace("tokens", number_tensor({first, first + w.window.size}));
    pass->run(std::move(inputs));
    signature = transform_signature(pass->network());
    ++done;
    if (progress)
      progress(static_cast<double>(done) / static_cast<double>(plan.windows.size()),
               fmt::format("calibration, {} of {}", done, plan.windows.size()));
  }
  return signature;
}

std::string observe_inputs(const RunConfig& run, const EvaluationPlan& plan, Calibrator& calibrator,
                           const ProgressSink& progress) {
  const Network network = run.evaluation->as_it_is();
  ValuePass pass(run, network, &calibrator);
  for (std::int64_t first = 0; first < plan.inputs; first += plan.batch) {
    std::map<std::string, NetworkTensor> inputs;
    inputs.emplace(network.inputs.front().name, plan.data.tensor(first, plan.batch));
    pass.run(std::move(inputs));
    if (progress)
      progress(static_cast<double>(first) / static_cast<double>(plan.inputs),
               fmt::format("calibration, {} of {}", first, plan.inputs));
  }
  return transform_signature(pass.network());
}

std::string observe(const RunConfig& run, const EvaluationPlan& plan, Calibrator& calibrator,
                    const ProgressSink& progress) {
  return plan.kind == DataKind::kTokens ? observe_windows(run, plan, calibrator, progress)
                                        : observe_inputs(run, plan, calibrator, progress);
}

void add_histograms(const Calibrator& calibrator, const std::string& signature, TensorList& list) {
  for (const auto& [name, histogram] : calibrator.histograms()) {
    const std::string tensor = signature.empty() ? name : fmt::format("{}.{}", name, signature);
    list.add(tensor + kHistogramSuffix, histogram.counts());
    list.add(tensor + kRangeSuffix, {2},
             {away_from_zero(histogram.min()), away_from_zero(histogram.max())});
  }
}

void add_inputs(const std::string& layer, const std::vector<ValueHistogram>& histograms,
                TensorList& list) {
  std::vector<std::int64_t> counts;
  std::vector<float> ranges;
  for (const ValueHistogram& histogram : histograms) {
    counts.insert(counts.end(), histogram.counts().begin(), histogram.counts().end());
    ranges.push_back(away_from_zero(histogram.min()));
    ranges.push_back(away_from_zero(histogram.max()));
  }
  const auto inputs = static_cast<std::int64_t>(histograms.size());
  list.add(layer + kInputHistogramsSuffix, std::move(counts));
  list.add(layer + kInputRangesSuffix, {inputs, 2}, std::move(ranges));
}

}  // namespace

std::string calibration_bytes(const RunConfig& run, const EvaluationPlan& plan,
                              const ProgressSink& progress) {
  std::set<std::string> counted;
  for (const NetworkPhase& phase : run.phases)
    counted.merge(counted_inputs(phase.network, run.precision));
  Calibrator calibrator(std::move(counted));
  observe(run, plan, calibrator, progress);
  TensorList list;
  for (const auto& [layer, moments] : calibrator.moments())
    list.add(layer + kMomentsSuffix, {moments.k, moments.k},
             {moments.mean.begin(), moments.mean.end()});
  for (const auto& [layer, m] : calibrator.magnitudes()) {
    std::vector<float> both(m.largest.begin(), m.largest.end());
    both.insert(both.end(), m.mean.begin(), m.mean.end());
    list.add(layer + kMagnitudesSuffix, {2, static_cast<std::int64_t>(m.mean.size())},
             std::move(both));
  }
  for (const auto& [layer, histograms] : calibrator.input_histograms())
    add_inputs(layer, histograms, list);
  add_histograms(calibrator, "", list);
  const bool transforms =
      std::any_of(run.phases.begin(), run.phases.end(), [&](const NetworkPhase& phase) {
        return !transform_notes(phase.network, run.precision).empty();
      });
  if (!transforms) return safetensors_bytes(list.tensors());
  // Once more, as the transformations that follow from these statistics make them.
  RunConfig again = run;
  again.calibration = "the calibration";
  const std::vector<StoredTensor> known = list.tensors();
  again.options.tensors =
      std::make_shared<WithCalibration>(run.options.tensors, again.calibration, known);
  Calibrator transformed(false);
  const std::string signature = observe(again, plan, transformed, progress);
  add_histograms(transformed, signature, list);
  return safetensors_bytes(list.tensors());
}

}  // namespace bitjoule
