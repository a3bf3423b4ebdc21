#include "core/numeric/recipe.h"

#include <algorithm>
#include <utility>

#include "core/numeric/format.h"

namespace bitjoule {
namespace {

/// In which layers a matrix gets another format than the base.
enum class Where {
  kAlways,
  kMoreBits,     ///< first and last eighth, and every third between
  kFirst,        ///< the first `n`
  kFirstShare,   ///< the first n-th part of all
  kSharedHeads,  ///< models with at least `n` heads to a key
};

struct Rule {
  Where where;
  std::int64_t n;
  const char* format;
};
using Rules = std::vector<Rule>;  ///< the first that holds counts; none: the base

struct Recipe {
  const char* name;
  const char* base;
  Rules values = {}, down = {}, output = {};
  Rules falcon_down = {};               ///< in the place of `down`
  const char* eight_output = nullptr;   ///< of mixtures of eight; nullptr: as of others
  const char* falcon_output = nullptr;  ///< Falcon's; nullptr: the base
  const char* head = "q6_k";
  const char* experts = nullptr;  ///< of all matrices of experts
};

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> kRows = [] {
    constexpr auto kAlways = Where::kAlways, kMoreBits = Where::kMoreBits, kFirst = Where::kFirst,
                   kFirstShare = Where::kFirstShare, kSharedHeads = Where::kSharedHeads;
    std::vector<Recipe> rows;
    const auto add = [&rows](const char* name, const char* base) -> Recipe& {
      rows.push_back({name, base});
      return rows.back();
    };
    add("f16", "fp16").head = "fp16";
    add("q8_0", "q8_0").head = "q8_0";
    Recipe& mxfp4 = add("mxfp4_moe", "q8_0");
    mxfp4.head = "q8_0";
    mxfp4.experts = "mxfp4";
    add("q4_0", "q4_0");
    add("q5_0", "q5_0");
    add("q6_k", "q6_k");
    Recipe& q2_k = add("q2_k", "q2_k");
    q2_k.values = {{kSharedHeads, 4, "q4_k"}, {kAlways, 0, "q3_k"}};
    q2_k.down = q2_k.output = {{kAlways, 0, "q3_k"}};
    q2_k.eight_output = "q5_k";
    Recipe& q2_k_s = add("q2_k_s", "q2_k");
    q2_k_s.values = {{kSharedHeads, 4, "q4_k"}};
    q2_k_s.down = {{kFirstShare, 8, "q4_k"}};
    add("q3_k_s", "q3_k").eight_output = "q5_k";
    Recipe& q3_k_m = add("q3_k_m", "q3_k");
    q3_k_m.values = {{kFirst, 2, "q5_k"}, {kAlways, 0, "q4_k"}};
    q3_k_m.down = {{kFirstShare, 16, "q5_k"}, {kAlways, 0, "q4_k"}};
    q3_k_m.falcon_down = {{kFirstShare, 16, "q5_k"}, {kMoreBits, 0, "q4_k"}, {kAlways, 0, "q3_k"}};
    q3_k_m.output = {{kAlways, 0, "q4_k"}};
    q3_k_m.eight_output = "q5_k";
    Recipe& q3_k_l = add("q3_k_l", "q3_k");
    q3_k_l.values = q3_k_l.down = q3_k_l.output = {{kAlways, 0, "q5_k"}};
    q3_k_l.falcon_down = {{kAlways, 0, "q4_k"}};
    q3_k_l.falcon_output = "q4_k";
    q3_k_l.eight_output = "q3_k";
    Recipe& q4_k_s = add("q4_k_s", "q4_k");
    q4_k_s.values = {{kFirst, 4, "q5_k"}};
    q4_k_s.down = {{kFirstShare, 8, "q5_k"}};
    q4_k_s.falcon_down = {{kAlways, 0, "q4_k"}};
    q4_k_s.eight_output = "q5_k";
    Recipe& q4_k_m = add("q4_k_m", "q4_k");
    q4_k_m.values = q4_k_m.down = {{kMoreBits, 0, "q6_k"}};
    q4_k_m.falcon_down = {{kFirstShare, 16, "q6_k"}, {kMoreBits, 0, "q5_k"}, {kAlways, 0, "q4_k"}};
    q4_k_m.eight_output = "q5_k";
    add("q5_k_s", "q5_k");
    for (const char* iq4 : {"iq4_nl", "iq4_xs"}) {
      Recipe& row = add(iq4, iq4);
      row.values = {{kSharedHeads, 4, "q5_k"}};
      row.down = {{kFirstShare, 8, "q5_k"}};
      row.eight_output = "q5_k";
    }
    Recipe& q5_k_m = add("q5_k_m", "q5_k");
    q5_k_m.values = q5_k_m.down = {{kMoreBits, 0, "q6_k"}};
    return rows;
  }();
  return kRows;
}

const Recipe& find_recipe(const std::string& name) {
  for (const Recipe& row : recipes())
    if (name == row.name) return row;
  throw unknown_name_error("recipe", name, recipe_names());
}

bool holds(const Rule& rule, const RecipeModel& model, std::int64_t layer) {
  const std::int64_t n = model.layers, eighth = n / 8;
  switch (rule.where) {
    case Where::kAlways:
      return true;
    case Where::kMoreBits:
      return layer < eighth || layer >= 7 * n / 8 || (layer - eighth) % 3 == 2;
    case Where::kFirst:
      return layer < rule.n;
    case Where::kFirstShare:
      return layer < n / rule.n;
    case Where::kSharedHeads:
      return model.heads / model.kv_heads >= rule.n;
  }
  return false;
}

std::string by_rules(const Rules& rules, const Recipe& recipe, const RecipeModel& model,
                     std::int64_t layer) {
  const auto rule = std::find_if(rules.begin(), rules.end(),
                                 [&](const Rule& r) { return holds(r, model, layer); });
  return rule == rules.end() ? recipe.base : rule->format;
}

/// Values' matrices are small where heads share keys: models of 70B have more bits for them.
std::string of_values(const Recipe& recipe, const RecipeModel& model, std::int64_t layer) {
  std::string format = by_rules(recipe.values, recipe, model, layer);
  const bool is_70b = model.layers == 80 && model.heads == 8 * model.kv_heads;
  if (is_70b && (format == "q3_k" || format == "q4_k")) format = "q5_k";
  return format;
}

std::string wanted(const Recipe& recipe, const RecipeModel& model, const RecipeMatrix& matrix) {
  const bool of_eight = model.experts == 8;
  const bool is_plain = recipe.base == std::string("fp16");
  if (matrix.is_of_experts && recipe.experts != nullptr) return recipe.experts;
  switch (matrix.part) {
    case RecipePart::kHead:
      return model.is_falcon && !is_plain ? "q8_0" : recipe.head;
    case RecipePart::kValues:
    case RecipePart::kKeys:
      if (of_eight && !is_plain) return "q8_0";
      return matrix.part == RecipePart::kValues ? of_values(recipe, model, matrix.layer)
                                                : std::string(recipe.base);
    case RecipePart::kOutput:
      if (model.is_falcon)
        return recipe.falcon_output != nullptr ? recipe.falcon_output : recipe.base;
      if (of_eight && recipe.eight_output != nullptr) return recipe.eight_output;
      return by_rules(recipe.output, recipe, model, matrix.layer);
    case RecipePart::kDown:
      return by_rules(
          model.is_falcon && !recipe.falcon_down.empty() ? recipe.falcon_down : recipe.down, recipe,
          model, matrix.layer);
    default:
      return recipe.base;
  }
}

/// Blocks of 256 that do not fill a row become such of 32.
const char* smaller(const std::string& format) {
  constexpr std::pair<const char*, const char*> kSmaller[] = {
      {"q2_k", "q4_0"}, {"q3_k", "q4_0"}, {"q4_k", "q5_0"},
      {"q5_k", "q5_1"}, {"q6_k", "q8_0"}, {"iq4_xs", "iq4_nl"}};
  for (const auto& [large, small] : kSmaller)
    if (format == large) return small;
  return "fp16";
}

}  // namespace

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const Recipe& row : recipes()) names.emplace_back(row.name);
  return names;
}

std::string recipe_format(const std::string& recipe, const RecipeModel& model,
                          const RecipeMatrix& matrix) {
  std::string format = wanted(find_recipe(recipe), model, matrix);
  const auto fits = [&matrix](const std::string& name) {
    const Format& f = find_format(name);
    return matrix.row % std::max<std::int64_t>({1, f.block_elements, f.group}) == 0;
  };
  for (int tries = 0; tries < 2 && !fits(format); ++tries) format = smaller(format);
  return format;
}

}  // namespace bitjoule
