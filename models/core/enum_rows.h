// The names of enumerations, as users write and read them: explicit tables.
#pragma once

#include <string>
#include <vector>

namespace bitjoule {

/// One name of an enumeration.
template <class E>
struct EnumRow {
  E value;
  std::string name;
  std::string summary;
};

/// The names of enumeration E; specialised beside the enumeration, or in core/enums.h.
template <class E>
const std::vector<EnumRow<E>>& enum_rows();

template <class E>
const EnumRow<E>& enum_row(E value) {
  for (const EnumRow<E>& row : enum_rows<E>())
    if (row.value == value) return row;
  return enum_rows<E>().front();
}

template <class E>
const std::string& enum_name(E value) {
  return enum_row(value).name;
}

}  // namespace bitjoule
