#include "run/tensor_store.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "core/recycled.h"

namespace bitjoule {
namespace {

/// Everything that a layer reads from other layers, with repetitions.
std::vector<std::string> reads(const NetworkLayer& layer, const std::string& before) {
  std::vector<std::string> names;
  for (const std::string& name : named_inputs(layer, before))
    if (!name.empty() && name != kOperandInput && name != kCacheInput) names.push_back(name);
  for (const auto& [role, source] : layer.tensors)
    if (!source.input.empty()) names.push_back(source.input);
  return names;
}

}  // namespace

std::vector<std::string> named_inputs(const NetworkLayer& layer, const std::string& before) {
  std::vector<std::string> names = layer.inputs;
  if (names.empty()) names.emplace_back();
  for (std::string& name : names)
    if (name.empty()) name = before;
  return names;
}

TensorStore::TensorStore(const Network& network) {
  std::string before;
  for (const NetworkLayer& layer : network.layers) {
    for (const std::string& name : reads(layer, before)) ++readers_[name];
    before = layer.name;
  }
  for (const NetworkOutput& output : network.outputs) ++readers_[output.layer];
  for (const NetworkInput& input : network.inputs)
    if (!input.next.empty()) ++readers_[input.next];
  if (network.outputs.empty()) ++readers_[before];
}

const NetworkTensor& TensorStore::get(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    throw input_error(fmt::format("nothing is produced under the name \"{}\"", name));
  return found->second;
}

NetworkTensor* TensorStore::last_read(const std::string& name) {
  const auto found = tensors_.find(name);
  return found != tensors_.end() && readers_[name] == 1 ? &found->second : nullptr;
}

void TensorStore::put(const std::string& name, NetworkTensor tensor) {
  if (readers_[name] > 0) tensors_[name] = std::move(tensor);
}

void TensorStore::release(const NetworkLayer& layer, const std::string& before) {
  for (const std::string& name : reads(layer, before))
    if (--readers_[name] == 0) {
      const auto found = tensors_.find(name);
      if (found == tensors_.end()) continue;
      recycle(std::move(found->second.values));
      recycle(std::move(found->second.reference));
      recycle(std::move(found->second.codes));
      tensors_.erase(found);
    }
}

}  // namespace bitjoule
