#include "sim/report/waveform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace bitjoule {
namespace {

/// Printable identifiers of a VCD: base 94 from '!'.
std::string vcd_id(std::size_t index) {
  std::string id;
  do {
    id += static_cast<char>('!' + index % 94);
    index /= 94;
  } while (index != 0);
  return id;
}

std::string vcd_value(const Trace::Signal& signal, std::int64_t value, const std::string& id) {
  if (signal.kind == SignalKind::kFloat) {
    const auto bits = static_cast<std::uint32_t>(value);
    float real = 0;
    std::memcpy(&real, &bits, sizeof real);
    return fmt::format("r{:.9g} {}\n", real, id);
  }
  if (signal.bits == 1) return fmt::format("{}{}\n", value & 1, id);
  const std::uint64_t mask =
      signal.bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << signal.bits) - 1;
  return fmt::format("b{:b} {}\n", static_cast<std::uint64_t>(value) & mask, id);
}

/// Signals by scope: nested $scope sections in the order of the names.
void write_scopes(const std::vector<std::pair<std::string, std::size_t>>& names, std::size_t begin,
                  std::size_t end, std::size_t from, const Trace& trace, std::string& out) {
  for (std::size_t i = begin; i < end;) {
    const std::string& name = names[i].first;
    const std::size_t dot = name.find('.', from);
    if (dot == std::string::npos) {
      const Trace::Signal& s = trace.signals()[names[i].second];
      out += s.kind == SignalKind::kFloat ? fmt::format("$var real 64 {} {} $end\n",
                                                        vcd_id(names[i].second), name.substr(from))
                                          : fmt::format("$var wire {} {} {} $end\n", s.bits,
                                                        vcd_id(names[i].second), name.substr(from));
      ++i;
      continue;
    }
    const std::string prefix = name.substr(0, dot + 1);
    std::size_t last = i;
    while (last < end && names[last].first.compare(0, prefix.size(), prefix) == 0) ++last;
    out += fmt::format("$scope module {} $end\n", name.substr(from, dot - from));
    write_scopes(names, i, last, dot + 1, trace, out);
    out += "$upscope $end\n";
    i = last;
  }
}

}  // namespace

std::string vcd_text(Trace& trace, const Clock& clock, const std::string& comment) {
  std::string text = comment;
  text.erase(std::remove(text.begin(), text.end(), '$'), text.end());  // no keyword: it would end
  std::string out = fmt::format("$comment {} $end\n$timescale 1 ps $end\n", text);
  std::vector<std::pair<std::string, std::size_t>> names;
  for (std::size_t i = 0; i < trace.signals().size(); ++i)
    names.emplace_back(trace.signals()[i].name, i);
  std::sort(names.begin(), names.end());
  write_scopes(names, 0, names.size(), 0, trace, out);
  out += "$enddefinitions $end\n#0\n$dumpvars\n";
  for (std::size_t i = 0; i < trace.signals().size(); ++i)
    out += vcd_value(trace.signals()[i], 0, vcd_id(i));
  out += "$end\n";

  const std::vector<SignalChange>& changes = trace.sorted_changes();
  std::vector<std::int64_t> values(trace.signals().size(), 0);
  std::int64_t printed = 0;
  for (std::size_t i = 0; i < changes.size();) {
    const Cycles at = changes[i].at;
    // Of several changes in one cycle the last one counts.
    std::map<std::int32_t, std::int64_t> now;
    for (; i < changes.size() && changes[i].at == at; ++i)
      now[changes[i].signal] = changes[i].value;
    const std::int64_t picoseconds = clock.edge(at).value / 1000;
    for (const auto& [signal, value] : now) {
      const auto index = static_cast<std::size_t>(signal);
      if (values[index] == value) continue;
      values[index] = value;
      if (picoseconds != printed) out += fmt::format("#{}\n", printed = picoseconds);
      out += vcd_value(trace.signals()[index], value, vcd_id(index));
    }
  }
  return out;
}

}  // namespace bitjoule
