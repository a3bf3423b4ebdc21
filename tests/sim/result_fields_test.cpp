// The description of results against results, and docs/result.md against the description.
#include "sim/result/result_fields.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "sim/sweep/results.h"
#include "support/paths.h"
#include "support/shell.h"

namespace bitjoule::result_fields_test {
namespace {

using namespace test;
namespace json = boost::json;

json::object result_of(const TemporaryDirectory& dir, const std::string& arguments) {
  const Outcome outcome = shell("{sim} run " + arguments + " --quiet -o " + dir.at("out"));
  CAPTURE(outcome.text);
  REQUIRE(outcome.code == 0);
  return json::parse(text_of(dir.at("out/result.json"))).as_object();
}

/// Every path below a value: '*' for names is left to find_field, "[]" for elements.
void add_paths(const json::value& value, const std::string& path, std::set<std::string>& paths) {
  if (const json::object* object = value.if_object()) {
    for (const auto& row : *object) {
      const std::string inner = (path.empty() ? "" : path + ".") + std::string(row.key());
      paths.insert(inner);
      add_paths(row.value(), inner, paths);
    }
  } else if (const json::array* list = value.if_array()) {
    for (const json::value& item : *list) add_paths(item, path + "[]", paths);
  }
}

bool is_within(const std::string& path, const std::string& outer) {
  return path.rfind(outer, 0) == 0;
}

/// Those of the fields that `outer` says, as docs/result.md has them.
std::string table_of(bool (*is_here)(const std::string& path)) {
  std::string text = "| key | unit | over layers | meaning |\n|---|---|---|---|\n";
  for (const FieldRow& row : result_fields())
    if (is_here(row.path))
      text += fmt::format("| `{}` | {} | {} | {} |\n", row.path, row.unit,
                          over_layers_name(row.over), row.meaning);
  return text;
}

}  // namespace

TEST_CASE("result fields: every key of results is described, with its layers'") {
  const char* const kChat =
      "llama2-7b-chat.yaml --set network=stories260k.yaml --set generate.tokens=3 "
      "--set precision.weights.format=int8";
  for (const char* arguments :
       {"quickstart.yaml --save-outputs",
        "quickstart.yaml --set values=off --set dram=ddr4-2400-x8.yaml",
        "resnet50.yaml --set network=mlperf-tiny-ad.yaml --set values=on", kChat,
        "llama2-7b-decode.yaml --set network=stories260k.yaml --set evaluation.data=tokens.bin"}) {
    CAPTURE(arguments);
    const TemporaryDirectory dir;
    std::string line = arguments;
    if (const std::size_t data = line.find("tokens.bin"); data != std::string::npos)
      line.replace(data, std::string::npos, write_file(dir, "tokens.bin", "\1\1\2\1"));
    json::object result = result_of(dir, line);
    result.erase("config");
    result["program"] = json::object();
    std::set<std::string> paths;
    add_paths(result, "", paths);
    CHECK(paths.size() > 80);
    for (std::string path : paths) {
      CAPTURE(path);
      for (const char* list :
           {"network.passes[].", "layers[].", "timelines[].", "network.values.outputs[].error."}) {
        if (!is_within(path, list) || find_field(path, result_fields()) != nullptr) continue;
        static const std::vector<std::pair<std::string, std::string>> kLike = {
            {"network.passes[].", "network.pass."},
            {"layers[].network_error.", "error."},
            {"layers[].", ""},
            {"timelines[].", "dram.timeline."},
            {"network.values.outputs[].error.", "error."}};
        for (const auto& [from, to] : kLike)
          if (is_within(path, from)) path.replace(0, from.size(), to);
      }
      CHECK(find_field(path, result_fields()) != nullptr);
    }
  }
}

TEST_CASE("result fields: a sum over layers is one") {
  const TemporaryDirectory dir;
  const json::object result =
      result_of(dir, "resnet50.yaml --set network=mobilenet-v1.yaml --set values=off");
  std::map<std::string, double> sums;
  std::vector<json::object> layers;
  for (const json::value& layer : result.at("layers").as_array()) {
    json::object values = flatten(layer.as_object());
    for (const auto& row : values)
      if (row.value().is_number())
        sums[std::string(row.key())] +=
            row.value().to_number<double>() * layer.at("repeat").to_number<double>();
  }
  int compared = 0;
  for (const auto& row : flatten(result)) {
    const std::string path(row.key());
    CAPTURE(path);
    const FieldRow* field = find_field(path, result_fields());
    REQUIRE(field != nullptr);
    if (field->over != OverLayers::kSum || path.rfind("network.", 0) == 0) continue;
    CHECK(row.value().to_number<double>() == doctest::Approx(sums[path]).epsilon(1e-9));
    ++compared;
  }
  CHECK(compared > 50);
}

TEST_CASE("result fields: units and directions of metrics") {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {"energy.components.dram", "pJ"},
      {"energy.by_device.total_pj", "pJ"},
      {"dram.latency_s.p99", "s"},
      {"dram.data_bus_share.idle", "share"},
      {"dram.per_tensor.weights.read_bytes", "B"},
      {"network.prefill.time_s", "s"},
      {"network.pass.utilisation", ""},
      {"clock_hz", "Hz"},
      {"roofline.macs_per_byte", "MAC/B"},
      {"error.sqnr_db", "dB"},
      {"stalls.idle", "core cycles"},
      {"stalls.no_cause.at_all", ""}};
  for (const auto& row : rows) {
    CAPTURE(row.first);
    CHECK(unit_of(row.first) == row.second);
  }
  for (const char* metric : {"error.sqnr_db", "error.cosine", "utilization", "dram.row_hit_rate",
                             "dram.bandwidth_bytes_per_s", "network.decode.tokens_per_s"})
    CHECK(more_is_better(metric));
  for (const char* metric : {"cycles", "energy.total_pj", "error.max_abs", "dram.read_bytes",
                             "network.decode.joules_per_token", "no_metric"})
    CHECK(!more_is_better(metric));
}

TEST_CASE("result fields: the tables of docs/result.md (BITJOULE_UPDATE_DOCS=1 writes them)") {
  const std::string file = source_dir() + "/docs/result.md";
  std::string text = text_of(file);
  struct Part {
    const char* name;
    bool (*is_here)(const std::string&);
  };
  const Part kParts[] = {
      {"run",
       [](const std::string& p) {
         return !is_within(p, "layers[]") && !is_within(p, "network.") &&
                !is_within(p, "accuracy.");
       }},
      {"layers", [](const std::string& p) { return is_within(p, "layers[]"); }},
      {"network", [](const std::string& p) { return is_within(p, "network."); }},
      {"accuracy", [](const std::string& p) { return is_within(p, "accuracy."); }}};
  for (const Part& part : kParts) {
    CAPTURE(part.name);
    const std::string begin = fmt::format("<!-- fields: {} -->\n", part.name);
    const std::size_t at = text.find(begin);
    REQUIRE(at != std::string::npos);
    const std::size_t from = at + begin.size(), to = text.find("<!-- end -->", from);
    REQUIRE(to != std::string::npos);
    const std::string expected = table_of(part.is_here);
    if (std::getenv("BITJOULE_UPDATE_DOCS") != nullptr)
      text.replace(from, to - from, expected);
    else
      CHECK(text.substr(from, to - from) == expected);
  }
  if (std::getenv("BITJOULE_UPDATE_DOCS") != nullptr) std::ofstream(file) << text;
}

}  // namespace bitjoule::result_fields_test
