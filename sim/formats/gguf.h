// GGUF versions 2 and 3: metadata, tensor descriptions and data (ggml's docs/gguf.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/numeric/stored_tensor.h"

namespace bitjoule {

/// Arrays of strings (the tokenizer's).
struct GgufStrings {
  std::vector<std::string> texts;
};
using GgufValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string,
                               std::vector<double>, GgufStrings>;

struct GgufFile {
  std::uint32_t version = 0;
  std::map<std::string, GgufValue> metadata;
  std::vector<StoredTensor> tensors;  ///< shapes in C order: the row last

  /// A string, or an unsigned integer that may also be stored signed. Throws an input Error that
  /// names the file and the key when it is missing or of another kind.
  const std::string& string(const std::string& key) const;
  std::int64_t integer(const std::string& key) const;
  bool has(const std::string& key) const { return metadata.count(key) != 0; }

  std::string name;       ///< of the file
  bool has_data = false;  ///< false: the file is a header alone
};

/// A file may end behind the header: the tensors' data is nullptr then.
GgufFile parse_gguf(const Blob& blob);

}  // namespace bitjoule
