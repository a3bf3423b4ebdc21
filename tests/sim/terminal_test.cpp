// Names from files do not drive the terminal that shows them.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "sim/config/utf8.h"
#include "support/shell.h"

namespace bitjoule::terminal_test {
namespace {

using namespace test;

// An escape sequence, a carriage return and a bell; a C1 control sequence introducer in UTF-8.
const char* const kName = R"("n\u001b[31m\r\u0007\u009b31m")";
const char* const kVisible = "n\\x1b[31m\\x0d\\x07\\x9b31m";

bool is_raw(const std::string& text) {
  return text.find("\xc2\x9b") != std::string::npos ||
         std::any_of(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
         });
}

}  // namespace

TEST_CASE("terminal: what is made visible") {
  CHECK(printable("plain\nµ é 漢") == "plain\nµ é 漢");
  CHECK(printable("a\tb\x7f") == "a\\x09b\\x7f");
  CHECK(printable("\xc2\x80\xc2\x9f\xc2\xa0") == "\\x80\\x9f\xc2\xa0");
  CHECK(printable("\xe2\x80\xae") == "\\u202e");
  CHECK(printable("\x9b|\xff|\xe2\x80") == "\\x9b|\\xff|\\xe2\\x80");
  CHECK(printable_line("a\nb") == "a\\x0ab");
}

TEST_CASE("terminal: names with control characters, in every command that prints them") {
  const TemporaryDirectory dir;
  const std::string name(kName);
  write_file(dir, "run.yaml",
             "name: " + name + "\naccelerator: edge-16x16.yaml\nlayer: {name: " + name +
                 ", gemm: {m: 2, n: 16, k: 16}}\n"
                 "precision: {weights: int8, activations: fp32, mac: fp32}\n");
  write_file(dir, "net.yaml",
             "name: " + name + "\naccelerator: edge-16x16.yaml\nnetwork: {name: " + name +
                 ", layers: [{name: " + name + ", kind: " + name +
                 ", gemm: {m: 2, n: 16, k: 16}}]}\n"
                 "precision: {weights: int8, activations: fp32, mac: fp32}\n");
  write_file(dir, "sweep.yaml",
             "base: run.yaml\naxes:\n- name: " + name + "\n  variants:\n  - {name: " + name +
                 "}\n  - {name: b, set: {layer.gemm.n: 8}}\n");
  write_file(dir, "bad.yaml", "name: x\n" + name + ": 1\naccelerator: " + name + "\n");
  for (const char* command :
       {"run {d}/run.yaml -o {d}/out", "run {d}/net.yaml -o {d}/net", "explain {d}/run.yaml",
        "sweep {d}/sweep.yaml -o {d}/swept", "sweep {d}/sweep.yaml --dry-run", "price {d}/out",
        "price {d}/net", "diff {d}/out {d}/net", "merge {d}/swept -o {d}/merged", "report {d}/out",
        "report {d}/net", "report {d}/swept", "cat {d}/out/layers.csv", "cat {d}/net/layers.csv",
        "cat {d}/swept/results.csv"}) {
    std::string text = command;
    if (text.rfind("cat ", 0) != 0) text.insert(0, "{sim} ");
    for (std::size_t at; (at = text.find("{d}")) != std::string::npos;)
      text.replace(at, 3, dir.at(""));
    CAPTURE(text);
    const Outcome outcome = shell(text);
    CAPTURE(outcome.text);
    CHECK(outcome.code == 0);
    CHECK(!is_raw(outcome.text));
    CHECK(outcome.text.find(kVisible) != std::string::npos);
  }
  for (const std::string& arguments :
       {"check " + dir.at("bad.yaml"), std::string("run $'\\x1b[31m.yaml'"),
        std::string("$'\\x1b[31m'"), std::string("list $'\\x9b31m'"),
        "run " + dir.at("run.yaml") + " --set $'a\\x1b=1'",
        std::string("check --kind $'\\x1b' x")}) {
    CAPTURE(arguments);
    const Outcome outcome = shell("bash -c \"{sim} " + arguments + "\"");
    CAPTURE(outcome.text);
    CHECK(outcome.code == 2);
    CHECK(!is_raw(outcome.text));
  }
}

TEST_CASE("terminal: a page is harmless on a terminal and in a file") {
  const TemporaryDirectory dir;
  write_file(dir, "run.yaml",
             "name: " + std::string(kName) +
                 "\naccelerator: edge-16x16.yaml\nlayer: {gemm: {m: 2, n: 16, k: 16}}\n"
                 "precision: {weights: int8, activations: fp32, mac: fp32}\n");
  REQUIRE(shell("{sim} run " + dir.at("run.yaml") + " --quiet -o " + dir.at("out")).code == 0);
  const std::string report = "{sim} report " + dir.at("out");
  CHECK(!is_raw(shell(report).text));
  const Outcome shown = shell("script -qec \"" + report + "\" /dev/null < /dev/null | tr -d '\\r'");
  CHECK(shown.text.find("<html") != std::string::npos);
  CHECK(!is_raw(shown.text));
}

}  // namespace bitjoule::terminal_test
