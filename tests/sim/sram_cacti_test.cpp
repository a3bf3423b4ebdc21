// The shipped grids of SRAM banks against every row that CACTI gave, in and off the grid.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/energy/sram_figures.h"
#include "sim/config/reader.h"
#include "sim/schema/describe_energy.h"
#include "support/paths.h"

namespace bitjoule::sram_cacti_test {
namespace {

struct Figure {
  const char* name;
  std::size_t column;  // of the rows' numbers
  SramFigure of;
};

const std::vector<Figure>& figures() {
  static const std::vector<Figure> kAll = {
      {"read", 0, [](const SramPoint& p) { return std::optional(p.read.value); }},
      {"write", 1, [](const SramPoint& p) { return std::optional(p.write->value); }},
      {"leakage", 2, [](const SramPoint& p) { return std::optional(p.leakage->value); }},
      {"area", 3, [](const SramPoint& p) { return std::optional(p.area->value * 1e-6); }}};
  return kAll;
}

struct Row {
  Bytes capacity;
  Bits width;
  std::vector<double> numbers;  // read pJ, write pJ, leakage mW, mm2
};

/// tech_nm,cell,size_B,width_b,temp_K,read_pJ,write_pJ,leak_mW,area_mm2,...
std::vector<Row> rows_of(const std::string& node, const std::string& cell) {
  const std::string path = test::source_dir() + "/../shared/reference/power-area-cacti.csv";
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path);
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    std::stringstream cells(line);
    std::vector<std::string> all;
    for (std::string text; std::getline(cells, text, ',');) all.push_back(text);
    if (all[0] != node || all[1] != "itrs-" + cell) continue;
    Row row{Bytes(std::stoll(all[2])), Bits(std::stoll(all[3])), {}};
    for (std::size_t i = 5; i < 9; ++i) row.numbers.push_back(std::stod(all[i]));
    rows.push_back(row);
  }
  return rows;
}

struct Errors {
  std::vector<double> all;
  double share(double part) {
    std::sort(all.begin(), all.end());
    return all[static_cast<std::size_t>(std::ceil(part * static_cast<double>(all.size() - 1)))];
  }
};

double error_of(const SramPrices& prices, const Row& row, const Figure& figure) {
  const std::optional<double> value = sram_figure(prices, row.capacity, row.width, figure.of);
  REQUIRE(value);
  return std::abs(*value / row.numbers[figure.column] - 1);
}

/// The grid without one of its points.
SramPrices without(SramPrices prices, const Row& row) {
  auto& points = prices.points;
  points.erase(std::remove_if(points.begin(), points.end(),
                              [&](const SramPoint& p) {
                                return p.capacity == row.capacity && p.width == row.width;
                              }),
               points.end());
  return prices;
}

}  // namespace

TEST_CASE("SRAM grids: CACTI's rows, all of a cell type, those off the grid, each left out") {
  for (const std::string node : {"45", "22"})
    for (const std::string cell : {"hp", "lstp", "lop"}) {
      const SramPrices prices = read_document<SramPrices>(
          file_source(fmt::format("energy/sram/cacti7-{}nm-{}.yaml", node, cell)), {});
      const std::vector<Row> rows = rows_of(node, cell);
      REQUIRE(rows.size() == 54);
      CHECK(prices.points.size() < rows.size());
      for (const Figure& figure : figures()) {
        CAPTURE(node);
        CAPTURE(cell);
        CAPTURE(figure.name);
        Errors all, off, left_out;
        for (const Row& row : rows) {
          const double error = error_of(prices, row, figure);
          all.all.push_back(error);
          if (sram_point(prices, row.capacity, row.width) == nullptr) off.all.push_back(error);
          left_out.all.push_back(error_of(without(prices, row), row, figure));
        }
        REQUIRE(off.all.size() == 6);
        MESSAGE(node, " nm ", cell, " ", std::string(figure.name), ": off the grid median ",
                off.share(0.5), ", 90 % within ", off.share(0.9), "; left out median ",
                left_out.share(0.5), ", 90 % within ", left_out.share(0.9));
        CHECK(all.share(0.5) < 0.10);
        CHECK(off.share(0.5) < 0.10);
        CHECK(off.share(0.9) < 0.20);
        // Each point from neighbours at 16 times its capacity, and at 4 times its width.
        CHECK(left_out.share(0.5) < 0.10);
        CHECK(left_out.share(0.9) < 0.30);
      }
    }
}

TEST_CASE(
    "SRAM grids: a bank between two points costs what lies between theirs, whatever its port") {
  std::size_t count = 0;
  for (const std::string node : {"45", "22"})
    for (const std::string cell : {"hp", "lstp", "lop"}) {
      const SramPrices prices = read_document<SramPrices>(
          file_source(fmt::format("energy/sram/cacti7-{}nm-{}.yaml", node, cell)), {});
      for (const SramPoint& low : prices.points)
        for (const SramPoint& high : prices.points) {
          if (low.width != high.width || low.capacity.value * 4 != high.capacity.value) continue;
          for (const Figure& figure : figures()) {
            const double a = *figure.of(low), b = *figure.of(high);
            const double between = *sram_figure(prices, low.capacity * 2, low.width, figure.of);
            CAPTURE(node);
            CAPTURE(cell);
            CAPTURE(figure.name);
            CAPTURE(low.capacity.value);
            CAPTURE(low.width.value);
            CHECK(between > std::min(a, b) * 0.8);
            CHECK(between < std::max(a, b) * 1.25);
            ++count;
          }
        }
    }
  CHECK(count > 300);
}

}  // namespace bitjoule::sram_cacti_test
