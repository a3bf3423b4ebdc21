#include "sim/config/plain_yaml.h"

#include <cstring>
#include <utility>

#include "sim/config/utf8.h"

namespace bitjoule {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr int kMostLevels = 32;
constexpr std::size_t kMostKeys = 256, kLongestKey = 128;

/// Thrown where a text is not plain.
struct NotPlain {};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_null(const std::string& text) { return text == "null" || text == "Null" || text == "NULL"; }
bool is_one_of(char c, const char* all) { return c != '\0' && std::strchr(all, c) != nullptr; }

class PlainParser {
 public:
  PlainParser(const std::string& text, std::shared_ptr<const std::string> origin)
      : text_(text), origin_(std::move(origin)) {}

  Node parse() {
    if (next_line() != 0) throw NotPlain();
    Node root = is_one_of(peek(), "{[") ? inline_value(-1) : map(0);
    if (column_ != kEnd) throw NotPlain();
    return root;
  }

 private:
  static constexpr int kEnd = -1;

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool ends_line(std::size_t ahead = 0) const {
    return at_ + ahead >= text_.size() || text_[at_ + ahead] == '\n';
  }
  int column() const { return static_cast<int>(at_ - line_begin_); }
  void skip_spaces() {
    while (peek() == ' ') ++at_;
  }
  void skip_comment() {
    if (peek() != '#') return;
    for (; !ends_line(); ++at_)
      if (peek() >= '\0' && peek() < ' ' && peek() != '\t') throw NotPlain();
  }
  void next_line_begins() {
    line_begin_ = ++at_;
    ++line_;
  }
  Node make(Node::Kind kind) const {
    Node node;
    node.kind = kind;
    node.place = {origin_, line_ + 1, column() + 1};
    return node;
  }

  /// From the begin of a line, to the first column with something in it, or kEnd.
  int next_line() {
    for (;;) {
      skip_spaces();
      skip_comment();
      if (at_ >= text_.size()) return column_ = kEnd;
      if (peek() != '\n') return column_ = column();
      next_line_begins();
    }
  }

  /// Behind a value: nothing more on the line but a comment. Goes to the next one.
  void finish_line() {
    skip_spaces();
    if (text_[at_ - 1] == ' ') skip_comment();
    if (!ends_line()) throw NotPlain();
    if (at_ < text_.size()) next_line_begins();
    next_line();
  }

  /// The length of a bare key that ends with a colon here, or 0.
  std::size_t key_length() const {
    if (!is_word(peek())) return 0;
    std::size_t n = 1;
    while (is_word(peek(n)) || is_one_of(peek(n), ".-")) ++n;
    return n < kLongestKey && peek(n) == ':' && (peek(n + 1) == ' ' || ends_line(n + 1)) ? n : 0;
  }

  void add_key(Node& map, const Place& place, std::string key) const {
    if (is_null(key) || map.entries.size() == kMostKeys) throw NotPlain();
    if (std::as_const(map).find(key) != nullptr) throw NotPlain();
    map.entries.push_back({std::move(key), place, Node()});
  }

  bool is_dash() const { return peek() == '-' && peek(1) == ' '; }

  Node map(int indent) {
    const Level level(*this);
    Node node = make(Node::Kind::kMap);
    do {
      const std::size_t length = key_length();
      if (length == 0) throw NotPlain();
      add_key(node, {origin_, line_ + 1, column() + 1}, text_.substr(at_, length));
      at_ += length + 1;
      skip_spaces();
      Node& value = node.entries.back().value;
      if (!ends_line() && peek() != '#') {
        value = inline_value(indent);
        continue;
      }
      finish_line();
      if (column_ > indent)
        value = is_dash() ? list(column_) : map(column_);
      else if (column_ == indent && is_dash())
        value = list(column_);
      else
        throw NotPlain();  // nothing
    } while (goes_on(indent));
    return node;
  }

  Node list(int indent) {
    const Level level(*this);
    Node node = make(Node::Kind::kList);
    do {
      if (!is_dash()) break;  // of a map whose list is not indented
      ++at_;
      skip_spaces();
      if (ends_line() || is_one_of(peek(), "#-")) throw NotPlain();
      node.items.push_back(key_length() > 0 ? map(column()) : inline_value(indent));
    } while (goes_on(indent));
    return node;
  }

