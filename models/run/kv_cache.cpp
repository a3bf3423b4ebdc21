#include "run/kv_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/index.h"
#include "run/generators.h"

namespace bitjoule {
namespace {

/// How a second operand of [group][rows][cols] is cut into tokens.
struct Cut {
  std::int64_t groups, rows, cols;  ///< of one tensor; one of rows and cols counts tokens
  bool along_cols;                  ///< values: tokens are columns
  std::int64_t tokens() const { return along_cols ? cols : rows; }
  std::int64_t per_token() const { return groups * (along_cols ? rows : cols); }
  /// Index of element i of a token.
  std::size_t index(std::int64_t token, std::int64_t i) const {
    return at(along_cols ? i * cols + token : (i / cols * rows + token) * cols + i % cols);
  }
};

Error misfit(const Matmul& p, std::int64_t groups, std::int64_t elements) {
  return input_error(
      fmt::format("the second operand has {} elements, which are no tokens of {} x {} x {}",
                  elements, groups, p.n, p.k));
}

Cut cut_of(const Matmul& p, std::int64_t elements, KvCache::Along along) {
  const std::int64_t groups = p.batch / p.shared;
  if (p.k_rows) {
    const std::int64_t tokens = elements / (groups * p.n);
    if (elements == groups * p.n * tokens && tokens >= 1 && tokens <= p.k)
      return Cut{groups, tokens, p.n, false};
    throw misfit(p, groups, elements);
  }
  const std::int64_t keys = elements / (groups * p.k), values = elements / (groups * p.n);
  const bool as_keys = elements == groups * p.k * keys && keys >= 1 && keys <= p.n;
  const bool as_values = elements == groups * p.n * values && values >= 1 && values <= p.k;
  // Where both fit, a pass has as many tokens as rows (m).
  if (along == KvCache::Along::kUnknown)
    along = as_values && (!as_keys || (values == p.m && keys != p.m)) ? KvCache::Along::kK
                                                                      : KvCache::Along::kN;
  const bool along_cols = along == KvCache::Along::kK;
  if (along_cols ? !as_values : !as_keys) throw misfit(p, groups, elements);
  return along_cols ? Cut{groups, p.n, values, true} : Cut{groups, keys, p.k, false};
}

template <class T>
void take_tokens(const Cut& cut, const std::vector<T>& from, std::vector<std::vector<T>>& tokens) {
  for (std::int64_t t = 0; t < cut.tokens(); ++t) {
    std::vector<T>& token = tokens.emplace_back(at(cut.per_token()));
    for (std::int64_t i = 0; i < cut.per_token(); ++i) token[at(i)] = from[cut.index(t, i)];
  }
}

/// Those from `first` on.
template <class T>
std::vector<T> put_tokens(const Cut& cut, const std::vector<std::vector<T>>& tokens,
                          std::int64_t first) {
  std::vector<T> to(at(cut.groups * cut.rows * cut.cols));
  for (std::int64_t t = 0; t < cut.tokens(); ++t)
    for (std::int64_t i = 0; i < cut.per_token(); ++i)
      to[cut.index(t, i)] = tokens[at(first + t)][at(i)];
  return to;
}

}  // namespace

void KvCache::Tokens::resize(std::int64_t count, std::int64_t per_token, std::uint64_t seed) {
  values.resize(std::min(values.size(), at(count)));
  reference.resize(values.size());
  for (auto t = static_cast<std::int64_t>(values.size()); t < count; ++t) {
    std::vector<float> token =
        generate_values({}, 1, per_token, 1.0, seed + static_cast<std::uint64_t>(t));
    reference.emplace_back(token.begin(), token.end());
    values.push_back(std::move(token));
  }
}

NetworkTensor KvCache::whole(const std::string& reader, const Matmul& p, std::uint64_t seed) {
  const std::int64_t groups = p.batch / p.shared;
  const Cut cut = p.k_rows ? Cut{groups, p.k, p.n, false} : Cut{groups, p.n, p.k, false};
  Tokens& cache = caches_[reader];
  cache.resize(cut.tokens(), cut.per_token(), seed);
  NetworkTensor all;
  all.values = put_tokens(cut, cache.values, 0);
  all.reference = put_tokens(cut, cache.reference, 0);
  all.is_raw = true;
  return all;
}

NetworkTensor KvCache::append(const std::string& reader, const Matmul& p,
                              const NetworkTensor& fresh, Along along, std::int64_t context,
                              std::uint64_t seed) {
  const Cut cut = cut_of(p, static_cast<std::int64_t>(fresh.values.size()), along);
  Tokens& cache = caches_[reader];
  const std::int64_t seen = cut.along_cols || p.k_rows ? p.k : p.n;
  const std::int64_t past = seen - cut.tokens();
  // What sees the new tokens alone sees no older ones later either: those of an encoder, say, whose
  // number has nothing to do with the context.
  const std::int64_t before = past == 0 ? 0 : std::max(context, seen) - cut.tokens();
  cache.resize(before, cut.per_token(), seed);
  take_tokens(cut, fresh.values, cache.values);
  take_tokens(cut, fresh.reference, cache.reference);
  if (past == 0) return fresh;
  Cut whole = cut;
  (whole.along_cols ? whole.cols : whole.rows) += past;
  NetworkTensor all;
  all.values = put_tokens(whole, cache.values, before - past);
  all.reference = put_tokens(whole, cache.reference, before - past);
  all.is_raw = true;
  return all;
}

}  // namespace bitjoule
