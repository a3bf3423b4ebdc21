#include "sim/schema/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "core/error.h"

namespace bitjoule {
namespace {

constexpr std::size_t kShownCharacters = 80;  // characters of an expression in an error
constexpr double kMaxExact = 0x1p53;          // integers above have no exact double

bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

/// Recursive descent, one method per level of precedence.
class Parser {
 public:
  Parser(const std::string& text, const NameValue& names, int& depth)
      : text_(text), names_(names), depth_(depth) {}

  double parse() {
    const double value = comparison();
    if (peek() != '\0') fail("expected an operator");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const std::string shown =
        text_.size() <= kShownCharacters ? text_ : text_.substr(0, kShownCharacters) + "...";
    throw input_error(fmt::format("expression \"{}\", character {}: {}", shown, at_ + 1, what));
  }
  /// One level of recursion while it lives, also where it ends by an error.
  class Level {
   public:
    explicit Level(const Parser& parser) : depth_(parser.depth_) {
      if (++depth_ > kMaxExpressionDepth) {
        --depth_;
        parser.fail(fmt::format("nested more than {} deep, with the expressions that it stands in",
                                kMaxExpressionDepth));
      }
    }
    ~Level() { --depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    int& depth_;
  };
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(const std::string& token) {
    peek();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  double checked(double value) const {
    if (!(std::fabs(value) <= kMaxExact)) fail("the value is too large or undefined");
    return value;
  }

  double comparison() {
    const Level level(*this);
    return compared(sum());
  }

  double compared(double a) {
    if (accept("==")) return a == sum();
    if (accept("!=")) return a != sum();
    if (accept("<=")) return a <= sum();
    if (accept(">=")) return a >= sum();
    if (accept("<")) return a < sum();
    if (accept(">")) return a > sum();
    return a;
  }

  double sum() {
    double value = term();
    for (;;) {
      if (accept("+"))
        value = checked(value + term());
      else if (accept("-"))
        value = checked(value - term());
      else
        return value;
    }
  }

  double term() {
    double value = factor();
    for (;;) {
      if (accept("*")) {
        value = checked(value * factor());
      } else if (accept("/") || accept("%")) {
        const bool quotient = text_[at_ - 1] == '/';
        const double divisor = factor();
        if (divisor == 0) fail("division by zero");
        value = quotient ? value / divisor : std::fmod(value, divisor);
      } else {
        return value;
      }
    }
  }

  double factor() {
    if (accept("-")) {
      const Level level(*this);
      return -factor();
    }
    if (accept("(")) {
      const double value = comparison();
      if (!accept(")")) fail("expected ')'");
      return value;
    }
    const char c = peek();
    if (std::isdigit(static_cast<unsigned char>(c))) return number();
    if (is_name_char(c)) return name();
    fail("expected a number, a name or '('");
  }

  double number() {
    char* end = nullptr;
    const double value = std::strtod(text_.c_str() + at_, &end);
    at_ = static_cast<std::size_t>(end - text_.c_str());
    return checked(value);
  }

  double name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    const std::string word = text_.substr(start, at_ - start);
    const bool root = word == "sqrt", least = word == "min", most = word == "max";
    const bool called = peek() == '(';
    if (!root && !(called && (least || most))) return names_(word);
    if (!accept("(")) fail("expected '('");
    const double value = comparison();
    double other = value;
    if (!root) {
      if (!accept(",")) fail("expected ','");
      other = comparison();
    }
    if (!accept(")")) fail("expected ')'");
    if (!root) return least ? std::min(value, other) : std::max(value, other);
    if (value < 0) fail("square root of a negative number");
    return std::sqrt(value);
  }

  const std::string& text_;
  const NameValue& names_;
  int& depth_;
  std::size_t at_ = 0;
};

}  // namespace

double evaluate_expression(const std::string& text, const NameValue& names) {
  int depth = 0;
  return evaluate_expression(text, names, depth);
}

double evaluate_expression(const std::string& text, const NameValue& names, int& depth) {
  return Parser(text, names, depth).parse();
}

std::string number_text(double value) {
  if (value == std::floor(value) && std::fabs(value) <= kMaxExact)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

}  // namespace bitjoule
