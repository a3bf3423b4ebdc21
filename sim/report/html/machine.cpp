#include "sim/report/html/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/mapping/components.h"
#include "sim/config/units.h"
#include "sim/report/chart_table.h"
#include "sim/report/html/page.h"

namespace bitjoule::html {
namespace {

/// The value at a path such as "/accelerator/array/rows", as text; "?" where there is none.
std::string text_at(const boost::json::value& config, const std::string& pointer) {
  boost::system::error_code error;
  const boost::json::value* value = config.find_pointer(pointer, error);
  if (value == nullptr) return "?";
  if (const auto* list = value->if_array()) {
    std::string text;
    for (const boost::json::value& item : *list)
      text += (text.empty() ? "" : " or ") + std::string(item.as_string());
    return text;
  }
  return value->is_string() ? std::string(value->as_string()) : boost::json::serialize(*value);
}

struct Box {
  double x, y, width, height;
  std::string part;  ///< a component, whose colour and share of the energy it has; may be empty
  std::string title;
  std::vector<std::string> lines;
  double capacity = 0;  ///< of a buffer, bytes
  double used = 0;      ///< at most, bytes
};

double number_of(const boost::json::object& metrics, const std::string& name) {
  const boost::json::value* value = metrics.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

/// Of all parts' energy that of the component, with those that are counted apart ("array_wires",
/// "dram_activate").
double energy_share(const boost::json::object& metrics, const std::string& part) {
  const std::string prefix = "energy.components.";
  double own = 0, all = 0;
  for (const auto& row : metrics) {
    const std::string key(row.key());
    if (key.rfind(prefix, 0) != 0 || !row.value().is_number()) continue;
    const auto size = row.value().to_number<double>();
    all += size;
    const std::string name = key.substr(prefix.size());
    if (name == part || name.rfind(part + "_", 0) == 0) own += size;
  }
  return part.empty() || !(all > 0) ? 0 : own / all;
}

std::string share_words(double share) {
  return share <= 0      ? ""
         : share < 0.001 ? "energy < 0.1 %"
                         : fmt::format("energy {:.1f} %", share * 100);
}

/// A square of an area to scale with the capacity, the largest of `largest` bytes, filled as far as
/// it was used.
std::string square(const Box& box, double largest) {
  const double side = 40 * std::sqrt(box.capacity / largest);
  const double x = box.x + 24 - side / 2, low = box.y + box.height / 2 + side / 2 - 3;
  const double full = side * std::min(1.0, box.used / box.capacity);
  return fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>"
      "<rect class=\"wire\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">"
      "<title>at most {} of {} bytes used</title></rect>\n",
      x, low - full, side, full, part_colour(box.part), x, low - side, side, side, box.used,
      box.capacity);
}

std::string draw(const Box& box, double share, double largest) {
  const double middle = box.x + (box.capacity > 0 ? 48 + (box.width - 48) / 2 : box.width / 2);
  std::string out = fmt::format(
      "<rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>"
      "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-weight=\"600\">{}</text>\n",
      box.x, box.y, box.width, box.height, middle, box.y + 17, escape(box.title));
  std::vector<std::string> lines = box.lines;
  if (const std::string words = share_words(share); !words.empty()) lines.push_back(words);
  double y = box.y + 32;
  for (const std::string& line : lines) {
    out += fmt::format(
        "<text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"middle\" "
        "font-size=\"11\">{}</text>\n",
        middle, y, escape(line));
    y += 14;
  }
  if (box.capacity > 0) out += square(box, largest);
  if (share > 0)
    out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"6\" fill=\"{}\"/>\n",
                       box.x, box.y + box.height - 6, std::max(1.0, box.width * share),
                       part_colour(box.part));
  return out;
}

/// An arrow along horizontal and vertical pieces, as wide as its share of `all` that is moved;
/// `both`: heads at both ends.
std::string arrow(const std::string& path, double share = 0, bool both = false) {
  return fmt::format(
      "<path class=\"wire\" d=\"{}\" stroke-width=\"{:.1f}\" marker-end=\"url(#head)\"{}/>\n", path,
      1 + 9 * share, both ? " marker-start=\"url(#head)\"" : "");
}

std::string title(const std::string& component) { return machine_component(component).title; }

/// What a machine has of a buffer of its own, or of the unified one.
Box buffer_box(const boost::json::value& config, const boost::json::object& metrics,
               const std::string& name, double x, double y) {
  const std::string role = machine_component(name).buffer;
  std::string at = "/accelerator/buffers/" + role;
  boost::system::error_code error;
  const bool is_own = config.find_pointer(at, error) != nullptr;
  if (!is_own) at = "/accelerator/buffers/unified";
  const std::string capacity = text_at(config, at + "/capacity");
  Box box{x, y, 200, 58, name, title(name), {}};
  box.lines = {fmt::format("{}{}, {}{}", is_own ? "" : "of the unified ", capacity,
                           text_at(config, at + "/banks"), is_own ? "" : " banks")};
  if (is_own) {
    box.lines[0] += " x " + text_at(config, at + "/port_width") + " bit";
    if (const auto bytes = parse_quantity(capacity, units_of(Bytes())))
      box.capacity = static_cast<double>(*bytes);
    box.used = number_of(metrics, "sram." + role + ".peak_bytes");
  }
  return box;
}

/// Of the bytes on the pins of the DRAM those of a tensor.
double tensor_bytes(const boost::json::object& metrics, const std::string& tensor) {
  const std::string at = "dram.per_tensor." + tensor;
  return number_of(metrics, at + ".read_bytes") + number_of(metrics, at + ".write_bytes");
}

}  // namespace

