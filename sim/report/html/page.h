// The parts of a self-contained HTML page: text, tables that sort, bars, and the page around them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bitjoule::html {

/// Text that is safe in elements and in quoted attributes; control characters as printable() shows
/// them.
std::string escape(const std::string& text);

/// A name of a result as prose: "fill_drain" is "fill drain", "dram" is "DRAM".
std::string readable(std::string name);

/// A cell of a table: what is shown, and what is sorted by where that is a number.
struct Cell {
  std::string text;
  std::optional<double> value;
};

/// A table whose columns sort by a click or Enter on their heading.
std::string table(const std::vector<std::string>& headings,
                  const std::vector<std::vector<Cell>>& rows);

/// One bar: the sizes of its parts by name, in a common unit.
struct Bar {
  std::string label;
  std::vector<std::pair<std::string, double>> parts;
  std::string total;  ///< shown beside the bar
};

/// Horizontal stacked bars with a legend. `shares`: every bar is as long as the longest.
std::string stacked_bars(const std::vector<Bar>& bars, bool shares);

/// A point of a scatter plot.
struct Dot {
  std::string label;
  double x = 0, y = 0;
  bool is_on_front = false;
};

/// `x` logarithmic; the points on the front are filled and joined.
std::string scatter(const std::string& x_label, const std::string& y_label,
                    const std::vector<Dot>& dots);

struct Card {
  std::string heading, value, note;
};
std::string cards(const std::vector<Card>& cards);

std::string section(const std::string& heading, const std::string& body);
/// Folded away until opened.
std::string details(const std::string& summary, const std::string& body);

/// The whole document; refuses to load anything from anywhere.
std::string page(const std::string& title, const std::string& body);

}  // namespace bitjoule::html
