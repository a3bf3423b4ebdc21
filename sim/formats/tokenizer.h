// Text to tokens, as a GGUF file's vocabulary says: SentencePiece's byte-pair merging with scores
// (tokenizer.ggml.model "llama").
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace bitjoule {

struct Vocabulary {
  std::vector<std::string> pieces;  ///< spaces are U+2581
  std::vector<double> scores;
  std::vector<std::int32_t> bytes;  ///< the token of each byte, -1 where there is none
  std::int32_t unknown = 0;
  std::int32_t bos = -1;         ///< stands before every text; -1: nothing does
  bool has_space_prefix = true;  ///< a space stands before every text
};

class Tokenizer {
 public:
  explicit Tokenizer(Vocabulary vocabulary);

  /// Characters first; then neighbours whose union is a piece become one, those of the highest
  /// score before others and of equal ones the leftmost, until no union is a piece. A character
  /// that is no piece becomes its bytes.
  std::vector<std::int32_t> encode(const std::string& text) const;

 private:
  void add_bytes(const std::string& piece, std::vector<std::int32_t>& ids) const;

  Vocabulary vocabulary_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

/// Throws an input Error that names the file where it has no such tokenizer.
Tokenizer read_tokenizer(const std::string& gguf);

}  // namespace bitjoule
