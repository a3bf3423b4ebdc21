#include "python/src/values.h"

#include <fmt/format.h>

#include <utility>

namespace bitjoule::python {
namespace {

/// A map of a program has no lines.
void forget_lines(Node& node) {
  node.place.line = 0;
  for (Node& item : node.items) forget_lines(item);
  for (NodeEntry& entry : node.entries) {
    entry.place.line = 0;
    forget_lines(entry.value);
  }
}

py::object text_of(const boost::json::string& text) { return py::str(text.data(), text.size()); }

}  // namespace

py::object to_python(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return py::none();
    case boost::json::kind::bool_:
      return py::bool_(value.get_bool());
    case boost::json::kind::int64:
      return py::int_(value.get_int64());
    case boost::json::kind::uint64:
      return py::int_(value.get_uint64());
    case boost::json::kind::double_:
      return py::float_(value.get_double());
    case boost::json::kind::string:
      return text_of(value.get_string());
    case boost::json::kind::array: {
      const boost::json::array& items = value.get_array();
      py::list list(items.size());
      for (std::size_t i = 0; i < items.size(); ++i) list[i] = to_python(items[i]);
      return std::move(list);
    }
    default: {
      py::dict dict;
      for (const auto& [key, item] : value.get_object())
        dict[py::str(key.data(), key.size())] = to_python(item);
      return std::move(dict);
    }
  }
}

Source source_of(const Given& given) {
  if (given.is_file) return file_source(given.text);
  Problems problems;
  Node node = parse_yaml(given.text, given.name, problems);
  problems.throw_if_any();
  node.root = true;
  forget_lines(node);
  return node_source(given.name, std::move(node));
}

std::vector<Override> overrides_of(const Settings& settings) {
  std::vector<Override> overrides;
  for (const auto& [path, value] : settings) {
    check_override_path(path, fmt::format("--set {}={}", path, value));
    overrides.push_back({path, value});
  }
  return overrides;
}

}  // namespace bitjoule::python
