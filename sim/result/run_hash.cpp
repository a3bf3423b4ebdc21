#include "sim/result/run_hash.h"

#include <fmt/format.h>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

#include "core/error.h"
#include "core/numeric/tensor_values.h"
#include "sim/config/writer.h"
#include "sim/schema/run_file.h"

namespace bitjoule {
namespace {

std::string digest(const TensorSource& source, TensorReader& tensors) {
  try {
    const StoredTensor& tensor = tensors.get(source.file, source.tensor);
    const boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
    return fmt::format("{} {} {}", tensor.type->format, shape_text(tensor.shape),
                       boost::uuids::to_string(generate(tensor.data, tensor.bytes)));
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::kInput) throw;
    return "unreadable";
  }
}

}  // namespace

std::string run_hash(const RunConfig& run) {
  std::string text = run_digest(run);
  // Networks, and runs without values, read no tensors.
  if (!run.phases.empty() || !run.options.values) return text_hash(text);
  const auto add = [&](const char* role, const std::optional<TensorSource>& source) {
    if (source && source->from_file())
      text += fmt::format("\n{} {}", role, digest(*source, *run.options.tensors));
  };
  add("inputs", run.layer.inputs);
  add("weights", run.layer.weights);
  if (run.layer.stage.bias) add("bias", run.layer.bias);
  return text_hash(text);
}

}  // namespace bitjoule
