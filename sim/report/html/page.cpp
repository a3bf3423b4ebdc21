#include "sim/report/html/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/error.h"
#include "sim/config/files.h"
#include "sim/config/utf8.h"
#include "sim/config/writer.h"
#include "sim/output/text_file.h"

namespace bitjoule::html {
namespace {

/// A file of share/bitjoule/report.
std::string part_of_page(const char* name) {
  const std::string file = shipped_file(fmt::format("report/{}", name));
  return file.empty() ? "" : read_text_file(file);
}

std::string needed_part(const char* name) {
  std::string text = part_of_page(name);
  if (text.empty())
    throw input_error(
        fmt::format("the shipped files: no report/{} beside the configurations", name));
  return text;
}

/// The same with texts as the page shows them (printable_line()).
boost::json::value visible(boost::json::value value) {
  if (const auto* text = value.if_string())
    return boost::json::value(printable_line(std::string(*text)));
  if (auto* array = value.if_array())
    for (boost::json::value& item : *array) item = visible(std::move(item));
  if (auto* object = value.if_object())
    for (auto& entry : *object) entry.value() = visible(std::move(entry.value()));
  return value;
}

/// Text in a script that ends no element: every "<" is written as an escape of JSON.
std::string in_script(std::string json) {
  for (std::size_t at = 0; (at = json.find('<', at)) != std::string::npos;)
    json.replace(at, 1, "\\u003c");
  return json;
}

}  // namespace

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string readable(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  std::istringstream words(name);
  std::string text;
  for (std::string word; words >> word;) {
    if (word == "dram" || word == "sqnr")
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    text += (text.empty() ? "" : " ") + (word == "macs" ? "MACs" : word);
  }
  return text;
}

std::string table(const std::vector<std::string>& headings,
                  const std::vector<std::vector<Cell>>& rows, bool linked) {
  std::string out = fmt::format("<div class=\"scroll\" tabindex=\"0\"><table{}><thead><tr>",
                                linked ? " class=\"linked\"" : "");
  for (std::size_t i = 0; i < headings.size(); ++i) {
    const bool is_number = std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
      return i < row.size() && row[i].value.has_value();
    });
    out += fmt::format("<th{} scope=\"col\"><button>{}</button></th>",
                       is_number ? " class=\"n\"" : "", escape(headings[i]));
  }
  out += "</tr></thead><tbody>\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out += linked ? fmt::format("<tr data-i=\"{}\" tabindex=\"0\">", i) : "<tr>";
    for (const Cell& cell : rows[i])
      out += cell.value ? fmt::format("<td class=\"n\" data-v=\"{}\">{}</td>", *cell.value,
                                      escape(cell.text))
                        : fmt::format("<td>{}</td>", escape(cell.text));
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string cards(const std::vector<Card>& cards) {
  std::string out = "<div class=\"cards\">\n";
  for (const Card& card : cards)
    out += fmt::format("<div class=\"card\"><span>{}</span><b>{}</b><span>{}</span></div>\n",
                       escape(card.heading), escape(card.value), escape(card.note));
  return out + "</div>\n";
}

std::string section(const std::string& heading, const std::string& body) {
  return fmt::format("<section><h2>{}</h2>\n{}</section>\n", escape(heading), body);
}

std::string details(const std::string& summary, const std::string& body) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escape(summary), body);
}

std::string chart(const std::string& id, const std::string& title, const std::string& asks) {
  return fmt::format(
      "<section class=\"drawn\"><h2>{}</h2>\n<p class=\"note\">{}</p>\n<figure class=\"chart\" "
      "id=\"chart-{}\" data-chart=\"{}\"></figure>\n</section>\n",
      escape(title), escape(asks), id, id);
}

std::string page(const std::string& title, const std::string& body,
                 const boost::json::object& data) {
  const std::string drawn = boost::json::serialize(visible(data));
  // What is allowed to run is told by a word that only this page has.
  const std::string nonce = content_hash(boost::json::string(title + body + drawn));
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  out += fmt::format(
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'nonce-{}'; img-src data:; base-uri 'none'; "
      "form-action 'none'\">\n",
      nonce);
  out +=
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n";
  out += fmt::format("<title>{}</title>\n<style>{}</style></head>\n<body><main>\n", escape(title),
                     needed_part("report.css"));
  const std::string charts = part_of_page("charts.js");
  out += body;
  if (charts.empty())
    out +=
        "<p class=\"note\">This program was built without the library that draws charts (npm was "
        "missing or had no network): all numbers are in the tables.</p>\n";
  else
    out += fmt::format(
        "<details class=\"screen\"><summary>Licences of the library that draws the "
        "charts</summary>\n"
        "<pre>{}</pre></details>\n",
        escape(part_of_page("charts.licence")));
  out +=
      fmt::format("<script type=\"application/json\" id=\"data\">{}</script>\n", in_script(drawn));
  for (const std::string& script : {charts, needed_part("report.js")})
    if (!script.empty()) out += fmt::format("<script nonce=\"{}\">{}</script>\n", nonce, script);
  return out + "</main></body></html>\n";
}

}  // namespace bitjoule::html
