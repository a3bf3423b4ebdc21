#include "sim/config/node.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "sim/config/plain_yaml.h"
#include "sim/config/utf8.h"

namespace bitjoule {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxNodes = 1'000'000;  // some 200 MB, far above any real file

/// Builds the tree from yaml-cpp's events. Its own node type would expand aliases and keep only
/// one of two equal keys; the events show both.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const std::string> origin, Problems& problems)
      : origin_(std::move(origin)), problems_(problems) {}

  Node take() { return std::move(result_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse(mark, "", anchor);
    put(make(Node::Kind::kNull, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw YAML::ParserException(mark, "anchors and aliases are not supported");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse(mark, tag, anchor);
    Node node = make(Node::Kind::kScalar, mark);
    node.text = value;
    node.quoted = tag == "!";  // yaml-cpp's mark of a scalar in quotes
    if (!node.quoted && (value.empty() || value == "~" || value == "null"))
      node.kind = Node::Kind::kNull;
    put(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    refuse(mark, tag, anchor);
    push(make(Node::Kind::kList, mark));
  }
  void OnSequenceEnd() override { pop(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    refuse(mark, tag, anchor);
    push(make(Node::Kind::kMap, mark));
  }
  void OnMapEnd() override { pop(); }

 private:
  struct Level {
    Node node;
    bool has_key = false;
    std::string key;
    Place key_place;
    std::map<std::string, int> lines;  // of the keys seen
  };

  Node make(Node::Kind kind, const YAML::Mark& mark) {
    if (++nodes_ > kMaxNodes)
      throw YAML::ParserException(mark, fmt::format("more than {} values", kMaxNodes));
    Node node;
    node.kind = kind;
    node.place = {origin_, mark.line + 1, mark.column + 1};
    return node;
  }

  static void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) throw YAML::ParserException(mark, "anchors and aliases are not supported");
    if (!tag.empty() && tag != "?" && tag != "!")
      throw YAML::ParserException(mark, fmt::format("tags ({}) are not supported", tag));
  }

  void push(Node node) {
    YAML::Mark mark;
    mark.line = node.place.line - 1;
    mark.column = node.place.column - 1;
    if (levels_.size() >= kMaxDepth)
      throw YAML::ParserException(mark, "nested more than 64 levels deep");
    if (!levels_.empty() && levels_.back().node.kind == Node::Kind::kMap && !levels_.back().has_key)
      throw YAML::ParserException(mark, "a key must be a single word or string");
    levels_.push_back({});
    levels_.back().node = std::move(node);
  }

  void pop() {
    Node node = std::move(levels_.back().node);
    levels_.pop_back();
    put(std::move(node));
  }

  void put(Node node) {
    if (levels_.empty()) {
      result_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == Node::Kind::kList) {
      level.node.items.push_back(std::move(node));
    } else if (!level.has_key) {
      start_entry(level, node);
    } else {
      level.node.entries.push_back({level.key, level.key_place, std::move(node)});
      level.has_key = false;
    }
  }

  void start_entry(Level& level, const Node& key) {
    level.has_key = true;
    level.key = key.text;
    level.key_place = key.place;
    const auto [seen, is_new] = level.lines.emplace(key.text, key.place.line);
    if (!is_new)
      problems_.add(
          key.place, "",
          fmt::format("duplicate key \"{}\", first given on line {}", key.text, seen->second));
  }

  std::shared_ptr<const std::string> origin_;
  Problems& problems_;
  std::vector<Level> levels_;
  std::size_t nodes_ = 0;
  Node result_;
};

}  // namespace

std::string Place::str() const {
  const std::string& name = origin ? *origin : std::string();
  return line == 0 ? name : fmt::format("{}:{}:{}", name, line, column);
}

Node* Node::find(const std::string& key) {
  if (frozen) {
    entries = frozen->map.entries;
    frozen.reset();
  }
  return const_cast<Node*>(std::as_const(*this).find(key));
}

const Node* Node::find(const std::string& key) const {
  if (frozen) return frozen->map.find(key);
  for (const NodeEntry& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

std::string Node::shown() const {
  switch (kind) {
    case Kind::kScalar:
      return text.size() <= 80 ? "\"" + text + "\"" : "\"" + text.substr(0, 77) + "...\"";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
    default:
      return "nothing";
  }
}

void Problems::add(const Place& place, const std::string& path, const std::string& message) {
  std::string text;
  for (const std::string& part : {place.str(), path, message}) {
    if (part.empty()) continue;
    if (!text.empty()) text += ": ";
    text += part;
  }
  rows_.push_back({place, printable_line(text)});  // what a file holds may not drive a terminal
}

void Problems::throw_if_any() const {
  if (rows_.empty()) return;
  std::map<std::string, std::size_t> order;  // of first mention
  const auto rank = [&](const Row& row) {
    const std::string name = row.place.origin ? *row.place.origin : "";
    const std::size_t file = order.emplace(name, order.size()).first->second;
    const bool is_option = row.place.line == 0;  // --set comes after the files
    return std::make_tuple(is_option, file, row.place.line, row.place.column);
  };
  std::vector<std::pair<std::tuple<bool, std::size_t, int, int>, const Row*>> sorted;
  for (const Row& row : rows_) sorted.emplace_back(rank(row), &row);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string all;
  for (const auto& [key, row] : sorted) all += (all.empty() ? "" : "\n") + row->text;
  throw input_error(all);
}

Node parse_yaml(const std::string& text, const std::string& origin, Problems& problems) {
  std::optional<Node> plain = parse_plain_yaml(text, std::make_shared<const std::string>(origin));
  if (!plain) return parse_full_yaml(text, origin, problems);
  plain->root = true;
  return std::move(*plain);
}

Node parse_full_yaml(const std::string& text, const std::string& origin, Problems& problems) {
  const auto name = std::make_shared<const std::string>(origin);
  TreeBuilder builder(name, problems);
  Node broken;
  broken.kind = Node::Kind::kBroken;
  broken.place = {name, 1, 1};
  if (const std::size_t at = first_non_utf8(text); at != text.size()) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(at);
    const std::size_t line_begin = text.rfind('\n', at) + 1;
    problems.add({name, static_cast<int>(std::count(text.begin(), end, '\n')) + 1,
                  static_cast<int>(at - line_begin) + 1},
                 "", fmt::format("no UTF-8: byte 0x{:02x}", static_cast<unsigned char>(text[at])));
    return broken;
  }
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    Node root = builder.take();
    if (root.place.line == 0) root.place = {name, 1, 1};  // an empty file has no event
    root.root = true;
    TreeBuilder rest(name, problems);
    if (parser.HandleNextDocument(rest)) {
      problems.add(rest.take().place, "", "expected one YAML document, found a second");
      return broken;
    }
    return root;
  } catch (const YAML::Exception& e) {
    const bool known = e.mark.line >= 0 && !e.mark.is_null();
    problems.add(known ? Place{name, e.mark.line + 1, e.mark.column + 1} : Place{name, 0, 0}, "",
                 e.msg);
    return broken;
  }
}

}  // namespace bitjoule