  /// Whether the line at hand belongs to what stands at `indent`; one further in would go on with a
  /// scalar that is through.
  bool goes_on(int indent) const {
    if (column_ > indent) throw NotPlain();
    return column_ == indent;
  }

  Node inline_value(int indent) {
    Node node = is_one_of(peek(), "[{")    ? flow(indent)
                : is_one_of(peek(), "\"'") ? quoted()
                                           : plain(" _-./+=*()<>%^,");
    finish_line();
    return node;
  }

  Node plain(const char* others) {
    Node node = make(Node::Kind::kScalar);
    const bool begins = is_word(peek()) || is_one_of(peek(), "=./(+") ||
                        (peek() == '-' && (is_word(peek(1)) || peek(1) == '.'));
    if (!begins) throw NotPlain();
    const std::size_t begin = at_;
    while (is_word(peek()) || is_one_of(peek(), others)) ++at_;
    while (text_[at_ - 1] == ' ') --at_;
    node.text = text_.substr(begin, at_ - begin);
    if (is_null(node.text)) throw NotPlain();
    return node;
  }

  Node quoted() {
    Node node = make(Node::Kind::kScalar);
    node.quoted = true;
    const char quote = peek();
    const std::size_t begin = ++at_;
    for (; peek() != quote; ++at_)
      if (peek() < ' ' || peek() > '~' || peek() == '\\') throw NotPlain();
    node.text = text_.substr(begin, at_ - begin);
    ++at_;
    if (peek() == quote) throw NotPlain();
    return node;
  }

  /// Spaces and line ends within brackets.
  void skip_in_flow(int indent) {
    skip_spaces();
    while (peek() == '\n') {
      next_line_begins();
      skip_spaces();
      if (!ends_line() && column() <= indent) throw NotPlain();
    }
  }

  Node flow_value(int indent) {
    if (is_one_of(peek(), "[{")) return flow(indent);
    return is_one_of(peek(), "\"'") ? quoted() : plain(" _-./+=*()<>%^");
  }

  void flow_entry(Node& node, int indent) {
    const Place place{origin_, line_ + 1, column() + 1};
    std::string key;
    if (peek() == '"') {
      key = quoted().text;
      if (key.size() >= kLongestKey || peek() != ':') throw NotPlain();
    } else {
      const std::size_t length = key_length();
      if (length == 0 || ends_line(length + 1)) throw NotPlain();
      key = text_.substr(at_, length);
      at_ += length;
    }
    ++at_;
    add_key(node, place, std::move(key));
    skip_in_flow(indent);
    node.entries.back().value = flow_value(indent);
  }

  Node flow(int indent) {
    const Level level(*this);
    const bool is_map = peek() == '{';
    const char close = is_map ? '}' : ']';
    Node node = make(is_map ? Node::Kind::kMap : Node::Kind::kList);
    ++at_;
    skip_in_flow(indent);
    for (bool is_first = true; peek() != close; is_first = false) {
      if (!is_first) {
        if (peek() != ',') throw NotPlain();
        ++at_;
        skip_in_flow(indent);
      }
      if (is_map)
        flow_entry(node, indent);
      else
        node.items.push_back(flow_value(indent));
      skip_in_flow(indent);
    }
    ++at_;
    return node;
  }

  /// A collection within others.
  struct Level {
    explicit Level(PlainParser& parser) : depth(parser.depth_) {
      if (++depth > kMostLevels) throw NotPlain();
    }
    ~Level() { --depth; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    int& depth;
  };

  const std::string& text_;
  std::shared_ptr<const std::string> origin_;
  std::size_t at_ = 0, line_begin_ = 0;
  int line_ = 0, depth_ = 0;
  int column_ = kEnd;  ///< of the first thing in the line at hand
};

}  // namespace

std::optional<Node> parse_plain_yaml(const std::string& text,
                                     const std::shared_ptr<const std::string>& origin) {
  if (text.size() > kMostBytes || first_non_utf8(text) != text.size()) return std::nullopt;
  try {
    return PlainParser(text, origin).parse();
  } catch (const NotPlain&) {
    return std::nullopt;
  }
}

}  // namespace bitjoule
