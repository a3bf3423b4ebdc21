#include <fmt/format.h>

#include <map>
#include <string_view>

#include "sim/output/csv.h"
#include "sim/result/result_json.h"

namespace bitjoule {
namespace {

/// A column: the paths of layers[] of which a layer has one, or the text where it has none.
struct Column {
  const char* name;
  std::vector<const char*> paths;
  const char* otherwise = "";
};

/// Of a table of ratios of a MAC: energy_mac.
constexpr std::string_view kEnergyColumn = "energy_pj";

const std::vector<Column>& columns() {
  static const std::vector<Column> kColumns = {{"name", {"name"}},
                                               {"kind", {"kind"}},
                                               {"repeat", {"repeat"}},
                                               {"groups", {"shape.groups"}, "0"},
                                               {"m", {"shape.m", "shape.rows"}},
                                               {"n", {"shape.n", "shape.cols"}},
                                               {"k", {"shape.k"}, "0"},
                                               {"mac", {"mac", "op"}},
                                               {"bound", {"bound"}},
                                               {"cycles", {"cycles"}},
                                               {"compute_cycles", {"compute_cycles"}},
                                               {"time_s", {"time_s"}},
                                               {"macs", {"macs"}},
                                               {"utilization", {"utilization"}},
                                               {"dram_read_bytes", {"dram.read_bytes"}},
                                               {"dram_write_bytes", {"dram.write_bytes"}},
                                               {"dram_padding_bytes", {"dram.padding_bytes"}},
                                               {kEnergyColumn.data(), {"energy.total_pj"}},
                                               {"sqnr_db", {"error.sqnr_db"}},
                                               {"verified", {"verified"}},
                                               {"dataflow", {"mapping.dataflow"}}};
  return kColumns;
}

/// The scalars that it visits, as cells by path.
class CellVisitor : public ResultVisitor {
 public:
  void value(const Field& field, const Value& value) override {
    cells_[prefix() + std::string(field.key)] =
        std::visit([](auto v) { return cell_of(v); }, value);
  }
  void begin_object(const Field& field) override {
    open_.push_back(prefix() + std::string(field.key) + ".");
  }
  void begin_map(const Field& field) override { begin_object(field); }
  void begin_list(const Field& field) override { begin_object(field); }
  void end() override { open_.pop_back(); }

  std::string cell(const Column& column) const {
    for (const char* path : column.paths)
      if (const auto found = cells_.find(path); found != cells_.end()) return found->second;
    return column.otherwise;
  }

 private:
  std::string prefix() const { return open_.empty() ? "" : open_.back(); }
  template <class T>
  static std::string cell_of(T number) {
    return fmt::format("{}", number);
  }
  static std::string cell_of(std::nullptr_t) { return ""; }
  static std::string cell_of(std::string_view text) { return csv_cell(std::string(text)); }

  std::vector<std::string> open_;
  std::map<std::string, std::string> cells_;
};

}  // namespace

std::string layers_csv(const std::vector<LayerResult>& layers) {
  std::vector<std::string> cells;
  const bool in_macs = !layers.empty() && layers.front().energy.unit == PriceUnit::kMac;
  for (const Column& column : columns())
    cells.emplace_back(in_macs && column.name == kEnergyColumn ? "energy_mac" : column.name);
  std::string out = csv_line(cells);
  for (const LayerResult& r : layers) {
    CellVisitor visitor;
    describe_layer(r, 0, r.counts, visitor);
    cells.clear();
    for (const Column& column : columns()) cells.push_back(visitor.cell(column));
    out += csv_line(cells);
  }
  return out;
}

}  // namespace bitjoule
