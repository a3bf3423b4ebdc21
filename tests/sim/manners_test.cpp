// How the program deals with those who type: help, examples, manual page, completion, streams.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "sim/commands/command_line.h"
#include "sim/commands/completion.h"
#include "sim/commands/kinds.h"
#include "sim/commands/shells.h"
#include "sim/output/text.h"
#include "support/shell.h"

namespace bitjoule::manners_test {
namespace {

using namespace test;
using namespace std::string_literals;

const char* const kTiny = "--set 'layer={gemm: {m: 2, n: 16, k: 16}}'";

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

/// A directory in which the program is called `sim`, to be put into PATH.
void add_program(const TemporaryDirectory& dir) {
  fs::create_directory(dir.at("bin"));
  fs::create_symlink(sim_program(), dir.at("bin/sim"));
}

/// Runs command lines as typed into bash, one after the other, in an empty directory.
void run_all(const std::vector<Example>& examples) {
  const TemporaryDirectory dir;
  add_program(dir);
  for (const Example& example : examples) {
    CAPTURE(example.command);
    write_file(dir, "typed", example.command);
    const Outcome outcome =
        shell("cd " + dir.at("") + " && PATH=\"$PWD/bin:$PATH\" bash -e typed < /dev/null");
    CAPTURE(outcome.text);
    CHECK(outcome.code == 0);
  }
}

/// Runs a command with standard output and standard error on a terminal.
std::string on_terminal(const std::string& command) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  REQUIRE(::grantpt(terminal) == 0);
  REQUIRE(::unlockpt(terminal) == 0);
  const std::string name = ::ptsname(terminal);
  const int keep = ::open(name.c_str(), O_RDWR | O_NOCTTY);  // what is written stays readable
  REQUIRE(keep >= 0);
  shell("{ " + command + "; } > " + name + " 2>&1");
  std::string text;
  char buffer[4096];
  pollfd waiting{terminal, POLLIN, 0};
  while (::poll(&waiting, 1, 200) > 0) {
    const ssize_t n = ::read(terminal, buffer, sizeof buffer);
    if (n <= 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(keep);
  ::close(terminal);
  return text;
}

}  // namespace

TEST_CASE("manners: without a command, an overview with five common uses that work") {
  CHECK(common_uses().size() == 5);
  run_all(common_uses());
  const Outcome alone = shell("{sim}");
  CHECK(alone.code == 0);
  for (const Example& use : common_uses()) CHECK(has(alone.text, use.command));
  for (const CommandRow& row : commands()) CHECK(has(alone.text, row.summary));
  for (const char* same : {"{sim} help", "{sim} --help", "{sim} -h"})
    CHECK(shell(same).text == alone.text);
}

TEST_CASE("manners: every command's help shows examples of it, and each works") {
  for (const CommandRow& row : commands()) {
    CAPTURE(row.name);
    const Outcome help = shell(fmt::format("{{sim}} {} --help", row.name));
    CHECK(help.code == 0);
    CHECK(shell(fmt::format("{{sim}} help {}", row.name)).text == help.text);
    bool is_shown = false;
    for (const Example& example : row.examples) {
      CHECK(has(help.text, example.command));
      is_shown = is_shown || has(example.command, fmt::format("sim {}", row.name));
    }
    CHECK(is_shown);
    run_all(row.examples);
  }
}

TEST_CASE("manners: misspelt commands and options") {
  for (const auto& row : std::vector<std::pair<std::string, std::string>>{
           {"rnu quickstart.yaml", "did you mean \"run\"?"},
           {"help swep", "did you mean \"sweep\"?"},
           {"frobnicate", "`sim help` names them"},
           {"run quickstart.yaml --fidelty pe", "\"--fidelty\", did you mean \"--fidelity\"?"},
           {"run quickstart.yaml --sett=a=1", "did you mean \"--set\"?"},
           {"--versoin", "did you mean \"--version\"?"},
           {"completion bsh", "did you mean \"bash\"?"},
           {"run quickstart.yaml second.yaml", "unexpected argument \"second.yaml\""},
           {"run", "see sim run --help"},
           {"run quickstart.yaml -q -v", "--quiet"}}) {
    CAPTURE(row.first);
    const Outcome outcome = shell("{sim} " + row.first);
    CHECK(outcome.code == 2);
    CHECK(has(outcome.text, row.second));
  }
}

TEST_CASE("manners: -V, -q, -v, and what was written") {
  const std::string version = shell("{sim} --version").text;
  CHECK(shell("{sim} -V").text == version);
  CHECK(shell("{sim} run -V").text == version);
  const TemporaryDirectory dir;
  const std::string run = fmt::format("{{sim}} run quickstart.yaml {} -o {}", kTiny, dir.at("out"));
  CHECK(shell(run + " -q").text.empty());
  CHECK(shell("{sim} -q " + run.substr(6)).text.empty());
  const std::string wrote = fmt::format("wrote {0}/layers.csv, {0}/result.json\n", dir.at("out"));
  CHECK(shell(run + " 2>&1 >/dev/null").text == wrote);  // standard error
  CHECK_FALSE(has(shell(run + " 2>/dev/null").text, "wrote"));
  const std::string verbose = shell(run + " -v 2>&1 >/dev/null").text;
  for (const char* part : {"runs/quickstart.yaml\n", "accelerators/edge-32x32.yaml\n",
                           "energy/horowitz-2014-45nm.yaml\n", " MiB of memory\n"})
    CHECK(has(verbose, part));
  const std::string sweep = dir.at("sweep");
  CHECK(has(shell("{sim} sweep energy-tables.yaml --pareto cycles -o " + sweep).text,
            fmt::format("wrote {0}/results.json, {0}/results.csv, {0}/pareto.csv\n", sweep)));
  CHECK(shell("{sim} check -q quickstart.yaml").text.empty());
  CHECK(shell(fmt::format("{{sim}} price {} -q -o {}", dir.at("out"), dir.at("p"))).text.empty());
}

TEST_CASE("manners: --json prints what -o writes, and - reads a run from standard input") {
  const TemporaryDirectory dir;
  const std::string options = std::string(kTiny) + " --json -o " + dir.at("out") + " 2>/dev/null";
  const std::string printed = shell("{sim} run quickstart.yaml " + options).text;
  CHECK(printed == text_of(dir.at("out/result.json")));
  const std::string file = source_dir() + "/configs/runs/quickstart.yaml";
  CHECK(shell("{sim} run - " + options + " < '" + file + "'").text == printed);
  CHECK(shell("{sim} check - < '" + file + "'").code == 0);
  CHECK(shell("{sim} explain - < '" + file + "'").text ==
        shell("{sim} explain quickstart.yaml").text);
  const Outcome broken = shell("echo 'name: 1' | {sim} run -");
  CHECK(broken.code == 2);
  CHECK(has(broken.text, "standard input:1:1: accelerator: missing"));
  const std::string network =
      shell("{sim} run resnet50.yaml --network mlperf-tiny-ad.yaml --json").text;
  CHECK(boost::json::parse(network).at("layers").as_array().size() > 5);
}

TEST_CASE("manners: a file of another kind says what it is and what is done with it") {
  for (const FileKindRow& kind : file_kinds()) {
    if (kind.name == "run") continue;
    const std::string file = shipped_files(kind.folder).front();
    CAPTURE(file);
    const Outcome outcome = shell("{sim} run " + file);
    CHECK(outcome.code == 2);
    CHECK(has(outcome.text, file + ": that is "));
    CHECK(has(outcome.text, ", not a run; "));
  }
  CHECK(shell("{sim} run edge-32x32.yaml").text ==
        "error: edge-32x32.yaml: that is an accelerator, not a run; a run on it: sim run "
        "quickstart.yaml --set accelerator=edge-32x32.yaml\n");
  CHECK(has(shell("{sim} sweep quickstart.yaml -o x").text,
            "that is a run, not a sweep; sim run quickstart.yaml"));
  // What may as well be of the kind that was meant has the errors of that kind.
  CHECK(
      has(shell("echo 'name: x' | {sim} sweep - -o x").text, "standard input:1:1: base: missing"));
  CHECK(has(shell("{sim} explain article-machines.yaml").text, "that is a sweep, not a run"));
}

TEST_CASE("manners: a result is no configuration, and a configuration no result") {
  const TemporaryDirectory dir;
  const std::string run = dir.at("run"), sweep = dir.at("sweep");
  REQUIRE(shell(fmt::format("{{sim}} run quickstart.yaml {} -q -o {}", kTiny, run)).code == 0);
  REQUIRE(shell("{sim} sweep energy-tables.yaml -q -o " + sweep).code == 0);
  for (const std::string& command : {"run"s, "explain"s})
    for (const std::string& result : {run, run + "/result.json"})
      CHECK(shell(fmt::format("{{sim}} {} {}", command, result)).text ==
            fmt::format("error: {0}: that is the result of a run, not a run; sim report {0}\n",
                        result));
  CHECK(has(shell("{sim} sweep -o x " + run).text, ": that is the result of a run, not a sweep; "));
  CHECK(has(shell("{sim} run " + sweep).text, ": that is the result of a sweep, not a run; "));
  for (const char* command : {"price", "report", "diff quickstart.yaml"})
    CHECK(shell(fmt::format("{{sim}} {} quickstart.yaml", command)).text ==
          "error: quickstart.yaml: that is a run, not a result; sim run quickstart.yaml -o DIR\n");
  CHECK(has(shell("{sim} price edge-16x16.yaml").text, ": that is an accelerator, not a result; "));
  CHECK(has(shell("{sim} report nowhere.yaml").text, "nowhere.yaml: no results: no such file"));
  CHECK(has(shell("{sim} diff " + run + " " + sweep).text, ": no result of a run: no such file"));
  CHECK(has(shell("{sim} price " + sweep + "/results.json").text, ": not a result of `sim run`"));
  // A text is a file's name: told in short.
  const std::string words = write_file(dir, "words", std::string(5000, 'x'));
  CHECK(shell("{sim} run " + words).text.size() < 1000);
}

TEST_CASE("manners: too few words are told what is missing, in this program's words") {
  const auto first_line = [](const std::string& command) {
    const std::string text = shell(command).text;
    return text.substr(0, text.find('\n'));
  };
  CHECK(first_line("{sim} run quickstart.yaml --set") == "error: --set: expected PATH=VALUE");
  CHECK(first_line("{sim} run quickstart.yaml -o") == "error: --output: expected DIR");
  CHECK(first_line("{sim} diff one") == "error: runs: expected 2 of RUN");
  CHECK(first_line("{sim} completion powershell") ==
        "error: completion: expected one of bash, fish, zsh, got \"powershell\"");
}

TEST_CASE("manners: a reader that leaves, as head does, is no error that is told") {
  const Outcome left = shell("{ {sim} schema run; echo \"code $?\" >&2; } | true");
  CHECK(left.text == "code 2\n");
  CHECK(has(shell("{sim} schema run > /dev/full").text, "standard output: cannot be written"));
}

TEST_CASE("manners: price and report take a directory or its file") {
  const TemporaryDirectory dir;
  const std::string run = dir.at("run"), sweep = dir.at("sweep");
  REQUIRE(shell(fmt::format("{{sim}} run quickstart.yaml {} -q -o {}", kTiny, run)).code == 0);
  REQUIRE(shell("{sim} sweep energy-tables.yaml -q -o " + sweep).code == 0);
  CHECK(shell("{sim} price " + run).text == shell("{sim} price " + run + "/result.json").text);
  for (const auto& [directory, file] : {std::pair(run, "/result.json"), {sweep, "/results.json"}}) {
    const Outcome whole = shell("{sim} report " + directory);
    CHECK(whole.code == 0);
    CHECK(has(whole.text, "<html"));
    CHECK(shell("{sim} report " + directory + file).text == whole.text);
    fs::rename(directory + file, directory + "/mine.json");
    CHECK(shell("{sim} report " + directory + "/mine.json").text == whole.text);
    CHECK(shell("{sim} report " + directory).code == 2);
  }
}

TEST_CASE("manners: colour on terminals only") {
  const std::string bad = "env -u NO_COLOR TERM=xterm {sim} run nowhere.yaml";
  CHECK(has(on_terminal(bad), "\033[1;31merror:\033[0m nowhere.yaml"));
  CHECK(has(on_terminal("env -u NO_COLOR TERM=xterm {sim}"), "\033[1mCommands:\033[0m"));
  for (const char* plain : {"env NO_COLOR=1 TERM=xterm {sim} run nowhere.yaml",
                            "env -u NO_COLOR TERM=dumb {sim} run nowhere.yaml"}) {
    const std::string text = on_terminal(plain);
    CHECK(has(text, "error: nowhere.yaml"));
    CHECK_FALSE(has(text, "\033"));
  }
  CHECK(has(on_terminal("env NO_COLOR= TERM=xterm {sim} run nowhere.yaml"), "\033[1;31m"));
  CHECK_FALSE(has(shell(bad).text, "\033"));
}

TEST_CASE("manners: the manual page names every command, option and example") {
  const TemporaryDirectory dir;
  REQUIRE(shell("{sim} man > " + dir.at("sim.1")).code == 0);
  // -ww: every warning that roff knows, to standard error.
  const Outcome warnings = shell("groff -man -Tutf8 -ww " + dir.at("sim.1") + " 2>&1 >/dev/null");
  CHECK(warnings.code == 0);
  CHECK(warnings.text.empty());
  const std::string page = shell("groff -man -Tascii -P-cbou -rLL=400n " + dir.at("sim.1")).text;
  const CommandLine line(commands());
  for (const CommandRow& row : commands()) {
    CHECK(has(page, fmt::format("sim {}\n", row.name)));
    for (const Example& example : row.examples) {
      CAPTURE(example.command);
      CHECK(has(page, example.command));
    }
    for (const CLI::Option* option : line.app().get_subcommand(row.name)->get_options())
      CHECK(has(page, option_text(*option)));
  }
}

using Set = std::set<std::string>;

Set completed(const std::string& line) {
  const Completion completion = complete(line);
  Set found(completion.words.begin(), completion.words.end());
  if (completion.files) found.insert(":files");
  return found;
}

Set list_of(const std::string& what) {
  const std::vector<std::string> names = listed_names(what);
  return {names.begin(), names.end()};
}

TEST_CASE("manners: what may stand at the end of a command line") {
  CHECK(completed("sim sw") == Set{"sweep"});
  CHECK(completed("sim ") == list_of("commands"));
  CHECK(completed("sim --v") == Set{"--version", "--verbose"});
  CHECK(completed("sim run --fi") == Set{"--fidelity"});
  CHECK(completed("sim -q run --fs") == Set{"--fst"});
  CHECK(completed("sim nonsense x") == Set{":files"});
  // Shipped files, with their folder and without.
  CHECK(completed("sim run quick") == Set{"quickstart.yaml", ":files"});
  CHECK(completed("sim run runs/quick") == Set{"runs/quickstart.yaml", ":files"});
  CHECK(completed("sim sweep cnn") == Set{"cnn-bits.yaml", ":files"});
  CHECK(completed("sim area edge-16") == Set{"edge-16x16.yaml", ":files"});
  CHECK(completed("sim dram --dram lpddr5-6400-") == Set{"lpddr5-6400-x64.yaml", ":files"});
  CHECK(completed("sim price out --energy=jou") == Set{"--energy=jouppi-2021-7nm.yaml", ":files"});
  CHECK(completed("sim run resnet50.yaml --network mlperf-tiny-a") ==
        Set{"mlperf-tiny-ad.yaml", ":files"});
  // Values of options.
  CHECK(completed("sim run x --fidelity ") == list_of("fidelities"));
  CHECK(completed("sim run x --values o") == Set{"on", "off"});
  CHECK(completed("sim quantize x.npy --format q4") == Set{"q4_0", "q4_1", "q4_k"});
  CHECK(completed("sim quantize x.npy --format fp32,q8") == Set{"fp32,q8_0"});
  CHECK(completed("sim quantize x.npy --granularity ") == list_of("granularities"));
  CHECK(completed("sim dram --pattern s") == Set{"sequential", "strided", "streams"});
  CHECK(completed("sim price out --dram-prices ") == Set{"table", "device"});
  CHECK(completed("sim import x --from t") == Set{"tflite"});
  CHECK(completed("sim check x --kind dram") == Set{"dram", "dram_energy", "dram_protocol"});
  CHECK(completed("sim run x -o ") == Set{":files"});
  CHECK(completed("sim completion z") == Set{"zsh"});
  CHECK(completed("sim help swe") == Set{"sweep"});
  CHECK(completed("sim schema dram_") == Set{"dram_energy", "dram_protocol"});
  // Paths of --set, and their values.
  CHECK(completed("sim run x --set accelerator.array.dat") == Set{"accelerator.array.dataflow="});
  CHECK(completed("sim run x --set accelerator.array.dataflow=") ==
        Set{"accelerator.array.dataflow=ws", "accelerator.array.dataflow=os",
            "accelerator.array.dataflow=is"});
  CHECK(completed("sim area x --set array.dataflow=w") == Set{"array.dataflow=ws"});
  CHECK(completed("sim run x --set accelerator.arr") == Set{"accelerator.array."});
  CHECK(completed("sim run x --set precision.we") ==
        Set{"precision.weights=", "precision.weights."});
  CHECK(completed("sim run x --set precision.weights=q8") == Set{"precision.weights=q8_0"});
  CHECK(completed("sim run x --set precision.weights.format=mxfp4") ==
        Set{"precision.weights.format=mxfp4"});
  CHECK(completed("sim run x --set=dram=idea") == Set{"--set=dram=ideal.yaml", ":files"});
  CHECK(completed("sim run x --set 'layer.activation=relu6") == Set{"layer.activation=relu6"});
  CHECK(completed("sim run x --set values=o") == Set{"values=on", "values=off"});
  CHECK(completed("sim run x --set nowhere.at=").empty());
}

TEST_CASE("manners: every value that completion offers is taken") {
  for (const char* path :
       {"accelerator.array.overlap", "accelerator.array.pe.packing", "mapping.order",
        "mapping.objective", "precision.requantize", "dram", "energy"}) {
    const std::string typed = fmt::format("sim run quickstart.yaml --set {}=", path);
    int count = 0;
    for (const std::string& word : complete(typed).words) {
      CAPTURE(word);
      const Outcome outcome = shell("{sim} check -q quickstart.yaml --set " + word);
      CAPTURE(outcome.text);
      CHECK((outcome.code == 0 || !has(outcome.text, "expected one of")));
      ++count;
    }
    CHECK(count > 2);
  }
}

TEST_CASE("manners: completion in every shell") {
  const TemporaryDirectory dir;
  add_program(dir);
  write_file(dir, "quick notes.yaml", "");
  for (const ShellRow& row : shells()) {
    CAPTURE(row.name);
    REQUIRE(shell("{sim} completion " + row.name + " > " + dir.at(row.name)).code == 0);
    // Each shell's own splitting of the line, and what it does with the answers, as it asks for
    // them: bash takes = for the end of a word. What goes on has no space behind it: "+".
    const auto completed = [&](const std::string& line) {
      std::string script = "source ./" + row.name + "\n";
      if (row.name == "bash") {
        std::string words = line;
        for (std::size_t at = 0; (at = words.find('=', at)) != std::string::npos; at += 3)
          words.replace(at, 1, " = ");
        script += fmt::format(
            "compopt() {{ [ \"$2\" = nospace ] && open=+; }}\n"
            "COMP_LINE='{0}' COMP_POINT={1} COMP_WORDS=({2}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - "
            "1))\n"
            "_bitjoule\nprintf \"%s$open\\n\" \"${{COMPREPLY[@]}}\"\n",
            line, line.size(), words);
      } else if (row.name == "fish") {
        script += fmt::format("complete -C '{}' | sed 's/=$/=+/'\n", line);
      } else {
        script.insert(0, "compdef() { : }\n");
        script += fmt::format(
            "compadd() {{ [[ $1 = -S ]] && {{ shift 2; open=+ }}; shift; "
            "print -l -- ${{^@}}$open; open= }}\n"
            "compset() {{ : }}\n_files() {{ print -l -- *.yaml }}\n"
            "words=({}) CURRENT=$#words\n_bitjoule\n",
            line);
      }
      write_file(dir, "typed", script);
      const Outcome outcome =
          shell("cd " + dir.at("") + " && PATH=\"$PWD/bin:$PATH\" HOME=$PWD " + row.name +
                (row.name == "zsh"    ? " -f"
                 : row.name == "fish" ? " --no-config"
                                      : "") +
                " typed < /dev/null");
      CAPTURE(outcome.text);
      CHECK(outcome.code == 0);
      std::istringstream lines(outcome.text);
      Set found;
      for (std::string text; std::getline(lines, text);) found.insert(text);
      return found;
    };
    const bool is_bash = row.name == "bash";
    CHECK(completed("sim sw") == Set{"sweep"});
    CHECK(completed("sim run quick") == Set{"quickstart.yaml", "quick notes.yaml"});
    CHECK(completed("sim run x --set accelerator.array.dataf") ==
          Set{"accelerator.array.dataflow=+"});
    CHECK(completed("sim run x --set accelerator.array.dataflow=w") ==
          Set{is_bash ? "ws" : "accelerator.array.dataflow=ws"});
  }
}

TEST_CASE("manners: a difference fits a terminal's lines, and is whole elsewhere") {
  const TemporaryDirectory dir;
  const std::string run = fmt::format("{{sim}} run quickstart.yaml -q {} -o ", kTiny);
  const std::string long_name = std::string(70, 'n') + "-the-end";
  REQUIRE(shell(run + dir.at("a")).code == 0);
  REQUIRE(shell(run + dir.at("b") +
                " --set precision.weights.format=int4 --set precision.activations=fp16 "
                "--set precision.mac=fp16 --set name=" +
                long_name)
              .code == 0);
  const std::string diff = "{sim} diff " + dir.at("a") + " " + dir.at("b");
  for (const std::size_t width : {80, 100}) {
    const std::string text = on_terminal("stty cols " + std::to_string(width) + " 0<&1; " + diff);
    std::istringstream lines(text);
    std::size_t longest = 0, count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.rfind("A: ", 0) == 0 || line.rfind("B: ", 0) == 0) continue;  // whole paths
      CAPTURE(line);
      CHECK(character_count(line) <= width);
      longest = std::max(longest, character_count(line));
    }
    CHECK(count > 40);
    CHECK(longest > width / 2);
    CHECK(has(text, "\n  energy.total_pj "));
    CHECK(has(text, " %\r\n"));
    CHECK(has(text, "nnn..."));
    CHECK(has(text, "-end"));
    CHECK_FALSE(has(text, long_name));
  }
  const std::string whole = shell(diff).text;
  CHECK(has(whole, long_name));
  CHECK(has(whole, "\n  energy.total_pj "));
  const boost::json::object json = boost::json::parse(shell(diff + " --json").text).as_object();
  const auto of = [&](const char* part, const std::string& path) {
    for (const boost::json::value& row : json.at(part).as_array())
      if (row.at("path") == boost::json::string(path)) return row.as_object();
    return boost::json::object{};
  };
  CHECK(of("config", "precision.weights.format").at("a") == "int8");
  CHECK(of("config", "precision.weights.format").at("b") == "int4");
  CHECK(of("config", "name").at("b") == boost::json::string(long_name));
  CHECK(of("result", "energy.total_pj").at("a").is_double());
  CHECK(of("result", "cycles").size() == 3);
  CHECK(shortened("abcdefghij", 7) == "ab...ij");
  CHECK(shortened("abcdefg", 7) == "abcdefg");
  CHECK(shortened("\u00e4\u00f6\u00fcabcdefg", 6) == "\u00e4\u00f6...g");
}

