#include "sim/evaluate/input_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/index.h"
#include "core/numeric/tensor_values.h"
#include "sim/formats/tensor_file.h"

namespace bitjoule {
namespace {

using Shape = std::vector<std::int64_t>;

/// Where the channels of the file are, and how its axes become the network's.
struct Axes {
  std::size_t channels = 0;         ///< of the file
  std::vector<std::size_t> places;  ///< the file's axis that each axis of the network is
};

Axes axes_of(const std::string& file, const std::string& layout, const Shape& shape,
             const Shape& wanted) {
  const auto misfit = [&] {
    return input_error(fmt::format(
        "{}: inputs are {}, the network takes {}{}", file,
        shape_text({shape.begin() + 1, shape.end()}),
        shape_text({wanted.begin() + 1, wanted.end()}),
        layout.empty() ? "; evaluation.layout (nchw, nhwc) names the order of the file" : ""));
  };
  Axes axes;
  if (shape.size() != wanted.size()) throw misfit();
  for (std::size_t i = 0; i < shape.size(); ++i) axes.places.push_back(i);
  const bool is_image = shape.size() == 4;
  if (!layout.empty() && !is_image)
    throw input_error(
        fmt::format("{}: layout {}: of four dimensions, got {}", file, layout, shape_text(shape)));
  axes.channels = layout == "nchw" ? 1 : shape.size() - 1;
  const auto fits = [&] {
    for (std::size_t i = 1; i < shape.size(); ++i)
      if (shape[axes.places[i]] != wanted[i]) return false;
    return true;
  };
  if (fits()) return axes;
  if (layout == "nchw") axes.places = {0, 2, 3, 1};
  if (layout == "nhwc") axes.places = {0, 3, 1, 2};
  if (!fits()) throw misfit();
  return axes;
}

/// The index in the file of element `i` of the network's order.
class Reordering {
 public:
  Reordering(const Axes& axes, const Shape& shape) : strides_(shape.size()) {
    Shape of_file(shape.size());
    std::int64_t stride = 1;
    for (std::size_t d = shape.size(); d-- > 0; stride *= shape[d]) of_file[d] = stride;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      sizes_.push_back(shape[axes.places[d]]);
      strides_[d] = of_file[axes.places[d]];
    }
  }
  std::size_t operator()(std::int64_t i) const {
    std::int64_t place = 0;
    for (std::size_t d = sizes_.size(); d-- > 0; i /= sizes_[d])
      place += i % sizes_[d] * strides_[d];
    return at(place);
  }

 private:
  Shape sizes_, strides_;
};

double of_channel(const std::vector<double>& values, std::int64_t channel, double otherwise) {
  if (values.empty()) return otherwise;
  return values[values.size() == 1 ? 0 : at(channel)];
}

/// In the file's order.
void normalise(const EvaluationConfig& config, const Shape& shape, std::size_t axis,
               std::vector<float>& values) {
  if (config.scale == 1 && config.mean.empty() && config.deviation.empty()) return;
  std::int64_t behind = 1;
  for (std::size_t d = axis + 1; d < shape.size(); ++d) behind *= shape[d];
  for (const auto* list : {&config.mean, &config.deviation})
    if (list->size() > 1 && static_cast<std::int64_t>(list->size()) != shape[axis])
      throw input_error(fmt::format("{}: {} values of evaluation.mean or deviation for {} channels",
                                    config.data, list->size(), shape[axis]));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t channel = static_cast<std::int64_t>(i) / behind % shape[axis];
    values[i] = static_cast<float>(
        (double{values[i]} * config.scale - of_channel(config.mean, channel, 0)) /
        of_channel(config.deviation, channel, 1));
  }
}

std::vector<std::int64_t> read_labels(const std::string& file, std::int64_t count) {
  const StoredTensor tensor = load_tensor(file, "");
  if (tensor.elements() < count || !is_integer_type(tensor.type->format))
    throw input_error(fmt::format("{}: expected {} labels as integers, got {} of {}", file, count,
                                  tensor.elements(), tensor.type->format));
  std::vector<std::int64_t> labels = to_integers(tensor);
  labels.resize(at(count));
  return labels;
}

}  // namespace

NetworkTensor InputData::tensor(std::int64_t first, std::int64_t batch) const {
  const auto of = [&](const auto& all) {
    std::remove_const_t<std::remove_reference_t<decltype(all)>> part;
    for (std::int64_t i = first; i < first + batch; ++i) {
      const auto from = all.begin() + std::min(i, count - 1) * elements;
      part.insert(part.end(), from, from + elements);
    }
    return part;
  };
  return codes.empty() ? raw_tensor(of(values)) : number_tensor(of(codes));
}

InputData read_inputs(const EvaluationConfig& config, const NetworkInput& input) {
  const StoredTensor stored = load_tensor(config.data, "");
  if (stored.shape.size() < 2 || stored.elements() == 0)
    throw input_error(fmt::format("{}: expected inputs one after the other, got {}", config.data,
                                  shape_text(stored.shape)));
  const Axes axes = axes_of(config.data, config.layout, stored.shape, input.shape);
  InputData data;
  data.count = stored.shape.front();
  data.elements = stored.elements() / data.count;
  if (config.limit > 0) data.count = std::min(data.count, config.limit);
  const Reordering from(axes, stored.shape);
  const std::int64_t all = data.count * data.elements;
  if (is_integer_type(input.type)) {
    if (config.scale != 1 || !config.mean.empty() || !config.deviation.empty())
      throw input_error(
          fmt::format("{}: scale, mean and deviation: of real values; the network takes {}",
                      config.data, input.type));
    const std::vector<std::int64_t> integers = to_integers(stored);
    for (std::int64_t i = 0; i < all; ++i)
      data.codes.push_back(static_cast<std::int32_t>(integers[from(i)]));
  } else {
    std::vector<float> values;
    if (is_integer_type(stored.type->format)) {
      for (const std::int64_t value : to_integers(stored))
        values.push_back(static_cast<float>(value));
    } else {
      values = tensor_values(stored);
    }
    normalise(config, stored.shape, axes.channels, values);
    for (std::int64_t i = 0; i < all; ++i) {
      data.values.push_back(values[from(i)]);
      if (!std::isfinite(data.values.back()))
        throw input_error(fmt::format("{}: input {}: {} is no value to compute with", config.data,
                                      i / data.elements, data.values.back()));
    }
  }
  if (!config.labels.empty()) data.labels = read_labels(config.labels, data.count);
  return data;
}

}  // namespace bitjoule
