// `sim quantize`: figures of a tensor small enough to work out by hand.
#include <doctest/doctest.h>

#include <boost/json.hpp>

#include "core/numeric/tensor_values.h"
#include "sim/formats/blob.h"
#include "sim/formats/npy.h"
#include "support/shell.h"

namespace bitjoule::quantize_command_test {
namespace {

using test::Outcome;
using test::shell;
using test::TemporaryDirectory;
using test::text_of;

}  // namespace

TEST_CASE("quantize: int8 of one row by hand") {
  const TemporaryDirectory dir;
  // Scale 1: 127 / 127. Errors 0, 0.25, -0.25 (2.75 becomes 3), 0.
  write_npy(dir.at("x.npy"), {1, 4}, {127, 1.25, 2.75, -4});
  const Outcome o = shell("cd " + dir.at("") + " && {sim} quantize x.npy --format int8 -o q.json " +
                          "--decoded d.npy");
  CHECK_MESSAGE(o.code == 0, o.text);
  CHECK(tensor_values(parse_npy(map_file(dir.at("d.npy")))) == std::vector<float>{127, 1, 3, -4});
  const auto json = boost::json::parse(text_of(dir.at("q.json")));
  const auto& figures = json.at("formats").at(0);
  const auto& error = figures.at("error");
  CHECK(error.at("max_abs").as_double() == 0.25);
  CHECK(error.at("mean_abs").as_double() == 0.125);
  // 10 log10((127^2 + 1.25^2 + 2.75^2 + 4^2) / (2 / 16)) = 10 log10(16154.125 / 0.125)
  CHECK(error.at("sqnr_db").as_double() == doctest::Approx(51.1137).epsilon(1e-5));
  CHECK(error.at("cosine").as_double() == doctest::Approx(1).epsilon(1e-4));
  CHECK(figures.at("bytes").as_int64() == 8);  // four codes and an fp32 scale
  CHECK(figures.at("bits_per_element").to_number<double>() == 16);
}

TEST_CASE("quantize: all formats in one table, those that do not fit say why") {
  const TemporaryDirectory dir;
  write_npy(dir.at("x.npy"), {2, 32}, std::vector<float>(64, 0.5f));
  const Outcome o = shell("cd " + dir.at("") + " && {sim} quantize x.npy --format all");
  CHECK(o.code == 0);
  for (const Format& format : formats())
    CHECK_MESSAGE((o.text.find("\n" + format.name + " ") != std::string::npos) == format.has_values,
                  format.name);
  CHECK(o.text.find("q4_k         not possible: ") != std::string::npos);

  const Outcome one = shell("cd " + dir.at("") + " && {sim} quantize x.npy --format q4_k");
  CHECK(one.code == 2);
  const Outcome bad = shell("cd " + dir.at("") + " && {sim} quantize x.npy --format int9");
  CHECK(bad.code == 2);
  CHECK(bad.text.find("did you mean") != std::string::npos);
}

}  // namespace bitjoule::quantize_command_test
