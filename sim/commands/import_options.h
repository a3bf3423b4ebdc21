// Options of the commands that read other programs' networks.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "sim/import/import.h"

namespace bitjoule {

struct ImportArguments {
  ImportOptions options;
  std::vector<std::string> sizes;  ///< "NAME=N"

  bool any_given() const {
    return options.batch != 1 || options.skip_unknown || options.requantize || !sizes.empty();
  }
  /// `options` with the sizes. Throws an input Error for malformed ones.
  ImportOptions resolved() const;
};

/// Declares --batch, --size and --skip-unknown.
void add_import_options(CLI::App& app, ImportArguments& arguments);

/// To standard error, a line each.
void print_notes(const std::vector<std::string>& notes);

}  // namespace bitjoule
