#include "sim/evaluate/token_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/index.h"
#include "core/numeric/tensor_values.h"
#include "sim/formats/blob.h"
#include "sim/formats/npy.h"
#include "sim/formats/tokenizer.h"

namespace bitjoule {
namespace {

std::vector<std::vector<std::int32_t>> rows_of_npy(const Blob& blob) {
  const StoredTensor tensor = parse_npy(blob);
  const bool holds_ids =
      is_integer_type(tensor.type->format) && tensor.type->format != std::string("bool");
  if (!holds_ids || tensor.shape.empty() || tensor.shape.size() > 2)
    throw input_error(fmt::format("{}: expected integers in one dimension or two, got {} {}",
                                  blob.name(), tensor.type->format, shape_text(tensor.shape)));
  const std::vector<std::int64_t> all = to_integers(tensor);
  const std::int64_t length = tensor.shape.back();
  std::vector<std::vector<std::int32_t>> rows;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] < 0 || all[i] > INT32_MAX)
      throw input_error(fmt::format("{}: element {}: {} is no token", blob.name(), i, all[i]));
    if (i % at(length) == 0) rows.emplace_back();
    rows.back().push_back(static_cast<std::int32_t>(all[i]));
  }
  return rows;
}

std::vector<std::int32_t> ids_of_bin(const Blob& blob) {
  if (blob.size() % 2 != 0)
    throw input_error(
        fmt::format("{}: {} bytes are no 16-bit token ids", blob.name(), blob.size()));
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < blob.size(); i += 2)
    ids.push_back(blob.data()[i] | blob.data()[i + 1] << 8);
  return ids;
}

}  // namespace

std::vector<std::vector<std::int32_t>> read_tokens(const std::string& file,
                                                   const std::string& tokenizer) {
  const std::string extension = std::filesystem::path(file).extension();
  const Blob blob = map_file(file);
  if (extension == ".npy") return rows_of_npy(blob);
  if (extension == ".bin") return {ids_of_bin(blob)};
  if (tokenizer.empty())
    throw input_error(fmt::format(
        "{}: text needs a tokenizer: name a GGUF file as evaluation.tokenizer (--tokenizer)",
        file));
  const std::string text(reinterpret_cast<const char*>(blob.data()), blob.size());
  return {read_tokenizer(tokenizer).encode(text)};
}

void keep_first(std::int64_t limit, std::vector<std::vector<std::int32_t>>& sequences) {
  if (limit == 0) return;
  for (std::vector<std::int32_t>& sequence : sequences) {
    sequence.resize(std::min(sequence.size(), at(limit)));
    limit -= static_cast<std::int64_t>(sequence.size());
  }
  sequences.erase(std::remove_if(sequences.begin(), sequences.end(),
                                 [](const auto& sequence) { return sequence.empty(); }),
                  sequences.end());
}

}  // namespace bitjoule
