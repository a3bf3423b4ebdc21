#include "sim/config/json_sink.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace bitjoule {
namespace {

constexpr std::size_t kLineLength = 100;
constexpr std::size_t kLeast = 8;  // of a key, its quotes and separators and a value

boost::json::string_view boost_view(std::string_view text) { return {text.data(), text.size()}; }
std::string_view view(boost::json::string_view text) { return {text.data(), text.size()}; }

/// Not zero where one of eight bytes does not stand for itself between quotes: what does is
/// printable ASCII but for two. Not zero for some that do.
std::uint64_t not_plain(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x80 * kOnes;
  const auto below = [](std::uint64_t x, std::uint64_t limit) { return (x - limit * kOnes) & ~x; };
  const std::uint64_t other = bytes | (bytes + kOnes) | below(bytes, ' ') |
                              below(bytes ^ ('"' * kOnes), 1) | below(bytes ^ ('\\' * kOnes), 1);
  return other & kHigh;
}

/// Copies a text and says whether all of it stands for itself between quotes. Names of a few bytes
/// are most of a result: copies are of fixed sizes, the last ones over what is there already.
bool copy_plain(char* to, std::string_view text) {
  const char* const from = text.data();
  const std::size_t size = text.size();
  const auto copied = [&](auto word, std::size_t at) {
    std::memcpy(&word, from + at, sizeof word);
    std::memcpy(to + at, &word, sizeof word);
    return std::uint64_t{word};
  };
  if (size >= 8) {
    std::uint64_t other = 0;
    for (std::size_t at = 0; at + 8 < size; at += 8)
      other |= not_plain(copied(std::uint64_t(), at));
    return (other | not_plain(copied(std::uint64_t(), size - 8))) == 0;
  }
  if (size >= 4)
    return not_plain(copied(std::uint32_t(), 0) | copied(std::uint32_t(), size - 4) << 32) == 0;
  if (size == 0) return true;
  constexpr std::uint64_t kRest = 0x7878787878000000;  // x's
  const auto byte = [&](std::size_t at) { return copied(static_cast<unsigned char>(0), at); };
  return not_plain(kRest | byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16) == 0;
}

/// The size of the last text but for short ones: a worker writes many that are about as long.
std::size_t& usual_size() {
  thread_local std::size_t size = 0;
  return size;
}

}  // namespace

void JsonSink::put_again(JsonPiece&, const std::function<void()>& write) { write(); }

void JsonSink::put(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return put(JsonScalar(nullptr));
    case boost::json::kind::bool_:
      return put(JsonScalar(value.get_bool()));
    case boost::json::kind::int64:
      return put(JsonScalar(value.get_int64()));
    case boost::json::kind::uint64:  // of what others wrote: ours are below 2^63
      return put(JsonScalar(static_cast<double>(value.get_uint64())));
    case boost::json::kind::double_:
      return put(JsonScalar(value.get_double()));
    case boost::json::kind::string:
      return put(JsonScalar(view(value.get_string())));
    case boost::json::kind::array:
      begin_list();
      for (const boost::json::value& element : value.get_array()) item(""), put(element);
      return end();
    case boost::json::kind::object:
      begin_object();
      for (const auto& row : value.get_object()) item(view(row.key())), put(row.value());
      return end();
  }
}

void JsonTree::item(std::string_view key) {
  ++open_.back().size;
  if (open_.back().is_object) stack_.push_key(boost_view(key));
}

void JsonTree::put(const JsonScalar& scalar) {
  switch (scalar.index()) {
    case 0:
      return stack_.push_null();
    case 1:
      return stack_.push_bool(std::get<bool>(scalar));
    case 2:
      return stack_.push_int64(std::get<std::int64_t>(scalar));
    case 3:
      return stack_.push_double(std::get<double>(scalar));
    default:
      return stack_.push_string(boost_view(std::get<std::string_view>(scalar)));
  }
}

void JsonTree::end() {
  const Level level = open_.back();
  open_.pop_back();
  level.is_object ? stack_.push_object(level.size) : stack_.push_array(level.size);
}

/// Doubled at least; a long one to what is usual.
void JsonText::grow(std::size_t least) {
  constexpr std::size_t kFirst = 8 << 10, kLong = kFirst, kMost = 256 << 10;
  const std::size_t usual = text_.size() < kLong ? 0 : std::min(usual_size(), kMost);
  text_.resize(std::max({kFirst, 2 * text_.size(), least, usual}));
}

void JsonText::add(std::string_view text) {
  std::memcpy(room(text.size()), text.data(), text.size());
  size_ += text.size();
}

/// `text`, a character or none, then the end of the line and so many spaces: mostly few, so that a
/// fixed number is written, and less counts.
void JsonText::add_line(std::string_view text, std::size_t indent) {
  constexpr std::size_t kFew = 16;
  char* at = room(text.size() + 1 + std::max(indent, kFew));
  if (!text.empty()) *at = text.front();
  at[text.size()] = '\n';
  std::memset(at + text.size() + 1, ' ', kFew);
  if (indent > kFew) std::memset(at + text.size() + 1 + kFew, ' ', indent - kFew);
  line_ = size_ + text.size() + 1;
  size_ = line_ + indent;
}

/// Quoted; what is plain, which nearly all text is, needs no serializer.
void JsonText::add_string(std::string_view text) {
  char* const at = room(text.size() + 2);
  if (!copy_plain(at + 1, text))
    return add(boost::json::serialize(boost::json::string(boost_view(text))));
  at[0] = at[text.size() + 1] = '"';
  size_ += text.size() + 2;
}

