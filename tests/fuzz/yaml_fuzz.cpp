#include <cstdlib>
#include <memory>

#include "fuzz/fuzz.h"
#include "sim/config/plain_yaml.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_run.h"
#include "sim/schema/network_file.h"
#include "support/same_tree.h"

namespace {

/// What is plain is right, and means what yaml-cpp says.
void compare_readers(const std::string& text) {
  using namespace bitjoule;
  std::optional<Node> plain = parse_plain_yaml(text, std::make_shared<const std::string>("f.yaml"));
  if (!plain) return;
  plain->root = true;
  Problems problems;
  if (!test::same_tree(*plain, parse_full_yaml(text, "f.yaml", problems)) || !problems.empty())
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bitjoule;
  return fuzz::accept_or_refuse([&] {
    compare_readers(fuzz::text_of(data, size));
    const Source source = text_source("f.yaml", fuzz::text_of(data, size));
    fuzz::accept_or_refuse([&] { read_document<RunFile>(source); });
    read_network(source);
  });
}
