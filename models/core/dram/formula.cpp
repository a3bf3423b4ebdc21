#include "core/dram/formula.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"

namespace bitjoule {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 31;  // far beyond any timing; sums stay exact
constexpr int kDeepest = 32;

/// Recursive descent: sum = product {+|- product}, product = atom {* atom}.
class Parser {
 public:
  Parser(const std::string& text, const std::map<std::string, std::int64_t>& names,
         std::set<std::string>* used)
      : text_(text), names_(names), used_(used) {}

  std::int64_t parse() {
    const std::int64_t value = sum();
    if (at_ < text_.size()) fail("unexpected \"" + text_.substr(at_) + "\"");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw input_error("formula \"" + text_ + "\": " + what);
  }
  bool eat(char c) {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::int64_t bounded(std::int64_t value) const {
    if (value > kLargest || value < -kLargest) fail("the value is too large");
    return value;
  }
  std::int64_t sum() {
    std::int64_t value = product();
    for (;;) {
      if (eat('+')) {
        value = bounded(value + product());
      } else if (eat('-')) {
        value = bounded(value - product());
      } else {
        return value;
      }
    }
  }
  std::int64_t product() {
    std::int64_t value = atom();
    while (eat('*')) value = bounded(value * atom());
    return value;
  }
  std::int64_t parenthesized() {
    if (++depth_ > kDeepest) fail("nested too deeply");
    const std::int64_t value = sum();
    if (!eat(')')) fail("a \")\" is missing");
    --depth_;
    return value;
  }
  std::int64_t maximum() {
    if (!eat('(')) fail("max needs (a, b)");
    std::int64_t value = sum();
    while (eat(',')) value = std::max(value, sum());
    if (!eat(')')) fail("a \")\" is missing");
    return value;
  }
  std::int64_t atom() {
    if (eat('(')) return parenthesized();
    std::size_t end = at_;
    while (end < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[end])) != 0 || text_[end] == '_')) {
      ++end;
    }
    const std::string word = text_.substr(at_, end - at_);
    at_ = end;
    if (word.empty()) fail("a number or a timing is missing");
    if (std::isdigit(static_cast<unsigned char>(word[0])) != 0) return number(word);
    if (word == "max") {
      if (++depth_ > kDeepest) fail("nested too deeply");
      const std::int64_t value = maximum();
      --depth_;
      return value;
    }
    const auto named = names_.find(word);
    if (named == names_.end()) fail("timing " + word + " is missing");
    used_->insert(word);
    return bounded(named->second);
  }
  std::int64_t number(const std::string& word) const {
    std::int64_t value = 0;
    for (const char c : word) {
      if (std::isdigit(static_cast<unsigned char>(c)) == 0) fail("\"" + word + "\" is no number");
      value = bounded(10 * value + (c - '0'));
    }
    return value;
  }

  const std::string& text_;
  const std::map<std::string, std::int64_t>& names_;
  std::set<std::string>* used_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::int64_t evaluate_formula(const std::string& text,
                              const std::map<std::string, std::int64_t>& names,
                              std::set<std::string>* used) {
  return Parser(text, names, used).parse();
}

}  // namespace bitjoule
