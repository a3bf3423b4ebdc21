// A table that a page of the documentation has from the program.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "support/paths.h"
#include "support/shell.h"

namespace bitjoule::test {

/// What stands in docs/`page` from the line `begin` to "<!-- end -->" must be `table`; with
/// BITJOULE_UPDATE_DOCS set it is written there.
inline void check_docs_table(const std::string& page, const std::string& begin,
                             const std::string& table) {
  const std::string file = source_dir() + "/docs/" + page;
  std::string docs = text_of(file);
  const std::size_t at = docs.find(begin);
  REQUIRE(at != std::string::npos);
  const std::size_t from = at + begin.size(), to = docs.find("<!-- end -->", from);
  REQUIRE(to != std::string::npos);
  if (std::getenv("BITJOULE_UPDATE_DOCS") != nullptr)
    std::ofstream(file) << docs.replace(from, to - from, table);
  else
    CHECK(docs.substr(from, to - from) == table);
}

}  // namespace bitjoule::test
