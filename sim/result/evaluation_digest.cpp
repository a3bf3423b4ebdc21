#include "sim/result/evaluation_digest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <set>

#include "core/error.h"
#include "run/language_evaluation.h"
#include "sim/formats/blob.h"
#include "sim/schema/network_file.h"
#include "sim/schema/run_file.h"

namespace bitjoule {
namespace {

/// The network as a text, and the files that its tensors come from.
std::string network_digest(const Network& network, std::set<std::string>& files) {
  for (const NetworkLayer& layer : network.layers)
    for (const auto& [role, source] : layer.tensors)
      if (source.from_file()) files.insert(source.file);
  return boost::json::serialize(to_json(network));
}

}  // namespace

std::string file_digest(const std::string& path) {
  try {
    const Blob blob = map_file(path);
    const boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
    return boost::uuids::to_string(generate(blob.data(), blob.size()));
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kInput) throw;
    return "unreadable";
  }
}

std::vector<Network> networks_of(const RunConfig& run, std::int64_t tokens) {
  const Evaluation& evaluation = *run.evaluation;
  if (!reads_tokens(run.phases.front().network)) return {evaluation.as_it_is()};
  std::vector<Network> networks = {evaluation.network(tokens)};
  if (evaluation.reference) networks.push_back(evaluation.reference(tokens));
  return networks;
}

std::string value_digest(const RunConfig& run, const std::vector<Network>& networks) {
  RunConfig machine = run;
  machine.phases.clear();
  std::string text = run_digest(machine);
  std::set<std::string> files;
  if (!run.calibration.empty()) files.insert(run.calibration);
  for (const Network& network : networks) text += network_digest(network, files);
  for (const std::string& file : files) text += fmt::format("\n{} {}", file, file_digest(file));
  return text;
}

std::string evaluation_digest(const RunConfig& run) {
  const EvaluationConfig& e = run.evaluation->config;
  const auto digest = [](const std::string& file) {
    return file.empty() ? std::string() : file_digest(file);
  };
  return fmt::format("\nevaluation {} {} {} {} {} {} {} {} {} {} {}", e.data, digest(e.data),
                     e.window, e.stride.value_or(e.window), e.limit, digest(e.tokenizer),
                     digest(e.labels), e.layout, e.scale, fmt::join(e.mean, " "),
                     fmt::join(e.deviation, " ")) +
         value_digest(run, networks_of(run, e.window));
}

}  // namespace bitjoule
