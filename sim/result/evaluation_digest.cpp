#include "sim/result/evaluation_digest.h"

#include <fmt/format.h>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <set>

#include "core/error.h"
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

std::string value_digest(const RunConfig& run, std::int64_t tokens) {
  RunConfig machine = run;
  machine.phases.clear();
  std::string text = run_digest(machine);
  std::set<std::string> files;
  text += network_digest(run.evaluation->network(tokens), files);
  if (run.evaluation->reference) text += network_digest(run.evaluation->reference(tokens), files);
  for (const std::string& file : files) text += fmt::format("\n{} {}", file, file_digest(file));
  return text;
}

std::string evaluation_digest(const RunConfig& run) {
  const EvaluationConfig& e = run.evaluation->config;
  return fmt::format("\nevaluation {} {} {} {} {} {}", e.data, file_digest(e.data), e.window,
                     e.stride.value_or(e.window), e.limit,
                     e.tokenizer.empty() ? "" : file_digest(e.tokenizer)) +
         value_digest(run, e.window);
}

}  // namespace bitjoule
