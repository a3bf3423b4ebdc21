// The text by which equal layers are found: another value of any member is another text.
#include "run/key.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <tuple>

namespace bitjoule::key_test {
namespace {

// Another value than the one that is there.
void change(std::int64_t& value) { ++value; }
void change(bool& value) { value = !value; }
void change(double& value) { value += 0.5; }
void change(std::string& value) { value += "x"; }
void change(TensorFormat& value) { value.group_size += 1; }
void change(std::vector<std::int64_t>& value) { value.push_back(0); }
void change(std::vector<std::vector<std::int64_t>>& value) { value.emplace_back(); }
template <class E, std::enable_if_t<std::is_enum_v<E>, int> = 0>
void change(E& value) {
  value = static_cast<E>(static_cast<int>(value) + 1);
}
template <class T>
void change(std::optional<T>& value) {
  value ? value.reset() : static_cast<void>(value.emplace());
}

/// The texts of `value`, and of it with one member changed at a time, are all different.
template <class T>
void check_members(const T& value) {
  std::set<std::string> keys{key_text(value)};
  T copy = value;
  const auto all = members(copy);
  constexpr std::size_t kMembers = std::tuple_size_v<decltype(all)>;
  std::apply(
      [&](const auto&... member) {
        const auto with_change = [&](const auto& one) {
          using Member = std::decay_t<decltype(one)>;
          auto& changed = const_cast<Member&>(one);  // NOLINT: of `copy`, which is not const
          const Member before = changed;
          change(changed);
          keys.insert(key_text(copy));
          changed = before;
        };
        (with_change(member), ...);
      },
      all);
  CHECK(keys.size() == 1 + kMembers);
  CHECK(key_text(copy) == key_text(value));
}

TEST_CASE("key: another value of any member of a layer or its formats is another key") {
  check_members(Gemm{});
  check_members(Matmul{});
  check_members(Conv2d{});
  check_members(PoolWindow{});
  check_members(VectorOp{});
  VectorOp full;
  full.window = PoolWindow{};
  full.alpha = full.beta = 1.0;
  full.shape = {2, 3};
  full.operand_shapes = {{2, 3}, {1}};
  check_members(full);
  check_members(TensorFormat{});
  check_members(Precision{});
  check_members(VectorFormats{});
}

TEST_CASE("key: values cannot run into each other") {
  const auto key = [](const std::string& a, const std::string& b) {
    return key_text(a) + key_text(b);
  };
  CHECK(key("ab", "c") != key("a", "bc"));
  CHECK(key_text(NetworkOp(Gemm{1, 2, 3})) != key_text(NetworkOp(Matmul{1, 2, 3, 1, 1})));
  CHECK(key_text(std::vector<std::int64_t>{1, 2}) != key_text(std::vector<std::int64_t>{12}));
  CHECK(key_text(std::vector<std::vector<std::int64_t>>{{1}, {2}}) !=
        key_text(std::vector<std::vector<std::int64_t>>{{1, 2}, {}}));
}

}  // namespace
}  // namespace bitjoule::key_test
