// The small arithmetic of network files: `rows: =batch * tokens`.
#pragma once

#include <functional>
#include <string>

namespace bitjoule {

/// The value of a name in an expression. Throws an input Error for unknown names.
using NameValue = std::function<double(const std::string&)>;

/// Evaluates numbers, names, + - * / %, comparisons (1 or 0), parentheses, sqrt(x), min(a, b)
/// and max(a, b). Division is
/// exact: a size that does not divide is noticed where an integer is expected. Throws an input
/// Error that names the character.
double evaluate_expression(const std::string& text, const NameValue& names);

/// The same inside other expressions, whose names stand for this one. `depth` counts all that are
/// open, and their parentheses: at most kMaxExpressionDepth.
inline constexpr int kMaxExpressionDepth = 512;
double evaluate_expression(const std::string& text, const NameValue& names, int& depth);

/// A number as configuration files hold it: whole numbers without a point.
std::string number_text(double value);

}  // namespace bitjoule
