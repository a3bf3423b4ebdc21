#include "run/accuracy.h"

#include <fmt/format.h>

#include <cstdlib>

namespace bitjoule {

std::string score_text(const InputScore& score) {
  std::string text =
      fmt::format("{} {} {}", score.error.signal, score.error.noise, score.predictions.size());
  for (const Prediction& p : score.predictions)
    text += fmt::format(" {} {} {} {} {} {} {} {} {}", p.target, p.predicted, p.reference_predicted,
                        p.rank, p.reference_rank, p.nll, p.reference_nll, p.kl, p.agrees5 ? 1 : 0);
  return text;
}

bool read_score(const std::string& text, InputScore& score) {
  const char* at = text.c_str();
  bool is_whole = true;
  const auto real = [&] {
    char* end = nullptr;
    const double value = std::strtod(at, &end);
    is_whole = is_whole && end != at;
    at = end;
    return value;
  };
  const auto integer = [&] { return static_cast<std::int64_t>(real()); };
  score = {};
  score.error.signal = real();
  score.error.noise = real();
  const std::int64_t count = integer();
  for (std::int64_t i = 0; i < count && is_whole; ++i) {
    Prediction p;
    p.target = integer();
    p.predicted = integer();
    p.reference_predicted = integer();
    p.rank = integer();
    p.reference_rank = integer();
    p.nll = real();
    p.reference_nll = real();
    p.kl = real();
    p.agrees = p.predicted == p.reference_predicted;
    p.agrees5 = integer() != 0;
    score.predictions.push_back(p);
  }
  return is_whole && *at == '\0';
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