TEST_CASE("manners: FST by GTKWave's converter") {
  const TemporaryDirectory dir;
  const std::string run = fmt::format("{{sim}} run quickstart.yaml {} -q", kTiny);
  const std::string vcd = dir.at("w.vcd"), fst = dir.at("w.fst"), again = dir.at("again.fst");
  REQUIRE(shell(run + " --vcd " + vcd + " --fst " + fst).text.empty());
  // What GTKWave reads out of the file is the dump: the same changes of value at the same times.
  const auto changes = [](const std::string& text) {
    std::istringstream lines(text.substr(text.find("$enddefinitions")));
    std::set<std::string> times;
    for (std::string line; std::getline(lines, line);)
      if (line[0] == '#') times.insert(line);
    return times;
  };
  CHECK(changes(shell("fst2vcd " + fst).text) == changes(text_of(vcd)));
  CHECK(changes(text_of(vcd)).size() > 10);
  shell("sleep 1.1; " + run + " --fst " + again);  // no date in it
  CHECK(text_of(again) == text_of(fst));
  const Outcome missing = shell("PATH=/nowhere " + run + " --fst " + dir.at("none.fst"));
  CHECK(missing.code == 2);
  CHECK(has(missing.text, "package gtkwave"));
  CHECK_FALSE(fs::exists(dir.at("none.fst")));
  CHECK(has(shell(run + " --vcd " + dir.at("x.fst")).text, "use --fst"));
  CHECK(has(shell(run + " --vcd " + vcd + " --fst " + vcd).text, "--vcd and --fst: both are"));
}

}  // namespace bitjoule::manners_test
