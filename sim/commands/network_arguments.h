// Options of the commands that take a run file: a network in the place of its own (--network), and
// files that stand for a network's inputs (--input NAME=FILE).
#pragma once

#include <CLI/App.hpp>
#include <map>
#include <string>
#include <vector>

#include "core/workload/network.h"
#include "sim/commands/import_options.h"
#include "sim/import/import.h"

namespace bitjoule {

struct NetworkArguments {
  std::string file;  ///< empty: the run's own network
  ImportArguments import;

  /// What puts the network in the place of the run's, its sizes as --set says them, so that one
  /// without effect is told, and then `sets`. The options of an import count for the network that
  /// the run or --set names, too. `inputs` are the files of its inputs by name. Prints the
  /// importer's notes. Throws an input Error for such options where no network is imported.
  std::vector<Override> overrides(const Source& run, const std::vector<Override>& sets,
                                  const std::map<std::string, std::string>& inputs = {}) const;

 private:
  std::map<std::string, std::int64_t> parameters_of_named(const Source& run,
                                                          const std::vector<Override>& sets,
                                                          const ImportOptions& options) const;
};

/// Declares --network and the options of its import; `verb` is what the command does with it.
void add_network_options(CLI::App& app, const std::string& verb, NetworkArguments& arguments);

/// The files of "--input NAME=FILE" by name. Throws an input Error for other texts and names that
/// are given twice.
std::map<std::string, std::string> given_files(const std::vector<std::string>& arguments);

/// Lets inputs come from such files. Throws an input Error for a name that the network has not.
void set_inputs(Network& network, const std::vector<std::string>& arguments);

}  // namespace bitjoule
