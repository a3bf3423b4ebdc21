#include "sim/formats/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <queue>
#include <utility>

#include "core/error.h"
#include "core/index.h"
#include "core/interrupt.h"
#include "sim/formats/blob.h"
#include "sim/formats/gguf.h"

namespace bitjoule {
namespace {

const std::string kSpace = "\xE2\x96\x81";  // U+2581

std::string with_visible_spaces(const std::string& text, bool has_prefix) {
  std::string result = has_prefix && !text.empty() ? kSpace : "";
  for (const char c : text) c == ' ' ? result += kSpace : result += c;
  return result;
}

/// Bytes of the UTF-8 character that begins so; 1 of what begins none.
std::size_t character_bytes(char first) {
  const auto c = static_cast<unsigned char>(first);
  if (c >= 0xF0) return 4;
  if (c >= 0xE0) return 3;
  return c >= 0xC0 ? 2 : 1;
}

/// A piece of the text, or none any more: it is part of the one before.
struct Symbol {
  std::size_t begin, bytes;
  std::int64_t before, behind;  ///< -1: none
};

/// Two neighbours that may become one.
struct Merge {
  double score;
  std::int64_t left, right;
  std::size_t bytes;  ///< of both, when this was found
};
struct IsWorse {
  bool operator()(const Merge& a, const Merge& b) const {
    return a.score < b.score || (a.score == b.score && a.left > b.left);
  }
};

}  // namespace

Tokenizer::Tokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
  for (std::size_t i = 0; i < vocabulary_.pieces.size(); ++i)
    ids_.emplace(vocabulary_.pieces[i], static_cast<std::int32_t>(i));
}

void Tokenizer::add_bytes(const std::string& piece, std::vector<std::int32_t>& ids) const {
  for (const char c : piece) {
    const std::int32_t id = vocabulary_.bytes[static_cast<unsigned char>(c)];
    ids.push_back(id < 0 ? vocabulary_.unknown : id);
  }
}

std::vector<std::int32_t> Tokenizer::encode(const std::string& raw) const {
  const std::string text = with_visible_spaces(raw, vocabulary_.has_space_prefix);
  std::vector<Symbol> symbols;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = std::min(character_bytes(text[at]), text.size() - at);
    const auto i = static_cast<std::int64_t>(symbols.size());
    symbols.push_back({at, bytes, i - 1, i + 1});
    at += bytes;
  }
  if (!symbols.empty()) symbols.back().behind = -1;
  std::priority_queue<Merge, std::vector<Merge>, IsWorse> merges;
  const auto consider = [&](std::int64_t left, std::int64_t right) {
    if (left < 0 || right < 0) return;
    const std::size_t bytes = symbols[at(left)].bytes + symbols[at(right)].bytes;
    const auto found = ids_.find(text.substr(symbols[at(left)].begin, bytes));
    if (found != ids_.end())
      merges.push({vocabulary_.scores[at(found->second)], left, right, bytes});
  };
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
    consider(static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1);
  while (!merges.empty()) {
    check_interrupt_after(100);
    const Merge merge = merges.top();
    merges.pop();
    Symbol &left = symbols[at(merge.left)], &right = symbols[at(merge.right)];
    if (left.bytes == 0 || right.bytes == 0 || left.bytes + right.bytes != merge.bytes) continue;
    left.bytes = merge.bytes;
    right.bytes = 0;
    left.behind = right.behind;
    if (left.behind >= 0) symbols[at(left.behind)].before = merge.left;
    consider(left.before, merge.left);
    consider(merge.left, left.behind);
  }
  std::vector<std::int32_t> ids;
  if (vocabulary_.bos >= 0) ids.push_back(vocabulary_.bos);
  for (const Symbol& symbol : symbols) {
    if (symbol.bytes == 0) continue;
    const std::string piece = text.substr(symbol.begin, symbol.bytes);
    const auto found = ids_.find(piece);
    if (found != ids_.end())
      ids.push_back(found->second);
    else
      add_bytes(piece, ids);
  }
  return ids;
}

Tokenizer read_tokenizer(const std::string& path) {
  const GgufFile file = parse_gguf(map_file(path));
  const std::string prefix = "tokenizer.ggml.";
  const auto get = [&](const char* name, auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto found = file.metadata.find(prefix + name);
    return found == file.metadata.end() ? nullptr : std::get_if<T>(&found->second);
  };
  const auto* strings = get("tokens", static_cast<GgufStrings*>(nullptr));
  const auto* scores = get("scores", static_cast<std::vector<double>*>(nullptr));
  const std::string model = file.has(prefix + "model") ? file.string(prefix + "model") : "";
  if (model != "llama")
    throw input_error(fmt::format(
        "{}: {}model: expected \"llama\" (pieces with scores), got \"{}\": give the text as token "
        "ids in a .npy",
        path, prefix, model));
  if (strings == nullptr || scores == nullptr || scores->size() != strings->texts.size())
    throw input_error(
        fmt::format("{}: {}tokens and scores: expected as many of both", path, prefix));
  Vocabulary v{strings->texts, *scores, std::vector<std::int32_t>(256, -1), 0, -1, true};
  for (std::size_t i = 0; i < v.pieces.size(); ++i) {
    unsigned byte = 0;
    char end = 0;
    if (v.pieces[i].size() == 6 && std::sscanf(v.pieces[i].c_str(), "<0x%2X%c", &byte, &end) == 2 &&
        end == '>')
      v.bytes[byte] = static_cast<std::int32_t>(i);
  }
  const auto token = [&](const char* name, std::int32_t otherwise) {
    if (!file.has(prefix + name)) return otherwise;
    const std::int64_t id = file.integer(prefix + name);
    if (id < 0 || id >= static_cast<std::int64_t>(v.pieces.size()))
      throw input_error(fmt::format("{}: {}{}: {} is no token", path, prefix, name, id));
    return static_cast<std::int32_t>(id);
  };
  const auto flag = [&](const char* name, bool otherwise) {
    const bool* value = get(name, static_cast<bool*>(nullptr));
    return value == nullptr ? otherwise : *value;
  };
  v.unknown = token("unknown_token_id", 0);
  if (flag("add_bos_token", true)) v.bos = token("bos_token_id", 1);
  v.has_space_prefix = flag("add_space_prefix", true);
  return Tokenizer(std::move(v));
}

}  // namespace bitjoule
