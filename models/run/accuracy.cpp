#include "run/accuracy.h"

#include <fmt/format.h>

#include <cstdlib>

namespace bitjoule {

namespace {

/// Numbers with spaces between them, one after the other.
class NumberReader {
 public:
  explicit NumberReader(const std::string& text) : at_(text.c_str()) {}

  double real() {
    char* end = nullptr;
    const double value = std::strtod(at_, &end);
    is_whole_ = is_whole_ && end != at_;
    at_ = end;
    return value;
  }
  std::int64_t integer() { return static_cast<std::int64_t>(real()); }
  bool is_whole() const { return is_whole_; }
  bool is_at_end() const { return *at_ == '\0'; }

 private:
  const char* at_;
  bool is_whole_ = true;
};

Prediction read_prediction(NumberReader& from) {
  Prediction p;
  p.target = from.integer();
  p.predicted = from.integer();
  p.reference_predicted = from.integer();
  p.rank = from.integer();
  p.reference_rank = from.integer();
  p.nll = from.real();
  p.reference_nll = from.real();
  p.kl = from.real();
  p.agrees = p.predicted == p.reference_predicted;
  p.agrees5 = from.integer() != 0;
  return p;
}

}  // namespace

std::string score_text(const std::vector<InputScore>& scores) {
  std::string text = fmt::format("{}", scores.size());
  for (const InputScore& score : scores) {
    text +=
        fmt::format(" {} {} {}", score.error.signal, score.error.noise, score.predictions.size());
    for (const Prediction& p : score.predictions)
      text +=
          fmt::format(" {} {} {} {} {} {} {} {} {}", p.target, p.predicted, p.reference_predicted,
                      p.rank, p.reference_rank, p.nll, p.reference_nll, p.kl, p.agrees5 ? 1 : 0);
  }
  return text;
}

bool read_scores(const std::string& text, std::vector<InputScore>& scores) {
  NumberReader from(text);
  scores.clear();
  const std::int64_t inputs = from.integer();
  for (std::int64_t i = 0; i < inputs && from.is_whole(); ++i) {
    InputScore& score = scores.emplace_back();
    score.error.signal = from.real();
    score.error.noise = from.real();
    const std::int64_t predictions = from.integer();
    for (std::int64_t p = 0; p < predictions && from.is_whole(); ++p)
      score.predictions.push_back(read_prediction(from));
  }
  return from.is_whole() && from.is_at_end();
}

const char* data_kind_name(DataKind kind) {
  static constexpr const char* kNames[] = {"tokens", "classes", "outputs"};
  return kNames[static_cast<std::size_t>(kind)];
}

Accuracy accuracy_of(const std::vector<InputScore>& scores) {
  constexpr std::int64_t kTop = 5;
  const auto share = [](bool is) { return is ? 1.0 : 0.0; };
  MeanMeter nll, reference_nll, kl, change, right, right5, reference_right, right_change, agrees,
      agrees5;
  Accuracy a;
  OutputError error;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (const Prediction& p : scores[i].predictions) {
      nll.add(p.nll);
      reference_nll.add(p.reference_nll);
      change.add(p.nll - p.reference_nll);
      kl.add(p.kl);
      right.add(share(p.is_right()));
      right5.add(share(p.rank < kTop));
      reference_right.add(share(p.is_reference_right()));
      right_change.add(share(p.is_right()) - share(p.is_reference_right()));
      agrees.add(share(p.agrees));
      agrees5.add(share(p.agrees5));
    }
    error += scores[i].error;
    const double sqnr = scores[i].error.sqnr_db();
    if (i == 0 || sqnr < a.worst_sqnr_db) {
      a.worst_sqnr_db = sqnr;
      a.worst_input = static_cast<std::int64_t>(i);
    }
  }
  a.inputs = static_cast<std::int64_t>(scores.size());
  a.nll = nll.result();
  a.reference_nll = reference_nll.result();
  a.nll_change = change.result();
  a.kl = kl.result();
  a.right = right.result();
  a.right5 = right5.result();
  a.reference_right = reference_right.result();
  a.right_change = right_change.result();
  a.agrees = agrees.result();
  a.agrees5 = agrees5.result();
  a.sqnr_db = error.sqnr_db();
  return a;
}

}  // namespace bitjoule
