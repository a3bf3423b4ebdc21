// The table of families in the documentation is that of the program.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "sim/import/hf_families.h"
#include "sim/import/models.h"
#include "support/docs_table.h"
#include "support/paths.h"
#include "support/shell.h"

namespace bitjoule::test::models_list_test {
namespace {

const char* const kBegin = "<!-- families -->\n";

}  // namespace

TEST_CASE(
    "models: the families of the documentation are the program's "
    "(BITJOULE_UPDATE_DOCS=1 lists them)") {
  std::string table =
      "| family | `config.json` | directory | GGUF | particular |\n|---|---|---|---|---|\n";
  const std::string listed = shell("{sim} list models").text;
  std::set<std::string> names;
  for (const ModelFamily& f : model_families()) {
    CHECK(names.insert(f.name).second);
    table += fmt::format("| `{}` | {} | {} | {} | {} |\n", f.name, f.config, f.directory,
                         f.gguf == "no" ? "no" : "`" + f.gguf + "`", f.particular);
    CHECK_MESSAGE(listed.find(f.name + " ") != std::string::npos, f.name);
  }
  CHECK(names.size() == hf_families().size());
  check_docs_table("networks.md", kBegin, table);
}

}  // namespace bitjoule::test::models_list_test
