#include "sim/report/chart_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/mapping/components.h"
#include "sim/report/html/page.h"

namespace bitjoule {

const std::vector<StackRow>& stack_charts() {
  static const std::vector<StackRow> kRows = {
      {"energy",
       "Energy by component",
       "Where does the energy go?",
       "energy",
       "J",
       1e-12,
       "energy.components.",
       {""},
       "energy.total_pj",
       true},
      {"static",
       "Leakage and standby by component",
       "What does it cost to be switched on?",
       "energy",
       "J",
       1e-12,
       "energy.static.",
       {""},
       "energy.static_pj",
       false},
      {"traffic",
       "DRAM traffic by tensor",
       "What crosses the pins of the memory?",
       "DRAM traffic",
       "B",
       1,
       "dram.per_tensor.",
       {".read_bytes", ".write_bytes"},
       "",
       true},
      {"stalls",
       "Time by cause",
       "What does each cycle wait for?",
       "share of the time",
       "",
       1,
       "stalls.",
       {""},
       "time_s",
       true},
      {"area",
       "Area by component",
       "What does each part take on the chip?",
       "area, mm2",
       "",
       1,
       "area.components.",
       {""},
       "area.total_mm2",
       false},
  };
  return kRows;
}

const PointsRow& pareto_chart() {
  static const PointsRow kRow = {
      "pareto",
      "Energy against error",
      "What does a saving cost in accuracy?",
      {"energy.total_pj", "energy", "J", 1e-12, "less is better"},
      {"error.sqnr_db", "SQNR of the output", "dB", 1, "more is better"}};
  return kRow;
}

const PointsRow& accuracy_chart() {
  static const PointsRow kRow = {
      "accuracy",
      "Energy against accuracy",
      "What does a saving cost the model?",
      {"energy.total_pj", "energy", "J", 1e-12, "less is better"},
      {"accuracy.kl", "KL from the float network, nats", "", 1, "less is better"}};
  return kRow;
}

const PointsRow& weights_chart() {
  static const PointsRow kRow = {
      "accuracy-weights",
      "Bytes of the weights against accuracy",
      "How many bits do the weights need?",
      {"network.memory.weights_bytes", "weights", "B", 1, "less is better"},
      {"accuracy.kl", "KL from the float network, nats", "", 1, "less is better"}};
  return kRow;
}

const PointsRow& roofline_chart() {
  static const PointsRow kRow = {
      "roofline",
      "Roofline",
      "Is it the array or the memory that limits?",
      {"roofline.macs_per_byte", "arithmetic intensity", "MAC/B", 1, "more reuse"},
      {"roofline.achieved_macs_per_s", "achieved", "MAC/s", 1, "more is better"}};
  return kRow;
}

const std::vector<MeasureRow>& line_charts() {
  static const std::vector<MeasureRow> kRows = {
      {"energy.total_pj", "energy", "J", 1e-12, "less is better"},
      {"time_s", "time", "s", 1, "less is better"},
      {"dram.read_bytes", "read from DRAM", "B", 1, "less is better"},
      {"error.sqnr_db", "SQNR of the output", "dB", 1, "more is better"},
      {"area.total_mm2", "area", "mm2", 1, "less is better"}};
  return kRows;
}

const std::vector<PartRow>& part_looks() {
  static const std::vector<PartRow> kRows = {
      // time, by cause
      {"array_busy", "#E69F00", "", "the array multiplies"},
      {"weight_load", "#0072B2", "////", "the array is loaded with what stays in it"},
      {"fill_drain", "#F0E442", "...", "the array begins or ends a fold"},
      {"dram_read", "#D55E00", "", "the array waits for data from DRAM"},
      {"dram_write", "#EBAF80", "xxx", "the array waits for results to leave to DRAM"},
      {"dequantizer", "#CC79A7", "////", "the array waits for the dequantizer"},
      {"output", "#009E73", "", "the array waits for the output unit"},
      {"buffer_port", "#56B4E9", R"(\\\\)", "the array waits for a buffer's ports"},
      {"vector", "#999999", "xxx", "the vector unit works"},
      {"dma_window", "#000000", "", "the array waits for the DMA's window of requests"},
      {"dma_rate", "#BBBBBB", "", "the array waits for the DMA's rate"},
      {"dram_latency", "#F2C9A1", "...", "the array waits for the latency of the DRAM"},
      {"idle", "#FFFFFF", "", "nothing happens"},
      // traffic, by tensor
      {"weights", "#0072B2", "////", ""},
      {"scales", "#F0E442", "...", ""},
      {"inputs", "#56B4E9", "", ""},
      {"biases", "#CC79A7", "...", ""},
      {"outputs", "#009E73", R"(\\\\)", ""},
      {"padding", "#BBBBBB", "xxx", ""},
      // the DRAM's data bus, by cause
      {"data", "#009E73", "", ""},
      {"refresh", "#000000", "", ""},
      {"activate", "#D55E00", "xxx", ""},
      {"turnaround", "#CC79A7", "", ""},
      {"column", "#56B4E9", "", ""},
      // direction
      {"read", "#0072B2", "////", ""},
      {"write", "#E69F00", "", ""},
  };
  return kRows;
}

std::vector<std::string> in_order(std::vector<std::string> names) {
  const auto among = [](const auto& rows, const std::string& name) {
    return static_cast<std::size_t>(
        std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return name == row.name; }) -
        rows.begin());
  };
  const auto& looks = part_looks();
  const bool are_plain = std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return among(looks, name) < looks.size();
  });
  const auto rank = [&](const std::string& name) {
    if (are_plain) return std::make_pair(among(looks, name), name);
    const std::size_t component = among(machine_components(), name);
    return std::make_pair(
        component < machine_components().size() ? component : component + among(dram_parts(), name),
        name);
  };
  std::sort(names.begin(), names.end(),
            [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  return names;
}

std::string part_colour(const std::string& name) {
  for (const ComponentRow& row : machine_components())
    if (name == row.name) return row.colour;
  for (const DramPartRow& row : dram_parts())
    if (name == row.name) return row.colour;
  for (const PartRow& row : part_looks())
    if (name == row.name) return row.colour;
  static constexpr const char* kSpare[] = {"#CC79A7", "#333333", "#F5CF80", "#7A5195"};
  std::size_t sum = 0;
  for (const char c : name) sum += static_cast<unsigned char>(c);
  return kSpare[sum % std::size(kSpare)];
}

std::string part_title(const std::string& name) {
  for (const ComponentRow& row : machine_components())
    if (name == row.name) return row.title;
  return html::readable(name);
}

}  // namespace bitjoule
