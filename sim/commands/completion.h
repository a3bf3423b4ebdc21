// What may stand at the end of a command line: for the completion of shells.
#pragma once

#include <string>
#include <vector>

namespace bitjoule {

struct Completion {
  std::vector<std::string> words;  ///< in place of the last; one that goes on ends in "." or "="
  bool files = false;              ///< or a file's name
};

/// `line` is what has been typed up to the cursor, from the program's name on. Values of an option
/// are those that its help names: "on|off", or "`sim list formats`".
Completion complete(const std::string& line);

}  // namespace bitjoule
