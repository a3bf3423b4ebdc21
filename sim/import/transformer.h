// What GGUF and config.json importers share: a network file over one of the shipped bases.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "core/workload/network.h"

namespace bitjoule {

struct TransformerFile {
  std::string name;
  std::string base;                                             ///< "base/llama.yaml"
  std::vector<std::pair<std::string, std::string>> parameters;  ///< in order, as texts
  bool unroll = false;
  boost::json::array overrides;

  std::string yaml() const;
  /// The network of that text, read again: sizes that do not fit are refused, by the name of the
  /// file that they come from.
  Network build(const std::string& file) const;
  /// Throws an input Error where heads do not divide the hidden size, or key heads the heads.
  void check_heads(const std::string& file) const;
};

/// {weights: format}
boost::json::object weights_in(const boost::json::value& format);

}  // namespace bitjoule
