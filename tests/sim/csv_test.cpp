// CSV files: cells that spreadsheets would split or run.
#include "sim/output/csv.h"

#include <doctest/doctest.h>

#include <string>

#include "sim/result/result_json.h"
#include "sim/sweep/results.h"

namespace bitjoule::csv_test {

TEST_CASE(
    "csv: control characters shown, quotes where RFC 4180 asks for them, apostrophes before "
    "formulas, numbers as is") {
  struct Row {
    const char *text, *cell;
  };
  for (const Row& row : {Row{"", ""},
                         {"plain", "plain"},
                         {"a,b", "\"a,b\""},
                         {"a\"b", "\"a\"\"b\""},
                         {"a\nb", "a\\x0ab"},
                         {"a,\r\n\x1b[31m", "\"a,\\x0d\\x0a\\x1b[31m\""},
                         {"a\xc2\x9b|\x7f", "a\\x9b|\\x7f"},
                         {"=1+1", "'=1+1"},
                         {"=cmd|' /C calc'!A1", "'=cmd|' /C calc'!A1"},
                         {"+x", "'+x"},
                         {"-x", "'-x"},
                         {"@SUM(A1)", "'@SUM(A1)"},
                         {"\t=1", "'\\x09=1"},
                         {"=\"a\",1", "\"'=\"\"a\"\",1\""},
                         {"-1", "-1"},
                         {"+1.5", "+1.5"},
                         {"-2e-3", "-2e-3"},
                         {"-1+1", "'-1+1"},
                         {"+-1", "'+-1"},
                         {"a=b", "a=b"}}) {
    CAPTURE(row.text);
    CHECK(csv_cell(row.text) == row.cell);
  }
  CHECK(csv_line({"a", "", "b"}) == "a,,b\n");
}

TEST_CASE("csv: names of layers, labels and messages") {
  LayerResult layer;
  layer.name = "conv, \"first\"";
  layer.kind = "=kind";
  layer.op = "a,b";
  const std::string layers = layers_csv({layer});
  CHECK(layers.find("\n\"conv, \"\"first\"\"\",'=kind,1,") != std::string::npos);
  CHECK(layers.find(",\"a,b\",") != std::string::npos);
  SweepResults results;
  results.columns = {"@column"};
  PointResult point;
  point.labels = {"-label"};
  point.message = "+message";
  point.hash = std::string(32, '0');
  point.metrics = {{"=metric", "=text"}, {"number", -1.5}};
  results.points = {point};
  CHECK(results_csv(results) ==
        "point,'@column,status,'=metric,number,hash,message\n"
        "'-label,'-label,missing,'=text,-1.5," +
            point.hash + ",'+message\n");
}

}  // namespace bitjoule::csv_test
