#include "sim/report/html/page.h"

#include <fmt/format.h>

#include "sim/config/utf8.h"

namespace bitjoule::html {
namespace {

const char* const kStyle = R"(
:root{--ink:#1a1a1a;--soft:#5a5a5a;--line:#d5d5d5;--panel:#f6f6f3;--paper:#fff;--accent:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#a8a8a8;--line:#444;--panel:#24262a;--paper:#17181b;--accent:#56b4e9}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;color:var(--ink);background:var(--paper);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--line)}
p.lead{font-size:1.1rem;color:var(--soft);margin:.3rem 0 1rem}
.note{color:var(--soft);font-size:.9rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.6rem}
.card{background:var(--panel);border-radius:.4rem;padding:.6rem .8rem}
.card b{display:block;font-size:1.35rem;line-height:1.3}
.card span{color:var(--soft);font-size:.85rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}
td.n,th.n{text-align:right}
th button{all:unset;cursor:pointer;font-weight:600}
th button:focus-visible{outline:2px solid var(--accent)}
th[aria-sort=ascending] button::after{content:" \25B2"}
th[aria-sort=descending] button::after{content:" \25BC"}
.bars{display:grid;grid-template-columns:minmax(5rem,max-content) minmax(6rem,1fr) max-content;gap:.2rem .6rem;align-items:center;font-size:.85rem}
.bars svg{width:100%;height:1.1rem;display:block}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.5rem 0;font-size:.85rem}
.legend i{display:inline-block;width:.9em;height:.9em;margin-right:.35em;vertical-align:-.1em;border:1px solid #0006}
svg.plot{width:100%;min-width:30rem;max-width:44rem;height:auto}
svg text{fill:var(--ink);font-family:inherit}
svg .box{fill:var(--panel);stroke:var(--ink)}
svg .wire{stroke:var(--ink);fill:none}
svg .soft{fill:var(--soft)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(19rem,1fr));gap:1rem}
.figures img{width:100%;background:#fff}
dl.parts{display:none;grid-template-columns:max-content 1fr;gap:.2rem .8rem;font-size:.85rem}
dl.parts dt{font-weight:600}
dl.parts dd{margin:0}
pre{background:var(--panel);padding:.8rem;overflow-x:auto;font-size:.8rem}
@media print{
@page{size:A4 landscape;margin:1cm}
body{max-width:none;padding:0;font-size:11px}
.scroll{overflow:visible}
.scroll svg,svg.plot{min-width:0!important;max-width:100%}
table{width:100%;font-size:.8em}
th,td{white-space:normal;overflow-wrap:anywhere;padding:.15rem .3rem}
tr,.card,.bars svg{break-inside:avoid}
thead{display:table-header-group}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
}
@media(max-width:36rem){.bars{grid-template-columns:1fr max-content}.bars .name{grid-column:1/-1}dl.parts{display:grid}}
)";

const char* const kScript = R"(
for(const table of document.querySelectorAll('table')){
  const body=table.tBodies[0];
  table.querySelectorAll('th').forEach((th,column)=>th.firstChild.addEventListener('click',()=>{
    const down=th.getAttribute('aria-sort')==='ascending';
    table.querySelectorAll('th').forEach(other=>other.removeAttribute('aria-sort'));
    th.setAttribute('aria-sort',down?'descending':'ascending');
    const key=row=>{const d=row.cells[column].dataset.v;return d===undefined?row.cells[column].textContent:Number(d)};
    const compare=(a,b)=>typeof a===typeof b?(a<b?-1:a>b?1:0):typeof a==='number'?-1:1;
    [...body.rows].sort((a,b)=>(down?-1:1)*compare(key(a),key(b))).forEach(row=>body.append(row));
  }));
}
)";

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

std::string table(const std::vector<std::string>& headings,
                  const std::vector<std::vector<Cell>>& rows) {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (std::size_t i = 0; i < headings.size(); ++i) {
    const bool is_number = !rows.empty() && i < rows[0].size() && rows[0][i].value.has_value();
    out += fmt::format("<th{}><button>{}</button></th>", is_number ? " class=\"n\"" : "",
                       escape(headings[i]));
  }
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const Cell& cell : row)
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

std::string page(const std::string& title, const std::string& body) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  out +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n";
  out +=
      fmt::format("<title>{}</title>\n<style>{}</style></head>\n<body>\n", escape(title), kStyle);
  return out + body + "<script>" + kScript + "</script>\n</body></html>\n";
}

}  // namespace bitjoule::html