std::string machine_svg(const boost::json::value& config, const boost::json::object& metrics) {
  const auto get = [&](const std::string& pointer) { return text_at(config, pointer); };
  const std::string a = "/accelerator";
  const std::string weights = get("/precision/weights/format"), mac = get("/precision/mac");
  const auto buffer = [&](const char* name, double x, double y) {
    return buffer_box(config, metrics, name, x, y);
  };
  const double cycles = number_of(metrics, "cycles"),
               busy = cycles > 0 ? number_of(metrics, "stalls.array_busy") / cycles : 0;
  const std::vector<Box> boxes = {
      {10, 95, 140, 85, "dram", title("dram"), {get("/dram/name"), get("/dram/model")}},
      {185,
       95,
       90,
       85,
       "",
       "DMA",
       {get(a + "/dma/outstanding") + " x " + get(a + "/dma/request"), "in flight"}},
      buffer("input_buffer", 315, 15),
      buffer("weight_buffer", 315, 85),
      buffer("scale_buffer", 315, 155),
      {545,
       85,
       125,
       128,
       "dequantizer",
       title("dequantizer"),
       {get(a + "/dequantizer/lanes") + " lanes", get(a + "/dequantizer/placement"),
        weights + " stored"}},
      {700,
       15,
       170,
       198,
       "array",
       title("array"),
       {fmt::format("{} x {} PEs", get(a + "/array/rows"), get(a + "/array/cols")),
        get(a + "/array/dataflow") + ", overlap " + get(a + "/array/overlap"),
        "PE of " + get(a + "/array/pe/width") + " bit", "MAC: " + mac,
        "activations " + get("/precision/activations/format"), get(a + "/clock"),
        fmt::format("multiplies {:.1f} % of the time", busy * 100)}},
      buffer("accumulator_buffer", 670, 250),
      {510,
       250,
       130,
       58,
       "output_unit",
       title("output_unit"),
       {get(a + "/output_unit/lanes") + " lanes"}},
      buffer("output_buffer", 280, 250),
      {510,
       325,
       130,
       58,
       "vector_unit",
       title("vector_unit"),
       {get(a + "/vector_unit/lanes") + " lanes"}},
  };
  double largest = 0, moved = 0;
  for (const Box& box : boxes) largest = std::max(largest, box.capacity);
  for (const char* tensor : {"inputs", "weights", "scales", "outputs"})
    moved += tensor_bytes(metrics, tensor);
  const auto share = [&](const char* tensor) {
    return moved > 0 ? tensor_bytes(metrics, tensor) / moved : 0;
  };
  std::string out =
      "<div class=\"scroll\"><svg class=\"machine\" viewBox=\"0 0 880 395\" role=\"img\" "
      "aria-label=\"block diagram\" font-size=\"13\">\n"
      "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
      "markerHeight=\"7\" markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\">"
      "<path d=\"M0 0L8 4L0 8z\" fill=\"currentColor\"/></marker></defs>\n";
  out += arrow("M150 137H185", 1, true);
  out += arrow("M275 137H295V44H315", share("inputs")) +
         arrow("M275 137H295V114H315", share("weights")) +
         arrow("M275 137H295V184H315", share("scales"));
  out += arrow("M515 44H700") + arrow("M515 114H545") + arrow("M515 184H545") +
         arrow("M670 140H700") + arrow("M785 213V250", 0, true) + arrow("M670 279H640") +
         arrow("M510 279H480") + arrow("M280 279H230V180", share("outputs")) +
         arrow("M575 325V308", 0, true);
  for (const Box& box : boxes) out += draw(box, energy_share(metrics, box.part), largest);
  const bool are_levels_known = std::any_of(metrics.begin(), metrics.end(), [](const auto& row) {
    return std::string(row.key()).find(".peak_bytes") != std::string::npos;
  });
  out += fmt::format(
      "</svg></div>\n<p class=\"note\"><span class=\"drawing\">Squares: buffers (capacity, banks x "
      "port), to scale, {}. ",
      are_levels_known ? "filled as far as they were used" : "how full they were is not known");
  out +=
      "Bars: shares of the energy. Lines between DRAM, DMA and buffers: as wide as what they "
      "carried.</span></p>\n<dl class=\"parts\">\n";  // the same for narrow screens
  for (const Box& box : boxes) {
    std::vector<std::string> lines = box.lines;
    if (const std::string words = share_words(energy_share(metrics, box.part)); !words.empty())
      lines.push_back(words);
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape(box.title),
                       escape(fmt::format("{}", fmt::join(lines, ", "))));
  }
  return out + "</dl>\n";
}

}  // namespace bitjoule::html
