#include "sim/config/reader.h"

#include <algorithm>

#include "sim/config/files.h"
#include "sim/config/suggest.h"

namespace bitjoule {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

/// Whether a file that `node` names, or a part of it names, could not be read.
bool has_broken(const Node& node) {
  return node.kind == Node::Kind::kBroken ||
         std::any_of(node.items.begin(), node.items.end(), has_broken) ||
         std::any_of(node.entries.begin(), node.entries.end(),
                     [](const NodeEntry& entry) { return has_broken(entry.value); });
}

/// Whether a value stands in one of the shipped files.
bool is_shipped(const Place& place) {
  if (place.line == 0 || !place.origin) return false;
  try {
    return place.origin->rfind(configs_dir() + "/", 0) == 0;
  } catch (const Error&) {
    return false;  // there are none
  }
}

/// The parts of a value that --set options brought.
void add_options(const Node& node, std::vector<const Node*>& options) {
  if (node.place.line == 0 && node.place.origin && node.place.origin->rfind("--set ", 0) == 0)
    return options.push_back(&node);
  for (const Node& item : node.items) add_options(item, options);
  for (const NodeEntry& entry : node.entries) add_options(entry.value, options);
}

}  // namespace

const Node* Reader::take(const char* key) {
  known_.emplace_back(key);
  const Node* node = map_.find(key);
  if (node == nullptr) return nullptr;
  if (node->kind == Node::Kind::kBroken) has_broken_ = true;
  if (active_) return node;
  problem(node->place, path_of(*node, key), fmt::format("allowed only with {}", condition_));
  return nullptr;
}

void Reader::problem(const Place& place, const std::string& path, const std::string& message) {
  problems_.add(place, path, message);
}

void Reader::problem_of_choice(const std::vector<std::string>& given,
                               const std::vector<std::string>& all) {
  const std::string got = given.empty() ? "none" : listed(given);
  problem(map_.place, path_, fmt::format("expected one of {}, got {}", listed(all), got));
}

void Reader::problem_of_check(const std::string& message) {
  if (has_broken(map_)) return;  // what is not known, its own message says: a part that is missing
  const std::size_t line = message.find('\n');
  if (line != std::string::npos) {  // a problem per line
    problem_of_check(message.substr(0, line));
    return problem_of_check(message.substr(line + 1));
  }
  // "gemm.m: expected ..." is reported where gemm.m stands, if it was written at all.
  const std::size_t colon = message.find(": ");
  const Node* node = &map_;
  std::vector<const Node*> around;  // the parts that the node is in, from the outermost
  Place named;                      // the option that names the file in which the part stands
  for (std::size_t start = 0; colon != std::string::npos && start < colon;) {
    const std::size_t end = std::min(message.find_first_of(".[", start), colon);
    const Node* next = node->find(message.substr(start, end - start));
    if (next == nullptr) break;
    around.push_back(node);
    node = next;
    if (node->root) named = node->named;
    // A value of its own, such as that of --set, is named by its place already.
    if (end == colon && node->root)
      return problem(node->place, node->alias, message.substr(colon + 2));
    start = message[end] == '.' ? end + 1 : colon;
  }
  // What an option made of a part is not its file's fault; nor, where the file is shipped and so
  // right by itself, what an option beside the part made of it: in the smallest part with any.
  std::vector<const Node*> options;
  if (node != &map_) add_options(*node, options);
  if (options.empty() && is_shipped(node->place)) {
    if (named.origin) return problem(named, "", message);
    for (; options.empty() && !around.empty(); around.pop_back())
      add_options(*around.back(), options);
    if (node == &map_) add_options(map_, options);
  }
  if (options.size() == 1 && options[0] != node)
    return problem(options[0]->place, options[0]->alias, message);
  std::string with;  // several: one of them
  for (const Node* option : options)
    if (options.size() > 1) with += (with.empty() ? "; with " : ", ") + option->place.str();
  problem(node->place, node->root ? node->alias : path_, message + with);
}

void Reader::spread(const char* key, std::initializer_list<std::int64_t*> members, const char*,
                    const Rule& rule) {
  const Node* node = take(key);
  if (node == nullptr || node->kind == Node::Kind::kBroken) return;
  if (node->kind != Node::Kind::kList) {
    std::int64_t value = **members.begin();
    read_value(*node, join(key), value, rule, problems_);
    for (std::int64_t* member : members) *member = value;
    return;
  }
  std::vector<std::int64_t> values;
  read_value(*node, join(key), values, rule, problems_);
  const std::size_t n = values.size();
  if (n != members.size() && n != 2 && n != 1) {
    const std::string lengths = members.size() == 2 ? "1 or 2" : "1, 2 or 4";
    problem(node->place, path_of(*node, key),
            fmt::format("expected {} values, got {}", lengths, n));
    return;
  }
  std::size_t i = 0;
  for (std::int64_t* member : members) *member = values[i++ % n];
}

void Reader::finish() {
  for (const NodeEntry& entry : map_.entries)
    if (std::find(known_.begin(), known_.end(), entry.key) == known_.end())
      problem(entry.place, entry.value.root ? entry.value.alias : path_,
              fmt::format("unknown key \"{}\"{}", entry.key,
                          nearest_name(entry.key, known_).empty()
                              ? ", expected one of " + listed(known_)
                              : suggestion(entry.key, known_)));
}

}  // namespace bitjoule
