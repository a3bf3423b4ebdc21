#include "python/src/arrays.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "sim/config/leaf.h"
#include "sim/config/suggest.h"

namespace bitjoule::python {
namespace {

/// The last copy may go where the interpreter's lock is not held.
std::shared_ptr<const void> keep(const py::array& array) {
  return {new py::array(array), [](const py::array* kept) {
            const py::gil_scoped_acquire acquire;
            delete kept;
          }};
}

TensorSource source_named(std::string file) {
  TensorSource source;
  source.file = std::move(file);
  return source;
}

/// The element of `all` with that name.
template <class T>
T& find_named(std::vector<T>& all, const char* argument, const char* what,
              const std::string& name) {
  std::vector<std::string> names;
  for (T& item : all) {
    if (item.name == name) return item;
    names.push_back(item.name);
  }
  if (names.empty())
    throw input_error(fmt::format("{}: \"{}\": the network has no {}s", argument, name, what));
  throw input_error(fmt::format("{}: no {} \"{}\"{}", argument, what, name,
                                names.size() > 8
                                    ? suggestion(name, names)
                                    : ": " + expected_names(names) + suggestion(name, names)));
}

void require_one(const char* argument, const NamedArrays& arrays) {
  if (arrays.size() > 1 || (!arrays.empty() && !arrays.begin()->first.empty()))
    throw input_error(
        fmt::format("{}: of a run with one layer: expected one array, got a dict", argument));
}

void require_names(const char* argument, const NamedArrays& arrays, const char* what) {
  if (arrays.count("") != 0)
    throw input_error(fmt::format(
        "{}: of a network: expected a dict of arrays by the name of the {}", argument, what));
}

void give_layer(const GivenArrays& given, ArrayTensors& tensors, Layer& layer) {
  require_one("inputs", given.inputs);
  require_one("weights", given.weights);
  require_one("bias", given.bias);
  for (const auto& [name, array] : given.inputs)
    layer.inputs = source_named(tensors.add("inputs", array));
  for (const auto& [name, array] : given.weights)
    layer.weights = source_named(tensors.add("weights", array));
  for (const auto& [name, array] : given.bias) {
    if (std::holds_alternative<Matmul>(layer.op))
      throw input_error("bias: a product of two activations has none");
    layer.stage.bias = true;
    layer.bias = source_named(tensors.add("bias", array));
  }
}

/// Nobody should give what has no effect.
void require_reader(const Network& network, const std::string& input) {
  const auto reads = [&](const NetworkLayer& layer) {
    return std::find(layer.inputs.begin(), layer.inputs.end(), input) != layer.inputs.end();
  };
  if (std::none_of(network.layers.begin(), network.layers.end(), reads))
    throw input_error(fmt::format("inputs: no layer reads \"{}\"", input));
}

/// What a layer of a network adds follows from its file: arrays change no cost.
void require_role(const std::string& role, const NetworkLayer& layer) {
  const bool has_weights =
      std::holds_alternative<Conv2d>(layer.op) || std::holds_alternative<Gemm>(layer.op);
  if (!has_weights)
    throw input_error(fmt::format("{}: layer \"{}\" has no weights", role, layer.name));
  if (role == "bias" && !layer.bias)
    throw input_error(
        fmt::format("bias: layer \"{}\" adds none; its file says bias: true where it "
                    "does",
                    layer.name));
}

void give_network(const GivenArrays& given, ArrayTensors& tensors, Network& network,
                  bool is_first) {
  if (is_first)  // as of a generation, the prompt's pass
    for (const auto& [name, array] : given.inputs) {
      find_named(network.inputs, "inputs", "input", name).source =
          source_named(tensors.add("inputs." + name, array));
      require_reader(network, name);
    }
  const auto give_role = [&](const char* role, const NamedArrays& arrays) {
    for (const auto& [name, array] : arrays) {
      NetworkLayer& layer = find_named(network.layers, role, "layer", name);
      require_role(role, layer);
      layer.tensors[role] = source_named(tensors.add(std::string(role) + "." + name, array));
    }
  };
  give_role("weights", given.weights);
  give_role("bias", given.bias);
}

}  // namespace

const StoredTensor& ArrayTensors::get(const std::string& file, const std::string& name) {
  const auto found = arrays_.find(file);
  return found == arrays_.end() ? TensorFiles::get(file, name) : found->second;
}

std::string ArrayTensors::add(const std::string& what, const py::array& array) {
  const auto descr = array.dtype().attr("str").cast<std::string>();
  StoredTensor tensor;
  tensor.type = find_npy_type(descr.substr(1));  // behind the order of bytes
  if (tensor.type == nullptr)
    throw input_error(fmt::format("{}: expected an array of numbers, got dtype {}", what,
                                  py::str(array.dtype()).cast<std::string>()));
  tensor.shape.assign(array.shape(), array.shape() + array.ndim());
  std::string name = "array:" + what;
  tensor.bytes = static_cast<std::uint64_t>(array.nbytes());
  tensor.blob = Blob(name, keep(array), array.data(), tensor.bytes);
  tensor.data = tensor.blob.data();
  arrays_[name] = std::move(tensor);
  return name;
}

void give_arrays(const GivenArrays& given, RunConfig& run) {
  const auto tensors = std::make_shared<ArrayTensors>();
  if (run.phases.empty()) {
    give_layer(given, *tensors, run.layer);
  } else {
    require_names("inputs", given.inputs, "input");
    require_names("weights", given.weights, "layer");
    require_names("bias", given.bias, "layer");
    for (NetworkPhase& phase : run.phases)
      give_network(given, *tensors, phase.network, &phase == &run.phases.front());
  }
  run.options.tensors = tensors;
}

}  // namespace bitjoule::python
