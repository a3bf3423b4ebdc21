// The parts of a self-contained HTML page: text, tables that sort, charts, and the page around
// them.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
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

/// A table whose columns sort by a click or Enter on their heading, and whose rows can be filtered.
/// `linked`: its rows are those that the page's charts show, in their order.
std::string table(const std::vector<std::string>& headings,
                  const std::vector<std::vector<Cell>>& rows, bool linked = false);

struct Card {
  std::string heading, value, note;
};
std::string cards(const std::vector<Card>& cards);

std::string section(const std::string& heading, const std::string& body);
/// Folded away until opened.
std::string details(const std::string& summary, const std::string& body);

/// A place for a chart, with its question above and its numbers folded away below.
std::string chart(const std::string& id, const std::string& title, const std::string& asks);

/// The whole document, which refuses to load anything from anywhere: style, script and the library
/// that draws (its licence beside it) are in it, and `data`, which they draw.
std::string page(const std::string& title, const std::string& body,
                 const boost::json::object& data);

}  // namespace bitjoule::html
