#include "sim/schema/expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "sim/config/units.h"
#include "sim/schema/expression.h"
#include "sim/schema/scope.h"

namespace bitjoule {
namespace {

constexpr std::size_t kMaxLayers = std::size_t{1} << 17;
constexpr double kMaxRepeat = 1 << 20;
constexpr double kMaxProduct = 1LL << 53;     // of nested repeats: exact in a double
constexpr std::int64_t kMaxVisits = 1 << 22;  // of items, also those that yield no layer
const char* const kIndex = "i";               // of a repeat block

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

  ExpandedLayers take() { return std::move(result_); }

  /// `path`: which repetition this is, ".1.0"; empty outside of unrolled blocks.
  void expand(const Node& list, const Scope& scope, double repeat, bool in_block,
              const std::string& path) {
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
        expand_block(item, scope, repeat, path);
      else
        add_layer(item, scope, repeat, in_block, path);
    }
  }

 private:
  /// Bounds time and memory, whatever the file says.
  bool exhausted(const Node& item) {
    if (problems_.count() > kMaxProblems) return true;
    if (++visits_ <= kMaxVisits && result_.layers.size() < kMaxLayers) return false;
    if (!reported_) problems_.add(item.place, "", "the network has too many layers");
    return reported_ = true;
  }

  void add_layer(const Node& item, const Scope& scope, double repeat, bool in_block,
                 const std::string& path) {
    Node layer = item;
    layer.entries.erase(std::remove_if(layer.entries.begin(), layer.entries.end(),
                                       [](const NodeEntry& e) { return e.key == "when"; }),
                        layer.entries.end());
    substitute(layer, scope, in_block);
    if (repeat > 1 && layer.kind == Node::Kind::kMap) multiply_repeat(layer, repeat);
    std::string common;
    if (const Node* name = item.find("name")) {
      Scope every = scope;
      if (every.count(kIndex) != 0 && !path.empty()) every[kIndex] = kEveryIndex;
      common = common_text(*name, every, in_block);
      for (NodeEntry& entry : layer.entries) {
        if (entry.key == "inputs") resolve_inputs(entry.value, *item.find("inputs"), every);
        if (entry.key == "tensors") resolve_sources(entry.value, *item.find("tensors"), every);
      }
      if (Node* own = layer.find("name")) name_repetition(*own, item, path, common);
    }
    result_.common_names.push_back(std::move(common));
    result_.layers.push_back(std::move(layer));
  }

  /// Repetitions of a block times those of the layer itself.
  void multiply_repeat(Node& layer, double repeat) {
    Node* own = layer.find("repeat");
    if (own == nullptr) {
      Node count;
      count.kind = Node::Kind::kScalar;
      count.place = layer.place;
      layer.entries.push_back({"repeat", layer.place, count});
      own = &layer.entries.back().value;
    } else {
      const std::optional<double> times =
          own->kind == Node::Kind::kScalar ? parse_real(own->text) : std::nullopt;
      const bool counts = times && *times >= 1 && *times == std::floor(*times);
      if (!counts) return;  // the reader tells what is wrong with it
      repeat *= *times;
    }
    if (repeat > kMaxProduct) {
      problems_.add(own->place, "repeat", "with those of the blocks around it, more than 2^53");
      own->text = "1";  // stands in, so that this is the one problem
      return;
    }
    own->text = number_text(repeat);
  }

  /// What the text is where nothing is unrolled.
  std::string common_text(const Node& text, const Scope& every, bool in_block) {
    if (!in_block || text.kind != Node::Kind::kScalar || is_expression(text)) return text.text;
    try {
      return interpolate(text.text, every);
    } catch (const Error&) {
      return text.text;  // reported where the layer itself is read
    }
  }

  /// A name that an earlier repetition of the same item has gets the indices of this one.
  void name_repetition(Node& name, const Node& item, const std::string& path,
                       const std::string& common) {
    if (name.kind != Node::Kind::kScalar) return;
    const auto [taken, is_new] = names_.emplace(name.text, std::make_pair(&item, bindings_));
    const bool repeated = taken->second == std::make_pair(&item, bindings_);
    if (!is_new && repeated && !path.empty()) {
      name.text += path;
      names_.emplace(name.text, std::make_pair(&item, bindings_));
    }
    result_.latest[common] = name.text;
  }

  void resolve_input(Node& input, const Node& written, const Scope& every) const {
    if (input.kind != Node::Kind::kScalar || written.kind != Node::Kind::kScalar) return;
    std::string common = written.text;
    try {
      common = interpolate(written.text, every);
    } catch (const Error&) {
      return;
    }
    const auto latest = result_.latest.find(common);
    if (latest == result_.latest.end()) return;
    const bool is_one = names_.count(input.text) != 0 && input.text != common;
    if (!is_one || latest->second.rfind(input.text + ".", 0) == 0) input.text = latest->second;
  }

  void resolve_inputs(Node& inputs, const Node& written, const Scope& every) const {
    for (std::size_t i = 0; i < inputs.items.size(); ++i)
      resolve_input(inputs.items[i], written.items[i], every);
  }

