#include "sim/schema/scope.h"

#include <fmt/format.h>

#include "core/error.h"
#include "sim/config/suggest.h"
#include "sim/config/units.h"
#include "sim/schema/expression.h"

namespace bitjoule {

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

namespace {

constexpr std::size_t kMaxParameters = 1024;

/// Evaluates parameters on demand, so that they may name each other in any order.
class Parameters {
 public:
  Parameters(const std::map<std::string, const Node*>& nodes, Problems& problems,
             Dependencies& dependencies)
      : nodes_(nodes), problems_(problems), dependencies_(dependencies) {}

  Scope evaluate_all() {
    for (const auto& [name, node] : nodes_) {
      try {
        value(name);
      } catch (const Error& error) {
        open_.clear();
        if (problems_.count() > kMaxProblems) break;
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
      text = number_text(evaluate_expression(
          node.text.substr(1),
          [&](const std::string& n) {
            dependencies_[name].insert(n);
            return number(n);
          },
          depth_));
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
  Dependencies& dependencies_;
  Scope done_;
  std::set<std::string> open_;
  int depth_ = 0;  ///< of the expressions in open_
};

}  // namespace

Scope evaluate_parameters(const std::map<std::string, const Node*>& parameters, Problems& problems,
                          Dependencies& dependencies) {
  if (parameters.size() > kMaxParameters)
    throw input_error(fmt::format("more than {} parameters", kMaxParameters));
  return Parameters(parameters, problems, dependencies).evaluate_all();
}

}  // namespace bitjoule
