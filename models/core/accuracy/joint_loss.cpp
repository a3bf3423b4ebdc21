#include "core/accuracy/joint_loss.h"

#include <algorithm>

namespace bitjoule {
namespace {

// Of an assignment's pairs those matter whose size is more than this share of the largest, and of
// them so many for each group: more groups have more pairs than anyone can measure.
constexpr double kLeastShare = 0.03;
constexpr std::size_t kPairsPerGroup = 4;

JointLoss::Pair ordered(const JointLoss::Member& a, const JointLoss::Member& b) {
  return b < a ? JointLoss::Pair(b, a) : JointLoss::Pair(a, b);
}

/// What an assignment changes.
std::vector<JointLoss::Member> members(const JointLoss::Assignment& a) {
  std::vector<JointLoss::Member> found;
  for (std::size_t g = 0; g < a.size(); ++g)
    if (a[g] != 0) found.push_back({g, a[g]});
  return found;
}

template <class F>
void for_each_pair(const JointLoss::Assignment& a, F f) {
  const std::vector<JointLoss::Member> all = members(a);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = i + 1; j < all.size(); ++j) f(JointLoss::Pair(all[i], all[j]));
}

}  // namespace

double JointLoss::size(const Pair& p) const {
  return sizes_[p.first.group][p.first.choice] * sizes_[p.second.group][p.second.choice];
}

double JointLoss::together(const Member& a, const Member& b) const {
  const Pair pair = ordered(a, b);
  const auto known = together_.find(pair);
  if (known != together_.end()) return known->second;
  return sum_of_sizes_ > 0 ? sum_ / sum_of_sizes_ * size(pair) : 0;
}

double JointLoss::of(const Assignment& a) const {
  double sum = 0;
  for (const Member& m : members(a)) sum += alone(m);
  for_each_pair(a, [&](const Pair& p) { sum += together(p.first, p.second); });
  return sum;
}

std::vector<JointLoss::Pair> JointLoss::unknown(const Assignment& a) const {
  std::vector<Pair> pairs;
  for_each_pair(a, [&](const Pair& p) { pairs.push_back(p); });
  std::stable_sort(pairs.begin(), pairs.end(),
                   [this](const Pair& x, const Pair& y) { return size(x) > size(y); });
  const auto is_small = [&](const Pair& p) { return !(size(p) > kLeastShare * size(pairs[0])); };
  pairs.erase(std::find_if(pairs.begin(), pairs.end(), is_small), pairs.end());
  pairs.resize(std::min(pairs.size(), kPairsPerGroup * a.size()));
  pairs.erase(std::remove_if(pairs.begin(), pairs.end(),
                             [this](const Pair& p) { return together_.count(p) > 0; }),
              pairs.end());
  return pairs;
}

void JointLoss::learn(const Pair& pair, double lost) {
  const double beyond = lost - alone(pair.first) - alone(pair.second);
  together_[pair] = beyond;
  sum_ += beyond;
  sum_of_sizes_ += size(pair);
}

JointLoss::Assignment JointLoss::cheapest(double allowed, const Assignment& around) const {
  const std::vector<Member> others = members(around);
  std::vector<std::vector<Choice>> raised = choices_;
  allowed -= of(around);
  for (std::size_t g = 0; g < raised.size(); ++g) {
    for (std::size_t c = 1; c < raised[g].size(); ++c)
      for (const Member& other : others)
        if (other.group != g) raised[g][c].loss += together({g, c}, other);
    allowed += raised[g][around[g]].loss;
    // From 0 on, as cheapest_assignment() takes losses.
    double least = 0;
    for (const Choice& choice : raised[g]) least = std::min(least, choice.loss);
    for (Choice& choice : raised[g]) choice.loss -= least;
    allowed -= least;
  }
  return cheapest_assignment(raised, allowed);
}

}  // namespace bitjoule
