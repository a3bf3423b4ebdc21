#include "sim/import/gguf_metadata.h"

#include <fmt/format.h>

#include <set>

#include "core/error.h"

namespace bitjoule {

const StoredTensor* find_tensor(const GgufFile& file, const std::string& name) {
  for (const StoredTensor& tensor : file.tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

std::optional<double> number_of(const GgufValue& value) {
  if (const auto* u = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*u);
  if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&value)) return *d;
  if (const auto* b = std::get_if<bool>(&value)) return *b ? 1.0 : 0.0;
  return {};
}

double number_at(const GgufFile& file, const std::string& key, double otherwise) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) return otherwise;
  const std::optional<double> value = number_of(found->second);
  if (!value)
    throw input_error(fmt::format("{}: metadata \"{}\": expected a number", file.name, key));
  return *value;
}

[[noreturn]] void refuse(const GgufFile& file, const std::string& key, const std::string& what) {
  throw input_error(fmt::format("{}: metadata \"{}\": {}", file.name, key, what));
}

std::string real_text(const GgufFile& file, const std::string& key, const std::string& otherwise) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) return otherwise;
  const double* value = std::get_if<double>(&found->second);
  if (value == nullptr || !(*value > 0 && *value < 1e12))
    throw input_error(
        fmt::format("{}: metadata \"{}\": expected a positive number", file.name, key));
  return fmt::format("{}", *value);
}

GgufParameters t5_parameters(const GgufFile& file, const ImportOptions& options,
                             std::vector<std::string>& notes) {
  const std::string prefix = "t5.";
  const auto text = [&](const char* key) { return std::to_string(file.integer(prefix + key)); };
  const StoredTensor* embedding = find_tensor(file, "token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    throw input_error(file.name + ": tensor \"token_embd.weight\" is missing or no matrix");
  const bool is_tied = find_tensor(file, "output.weight") == nullptr;
  const bool is_gated = find_tensor(file, "enc.blk.0.ffn_gate.weight") != nullptr;
  GgufParameters values = {{"hidden", text("embedding_length")},
                           {"encoder_layers", text("block_count")},
                           {"layers", text("block_count")},
                           {"heads", text("attention.head_count")},
                           {"head_dim", text("attention.key_length")},
                           {"ffn", text("feed_forward_length")},
                           {"buckets", text("attention.relative_buckets_count")},
                           {"vocab", std::to_string(embedding->shape[0])},
                           {"tied", is_tied ? "1" : "0"},
                           {"gated", is_gated ? "1" : "0"},
                           {"activation", is_gated ? "1" : "3"},  // no key says it
                           {"score_scale", "1"},
                           {"batch", std::to_string(options.batch)}};
  values["epsilon"] = real_text(file, prefix + "attention.layer_norm_rms_epsilon", "0.000001");
  if (is_tied) values["head_scale"] = "=1 / sqrt(hidden)";
  if (file.has(prefix + "decoder_block_count")) values["layers"] = text("decoder_block_count");
  const std::string length = prefix + "attention.value_length";
  if (file.has(length) && std::to_string(file.integer(length)) != values["head_dim"])
    refuse(file, length, "is not supported beside another key_length: it changes the shapes");
  static const std::set<std::string> kKeys = {"embedding_length",
                                              "block_count",
                                              "decoder_block_count",
                                              "attention.head_count",
                                              "attention.key_length",
                                              "attention.value_length",
                                              "feed_forward_length",
                                              "attention.relative_buckets_count",
                                              "attention.layer_norm_epsilon",
                                              "attention.layer_norm_rms_epsilon",
                                              "context_length",
                                              "decoder_start_token_id",
                                              "vocab_size"};
  for (const auto& [name, value] : file.metadata)
    if (name.rfind(prefix, 0) == 0 && kKeys.count(name.substr(prefix.size())) == 0)
      notes.push_back(fmt::format("metadata {}: not known here, so it has no effect", name));
  return values;
}

}  // namespace bitjoule
