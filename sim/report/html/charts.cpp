#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/mapping/components.h"
#include "sim/report/html/page.h"

namespace bitjoule::html {
namespace {

/// Okabe and Ito's palette, distinguishable by colour-blind readers, and lighter shades of it. A
/// part has its colour in every chart, that of the figures of scripts/plot.py.
struct PartRow {
  const char* name;
  const char* colour;
};
constexpr PartRow kParts[] = {
    // time, by cause
    {"array_busy", "#E69F00"},
    {"weight_load", "#0072B2"},
    {"fill_drain", "#F0E442"},
    {"dram_read", "#D55E00"},
    {"dram_write", "#EBAF80"},
    {"output", "#009E73"},
    {"buffer_port", "#56B4E9"},
    {"vector", "#999999"},
    {"dma_window", "#000000"},
    {"dma_rate", "#BBBBBB"},
    {"dram_latency", "#F2C9A1"},
    {"idle", "#FFFFFF"},
    // traffic, by tensor
    {"weights", "#0072B2"},
    {"scales", "#F0E442"},
    {"inputs", "#56B4E9"},
    {"outputs", "#009E73"},
};
constexpr const char* kSpareColours[] = {"#CC79A7", "#333333", "#F5CF80", "#BBBBBB"};

/// The names of all parts that are not zero everywhere, in order of first mention.
std::vector<std::string> part_names(const std::vector<Bar>& bars) {
  std::vector<std::string> names;
  for (const Bar& bar : bars)
    for (const auto& [name, size] : bar.parts)
      if (size > 0 && std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
  return names;
}

std::string colour(const std::vector<std::string>& names, const std::string& name) {
  for (const ComponentRow& row : machine_components())
    if (name == row.name) return row.colour;
  for (const DramPartRow& row : dram_parts())
    if (name == row.name) return row.colour;
  for (const PartRow& row : kParts)
    if (name == row.name) return row.colour;
  const auto at = std::find(names.begin(), names.end(), name) - names.begin();
  return kSpareColours[static_cast<std::size_t>(at) % std::size(kSpareColours)];
}

double total(const Bar& bar) {
  double sum = 0;
  for (const auto& part : bar.parts) sum += part.second;
  return sum;
}

/// A linear or logarithmic scale onto pixels.
struct Scale {
  double low, high, from, to;
  bool is_log;
  double at(double value) const {
    const auto f = [this](double v) { return is_log ? std::log10(v) : v; };
    return from + (to - from) * (f(value) - f(low)) / (f(high) - f(low));
  }
  std::vector<double> ticks() const {
    std::vector<double> result;
    if (is_log) {
      for (double decade = std::pow(10, std::floor(std::log10(low))); decade <= high; decade *= 10)
        for (double step : {1.0, 2.0, 5.0})
          if (decade * step >= low && decade * step <= high) result.push_back(decade * step);
      return result;
    }
    const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    const double step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : 2);
    for (double i = std::ceil(low / step); i * step <= high; ++i)
      result.push_back(i == 0 ? 0 : i * step);  // no "-0"
    return result;
  }
};

}  // namespace

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

std::string stacked_bars(const std::vector<Bar>& bars, bool shares) {
  const std::vector<std::string> names = part_names(bars);
  double longest = 0;
  for (const Bar& bar : bars) longest = std::max(longest, total(bar));
  std::string out = "<div class=\"legend\">";
  for (const std::string& name : names)
    out += fmt::format("<span><i style=\"background:{}\"></i>{}</span>", colour(names, name),
                       escape(readable(name)));
  out += "</div>\n<div class=\"bars\">\n";
  for (const Bar& bar : bars) {
    const double all = shares ? total(bar) : longest;
    out += fmt::format(
        "<span class=\"name\">{}</span><svg viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
        "role=\"img\" aria-label=\"{}: {}\">",
        escape(bar.label), escape(bar.label), escape(bar.total));
    double x = 0;
    for (const auto& [name, size] : bar.parts) {
      if (size <= 0 || all <= 0) continue;
      const double width = size / all * 1000;
      out += fmt::format(
          "<rect x=\"{:.2f}\" width=\"{:.2f}\" height=\"10\" fill=\"{}\"><title>{}: {:.1f} "
          "%</title></rect>",
          x, width, colour(names, name), escape(readable(name)), size / total(bar) * 100);
      x += width;
    }
    out += fmt::format("</svg><span>{}</span>\n", escape(bar.total));
  }
  return out + "</div>\n";
}

std::string scatter(const std::string& x_label, const std::string& y_label,
                    const std::vector<Dot>& dots) {
  constexpr double kWidth = 640, kHeight = 400, kLeft = 60, kBottom = 50;
  double x0 = dots[0].x, x1 = x0, y0 = dots[0].y, y1 = y0;
  for (const Dot& dot : dots) {
    x0 = std::min(x0, dot.x), x1 = std::max(x1, dot.x);
    y0 = std::min(y0, dot.y), y1 = std::max(y1, dot.y);
  }
  const double margin = std::max((y1 - y0) * 0.1, 1.0);
  const Scale x{x0 / 1.3, x1 * 1.3, kLeft, kWidth - 10, true};
  const Scale y{y0 - margin, y1 + margin, kHeight - kBottom, 10, false};
  std::string out = fmt::format(
      "<div class=\"scroll\"><svg class=\"plot\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "font-size=\"13\">\n"
      "<path class=\"wire\" d=\"M{} 10V{}H{}\"/>\n",
      kWidth, kHeight, kLeft, kHeight - kBottom, kWidth - 10);
  for (double tick : x.ticks())
    out += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.3g}</text>",
                       x.at(tick), kHeight - kBottom + 18, tick);
  for (double tick : y.ticks())
    out += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}</text>", kLeft - 6,
                       y.at(tick) + 4, tick);
  out += fmt::format(
      "\n<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>"
      "<text transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
      (kLeft + kWidth) / 2, kHeight - 8, escape(x_label), (kHeight - kBottom) / 2, escape(y_label));
  std::vector<const Dot*> front;
  for (const Dot& dot : dots) {
    if (dot.is_on_front) front.push_back(&dot);
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\" stroke=\"#0072B2\" "
        "stroke-width=\"1.5\"><title>{}</title></circle>\n",
        x.at(dot.x), y.at(dot.y), dot.is_on_front ? "#0072B2" : "none", escape(dot.label));
  }
  std::sort(front.begin(), front.end(), [](const Dot* a, const Dot* b) { return a->x < b->x; });
  for (std::size_t i = 0; i < front.size(); ++i) {
    const double here = x.at(front[i]->x), up = y.at(front[i]->y);
    if (i > 0)
      out += fmt::format(
          "<path d=\"M{:.1f} {:.1f}H{:.1f}V{:.1f}\" fill=\"none\" stroke=\"#0072B2\" "
          "stroke-dasharray=\"4 3\"/>",
          x.at(front[i - 1]->x), y.at(front[i - 1]->y), here, up);
    const bool is_right = here > kWidth * 0.7;
    out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n",
                       here + (is_right ? -8 : 8), up + 14, is_right ? "end" : "start",
                       escape(front[i]->label));
  }
  return out + "</svg></div>\n";
}

}  // namespace bitjoule::html
