// Builds GGUF files byte by byte for tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace bitjoule::test {

template <class T>
std::string little_endian(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string gguf_string(const std::string& text) {
  return little_endian<std::uint64_t>(text.size()) + text;
}

class GgufBuilder {
 public:
  explicit GgufBuilder(std::uint32_t version = 3) : version_(version) {}

  GgufBuilder& text(const std::string& key, const std::string& value) {
    return entry(key, 8, gguf_string(value));
  }
  GgufBuilder& number(const std::string& key, std::uint32_t value) {
    return entry(key, 4, little_endian(value));
  }
  GgufBuilder& real(const std::string& key, float value) {
    return entry(key, 6, little_endian(value));
  }
  GgufBuilder& entry(const std::string& key, std::uint32_t type, const std::string& value) {
    metadata_ += gguf_string(key) + little_endian(type) + value;
    ++entries_;
    return *this;
  }
  /// `sizes` as stored: the row first.
  GgufBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& sizes,
                      std::uint32_t type, const std::string& data) {
    infos_ += gguf_string(name) + little_endian(static_cast<std::uint32_t>(sizes.size()));
    for (std::uint64_t size : sizes) infos_ += little_endian(size);
    infos_ += little_endian(type) + little_endian<std::uint64_t>(data_.size());
    data_ += data;
    data_.resize((data_.size() + 31) / 32 * 32);
    ++tensors_;
    return *this;
  }
  std::string header() const {
    return "GGUF" + little_endian(version_) + little_endian(tensors_) + little_endian(entries_) +
           metadata_ + infos_;
  }
  std::string bytes() const {
    std::string all = header();
    all.resize((all.size() + 31) / 32 * 32);
    return all + data_;
  }

 private:
  std::uint32_t version_;
  std::uint64_t tensors_ = 0, entries_ = 0;
  std::string metadata_, infos_, data_;
};

/// A one-block model of hidden size 256 with grouped heads, every matrix in another type.
inline GgufBuilder tiny_llama(std::uint64_t ffn = 512, std::uint32_t blocks = 1) {
  const std::uint64_t d = 256, kv = 128, vocab = 32;
  GgufBuilder b;
  b.text("general.architecture", "llama")
      .text("general.name", "tiny")
      .number("llama.embedding_length", 256)
      .number("llama.block_count", blocks)
      .number("llama.feed_forward_length", 512)
      .number("llama.attention.head_count", 4)
      .number("llama.attention.head_count_kv", 2)
      .real("llama.attention.layer_norm_rms_epsilon", 1e-6f);
  const auto add = [&](const std::string& name, std::uint64_t k, std::uint64_t n,
                       std::uint32_t type, std::uint64_t block, std::uint64_t bytes) {
    b.tensor(name, {k, n}, type, std::string(k * n / block * bytes, '\0'));
  };
  add("token_embd.weight", d, vocab, 12, 256, 144);  // q4_k
  b.tensor("output_norm.weight", {d}, 0, std::string(4 * d, '\0'));
  b.tensor("blk.0.attn_norm.weight", {d}, 0, std::string(4 * d, '\0'));
  add("blk.0.attn_q.weight", d, d, 2, 32, 18);      // q4_0
  add("blk.0.attn_k.weight", d, kv, 8, 32, 34);     // q8_0
  add("blk.0.attn_v.weight", d, kv, 14, 256, 210);  // q6_k
  add("blk.0.attn_output.weight", d, d, 1, 1, 2);   // fp16
  b.tensor("blk.0.ffn_norm.weight", {d}, 0, std::string(4 * d, '\0'));
  add("blk.0.ffn_gate.weight", d, ffn, 3, 32, 20);     // q4_1
  add("blk.0.ffn_up.weight", d, ffn, 13, 256, 176);    // q5_k
  add("blk.0.ffn_down.weight", ffn, d, 11, 256, 110);  // q3_k
  return b;
}

}  // namespace bitjoule::test
