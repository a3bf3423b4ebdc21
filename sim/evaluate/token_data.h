// Files of tokens that language models are evaluated on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitjoule {

/// Sequences of token ids: the rows of a .npy of integers (of one dimension: a single one), the
/// 16-bit ids of a .bin as llama2.c's training reads them, or any other file as text, which the
/// tokenizer of the GGUF file `tokenizer` makes tokens of. Throws an input Error that names the
/// file.
std::vector<std::vector<std::int32_t>> read_tokens(const std::string& file,
                                                   const std::string& tokenizer);

/// The first `limit` tokens of all sequences together; 0: all of them.
void keep_first(std::int64_t limit, std::vector<std::vector<std::int32_t>>& sequences);

}  // namespace bitjoule
