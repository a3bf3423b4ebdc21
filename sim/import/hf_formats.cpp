#include "sim/import/hf_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/error.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

// Blocks, and blocks times modules that stay as they were.
constexpr std::int64_t kMaxBlocks = 1 << 12, kMaxComparisons = 1 << 19;

class Formats {
 public:
  Formats(const HfReading& reading, const HfQuantization& quantization, const std::string& dtype,
          const std::string& file)
      : r_(reading), quantization_(quantization), dtype_(dtype), file_(file) {}

  void run() {
    if (r_.family.linears.empty())
      r_.config.refuse(
          "quantization_config",
          fmt::format("is not supported for {} without the weights beside it, which say "
                      "what is stored how",
                      r_.family.model_type));
    const HfQuantization& q = quantization_;
    const json::value plain = json::string(dtype_);
    const auto format = [&](bool quantized) { return quantized ? q.format : plain; };
    const bool embeds = q.embeddings && q.covers(r_.family.embedding_module, "");
    for (const char* layer : r_.family.embeddings) add_rule(layer, format(embeds));
    const bool tied = is_tied();
    if (r_.family.head != nullptr)
      add_rule(r_.family.head, format(tied ? embeds : q.head && q.covers("lm_head", "lm_head")));
    const std::int64_t count = blocks();
    std::vector<std::vector<bool>> quantized;
    const std::vector<LinearRow> linears = linears_here();
    for (const LinearRow& row : linears) {
      std::vector<bool>& covered = quantized.emplace_back();
      for (std::int64_t i = 0; i < count; ++i)
        covered.push_back(
            q.covers(fmt::format("{}{}.{}", r_.family.block, i, row.module), row.module));
      if (std::count(covered.begin(), covered.end(), covered[0]) != count) r_.network.unroll = true;
    }
    for (std::size_t l = 0; l < linears.size(); ++l) {
      const std::vector<bool>& covered = quantized[l];
      const bool same = std::count(covered.begin(), covered.end(), covered[0]) == count;
      for (std::int64_t i = 0; i < (same ? 1 : count); ++i)
        add_rule(fmt::format("blk.{}.{}", same ? "*" : std::to_string(i), linears[l].layer),
                 format(covered[static_cast<std::size_t>(i)]));
    }
    note_unmatched();
  }

 private:
  bool is_tied() const {
    const auto found = r_.parameters.find("tied");
    return found != r_.parameters.end() && found->second == "1";
  }
  /// Throws an input Error where there are too many to look at one by one.
  std::int64_t blocks() const {
    const std::string& text = r_.parameters.at("layers");
    std::int64_t count = 0;
    const char* end = text.data() + text.size();
    if (std::from_chars(text.data(), end, count).ptr != end || count < 1)
      throw input_error(
          fmt::format("{}: expected a positive number of layers, got {}", file_, text));
    const std::int64_t kept = 1 + static_cast<std::int64_t>(quantization_.kept.size());
    if (count > kMaxBlocks || kept * count > kMaxComparisons)
      throw input_error(
          fmt::format("{}: {} quantized layers with {} modules that stay as they are are too many",
                      file_, count, kept - 1));
    return count;
  }
  void add_rule(const std::string& layer, const json::value& format) {
    r_.network.overrides.push_back({{"layers", {layer}}, {"precision", weights_in(format)}});
  }

  /// The linear layers that this model has: a mixture may have no dense ones.
  std::vector<LinearRow> linears_here() const {
    if (r_.family.mixture.count == nullptr) return r_.family.linears;
    const Network network = r_.network.build(file_, r_.network.whole);
    std::vector<LinearRow> rows;
    for (const LinearRow& row : r_.family.linears)
      if (std::any_of(network.layers.begin(), network.layers.end(), [&](const NetworkLayer& layer) {
            return layer.name.substr(layer.name.rfind('.') + 1) == row.layer;
          }))
        rows.push_back(row);
    return rows;
  }

  /// Names of modules that no layer here has.
  void note_unmatched() {
    const std::int64_t count = blocks();
    for (const std::string& module : quantization_.kept) {
      HfQuantization one;
      one.format = "fp16";
      one.kept = {module};
      bool known = !one.covers("lm_head", "") || !one.covers(r_.family.embedding_module, "") ||
                   !one.covers("model.norm", "");
      for (std::int64_t i = 0; i < count && !known; ++i)
        for (const LinearRow& row : r_.family.linears)
          known |= !one.covers(fmt::format("{}{}.{}", r_.family.block, i, row.module), "");
      if (!known)
        r_.notes.push_back(
            fmt::format("quantization: no layer is a module \"{}\", which stays as it is", module));
    }
  }

  const HfReading& r_;
  const HfQuantization& quantization_;
  const std::string& dtype_;
  const std::string& file_;
};

}  // namespace

void add_formats(const HfReading& reading, const HfQuantization& quantization,
                 const std::string& dtype, const std::string& file) {
  Formats(reading, quantization, dtype, file).run();
}

}  // namespace bitjoule
