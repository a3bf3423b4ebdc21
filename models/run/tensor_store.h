// The tensors between the layers of one pass over a network, each kept until its last reader.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/workload/network.h"
#include "run/network_tensor.h"

namespace bitjoule {

/// The producers of a layer's operands by name: "" stands for the layer before, which is `before`.
std::vector<std::string> named_inputs(const NetworkLayer& layer, const std::string& before);

class TensorStore {
 public:
  explicit TensorStore(const Network& network);

  /// Throws an input Error where nothing was produced under that name.
  const NetworkTensor& get(const std::string& name) const;
  /// The same for its last reader, which may take it apart; null: there are others.
  NetworkTensor* last_read(const std::string& name);
  bool has(const std::string& name) const { return tensors_.count(name) != 0; }
  /// A tensor that nobody reads is dropped at once.
  void put(const std::string& name, NetworkTensor tensor);
  /// A layer has run: whatever it was the last to read goes.
  void release(const NetworkLayer& layer, const std::string& before);

 private:
  std::map<std::string, NetworkTensor> tensors_;
  std::map<std::string, int> readers_;
};

}  // namespace bitjoule
