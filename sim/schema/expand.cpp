#include "sim/schema/expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "core/error.h"
#include "sim/config/suggest.h"
#include "sim/config/units.h"
#include "sim/schema/expression.h"

namespace bitjoule {
namespace {

constexpr std::size_t kMaxLayers = std::size_t{1} << 17;
constexpr double kMaxRepeat = 1 << 20;
constexpr std::int64_t kMaxVisits = 1 << 22;  // of items, also those that yield no layer
constexpr std::size_t kMaxProblems = 20;      // further ones would mostly repeat these
constexpr std::size_t kMaxParameters = 1024;
const char* const kIndex = "i";       // of a repeat block
const char* const kEveryIndex = "*";  // its text where the block is not unrolled

bool is_expression(const Node& node) {
  return node.kind == Node::Kind::kScalar && !node.quoted && !node.text.empty() &&
         node.text.front() == '=';
}

double number_of(const std::string& name, const Scope& scope) {
  const auto found = scope.find(name);
  if (found == scope.end()) {
    std::vector<std::string> names;
    for (const auto& [known, value] : scope) names.push_back(known);
    throw input_error(fmt::format("unknown name \"{}\"{}", name, suggestion(name, names)));
  }
  if (found->second == kEveryIndex)
    throw input_error(fmt::format("\"{}\" has a value only where repeats are unrolled", name));
  const std::optional<double> value = parse_real(found->second);
  if (!value) throw input_error(fmt::format("\"{}\" is no number: \"{}\"", name, found->second));
  return *value;
}

/// A comparison yields true or false, so that it can stand for a flag.
std::string evaluate(const std::string& text, const NameValue& names) {
  const double value = evaluate_expression(text, names);
  const bool flag = text.find_first_of("<>=") != std::string::npos;
  if (flag) return value != 0 ? "true" : "false";
  return number_text(value);
}

class Expander {
 public:
  Expander(bool unroll, Problems& problems) : unroll_(unroll), problems_(problems) {}

  std::vector<Node> take() { return std::move(layers_); }

  void expand(const Node& list, const Scope& scope, double repeat, bool in_block) {
    if (list.kind != Node::Kind::kList) {
      if (list.kind != Node::Kind::kBroken)
        problems_.add(list.place, "", fmt::format("expected a list, got {}", list.shown()));
      return;
    }
    for (const Node& item : list.items) {
      if (exhausted(item)) return;
      const Node* when = item.find("when");
      if (when != nullptr && !is_true(*when, scope)) continue;
      if (item.find("block") != nullptr)
        expand_block(item, scope, repeat);
      else
        add_layer(item, scope, repeat, in_block);
    }
  }

 private:
  /// Bounds time and memory, whatever the file says.
  bool exhausted(const Node& item) {
    if (problems_.count() > kMaxProblems) return true;
    if (++visits_ <= kMaxVisits && layers_.size() < kMaxLayers) return false;
    if (!reported_) problems_.add(item.place, "", "the network has too many layers");
    return reported_ = true;
  }

  void add_layer(const Node& item, const Scope& scope, double repeat, bool in_block) {
    Node layer = item;
    layer.entries.erase(std::remove_if(layer.entries.begin(), layer.entries.end(),
                                       [](const NodeEntry& e) { return e.key == "when"; }),
                        layer.entries.end());
    substitute(layer, scope, in_block);
    if (repeat > 1 && layer.kind == Node::Kind::kMap && layer.find("repeat") == nullptr) {
      Node count;
      count.kind = Node::Kind::kScalar;
      count.text = number_text(repeat);
      count.place = item.place;
      layer.entries.push_back({"repeat", item.place, count});
    }
    layers_.push_back(std::move(layer));
  }

  void expand_block(const Node& item, const Scope& scope, double repeat) {
    for (const NodeEntry& entry : item.entries)
      if (entry.key != "block" && entry.key != "repeat" && entry.key != "for" &&
          entry.key != "when")
        problems_.add(
            entry.place, "",
            fmt::format("unknown key \"{}\" of a block, expected block, repeat, for, when",
                        entry.key));
    const Node& block = *item.find("block");
    const Node* count = item.find("repeat");
    const Node* each = item.find("for");
    if (count != nullptr && each != nullptr) {
      problems_.add(each->place, "", "a block has either repeat or for");
    } else if (count != nullptr) {
      repeat_block(block, *count, scope, repeat);
    } else if (each != nullptr) {
      for (const Node& bindings : each->items) {
        Scope inner = scope;
        bind(bindings, inner);
        expand(block, inner, repeat, true);
      }
      if (each->kind != Node::Kind::kList) problems_.add(each->place, "for", "expected a list");
    } else {
      expand(block, scope, repeat, true);
    }
  }

