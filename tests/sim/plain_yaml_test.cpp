// The reader of plain YAML against yaml-cpp: the same tree, or none.
#include "sim/config/plain_yaml.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>
#include <string>

#include "support/paths.h"
#include "support/same_tree.h"
#include "support/shell.h"

namespace bitjoule {
namespace {

using namespace test;
namespace fs = std::filesystem;

std::optional<Node> plain(const std::string& text) {
  std::optional<Node> node = parse_plain_yaml(text, std::make_shared<const std::string>("a.yaml"));
  if (node) node->root = true;
  return node;
}

/// Whether a text is plain; where it is, it must be right, and yaml-cpp read the same.
bool is_plain(const std::string& text) {
  const std::optional<Node> node = plain(text);
  if (!node) return false;
  CAPTURE(text);
  Problems problems;
  CHECK(same_tree(*node, parse_full_yaml(text, "a.yaml", problems)));
  CHECK_NOTHROW(problems.throw_if_any());
  return true;
}

TEST_CASE("plain YAML: what shipped files are written in") {
  int files = 0, read = 0;
  for (const auto& entry : fs::recursive_directory_iterator(source_dir() + "/configs")) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    read += is_plain(text_of(entry.path().string())) ? 1 : 0;
  }
  CHECK(files > 100);
  CHECK(read * 10 > files * 8);  // networks have texts in quotes as keys, and more
}

TEST_CASE("plain YAML: the same tree, with its places") {
  for (const char* text :
       {"a: 1\n", "a: b c # d\nb:\n  c: -1.5e-3\n\n  # e\n  d: =4 * x + (y)\nf: 64 KiB",
        "a: [1, 2,\n  3]\nb: []\nc: {}\n", "a:\n- 1\n- {b: 2, c: [x y, 'z: 1']}\nd: \"=1\"\n",
        "a:\n  - b: 1\n    c: 2\n  - b: 3\ne: 4\n",
        "{\"a\": {\"b\":1, \"c\": [1, \"x\"]}, \"d\": true}", "# \xc3\xa9\na: '#'   # \xc3\xa9\n",
        "a:   # why\n    b: 1\n", "a: {b: 1,\n    c: 2}\n\n\nd: 3", "- 1\n"})
    CHECK(is_plain(text) == (*text != '-'));
}

TEST_CASE("plain YAML: all else is left to the whole reader") {
  for (const char* text : {"",
                           "a\n",
                           "a: &x 1\n",
                           "a: *x\n",
                           "a: !!int 1\n",
                           "a: |\n  b\n",
                           "a: >\n  b\n",
                           "a: b\n  c\n",
                           "a: 'b\n  c'\n",
                           "a: \"\\n\"\n",
                           "a: ''''\n",
                           "a: 1\na: 2\n",
                           "a:\n",
                           "a: null\n",
                           "a: ~\n",
                           "a: b: c\n",
                           "a: b #\xc3\xa9\nb: \xc3\xa9\n",
                           "---\na: 1\n",
                           "a: 1\n...\n",
                           "? a\n: b\n",
                           "a: [1, 2\n",
                           "a: [1, ]\n",
                           "a: {b}\n",
                           "a: {b: }\n",
                           "a: [b: 1]\n",
                           "a:\t1\n",
                           "a: 1\r\n",
                           "a: 1\n b: 2\n",
                           "a:\n  b: 1\n c: 2\n",
                           "- - 1\n",
                           "a: [1,\n2]\n",
                           "a: \"b\"c\n",
                           "a: 'b'#c\n",
                           "a: b#c\n",
                           "<<: 1\n",
                           "a: @b\n",
                           "a: {b: 1, b: 2}\n",
                           "a: {b: [1}, c: 2]\n",
                           "%YAML 1.2\n"}) {
    CAPTURE(text);
    CHECK(!plain(text));
  }
}

TEST_CASE("plain YAML: random texts") {
  std::mt19937 random(20261128);
  const char* const kParts[] = {"a", "b: ", "c:", "\n", "\n  ", "\n    ", "- ",    "[",
                                "]", "{",   "}",  ", ", "1",    "'x'",    "\"y\"", " # z",
                                "#", "=",   "-",  ":",  " ",    "null",   "\"k\":"};
  int read = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text = i % 2 == 0 ? "a: " : "a:\n  ";
    for (unsigned n = random() % 12; n > 0; --n) text += kParts[random() % std::size(kParts)];
    read += is_plain(text) ? 1 : 0;
  }
  CHECK(read > 2000);
}

}  // namespace
}  // namespace bitjoule
