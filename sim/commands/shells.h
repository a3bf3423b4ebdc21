// The shells whose command lines can be completed.
#pragma once

#include <string>
#include <vector>

namespace bitjoule {

struct ShellRow {
  std::string name, summary;
  std::string (*script)();  ///< defines the completion when the shell reads it; may be installed
};

const std::vector<ShellRow>& shells();

}  // namespace bitjoule
