#include "sim/report/html/machine.h"

#include <fmt/format.h>

#include <vector>

#include "core/mapping/components.h"
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
  std::string title;
  std::vector<std::string> lines;
};

std::string draw(const Box& box) {
  std::string out = fmt::format(
      "<rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>"
      "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-weight=\"600\">{}</text>\n",
      box.x, box.y, box.width, box.height, box.x + box.width / 2, box.y + 18, escape(box.title));
  double y = box.y + 35;
  for (const std::string& line : box.lines) {
    out += fmt::format(
        "<text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"middle\" "
        "font-size=\"11\">{}</text>\n",
        box.x + box.width / 2, y, escape(line));
    y += 14;
  }
  return out;
}

/// An arrow along horizontal and vertical pieces; `both`: heads at both ends.
std::string arrow(const std::string& path, bool both = false) {
  return fmt::format("<path class=\"wire\" d=\"{}\" marker-end=\"url(#head)\"{}/>\n", path,
                     both ? " marker-start=\"url(#head)\"" : "");
}

std::string title(const std::string& component) { return machine_component(component).title; }

std::string buffer_text(const boost::json::value& config, const std::string& name) {
  const std::string role = machine_component(name).buffer;
  std::string at = "/accelerator/buffers/" + role;
  boost::system::error_code error;
  if (config.find_pointer(at, error) == nullptr) {  // it has none of its own
    at = "/accelerator/buffers/unified";
    return fmt::format("of the unified {}, {} banks", text_at(config, at + "/capacity"),
                       text_at(config, at + "/banks"));
  }
  return fmt::format("{}, {} banks of {} bit", text_at(config, at + "/capacity"),
                     text_at(config, at + "/banks"), text_at(config, at + "/port_width"));
}

}  // namespace

std::string machine_svg(const boost::json::value& config) {
  const auto get = [&](const std::string& pointer) { return text_at(config, pointer); };
  const std::string a = "/accelerator";
  const std::string weights = get("/precision/weights/format"), mac = get("/precision/mac");
  const std::vector<Box> boxes = {
      {10, 100, 130, 80, title("dram"), {get("/dram/name"), get("/dram/model")}},
      {170,
       100,
       90,
       80,
       "DMA",
       {get(a + "/dma/outstanding") + " x " + get(a + "/dma/request"), "in flight"}},
      {300, 20, 180, 50, title("input_buffer"), {buffer_text(config, "input_buffer")}},
      {300, 85, 180, 50, title("weight_buffer"), {buffer_text(config, "weight_buffer")}},
      {300, 150, 180, 50, title("scale_buffer"), {buffer_text(config, "scale_buffer")}},
      {510,
       85,
       120,
       115,
       title("dequantizer"),
       {get(a + "/dequantizer/lanes") + " lanes", get(a + "/dequantizer/placement"),
        weights + " stored"}},
      {660,
       20,
       160,
       180,
       title("array"),
       {fmt::format("{} x {} PEs", get(a + "/array/rows"), get(a + "/array/cols")),
        get(a + "/array/dataflow") + ", overlap " + get(a + "/array/overlap"),
        "PE of " + get(a + "/array/pe/width") + " bit", "MAC: " + mac,
        "activations " + get("/precision/activations/format"), get(a + "/clock")}},
      {660, 235, 160, 50, title("accumulator_buffer"), {buffer_text(config, "accumulator_buffer")}},
      {480, 235, 150, 50, title("output_unit"), {get(a + "/output_unit/lanes") + " lanes"}},
      {270, 235, 180, 50, title("output_buffer"), {buffer_text(config, "output_buffer")}},
      {480, 305, 150, 50, title("vector_unit"), {get(a + "/vector_unit/lanes") + " lanes"}},
  };
  std::string out =
      "<div class=\"scroll\"><svg viewBox=\"0 0 830 365\" style=\"min-width:46rem;width:100%\" "
      "role=\"img\" aria-label=\"block diagram\" font-size=\"13\">\n"
      "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" "
      "markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0 0L8 4L0 8z\" "
      "fill=\"currentColor\"/></marker></defs>\n";
  for (const Box& box : boxes) out += draw(box);
  out += arrow("M140 140H170", true);
  for (int y : {45, 110, 175}) out += arrow(fmt::format("M260 140H280V{}H300", y));
  out += arrow("M480 45H660") + arrow("M480 110H510") + arrow("M480 175H510") +
         arrow("M630 140H660") + arrow("M740 200V235", true) + arrow("M660 260H630") +
         arrow("M480 260H450") + arrow("M270 260H215V180") + arrow("M555 305V285", true);
  out += "</svg></div>\n<dl class=\"parts\">\n";  // the same for narrow screens
  for (const Box& box : boxes)
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape(box.title),
                       escape(fmt::format("{}", fmt::join(box.lines, ", "))));
  return out + "</dl>\n";
}

}  // namespace bitjoule::html
