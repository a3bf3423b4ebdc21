#include "sim/commands/data_arguments.h"

#include <boost/json.hpp>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "sim/commands/command.h"
#include "sim/schema/run_file.h"

namespace bitjoule {
namespace {

std::string quoted(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

bool is_gguf(const std::string& file) { return std::filesystem::path(file).extension() == ".gguf"; }

}  // namespace

std::vector<Override> DataArguments::with_options(const std::vector<Override>& sets) const {
  std::vector<Override> all;
  if (!data.empty()) all.push_back({"evaluation.data", quoted(data)});
  if (!labels.empty()) all.push_back({"evaluation.labels", quoted(labels)});
  if (window != 0) all.push_back({"evaluation.window", std::to_string(window)});
  if (stride != 0) all.push_back({"evaluation.stride", std::to_string(stride)});
  if (limit != 0) all.push_back({"evaluation.limit", std::to_string(limit)});
  if (!reference.empty()) {
    NetworkValue value = network_value(reference, {});
    value.override.path = "evaluation.reference";
    all.push_back(std::move(value.override));
  }
  const std::string& model = tokenizer.empty() && is_gguf(network.file) ? network.file : tokenizer;
  if (!model.empty()) all.push_back({"evaluation.tokenizer", quoted(model)});
  all.insert(all.end(), sets.begin(), sets.end());
  return network.overrides(given_source(file), all);
}

RunConfig DataArguments::read(const std::vector<Override>& sets) const {
  const std::vector<Override> all = with_options(sets);
  const Source source = given_source(file);
  RunConfig run = of_kind(source, "run", [&] { return read_run(source, all); });
  if (!run.evaluation)
    throw input_error(source.name +
                      ": no data to evaluate on: --data FILE, or evaluation.data in the run");
  return run;
}

void add_data_options(CLI::App& app, const std::string& verb, DataArguments& a) {
  app.add_option("config", a.file, "run file with a network; - reads standard input")
      ->required()
      ->type_name("FILE");
  app.add_option(
         "--data", a.data,
         "of a language model tokens: .npy of integers (rows are texts), .bin of llama2.c (16 "
         "bits each), or text; of any other network inputs, one after the other: .npy")
      ->type_name("FILE");
  app.add_option("--labels", a.labels,
                 "the right class of each input, integers; without, outputs are compared")
      ->type_name("FILE");
  app.add_option("--window", a.window, "tokens read at once, as a prefill; default: 256")
      ->check(CLI::Range(2, 1 << 20))
      ->type_name("N");
  app.add_option("--stride", a.stride, "tokens from one window to the next; default: the window")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("N");
  app.add_option("--limit", a.limit, "tokens, or inputs, at most; default: all")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--tokenizer", a.tokenizer,
                 "GGUF file by whose tokenizer text becomes tokens; default: that of --network")
      ->type_name("FILE");
  app.add_option("--reference", a.reference,
                 "network whose float64 values are the reference, as --network has it; default: "
                 "the run's own, its stored weights decoded")
      ->type_name("FILE");
  add_network_options(app, verb, a.network);
}

}  // namespace bitjoule
