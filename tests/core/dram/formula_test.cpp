#include "core/dram/formula.h"

#include <doctest/doctest.h>

#include "core/error.h"

namespace bitjoule::formula_test {
namespace {

std::int64_t value(const std::string& text) {
  std::set<std::string> used;
  return evaluate_formula(text, {{"CL", 16}, {"CWL", 12}, {"tWTR_S", 3}}, &used);
}

std::string error(const std::string& text) {
  try {
    value(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("dram formula: sums, products, maxima") {
  CHECK(value("7") == 7);
  CHECK(value("CL + 4 + 2 - CWL") == 10);
  CHECK(value(" 2 * (CL - CWL) * 3 ") == 24);
  CHECK(value("max(1, CWL - CL)") == 1);
  CHECK(value("max(CL, tWTR_S, CWL) - 1") == 15);
}

TEST_CASE("dram formula: names that were used") {
  std::set<std::string> used;
  evaluate_formula("a + max(b, 2)", {{"a", 1}, {"b", 2}, {"c", 3}}, &used);
  CHECK(used == std::set<std::string>{"a", "b"});
}

TEST_CASE("dram formula: what is wrong is said") {
  CHECK(error("tRCD") == "formula \"tRCD\": timing tRCD is missing");
  CHECK(error("CL +") == "formula \"CL +\": a number or a timing is missing");
  CHECK(error("") == "formula \"\": a number or a timing is missing");
  CHECK(error("(CL") == "formula \"(CL\": a \")\" is missing");
  CHECK(error("CL CWL") == "formula \"CL CWL\": unexpected \"CWL\"");
  CHECK(error("3x") == "formula \"3x\": \"3x\" is no number");
  CHECK(error("99999999999999999999") ==
        "formula \"99999999999999999999\": the value is too large");
  CHECK(error(std::string(1000, '(')) != "");
}

}  // namespace bitjoule::formula_test
