// Einsum as products of matrices between transposes, one operand after the other.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "sim/formats/onnx_expand.h"

namespace bitjoule {
namespace {

/// A value and the letters of its axes.
struct Term {
  std::string value, letters;
};

bool in(const std::string& letters, char letter) {
  return letters.find(letter) != std::string::npos;
}

class Einsum {
 public:
  explicit Einsum(OnnxWriter& w) : w_(w) { parse(); }

  void write() {
    Term all = summed(terms_[0], letters_behind(1), "sum");
    for (std::size_t i = 1; i < terms_.size(); ++i)
      all = product(all, terms_[i], letters_behind(i + 1), i == 1 ? "" : fmt::format("{}_", i));
    w_.add("Transpose", {all.value});
    w_.with("perm", order(all.letters, out_));
  }

 private:
  [[noreturn]] void refuse() const {
    w_.node.fail(fmt::format("equation \"{}\" is not supported", w_.node.text("equation", "")));
  }

  void parse() {
    std::string equation = w_.node.text("equation", "");
    equation.erase(std::remove(equation.begin(), equation.end(), ' '), equation.end());
    for (const char c : equation)  // ellipses get letters of other codes
      if (std::isalpha(static_cast<unsigned char>(c)) == 0 && c != ',' && c != '.' && c != '-' &&
          c != '>')
        refuse();
    const std::size_t arrow = equation.find("->");
    std::string terms = equation.substr(0, arrow) + ",";
    for (std::size_t comma = 0; !terms.empty(); terms.erase(0, comma + 1)) {
      comma = terms.find(',');
      terms_.push_back({"", terms.substr(0, comma)});
    }
    if (w_.node.inputs() != static_cast<int>(terms_.size())) refuse();
    for (std::size_t i = 0; i < terms_.size(); ++i) expand_ellipsis(i);
    for (const Term& term : terms_)
      for (const char letter : term.letters)
        if (letter >= ' ' && std::isalpha(static_cast<unsigned char>(letter)) == 0) refuse();
    out_ = arrow == std::string::npos ? implied() : equation.substr(arrow + 2);
    if (const std::size_t dots = out_.find("..."); dots != std::string::npos)
      out_.replace(dots, 3, broadcast_);
    std::string known;
    for (const Term& term : terms_) known += term.letters;
    for (const char letter : out_)
      if (!in(known, letter) || std::count(out_.begin(), out_.end(), letter) != 1) refuse();
    for (std::size_t i = 0; i < terms_.size(); ++i) learn(static_cast<int>(i));
    for (std::size_t i = 0; i < terms_.size(); ++i) simplify(static_cast<int>(i));
  }

  /// Axes of an ellipsis are letters of their own, the last axis that of all operands' last.
  void expand_ellipsis(std::size_t operand) {
    std::string& letters = terms_[operand].letters;
    const std::size_t dots = letters.find("...");
    if (dots == std::string::npos) return;
    const std::size_t rank = w_.shape(static_cast<int>(operand)).size(), named = letters.size() - 3;
    const std::size_t axes = rank > named ? rank - named : 0;
    constexpr std::size_t kMost = 16;  // codes below those of characters
    if (axes > kMost) refuse();
    std::string own;
    for (std::size_t i = axes; i > 0; --i) own += static_cast<char>(i);
    letters.replace(dots, 3, own);
    if (own.size() > broadcast_.size()) broadcast_ = own;
  }

  /// Without an arrow: the ellipsis, and the letters that occur once, in alphabetical order.
  std::string implied() const {
    std::string all, once;
    for (const Term& term : terms_) all += term.letters;
    for (const char letter : all)
      if (letter >= ' ' && std::count(all.begin(), all.end(), letter) == 1) once += letter;
    std::sort(once.begin(), once.end());
    return broadcast_ + once;
  }

  /// Sizes of letters; an axis of one element is repeated along the others'.
  void learn(int operand) {
    if (!w_.knows_shape(operand)) return;
    const Shape shape = w_.shape(operand);
    const std::string& letters = terms_[static_cast<std::size_t>(operand)].letters;
    if (shape.size() != letters.size())
      w_.node.fail("its equation has other axes than its operands");
    for (std::size_t i = 0; i < letters.size(); ++i) {
      std::int64_t& size = sizes_.insert({letters[i], shape[i]}).first->second;
      if (size == 1) size = shape[i];
      if (size != shape[i] && shape[i] != 1) w_.node.fail("its operands' sizes do not fit");
    }
  }
  std::int64_t size(char letter) const {
    const auto found = sizes_.find(letter);
    return found == sizes_.end() ? 1 : found->second;
  }
  Shape sizes_of(const std::string& letters) const {
    Shape sizes;
    for (const char letter : letters) sizes.push_back(size(letter));
    return sizes;
  }

