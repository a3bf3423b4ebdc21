// One YAML document as a tree, from libyaml's events: they show duplicate keys, and where each
// value stands.
#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sim/config/node.h"
#include "sim/config/utf8.h"

namespace bitjoule {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxNodes = 1'000'000;  // some 200 MB, far above any real file

/// A place counts from 1, libyaml's marks from 0; 0, 0: unknown.
struct SyntaxError {
  int line, column;
  std::string message;
};

[[noreturn]] void fail(const yaml_mark_t& mark, const std::string& message) {
  throw SyntaxError{static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1, message};
}

std::string text_of(const yaml_char_t* text) {
  return text == nullptr ? std::string() : reinterpret_cast<const char*>(text);
}

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event_); }
  yaml_event_t* get() { return &event_; }
  const yaml_event_t& operator*() const { return event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

class EventParser {
 public:
  explicit EventParser(const std::string& text) {
    if (yaml_parser_initialize(&parser_) == 0) throw SyntaxError{0, 0, "out of memory"};
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  EventParser(const EventParser&) = delete;
  EventParser& operator=(const EventParser&) = delete;
  ~EventParser() { yaml_parser_delete(&parser_); }

  void next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) != 0) return;
    const std::string problem = parser_.problem == nullptr ? "no YAML" : parser_.problem;
    const std::string context =
        parser_.context == nullptr ? "" : fmt::format(" ({})", parser_.context);
    fail(parser_.error == YAML_READER_ERROR ? parser_.mark : parser_.problem_mark,
         problem + context);
  }

 private:
  yaml_parser_t parser_;
};

class TreeBuilder {
 public:
  TreeBuilder(std::shared_ptr<const std::string> origin, Problems& problems)
      : origin_(std::move(origin)), problems_(problems) {}

  void take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_ALIAS_EVENT:
        fail(event.start_mark, "anchors and aliases are not supported");
      case YAML_SCALAR_EVENT: {
        const auto& scalar = event.data.scalar;
        Node node = make(Node::Kind::kScalar, event, scalar.anchor, scalar.tag);
        node.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
        node.quoted = scalar.style != YAML_PLAIN_SCALAR_STYLE;
        if (!node.quoted && (node.text.empty() || node.text == "~" || node.text == "null"))
          node.kind = Node::Kind::kNull, node.text.clear();
        return put(std::move(node));
      }
      case YAML_SEQUENCE_START_EVENT:
        return push(event, make(Node::Kind::kList, event, event.data.sequence_start.anchor,
                                event.data.sequence_start.tag));
      case YAML_MAPPING_START_EVENT:
        return push(event, make(Node::Kind::kMap, event, event.data.mapping_start.anchor,
                                event.data.mapping_start.tag));
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: {
        Node node = std::move(levels_.back().node);
        levels_.pop_back();
        return put(std::move(node));
      }
      default:
        return;  // begin and end of stream and document
    }
  }

  Node result() { return std::move(result_); }

 private:
  struct Level {
    Node node;
    bool has_key = false;
    std::string key;
    Place key_place;
    std::map<std::string, int> lines;  // of the keys seen
  };

  Node make(Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor,
            const yaml_char_t* tag) {
    if (anchor != nullptr) fail(event.start_mark, "anchors and aliases are not supported");
    if (tag != nullptr)
      fail(event.start_mark, fmt::format("tags ({}) are not supported", text_of(tag)));
    if (++nodes_ > kMaxNodes) fail(event.start_mark, fmt::format("more than {} values", kMaxNodes));
    Node node;
    node.kind = kind;
    node.place = {origin_, static_cast<int>(event.start_mark.line) + 1,
                  static_cast<int>(event.start_mark.column) + 1};
    return node;
  }

  void push(const yaml_event_t& event, Node node) {
    if (levels_.size() >= kMaxDepth)
      fail(event.start_mark, fmt::format("nested more than {} levels deep", kMaxDepth));
    if (!levels_.empty() && levels_.back().node.kind == Node::Kind::kMap && !levels_.back().has_key)
      fail(event.start_mark, "a key must be a single word or string");
    levels_.push_back({});
    levels_.back().node = std::move(node);
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

Node parse(const std::string& text, const std::shared_ptr<const std::string>& name,
           Problems& problems) {
  EventParser parser(text);
  TreeBuilder builder(name, problems);
  int documents = 0;
  for (;;) {
    Event event;
    parser.next(event);
    if (event->type == YAML_STREAM_END_EVENT) break;
    if (event->type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
      fail(event->start_mark, "expected one YAML document, found a second");
    builder.take(*event);
  }
  Node root = builder.result();
  if (root.place.line == 0) root.place = {name, 1, 1};  // an empty file has no event
  root.root = true;
  return root;
}

}  // namespace

Node parse_yaml(const std::string& text, const std::string& origin, Problems& problems) {
  const auto name = std::make_shared<const std::string>(origin);
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
    return parse(text, name, problems);
  } catch (const SyntaxError& e) {
    problems.add({name, e.line, e.column}, "", e.message);
    return broken;
  }
}

}  // namespace bitjoule
