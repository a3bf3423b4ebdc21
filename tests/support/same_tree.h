// Whether two YAML trees are the same, to the places.
#pragma once

#include <algorithm>

#include "sim/config/node.h"

namespace bitjoule::test {

inline bool same_place(const Place& a, const Place& b) {
  return *a.origin == *b.origin && a.line == b.line && a.column == b.column;
}

inline bool same_tree(const Node& a, const Node& b) {
  return a.kind == b.kind && a.text == b.text && a.quoted == b.quoted && a.root == b.root &&
         same_place(a.place, b.place) &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_tree) &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const NodeEntry& x, const NodeEntry& y) {
                      return x.key == y.key && same_place(x.place, y.place) &&
                             same_tree(x.value, y.value);
                    });
}

}  // namespace bitjoule::test
