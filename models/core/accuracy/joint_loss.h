// What groups lose together that lose something each: the sum, and what pairs add to it.
#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "core/accuracy/assignment.h"

namespace bitjoule {

/// Losses of assignments, a choice for each group, to second order: what each choice loses alone,
/// and what two of them lose together beyond that. Where rounding changes the inputs of a loss in
/// two places, the loss of both is the sum of both and a product of the changes, whose sign depends
/// on the data: it is measured.
class JointLoss {
 public:
  using Assignment = std::vector<std::size_t>;
  struct Member {
    std::size_t group = 0, choice = 0;
    bool operator<(const Member& o) const {
      return std::pair(group, choice) < std::pair(o.group, o.choice);
    }
  };
  using Pair = std::pair<Member, Member>;  ///< the first one's group comes first

  /// choices[group][choice]: the first changes nothing; a loss below 0 is a gain. sizes, of the
  /// same shape: how large the changes are, whatever they do to the loss; in any unit, which a
  /// product of two is the square of.
  JointLoss(std::vector<std::vector<Choice>> choices, std::vector<std::vector<double>> sizes)
      : choices_(std::move(choices)), sizes_(std::move(sizes)) {}

  double alone(const Member& m) const { return choices_[m.group][m.choice].loss; }
  /// Of an assignment: all alone and all pairs, those not measured as the others on average.
  double of(const Assignment& a) const;
  /// Pairs of an assignment that are not known and may matter, the largest first.
  std::vector<Pair> unknown(const Assignment& a) const;
  /// `lost`: by both at once.
  void learn(const Pair& pair, double lost);
  /// What the pairs that were measured lose beyond their members.
  const std::map<Pair, double>& together() const { return together_; }
  /// The assignment of least cost that loses no more than `allowed`, where assignments near
  /// `around` lose what they do to first order. Empty: there is none.
  Assignment cheapest(double allowed, const Assignment& around) const;

 private:
  /// The size of a product of two changes.
  double size(const Pair& p) const;
  /// What two lose beyond each alone.
  double together(const Member& a, const Member& b) const;

  std::vector<std::vector<Choice>> choices_;
  std::vector<std::vector<double>> sizes_;
  std::map<Pair, double> together_;
  double sum_ = 0, sum_of_sizes_ = 0;  // over those
};

}  // namespace bitjoule
