#include "sim/config/json_node.h"

#include <fmt/format.h>

namespace bitjoule {

namespace json = boost::json;

Node node_at(const Place& place, const json::value& value) {
  Node node;
  node.place = place;
  if (const json::object* object = value.if_object()) {
    node.kind = Node::Kind::kMap;
    node.entries.reserve(object->size());
    for (const auto& row : *object)
      node.entries.push_back({std::string(row.key()), place, node_at(place, row.value())});
  } else if (const json::array* array = value.if_array()) {
    node.kind = Node::Kind::kList;
    node.items.reserve(array->size());
    for (const json::value& item : *array) node.items.push_back(node_at(place, item));
  } else if (!value.is_null()) {
    node.kind = Node::Kind::kScalar;
    node.quoted = value.is_string();
    if (const json::string* text = value.if_string())
      node.text = std::string(*text);
    else if (const double* real = value.if_double())
      node.text = fmt::format("{}", *real);
    else
      node.text = json::serialize(value);
  }
  return node;
}

Node node_of(const json::value& value, const std::string& origin) {
  Node node = node_at({std::make_shared<const std::string>(origin), 0, 0}, value);
  node.root = true;
  return node;
}

Node plain_node(const std::string& text, const std::string& origin) {
  Node node = node_of(json::string(text), origin);
  node.root = node.quoted = false;
  if (text.empty()) node.kind = Node::Kind::kNull;
  return node;
}

}  // namespace bitjoule
