// Options of the commands that run a network over data.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "run/run_config.h"
#include "sim/commands/network_arguments.h"

namespace bitjoule {

struct DataArguments {
  std::string file;  ///< the run
  std::string data, labels, reference, tokenizer;
  std::int64_t window = 0, stride = 0, limit = 0;
  NetworkArguments network;

  /// The options that stand for a key of the run file, before what --set says.
  std::vector<Override> with_options(const std::vector<Override>& sets) const;
  /// The run, with an evaluation. Throws an input Error where neither options nor run name data.
  RunConfig read(const std::vector<Override>& sets) const;
};

/// Declares the run file, --data and how data are read, --network and the options of its import;
/// `verb` is what the command does with the network.
void add_data_options(CLI::App& app, const std::string& verb, DataArguments& arguments);

}  // namespace bitjoule
