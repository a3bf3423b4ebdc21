#include "sim/config/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "sim/config/utf8.h"

namespace bitjoule {

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

}  // namespace bitjoule
