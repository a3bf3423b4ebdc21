// What importers of graphs share: the network under construction, its steps and its end, operators
// that are not known, and nodes that are refused.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/workload/network.h"
#include "sim/formats/shape.h"

namespace bitjoule {

class NetworkBuilder {
 public:
  /// Names the network after the file.
  explicit NetworkBuilder(const std::string& file);

  void add_input(const std::string& name, const Shape& shape, const std::string& type);
  /// Of the inputs so far: the first axis of the first that has several counts the images that
  /// reports are per.
  void count_images();
  void add_output(const std::string& layer, const std::string& name, const Shape& shape,
                  const std::string& type);
  /// Appends a layer.
  NetworkLayer& add_step(const std::string& name, NetworkOp op, std::vector<std::string> inputs);
  /// A transpose of a layer's output of `shape`, named after `name`; returns the new layer.
  std::string transposed(const std::string& name, const std::string& layer, const Shape& shape,
                         const Shape& axes);
  NetworkLayer& last() { return network_.layers.back(); }
  NetworkLayer& before_last() { return network_.layers.end()[-2]; }
  /// The finished network. Throws an input Error where it is none.
  Network take();

 protected:
  Network network_;

 private:
  int steps_ = 0;
};

/// Errors of `run` that do not begin with the file's name get more of it from `fail`.
template <class Fail, class Run>
void within_file(const std::string& file, Fail fail, Run run) {
  try {
    run();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.rfind(file, 0) == 0) throw;
    fail(message);
  }
}

/// The storage of a quantized graph's codes of that type: one scale, or one per output channel.
TensorFormat code_format(const std::string& type, bool per_channel, bool symmetric);

/// Copies from `from` to `to`: y[i] = x[starts + steps * i]; a pad with negated starts.
VectorOp slice_of(const Shape& from, const Shape& to, const Shape& starts, const Shape& steps);

/// Operators that an importer has no layers for, each with its count and its first node.
class UnsupportedOperators {
 public:
  void add(const std::string& name, const std::string& node);
  /// A line each of what is left out. Throws an input Error with all of them unless `skip`;
  /// `version` says what the file's operators are.
  std::vector<std::string> settle(const std::string& file, const std::string& version,
                                  bool skip) const;

 private:
  struct Found {
    std::string name, first;
    int count = 0;
  };
  std::vector<Found> found_;
};

/// What nodes are refused for, so that all of it is told at once. What reads a result of theirs
/// cannot be judged and is passed over.
class RefusedNodes {
 public:
  void attempt(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
               const std::function<void()>& add);
  /// Throws where any was refused.
  void settle(const std::string& file) const;

 private:
  std::set<std::string> unknown_;
  std::vector<std::string> told_;  ///< no more than kMostTold
  std::int64_t count_ = 0;
};

}  // namespace bitjoule
