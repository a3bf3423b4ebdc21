#include "sim/result/result_keys.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace bitjoule {
namespace {

namespace json = boost::json;

/// What a value may be; sums of flags.
enum Kind : unsigned {
  kWhole = 1,
  kReal = 2,  ///< whole numbers too
  kText = 4,
  kBool = 8,
  kObject = 16,
  kList = 32,
  kNull = 64,
  kAbsent = 128,   ///< may be missing
  kNumbers = 256,  ///< an object of real numbers
  kEmpty = 512     ///< or of nothing
};

struct KeyRow {
  const char* path;  ///< objects before their parts
  unsigned kinds;
};
constexpr KeyRow kKeys[] = {
    {"schema_version", kWhole},
    {"program", kObject},
    {"program.version", kText},
    {"name", kText},
    {"config_hash", kText},
    {"fidelity", kText},
    {"clock_hz", kReal},
    {"cycles", kWhole},
    {"compute_cycles", kWhole},
    {"time_s", kReal},
    {"macs", kWhole},
    {"padded_macs", kWhole},
    {"utilization", kReal},
    {"bound", kText},
    {"stalls", kNumbers},
    {"dma_cycles", kNumbers},
    {"dram", kObject},
    {"dram.model", kText},
    {"dram.read_bytes", kWhole},
    {"dram.write_bytes", kWhole},
    {"dram.padding_bytes", kWhole},
    {"dram.burst_bytes", kWhole},
    {"dram.per_tensor", kObject},
    {"dram.bandwidth_bytes_per_s", kReal},
    {"dram.peak_bytes_per_s", kReal},
    {"dram.timeline", kObject},
    {"dram.latency_s", kNumbers},
    {"sram", kObject},
    {"roofline", kNumbers},
    {"counts", kList},
    {"energy", kObject},
    {"energy.table", kText},
    {"energy.total_pj", kReal},
    {"energy.components", kNumbers | kEmpty},
    {"energy.unpriced", kList},
    {"energy.prices", kList},
    {"error", kObject | kNull | kAbsent},
    {"verified", kBool | kNull | kAbsent},
    {"check", kObject | kAbsent},
    {"network", kObject | kAbsent},
    {"layers", kList},
    {"timelines", kList},
    {"config", kObject},
};

/// The value at a dotted path; nullptr where there is none.
const json::value* value_at(const json::object& object, const std::string& path) {
  const std::size_t dot = path.find('.');
  const json::value* value = object.if_contains(path.substr(0, dot));
  if (dot == std::string::npos || value == nullptr) return value;
  const json::object* inner = value->if_object();
  return inner == nullptr ? nullptr : value_at(*inner, path.substr(dot + 1));
}

bool is_of_kind(const json::value* value, unsigned kinds) {
  if (value == nullptr) return (kinds & kAbsent) != 0;
  const auto allows = [kinds](unsigned kind) { return (kinds & kind) != 0; };
  switch (value->kind()) {
    case json::kind::null:
      return allows(kNull);
    case json::kind::bool_:
      return allows(kBool);
    case json::kind::int64:
    case json::kind::uint64:
      return allows(kWhole | kReal);
    case json::kind::double_:
      return allows(kReal);
    case json::kind::string:
      return allows(kText);
    case json::kind::array:
      return allows(kList);
    case json::kind::object:
      break;
  }
  const json::object& object = value->as_object();
  return allows(kObject) || (allows(kNumbers) && (allows(kEmpty) || !object.empty()) &&
                             std::all_of(object.begin(), object.end(),
                                         [](const auto& row) { return row.value().is_number(); }));
}

}  // namespace

bool has_result_keys(const json::object& object) {
  return std::all_of(std::begin(kKeys), std::end(kKeys), [&](const KeyRow& row) {
    return is_of_kind(value_at(object, row.path), row.kinds);
  });
}

}  // namespace bitjoule