void JsonText::add_integer(std::int64_t value) {
  constexpr std::size_t kMostDigits = 20;
  char* const begin = room(kMostDigits);
  size_ += static_cast<std::size_t>(std::to_chars(begin, begin + kMostDigits, value).ptr - begin);
}

/// Whole numbers, which many are, have the digits of integers, up to where powers of ten begin.
void JsonText::add_real(double value) {
  if (!(value - value == 0)) throw internal_error("JSON has no number for NaN or infinity");
  constexpr double kWhole = 1e15;
  const bool is_whole = std::abs(value) < kWhole && std::trunc(value) == value;
  if (is_whole && !(value == 0 && std::signbit(value)))
    return add_integer(static_cast<std::int64_t>(value));
  constexpr std::size_t kMostDigits = 32;
  char* const begin = room(kMostDigits);
  size_ += static_cast<std::size_t>(fmt::format_to(begin, FMT_COMPILE("{}"), value) - begin);
}

void JsonText::put(const JsonScalar& scalar) {
  switch (scalar.index()) {
    case 0:
      return add("null");
    case 1:
      return add(std::get<bool>(scalar) ? "true" : "false");
    case 2:
      return add_integer(std::get<std::int64_t>(scalar));
    case 3:
      return add_real(std::get<double>(scalar));
    default:
      return add_string(std::get<std::string_view>(scalar));
  }
}

/// Whether an object on the present line has too much for it, whatever comes.
bool JsonText::is_full_line() const {
  const Level& level = open_.back();
  return level.is_object && level.is_on_line &&
         (level.size * kLeast > kLineLength || size_ - line_ >= kLineLength);
}

void JsonText::item(std::string_view key) {
  constexpr std::size_t kMostHeld = 64 << 10;
  Level& level = open_.back();
  if (level.is_on_line && is_full_line()) expand();
  if (level.is_on_line) {
    if (level.size > 0) {
      std::memcpy(room(2), ", ", 2);
      size_ += 2;
    }
    items_.push_back(size_);
  } else {
    add_line(level.size > 0 ? "," : level.is_object ? "{" : "[", indent());
    if (sink_ && size_ > kMostHeld) send_lines();
  }
  ++level.size;
  if (!level.is_object) return;
  char* const at = room(key.size() + 4);
  if (!copy_plain(at + 1, key)) {
    add_string(key);
    return add(": ");
  }
  *at = '"';
  std::memcpy(at + 1 + key.size(), "\": ", 3);
  size_ += key.size() + 4;
}

void JsonText::begin(bool is_object) {
  if (!open_.empty() && open_.back().is_on_line) expand();
  open_.push_back({is_object, true, size_, 0});
  items_.clear();
  add(is_object ? '{' : '[');
}

/// Of the innermost level, whose items stand on one line, each gets its own: moved back, the last
/// one first, so that what is to be moved is never written over.
void JsonText::expand() {
  Level& level = open_.back();
  level.is_on_line = false;
  if (items_.empty()) {
    size_ = level.begin;
    return;
  }
  const std::size_t spaces = indent(), more = 1 + spaces * items_.size();
  room(more);
  std::size_t end = size_;
  for (std::size_t i = items_.size(); i-- > 0;) {
    // Behind '{' or '[' comes the end of its line, behind each comma that in the place of a space.
    char* const to = text_.data() + items_[i] + 1 + spaces * (i + 1);
    std::memmove(to, text_.data() + items_[i], end - items_[i]);
    std::memset(to - spaces, ' ', spaces);
    to[-1 - static_cast<std::ptrdiff_t>(spaces)] = '\n';
    if (i > 0) to[-2 - static_cast<std::ptrdiff_t>(spaces)] = ',';
    end = items_[i] - 2;  // ", "
  }
  line_ = items_.back() + 1 + spaces * (items_.size() - 1);
  size_ += more;
}

void JsonText::end() {
  const auto exceeds = [this] { return size_ + 1 - line_ >= kLineLength; };
  if (open_.back().is_object && open_.back().size > 0 && open_.back().is_on_line &&
      (is_full_line() || exceeds()))
    expand();
  const Level level = open_.back();
  open_.pop_back();
  if (!level.is_on_line) add_line("", indent());
  add(level.is_object ? '}' : ']');
}

void JsonText::put_again(JsonPiece& piece, const std::function<void()>& write) {
  if (sink_) return write();                                // its beginning may be gone at its end
  if (!open_.empty() && open_.back().is_on_line) expand();  // as begin() does
  const std::size_t begin = size_, depth = open_.size(), column = size_ - line_;
  if (piece.text.empty() || piece.depth != depth || piece.column != column) {
    write();
    piece = {text_.substr(begin, size_ - begin), depth, column};
    return;
  }
  add(piece.text);
  const std::size_t last = piece.text.rfind('\n');
  if (last != std::string::npos) line_ = begin + last + 1;
}

/// All lines but the present one, which no open level on a line has begun before.
void JsonText::send_lines() {
  sink_({text_.data(), line_});
  std::memmove(text_.data(), text_.data() + line_, size_ - line_);
  size_ -= line_;
  line_ = 0;
}

std::string JsonText::take() {
  add('\n');
  if (sink_) {
    line_ = size_;
    send_lines();
    return "";
  }
  constexpr std::size_t kShort = 16 << 10;
  if (size_ > kShort) usual_size() = size_ + size_ / 4;
  text_.resize(size_);
  return std::move(text_);
}

std::string json_text(const boost::json::value& value) {
  JsonText text;
  text.put(value);
  return text.take();
}

}  // namespace bitjoule
