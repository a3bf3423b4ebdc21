// The one place where an Error becomes an exit code: 0 done, 2 bad usage or configuration, or
// something could not be written, 3 the output or a conservation check failed, 1 anything else.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/config/suggest.h"
#include "sim/output/terminal.h"
#include "sim/version.h"

namespace {

constexpr int kFailed = 1, kBadInput = 2, kNotVerified = 3;

const char* const kExamples = R"(Examples:
  sim check configs/runs/quickstart.yaml --set layer.gemm.m=1
  sim list accelerators
  sim price out/result.json --energy jouppi-2021-7nm.yaml
  sim schema run -o run.schema.json
)";

/// Each line of a message is a problem of its own.
int fail(const std::string& message, int code) {
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);)
    bitjoule::print_error(fmt::format("error: {}\n", line));
  return code;
}

/// CLI11 would only say that a subcommand is required.
void require_known_command(const std::string& word) {
  std::vector<std::string> names;
  for (const bitjoule::CommandRow& row : bitjoule::commands()) {
    if (word == row.name) return;
    names.emplace_back(row.name);
  }
  if (word.empty() || word.front() == '-') return;
  throw bitjoule::input_error(
      fmt::format("unknown subcommand \"{}\"{}", word, bitjoule::suggestion(word, names)));
}

int exit_code(bitjoule::ErrorKind kind) {
  switch (kind) {
    case bitjoule::ErrorKind::kInput:
      return kBadInput;
    case bitjoule::ErrorKind::kVerification:
      return kNotVerified;
    default:
      return kFailed;
  }
}

int run(int argc, char** argv) {
  CLI::App app("Simulates MAC-array neural-network accelerators: cycles, bytes, joules, error.",
               "sim");
  app.set_version_flag("--version", "bitjoule " + bitjoule::build_text(bitjoule::build()));
  app.require_subcommand(1);
  app.footer(kExamples);
  if (argc > 1) require_known_command(argv[1]);
  int result = 0;
  for (const bitjoule::CommandRow& row : bitjoule::commands()) {
    CLI::App* sub = app.add_subcommand(row.name, row.summary);
    sub->callback([&result, action = row.add(*sub)] { result = action(); });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    std::ostringstream text;
    app.exit(e, text, text);
    bitjoule::print_text(text.str());
    return 0;
  } catch (const CLI::ParseError& e) {
    fail(e.what(), kBadInput);
    return fail("see sim --help", kBadInput);
  }
  return result;
}

/// The exit code of what the command line asks for.
int guarded_run(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const bitjoule::Error& e) {
    return fail(e.what(), exit_code(e.kind()));
  } catch (const std::bad_alloc&) {
    return fail("out of memory", kFailed);
  } catch (const std::exception& e) {
    return fail(fmt::format("internal: {}", e.what()), kFailed);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bitjoule::prepare_streams();
  const int code = guarded_run(argc, argv);
  const std::string lost = bitjoule::lost_output();
  if (lost.empty()) return code;
  fail(lost, kBadInput);
  return code == 0 ? kBadInput : code;
}