  void resolve_sources(Node& tensors, const Node& written, const Scope& every) const {
    for (std::size_t i = 0; i < tensors.entries.size(); ++i)
      if (Node* input = tensors.entries[i].value.find("input"))
        resolve_input(*input, *written.entries[i].value.find("input"), every);
  }

  void expand_block(const Node& item, const Scope& scope, double repeat, const std::string& path) {
    for (const NodeEntry& entry : item.entries)
      if (entry.key != "block" && entry.key != "repeat" && entry.key != "with" &&
          entry.key != "for" && entry.key != "when")
        problems_.add(
            entry.place, "",
            fmt::format("unknown key \"{}\" of a block, expected block, repeat, with, for, when",
                        entry.key));
    const Node& block = *item.find("block");
    const Node* count = item.find("repeat");
    const Node* each = item.find("for");
    const Node* with = item.find("with");
    if (with != nullptr && (count == nullptr || with->kind != Node::Kind::kMap)) {
      problems_.add(with->place, "with",
                    count == nullptr ? "a block without repeat has none"
                                     : "expected a map of names and values");
      return;
    }
    if (count != nullptr && each != nullptr) {
      problems_.add(each->place, "", "a block has either repeat or for");
    } else if (count != nullptr) {
      repeat_block(block, *count, with, scope, repeat, path);
    } else if (each != nullptr) {
      const std::string around = bindings_;
      for (std::size_t i = 0; i < each->items.size(); ++i) {
        Scope inner = scope;
        bind(each->items[i], inner);
        bindings_ = fmt::format("{}.{}", around, i);
        expand(block, inner, repeat, true, path);
      }
      bindings_ = around;
      if (each->kind != Node::Kind::kList) problems_.add(each->place, "for", "expected a list");
    } else {
      expand(block, scope, repeat, true, path);
    }
  }

  /// The names of a repetition, with those of `with`.
  Scope scope_of(std::int64_t i, const Node* with, const Scope& scope) {
    Scope inner = scope;
    inner[kIndex] = std::to_string(i);
    if (with == nullptr) return inner;
    for (const NodeEntry& entry : with->entries)
      inner[entry.key] = number_text(value_of(entry.value, inner));
    return inner;
  }

  /// Whether the names of `with` are the same in all repetitions.
  bool are_alike(const Node& with, std::int64_t times, const Scope& scope) {
    const Scope first = scope_of(0, &with, scope);
    for (std::int64_t i = 1; i < times; ++i) {
      const Scope other = scope_of(i, &with, scope);
      for (const NodeEntry& entry : with.entries)
        if (other.at(entry.key) != first.at(entry.key)) return false;
      if (problems_.count() > kMaxProblems) return true;
    }
    return true;
  }

  void repeat_block(const Node& block, const Node& count, const Node* with, const Scope& scope,
                    double repeat, const std::string& path) {
    const double times = value_of(count, scope);
    if (!(times >= 0 && times <= kMaxRepeat && times == static_cast<std::int64_t>(times))) {
      problems_.add(count.place, "repeat",
                    fmt::format("expected 0..{}, got {}", kMaxRepeat, times));
      return;
    }
    const auto turns = static_cast<std::int64_t>(times);
    if (with != nullptr && times > static_cast<double>(kMaxLayers)) {
      problems_.add(count.place, "repeat",
                    fmt::format("expected 0..{} beside with, got {}", kMaxLayers, times));
      return;
    }
    if (!unroll_ && (with == nullptr || are_alike(*with, turns, scope))) {
      Scope inner = scope_of(0, with, scope);
      inner[kIndex] = kEveryIndex;
      if (times > 0) expand(block, inner, repeat * times, true, path);
      return;
    }
    for (std::int64_t i = 0; i < turns; ++i) {
      expand(block, scope_of(i, with, scope), repeat, true, fmt::format("{}.{}", path, i));
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

  std::string interpolate(const std::string& text, const Scope& scope) const {
    std::string result;
    std::size_t at = 0;
    for (std::size_t open; (open = text.find('{', at)) != std::string::npos;) {
      const std::size_t close = text.find('}', open);
      if (close == std::string::npos) break;
      const auto found = scope.find(text.substr(open + 1, close - open - 1));
      if (found == scope.end())
        throw input_error(fmt::format("\"{}\": unknown name in braces", text));
      result_.used.insert(found->first);
      result += text.substr(at, open - at) + found->second;
      at = close + 1;
    }
    return result + text.substr(at);
  }

  NameValue names(const Scope& scope) const {
    return [this, &scope](const std::string& name) {
      result_.used.insert(name);
      return number_of(name, scope);
    };
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
  mutable ExpandedLayers result_;
  /// Names that are taken: by which item of the file, in which turn of the `for` blocks around it.
  std::map<std::string, std::pair<const Node*, std::string>> names_;
  std::string bindings_;  ///< turns of the `for` blocks that are open
  std::int64_t visits_ = 0;
  bool reported_ = false;
};

}  // namespace

ExpandedLayers expand_layers(const Node& layers, const Scope& scope, bool unroll,
                             Problems& problems) {
  Expander expander(unroll, problems);
  expander.expand(layers, scope, 1, false, "");
  return expander.take();
}

}  // namespace bitjoule
