// Formulas over named timings, as constraint rows write them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace bitjoule {

/// Value of sums, differences, products, `max(a, b)` and parentheses over whole numbers and names.
/// Adds the names it used to `used`. Throws an input Error that says what is wrong with `text`.
std::int64_t evaluate_formula(const std::string& text,
                              const std::map<std::string, std::int64_t>& names,
                              std::set<std::string>* used);

}  // namespace bitjoule
