#include "run/network_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace bitjoule {

std::string kind_of(const std::string& name) {
  std::string kind;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    const bool number = !part.empty() && std::all_of(part.begin(), part.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
    kind += (begin == 0 ? "" : ".") + (number ? "*" : part);
    begin = end + 1;
  }
  return kind;
}

MappingPins pins_of(const NetworkLayer& layer, const MappingPins& run) {
  MappingPins pins = with(layer.mapping, run);
  if (!layer.kv_cache || !std::holds_alternative<Matmul>(layer.op)) pins.kv_page = 0;
  pins.stores_outputs = layer.to_memory && run.activations == ActivationMemory::kOnChip;
  return pins;
}

Layer mac_layer(const NetworkLayer& layer) {
  Layer mac{layer.name, mac_op(layer.op).value_or(LayerOp())};
  mac.stage = {layer.bias, layer.activation};
  return mac;
}

NetworkLayer expert_layer(const NetworkLayer& layer, std::int64_t expert, std::int64_t rows) {
  NetworkLayer one = layer;
  one.name += fmt::format(".{}", expert);
  one.repeat = 1;
  one.inputs.resize(1);
  one.experts.reset();
  std::get<Gemm>(one.op).m = rows;
  for (auto& [role, source] : one.tensors) source.expert = expert;
  return one;
}

Network with_expert_layers(const Network& network) {
  Network result = network;
  result.layers.clear();
  for (const NetworkLayer& layer : network.layers) {
    if (!layer.experts) {
      result.layers.push_back(layer);
      continue;
    }
    std::vector<std::int64_t> loads = layer.experts->loads;
    if (loads.empty()) loads = spread_loads(std::get<Gemm>(layer.op), *layer.experts);
    std::sort(loads.begin(), loads.end(), std::greater<>());
    for (auto load = loads.begin(); load != loads.end();) {
      const auto end = std::upper_bound(load, loads.end(), *load, std::greater<>());
      NetworkLayer part = expert_layer(layer, 0, *load);
      part.name = layer.name;
      if (loads.front() != loads.back()) part.name += fmt::format(".{}rows", *load);
      part.repeat = layer.repeat * (end - load);
      result.layers.push_back(std::move(part));
      load = end;
    }
  }
  return result;
}

void rethrow_with_name(const NetworkLayer& layer, const Error& error) {
  throw Error(error.kind(), fmt::format("layer \"{}\": {}", layer.name, error.what()));
}

}  // namespace bitjoule
