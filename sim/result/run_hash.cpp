#include "sim/result/run_hash.h"

#include <fmt/format.h>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/numeric/tensor_values.h"
#include "sim/config/writer.h"
#include "sim/result/evaluation_digest.h"
#include "sim/schema/run_file.h"

namespace bitjoule {
namespace {

std::string digest(const TensorSource& source, TensorReader& tensors) {
  try {
    const StoredTensor& tensor = tensors.get(source.file, source.tensor);
    const boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
    const bool packed = tensor.packed != nullptr;
    return fmt::format("{} {} {}", tensor.type->format, shape_text(tensor.shape),
                       boost::uuids::to_string(packed ? generate(tensor.packed->bytes.data(),
                                                                 tensor.packed->bytes.size())
                                                      : generate(tensor.data, tensor.bytes)));
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kInput) throw;
    return "unreadable";
  }
}

/// The tensors that a run reads, by their roles. Networks, and runs without values, read none.
std::vector<std::pair<const char*, const TensorSource*>> read_tensors(const RunConfig& run) {
  std::vector<std::pair<const char*, const TensorSource*>> read;
  if (!run.phases.empty() || !run.options.values) return read;
  const auto add = [&](const char* role, const std::optional<TensorSource>& source) {
    if (source && source->from_file()) read.emplace_back(role, &*source);
  };
  add("inputs", run.layer.inputs);
  add("weights", run.layer.weights);
  if (run.layer.stage.bias) add("bias", run.layer.bias);
  return read;
}

}  // namespace

std::string run_hash(const RunConfig& run) {
  std::string text = run_digest(run);
  for (const auto& [role, source] : read_tensors(run))
    text += fmt::format("\n{} {}", role, digest(*source, *run.options.tensors));
  if (!run.calibration.empty()) text += "\ncalibration " + file_digest(run.calibration);
  if (run.evaluation) text += evaluation_digest(run);
  return text_hash(text);
}

bool hashes_tensors(const RunConfig& run) {
  return run.evaluation.has_value() || !run.calibration.empty() || !read_tensors(run).empty();
}

}  // namespace bitjoule
