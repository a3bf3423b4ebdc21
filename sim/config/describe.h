// How a struct is described once for reading, writing and the JSON Schema.
//
//   template <class V>
//   void describe(V& v, PeConfig& c) {
//     v.field("width", c.width, "bits of multiplier operands per PE", range(1, 1024));
//   }
//
// A visitor V offers, with keys and documentation as plain strings:
//   field(key, member, doc, rule)     optional key: without it the member keeps its default
//   required(key, member, doc, rule)  the key must be there
//   spread(key, {&a, &b}, doc, rule)  one value for all members, or a list: [3, 3] or 3; with four
//                                     members also two values, taken in turn
//   one_or_more(key, vector, doc)     one enumeration value, or a list of different ones
//   variant(member, alternative<T>(key, doc)...)
//                                     exactly one of the keys; its value describes a T
//   when(active, condition, fields)   keys that are allowed only if `active`; `condition` says so
//   rest(map, doc, rule)              last: every key not named before goes into a std::map
//   base<T>()                         first: the key `base` names a file of T, whose keys stand
//                                     where this one has none
//   shorthand(key)                    first: a scalar x stands for the map {key: x}
//   check(test)                       a test over several fields that throws Error; read only if
//                                     the fields themselves are sound
// A member is a scalar (leaf.h), a described struct, or a std::optional or std::vector of such.
#pragma once

#include "core/error.h"
#include "sim/config/leaf.h"

namespace bitjoule {

/// One alternative of a std::variant member, chosen by the presence of its key.
template <class T>
struct Alternative {
  using type = T;
  const char* key;
  const char* doc;
};
template <class T>
Alternative<T> alternative(const char* key, const char* doc) {
  return {key, doc};
}

/// Specialised for structs that may stand in a file of their own: wherever one is expected, a file
/// name may stand instead. `kFolder` is where the shipped ones are, below the configs directory.
template <class T>
struct FileKind {
  static constexpr const char* kFolder = nullptr;
};
template <class T>
constexpr bool kIsFileKind = FileKind<T>::kFolder != nullptr;

/// A key of a document's root that is another path of it by a shorter name: its value replaces the
/// target's, and --set through either reaches the same place.
struct PathAlias {
  std::string key;           ///< "energy"
  std::string parent;        ///< key of the root under which the value belongs: "accelerator"
  std::string default_file;  ///< file name where neither has a value; may be empty
  bool stays = true;         ///< the root's own value, where --set replaces the parent as a whole
  std::string rival = "";    ///< key of the root in whose place an override of this one comes
};
/// Specialised for documents that have aliases.
template <class T>
std::vector<PathAlias> path_aliases() {
  return {};
}

/// Keys of a document's root of which it has one: an override that replaces one of them removes the
/// others. Specialised for documents that have such keys.
template <class T>
std::vector<std::string> rival_keys() {
  return {};
}

}  // namespace bitjoule