  void repeat_block(const Node& block, const Node& count, const Scope& scope, double repeat) {
    const double times = value_of(count, scope);
    if (!(times >= 0 && times <= kMaxRepeat && times == static_cast<std::int64_t>(times))) {
      problems_.add(count.place, "repeat",
                    fmt::format("expected 0..{}, got {}", kMaxRepeat, times));
      return;
    }
    Scope inner = scope;
    if (!unroll_) {
      inner[kIndex] = kEveryIndex;
      if (times > 0) expand(block, inner, repeat * times, true);
      return;
    }
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(times); ++i) {
      inner[kIndex] = std::to_string(i);
      expand(block, inner, repeat, true);
      if (reported_ || problems_.count() > kMaxProblems) return;
    }
  }

  void bind(const Node& bindings, Scope& scope) {
    if (bindings.kind != Node::Kind::kMap)
      problems_.add(bindings.place, "for", "expected maps of names and values");
    for (const NodeEntry& entry : bindings.entries) {
      Node value = entry.value;
      substitute(value, scope, true);
      scope[entry.key] = value.text;
    }
  }

  /// Replaces expressions by their values and, in blocks, "{name}" by the name's text.
  void substitute(Node& node, const Scope& scope, bool in_block) {
    for (Node& item : node.items) substitute(item, scope, in_block);
    for (NodeEntry& entry : node.entries) substitute(entry.value, scope, in_block);
    try {
      if (is_expression(node)) {
        node.text = evaluate(node.text.substr(1), names(scope));
      } else if (in_block && node.kind == Node::Kind::kScalar) {
        node.text = interpolate(node.text, scope);
      }
    } catch (const Error& error) {
      problems_.add(node.place, "", error.what());
      node.kind = Node::Kind::kBroken;
    }
  }

  static std::string interpolate(const std::string& text, const Scope& scope) {
    std::string result;
    std::size_t at = 0;
    for (std::size_t open; (open = text.find('{', at)) != std::string::npos;) {
      const std::size_t close = text.find('}', open);
      if (close == std::string::npos) break;
      const auto found = scope.find(text.substr(open + 1, close - open - 1));
      if (found == scope.end())
        throw input_error(fmt::format("\"{}\": unknown name in braces", text));
      result += text.substr(at, open - at) + found->second;
      at = close + 1;
    }
    return result + text.substr(at);
  }

  static NameValue names(const Scope& scope) {
    return [&scope](const std::string& name) { return number_of(name, scope); };
  }

  double value_of(const Node& node, const Scope& scope) {
    try {
      if (is_expression(node)) return evaluate_expression(node.text.substr(1), names(scope));
      if (const std::optional<double> value = parse_real(node.text)) return *value;
      problems_.add(node.place, "", fmt::format("expected a number, got {}", node.shown()));
    } catch (const Error& error) {
      problems_.add(node.place, "", error.what());
    }
    return 0;
  }

  bool is_true(const Node& node, const Scope& scope) {
    return node.text == "true" || (node.text != "false" && value_of(node, scope) != 0);
  }

  bool unroll_;
  Problems& problems_;
  std::vector<Node> layers_;
  std::int64_t visits_ = 0;
  bool reported_ = false;
};

/// Evaluates parameters on demand, so that they may name each other in any order.
class Parameters {
 public:
  Parameters(const std::map<std::string, const Node*>& nodes, Problems& problems)
      : nodes_(nodes), problems_(problems) {}

  Scope evaluate_all() {
    for (const auto& [name, node] : nodes_) {
      try {
        value(name);
      } catch (const Error& error) {
        problems_.add(node->place, "parameters." + name, error.what());
        done_[name] = "0";  // report what depends on it only for its own faults
      }
    }
    return done_;
  }

 private:
  const std::string& value(const std::string& name) {
    const auto known = done_.find(name);
    if (known != done_.end()) return known->second;
    if (!open_.insert(name).second)
      throw input_error(fmt::format("\"{}\" depends on itself", name));
    const Node& node = *nodes_.at(name);
    std::string text = node.text;
    if (is_expression(node))
      text = number_text(evaluate_expression(node.text.substr(1),
                                             [this](const std::string& n) { return number(n); }));
    else if (node.kind != Node::Kind::kScalar || !parse_real(text))
      throw input_error(fmt::format("expected a number or =expression, got {}", node.shown()));
    open_.erase(name);
    return done_[name] = text;
  }

  double number(const std::string& name) {
    if (nodes_.count(name) != 0) value(name);
    return number_of(name, done_);
  }

  const std::map<std::string, const Node*>& nodes_;
  Problems& problems_;
  Scope done_;
  std::set<std::string> open_;
};

}  // namespace

Scope evaluate_parameters(const std::map<std::string, const Node*>& parameters,
                          Problems& problems) {
  if (parameters.size() > kMaxParameters)
    throw input_error(fmt::format("more than {} parameters", kMaxParameters));
  return Parameters(parameters, problems).evaluate_all();
}

std::vector<Node> expand_layers(const Node& layers, const Scope& scope, bool unroll,
                                Problems& problems) {
  Expander expander(unroll, problems);
  expander.expand(layers, scope, 1, false);
  return expander.take();
}

}  // namespace bitjoule
