#include "sim/config/json_text.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "sim/config/writer.h"

namespace bitjoule::json_text_test {

TEST_CASE("json text: real numbers are read as they were written, to the last bit") {
  constexpr unsigned kSeed = 13;
  CAPTURE(kSeed);
  std::mt19937_64 random(kSeed);
  // A number that Boost's parser misses by one unit in the last place.
  for (int i = 0; i < 20'000; ++i) {
    double number = 5.5913461538461535e-08;
    if (i > 0) {
      const std::uint64_t bits = random();
      std::memcpy(&number, &bits, sizeof number);
      if (!std::isfinite(number)) continue;
      // Half of them with few digits, of sizes that results have.
      if (i % 2 == 0)
        number = std::ldexp(static_cast<double>(bits >> 30), -static_cast<int>(i % 60));
    }
    const std::string text = json_text({{"a", {number, 1, -2, "x\\n", true, nullptr}}});
    boost::system::error_code error;
    const boost::json::value value = parse_json(text, error);
    REQUIRE(!error);
    REQUIRE(json_text(value) == text);
    if (const double* read = value.at("a").at(0).if_double()) {
      REQUIRE(*read == number);
      REQUIRE(std::signbit(*read) == std::signbit(number));
    }
  }
}

TEST_CASE("json text: an object part by part is the text of the whole") {
  boost::json::array items;
  for (int i = 0; i < 4000; ++i)
    items.push_back({{"i", i}, {"deep", {{"a", {1, 2}}, {"b", {i, "x"}}}}});
  const boost::json::object whole{
      {"n", 1}, {"flat", {1, 2}}, {"items", items}, {"last", {{"a", 1}}}};
  std::string text;
  JsonText parts([&text](std::string_view piece) { text += piece; });
  parts.begin_object();
  for (const auto& row : whole) {
    parts.item({row.key().data(), row.key().size()});
    parts.put(row.value());
  }
  CHECK(text.size() > 1000);  // it does not wait for the end
  parts.end();
  CHECK(parts.take().empty());
  CHECK(text == json_text(whole));
}

TEST_CASE("json text: whole numbers have the digits that others have") {
  for (const double magnitude : {0.0, 1.0, 7.0, 1024.0, 999'999'999'999'999.0, 1e15, 1e16, 1e17})
    for (const double number : {magnitude, -magnitude, magnitude + 0.5}) {
      CAPTURE(number);
      JsonText text;
      text.put(JsonScalar(number));
      CHECK(text.take() == fmt::format("{}\n", number));
    }
}

TEST_CASE("json text: what is put again is the same text, at the same place and at others") {
  const boost::json::value value = {{"long", std::string(80, 'x')}, {"deep", {{"list", {1, 2}}}}};
  const boost::json::value small = {{"a", 1}};
  for (const boost::json::value& part : {value, small}) {
    JsonPiece piece;
    // Equal places, a deeper one, one behind a longer key, and one on a line that it breaks.
    const auto write = [&](JsonSink& sink, bool again) {
      const auto put = [&](const char* key) {
        sink.item(key);
        again ? sink.put_again(piece, [&] { sink.put(part); }) : sink.put(part);
      };
      sink.begin_object();
      for (const char* key : {"a", "b", "longer"}) put(key);
      sink.item("inner");
      sink.begin_object();
      sink.item("n");
      sink.put(JsonScalar(std::int64_t{1}));
      put("a");
      put("b");
      sink.item("after");
      sink.begin_object();
      sink.item("s");
      sink.put(JsonScalar(std::string_view("t")));
      sink.end();
      sink.end();
      sink.end();
    };
    JsonText plain, again;
    write(plain, false);
    write(again, true);
    CHECK(again.take() == plain.take());
    JsonTree tree;
    write(tree, true);
    JsonTree whole;
    write(whole, false);
    CHECK(tree.take() == whole.take());
  }
}

TEST_CASE("json text: maps of scalars stand on a line below 100 characters, other lists never") {
  constexpr std::size_t kFrame = 9;  // {"a": ""}
  const std::string fits(99 - kFrame, 'x'), exceeds = fits + "x";
  CHECK(json_text({{"a", fits}}) == "{\"a\": \"" + fits + "\"}\n");
  CHECK(json_text({{"a", exceeds}}) == "{\n  \"a\": \"" + exceeds + "\"\n}\n");
  CHECK(json_text({{"n", nullptr}, {"l", {1, {2, 0.5}, boost::json::object{{"k", true}}}}}) ==
        "{\n  \"n\": null,\n  \"l\": [\n    1,\n    [2, 0.5],\n    {\"k\": true}\n  ]\n}\n");
  CHECK(json_text({{"o", boost::json::object()}, {"l", boost::json::array()}}) ==
        "{\n  \"o\": {},\n  \"l\": []\n}\n");
  // Twelve short members fit a line, one more never does.
  boost::json::object many;
  for (char c = 'a'; c < 'm'; ++c) many[std::string(1, c)] = 1;
  CHECK(json_text(many).find('\n') == json_text(many).size() - 1);
  many["m"] = 1;
  CHECK(json_text(many).rfind("{\n  \"a\": 1,\n  \"b\": 1,", 0) == 0);
}

TEST_CASE("json text: a character that needs an escape is found wherever it stands") {
  for (const char* special : {"\"", "\\", "\n", "\x01", "\xc3\xa9"})
    for (std::size_t size = 0; size < 20; ++size)
      for (std::size_t at = 0; at <= size; ++at) {
        const std::string text = std::string(size, '~').insert(at, special);
        REQUIRE(json_text(boost::json::string(text)) ==
                boost::json::serialize(boost::json::string(text)) + "\n");
      }
}

TEST_CASE("json text: what is no JSON, or more than that, is an error") {
  for (const char* bad : {"", "{", "[1,]", "{} x", "{}{}", "nul", "1e", "\"\\q\"", "[1] 2"}) {
    boost::system::error_code error;
    parse_json(bad, error);
    CAPTURE(bad);
    CHECK(error);
  }
  for (const char* good : {"{}", " [ 1 , 2.5e-3 ] \n", "null", "18446744073709551615", "-0.0"}) {
    boost::system::error_code error;
    parse_json(good, error);
    CAPTURE(good);
    CHECK(!error);
  }
}

TEST_CASE("json text: lists are emptied where nobody wants them, and parsed all the same") {
  const std::string text =
      R"({"a": [1, {"b": [2.5, "x"]}, [null]], "c": {"d": [], "e": "f", "g": [true]}, "h": -1.5})";
  boost::system::error_code error;
  CHECK(
      json_text(parse_json(text, error, {}, JsonLists::kEmptied)) ==
      json_text(boost::json::parse(R"({"a": [], "c": {"d": [], "e": "f", "g": []}, "h": -1.5})")));
  CHECK(!error);
  CHECK(json_text(parse_json(text, error)) == json_text(boost::json::parse(text)));
  for (const char* bad : {R"({"a": [1,]})", R"({"a": [{"b": }]})", R"({"a": [1)"}) {
    parse_json(bad, error, {}, JsonLists::kEmptied);
    CAPTURE(bad);
    CHECK(error);
  }
}

}  // namespace bitjoule::json_text_test