  /// Leaves each letter once: axes that are repeated are dropped, of two axes of one letter the
  /// diagonal is taken.
  void simplify(int operand) {
    Term& term = terms_[static_cast<std::size_t>(operand)];
    term.value = w_.node.input(operand);
    const std::string part = operand_part(operand);
    if (w_.knows_shape(operand)) {
      const Shape shape = w_.shape(operand);
      std::string kept;
      Shape sizes;
      for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] == 1 && size(term.letters[i]) != 1) continue;
        kept += term.letters[i];
        sizes.push_back(shape[i]);
      }
      if (kept != term.letters) term = {w_.reshaped(term.value, sizes, part + "_squeezed"), kept};
    }
    for (int i = 0;; ++i) {
      const auto twice = std::find_if(term.letters.begin(), term.letters.end(), [&](char letter) {
        return std::count(term.letters.begin(), term.letters.end(), letter) > 1;
      });
      if (twice == term.letters.end()) return;
      take_diagonal(term, *twice, fmt::format("{}_diagonal{}", part, i));
    }
  }

  /// [..., n, n] as [..., n * n], of which every (n + 1)-th element is one of the diagonal.
  void take_diagonal(Term& term, char letter, const std::string& part) {
    std::string rest;
    Shape perm, last;
    for (std::size_t i = 0; i < term.letters.size(); ++i) {
      const bool moves = term.letters[i] == letter && last.size() < 2;
      (moves ? last : perm).push_back(static_cast<std::int64_t>(i));
      if (!moves) rest += term.letters[i];
    }
    perm.insert(perm.end(), last.begin(), last.end());
    const std::string moved = w_.add("Transpose", {term.value}, part + "_last");
    w_.with("perm", perm);
    const std::int64_t n = size(letter);
    Shape flat = sizes_of(rest);
    flat.push_back(n * n);
    const std::string rows = w_.reshaped(moved, flat, part + "_rows");
    const Shape axis = {static_cast<std::int64_t>(rest.size())};
    const auto of = [&](const char* what, std::int64_t value) {
      return w_.sized(part + what, {value});
    };
    const std::string axes = w_.integers(part + "_axes", axis);
    term.value =
        w_.add("Slice", {rows, of("_start", 0), of("_end", n * n), axes, of("_step", n + 1)}, part);
    term.letters = rest + letter;
  }

  std::string operand_part(int operand) const {
    return std::string(1, static_cast<char>('a' + operand % 26)) +
           (operand < 26 ? "" : std::to_string(operand));
  }

  /// What the result and the operands from `first` on have.
  std::string letters_behind(std::size_t first) const {
    std::string letters = out_;
    for (std::size_t i = first; i < terms_.size(); ++i) letters += terms_[i].letters;
    return letters;
  }

  /// Without the axes that nothing needs.
  Term summed(const Term& term, const std::string& needed, const std::string& part) {
    Shape axes;
    std::string left;
    for (std::size_t i = 0; i < term.letters.size(); ++i)
      if (in(needed, term.letters[i]))
        left += term.letters[i];
      else
        axes.push_back(static_cast<std::int64_t>(i));
    if (axes.empty()) return term;
    const std::string sum = w_.add("ReduceSum", {term.value}, part);
    w_.with("axes", axes).with("keepdims", std::int64_t{0});
    return {sum, left};
  }

  static Shape order(const std::string& from, const std::string& to) {
    Shape perm;
    for (const char letter : to) perm.push_back(static_cast<std::int64_t>(from.find(letter)));
    return perm;
  }

  /// Letters of both that are needed are batches of a product of matrices, those of both that are
  /// not are what it sums over.
  Term product(const Term& first, const Term& second, const std::string& needed,
               const std::string& part) {
    const Term a = summed(first, needed + second.letters, part + "a_sum");
    const Term b = summed(second, needed + first.letters, part + "b_sum");
    std::string shared, summed_over, rows, columns;
    for (const char letter : a.letters)
      (!in(b.letters, letter) ? rows : in(needed, letter) ? shared : summed_over) += letter;
    for (const char letter : b.letters)
      if (!in(a.letters, letter)) columns += letter;
    const std::string left = matrices(a, shared, rows, summed_over, part + "a");
    const std::string right = matrices(b, shared, summed_over, columns, part + "b");
    const std::string matrix = w_.add("MatMul", {left, right}, part + "product");
    const std::string letters = shared + rows + columns;
    const std::string shape = w_.integers(part + "product_shape", sizes_of(letters));
    return {w_.add("Reshape", {matrix, shape}, part + "whole"), letters};
  }

  /// [shared, rows, columns], or [rows, columns] where nothing is shared.
  std::string matrices(const Term& term, const std::string& shared, const std::string& rows,
                       const std::string& columns, const std::string& part) {
    const std::string moved = w_.add("Transpose", {term.value}, part);
    w_.with("perm", order(term.letters, shared + rows + columns));
    Shape sizes;
    if (!shared.empty()) sizes.push_back(volume_of(sizes_of(shared)));
    sizes.push_back(volume_of(sizes_of(rows)));
    sizes.push_back(volume_of(sizes_of(columns)));
    return w_.add("Reshape", {moved, w_.integers(part + "_shape", sizes)}, part + "_matrices");
  }

  OnnxWriter& w_;
  std::vector<Term> terms_;
  std::string out_, broadcast_;
  std::map<char, std::int64_t> sizes_;
};

}  // namespace

void expand_einsum(OnnxWriter& w) { Einsum(w).write(); }

}  // namespace bitjoule
