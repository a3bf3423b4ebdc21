// Arrays of numpy as tensors of a run, and tensors as arrays, without a copy.
#pragma once

#include <pybind11/numpy.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/workload/network.h"
#include "run/run_config.h"
#include "sim/formats/tensor_file.h"

namespace bitjoule::python {

namespace py = pybind11;

/// Contiguous little-endian arrays by the name of a network's input or layer; of a run with one
/// layer, its only one has the empty name.
using NamedArrays = std::map<std::string, py::array>;

struct GivenArrays {
  NamedArrays inputs, weights, bias;
  bool empty() const { return inputs.empty() && weights.empty() && bias.empty(); }
};

/// Arrays beside the files that a run names.
class ArrayTensors : public TensorFiles {
 public:
  const StoredTensor& get(const std::string& file, const std::string& name) override;
  /// What a TensorSource calls the array. Throws an input Error for elements that are no numbers.
  /// `what` is what errors call it.
  std::string add(const std::string& what, const py::array& array);

 private:
  std::map<std::string, StoredTensor> arrays_;
};

/// Puts the arrays in the places of a run's operands. Throws an input Error that names the nearest
/// input or layer.
void give_arrays(const GivenArrays& arrays, RunConfig& run);

/// An array over values that it owns.
template <class T>
py::array to_array(std::vector<T> values, const std::vector<std::int64_t>& shape) {
  auto owner = std::make_unique<std::vector<T>>(std::move(values));
  const T* data = owner->data();
  const py::capsule keeper(owner.release(),
                           [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(shape, data, keeper);
}

}  // namespace bitjoule::python
