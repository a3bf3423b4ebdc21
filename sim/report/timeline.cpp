#include "sim/report/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <optional>
#include <set>

#include "run/power.h"

namespace bitjoule {
namespace {

constexpr std::size_t kLeastSlices = 200;  ///< of a layer in detail
constexpr std::int64_t kSamples = 128;     ///< of a counter in a layer

/// In the order of the work; units that are not listed follow.
constexpr const char* kTracks[] = {"layers",      "cause",       "DMA inputs", "DMA weights",
                                   "DMA ahead",   "dequantizer", "array",      "output unit",
                                   "vector unit", "DMA results"};

std::string json_quoted(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

/// To a picosecond, without zeros at its end.
std::string text_of(double microseconds) {
  std::string text = fmt::format("{:.6f}", microseconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// Slices, counters and arrows as text, one line each.
class Events {
 public:
  Events(const Clock& clock, const std::string& name) : clock_(clock) {
    add("M", 0,
        fmt::format("\"name\":\"process_name\",\"args\":{{\"name\":{}}}", json_quoted(name)));
    for (const char* const track : kTracks) track_of(track);
  }

  std::int64_t track_of(const std::string& unit) {
    const auto [place, is_new] =
        tracks_.insert({unit, static_cast<std::int64_t>(tracks_.size()) + 1});
    const std::int64_t track = place->second;
    if (is_new) {
      add("M", track,
          fmt::format("\"name\":\"thread_name\",\"args\":{{\"name\":{}}}", json_quoted(unit)));
      add("M", track,
          fmt::format("\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{}}}", track));
    }
    return track;
  }

  /// `args`: members of JSON, or nothing. Its end is an event of its own: a viewer that adds a
  /// duration to a begin may get more than the next one's, and would nest the two.
  void slice(const std::string& unit, const std::string& name, Cycles begin, Cycles end,
             const std::string& args = "") {
    open(unit, name, begin, args);
    close(unit, name, end);
  }
  /// A slice around those that follow on its track.
  void open(const std::string& unit, const std::string& name, Cycles begin,
            const std::string& args = "") {
    add("B", track_of(unit),
        fmt::format("\"name\":{},\"ts\":{}{}", json_quoted(name), text_of(at(begin)),
                    args.empty() ? "" : ",\"args\":{" + args + "}"));
    ++slices_;
  }
  /// Its name once more, as some viewers find the slice by it.
  void close(const std::string& unit, const std::string& name, Cycles end) {
    add("E", track_of(unit),
        fmt::format("\"name\":{},\"ts\":{}", json_quoted(name), text_of(at(end))));
  }
  void counter(const char* name, double microseconds, const std::string& values) {
    add("C", 0,
        fmt::format("\"name\":{},\"ts\":{},\"args\":{{{}}}", json_quoted(name),
                    text_of(microseconds), values));
  }
  /// From the end of one slice to the beginning of another.
  void arrow(const std::string& from, Cycles leaves, const std::string& to, Cycles arrives) {
    ++arrows_;
    add("s", track_of(from),
        fmt::format("\"name\":\"needs\",\"cat\":\"flow\",\"id\":{},\"ts\":{}", arrows_,
                    text_of(at(leaves))));
    add("f", track_of(to),
        fmt::format("\"name\":\"needs\",\"cat\":\"flow\",\"bp\":\"e\",\"id\":{},\"ts\":{}", arrows_,
                    text_of(at(arrives))));
  }

  double at(Cycles n) const { return static_cast<double>(clock_.edge(n).value) * 1e-9; }
  std::size_t slices() const { return slices_; }
  const std::string& text() const { return text_; }

 private:
  void add(const char* kind, std::int64_t track, const std::string& members) {
    text_ += fmt::format("{}{{\"ph\":\"{}\",\"pid\":1,\"tid\":{},{}}}",
                         text_.empty() ? "\n" : ",\n", kind, track, members);
  }

  const Clock& clock_;
  std::map<std::string, std::int64_t> tracks_;
  std::string text_;
  std::size_t slices_ = 0, arrows_ = 0;
};

/// Where an activity is drawn: a unit's slices must not overlap, so work that it takes on before it
/// is through with the piece ahead is drawn from there on. `args` have the cycles as they are.
struct Drawn {
  Cycles begin, end;
};

/// How many pieces of work are one slice.
std::size_t merged(const Trace& trace, std::size_t most) {
  return std::max<std::size_t>(1, (trace.activities().size() + most - 1) / most);
}

void draw_work(Events& events, const Timeline::Layer& layer, const std::string& name, Cycles from,
               std::size_t group) {
  const std::vector<Activity>& all = layer.trace.activities();
  const Cycles last = layer.result.outcome.cycles;
  std::map<std::string, std::vector<std::size_t>> units;
  for (std::size_t i = 0; i < all.size(); ++i) units[all[i].unit].push_back(i);
  std::vector<Drawn> drawn(all.size());
  for (const auto& [unit, places] : units) {
    events.open(unit, name, from);
    Cycles free(0);
    for (std::size_t i = 0; i < places.size(); i += group) {
      const std::size_t end_place = std::min(i + group, places.size());
      const Activity& first = all[places[i]];
      Cycles end = first.end;
      for (std::size_t j = i; j < end_place; ++j) end = std::max(end, all[places[j]].end);
      const Cycles begin = std::min(last, std::max(first.begin, free));
      free = std::min(last, std::max(end, begin));
      for (std::size_t j = i; j < end_place; ++j) drawn[places[j]] = {begin, free};
      const std::size_t more = end_place - i - 1;
      events.slice(
          unit, more == 0 ? first.name : fmt::format("{} and {} more", first.name, more),
          from + begin, from + free,
          fmt::format("\"begin_cycle\":{},\"end_cycle\":{}", first.begin.value, end.value));
    }
    events.close(unit, name, from + last);
  }
  if (group > 1) return;
  for (const Trace::Link& link : layer.trace.links())
    events.arrow(all[link.from].unit,
                 from + std::max(drawn[link.from].begin, drawn[link.from].end - Cycles(1)),
                 all[link.to].unit, from + drawn[link.to].begin);
}

/// Stretches of one cause; where they are more than `most`, windows of equal length with the cause
/// of most of their cycles.
void draw_causes(Events& events, const Timeline::Layer& layer, Cycles from, std::size_t most) {
  const std::vector<TracedCause>& all = layer.trace.causes();
  if (all.size() <= most) {
    for (const TracedCause& c : all)
      events.slice("cause", cause_name(c.cause), from + c.begin, from + c.end);
    return;
  }
  const std::int64_t cycles = layer.result.outcome.cycles.value,
                     width = (cycles + static_cast<std::int64_t>(most) - 1) /
                             static_cast<std::int64_t>(most);
  std::size_t next = 0;
  for (std::int64_t begin = 0; begin < cycles; begin += width) {
    const std::int64_t end = std::min(cycles, begin + width);
    std::array<std::int64_t, kCauses> held{};
    for (std::size_t i = next; i < all.size() && all[i].begin.value < end; ++i) {
      held[static_cast<std::size_t>(all[i].cause)] += std::max<std::int64_t>(
          0, std::min(end, all[i].end.value) - std::max(begin, all[i].begin.value));
      if (all[i].end.value <= end) next = i + 1;
    }
    const auto largest = std::max_element(held.begin(), held.end());
    events.slice("cause", cause_name(static_cast<Cause>(largest - held.begin())),
                 from + Cycles(begin), from + Cycles(end),
                 fmt::format("\"share\":{:.3f}",
                             static_cast<double>(*largest) / static_cast<double>(end - begin)));
  }
}

/// What buffers hold, the most in each of kSamples windows.
void draw_levels(Events& events, const Timeline::Layer& layer, Cycles from) {
  const std::vector<Trace::Signal>& signals = layer.trace.signals();
  const std::int64_t width =
      std::max<std::int64_t>(1, layer.result.outcome.cycles.value / kSamples);
  std::vector<std::map<std::int64_t, std::int64_t>> levels(signals.size());
  std::vector<std::pair<std::int64_t, std::int64_t>> latest(signals.size(), {-1, 0});
  for (const SignalChange& change : layer.trace.changes()) {
    const auto signal = static_cast<std::size_t>(change.signal);
    if (!signals[signal].is_counter) continue;
    const std::int64_t window = change.at.value / width;
    auto& [seen, level] = latest[signal];
    std::int64_t& most = levels[signal].insert({window, seen == window ? 0 : level}).first->second;
    most = std::max(most, change.value);
    seen = window;
    level = change.value;
  }
  for (std::size_t s = 0; s < signals.size(); ++s)
    for (const auto& [window, level] : levels[s])
      events.counter(signals[s].name.c_str(), events.at(from + Cycles(window * width)),
                     fmt::format("\"bytes\":{}", level));
}

const char* power_name(const Timeline::Layer& layer) {
  return layer.result.energy.unit == PriceUnit::kMac ? "power, TMAC/s" : "power, W";
}

/// The means of a layer, where it is not shown in detail.
void draw_means(Events& events, const Timeline::Layer& layer, Cycles from) {
  std::int64_t read = 0, written = 0;
  const DramStats& dram = layer.result.outcome.dram;
  for (const std::int64_t bytes : dram.timeline.read_bytes()) read += bytes;
  for (const std::int64_t bytes : dram.timeline.write_bytes()) written += bytes;
  const double s = layer.result.time_s;
  if (!(s > 0)) return;
  events.counter(
      "DRAM bandwidth, GB/s", events.at(from),
      fmt::format("\"read\":{:.4g},\"write\":{:.4g}", static_cast<double>(read) / s * 1e-9,
                  static_cast<double>(written) / s * 1e-9));
  events.counter(power_name(layer), events.at(from),
                 fmt::format("\"mean\":{:.4g}", layer.result.energy.total.value / s * 1e-12));
}

/// Bytes per second and watts over the layer, at most kSamples of each.
void draw_rates(Events& events, const Timeline::Layer& layer, Cycles from) {
  const DramStats& dram = layer.result.outcome.dram;
  const double start = events.at(from);
  const std::vector<std::int64_t>&read = dram.timeline.read_bytes(),
        &write = dram.timeline.write_bytes();
  const double bin_us = static_cast<double>(dram.timeline.bin_cycles()) *
                        static_cast<double>(dram.period.value) * 1e-9;
  const std::size_t together = read.size() / static_cast<std::size_t>(kSamples) + 1;
  for (std::size_t i = 0; i < read.size() && bin_us > 0; i += together) {
    std::int64_t in = 0, out = 0;
    for (std::size_t j = i; j < std::min(i + together, read.size()); ++j)
      in += read[j], out += write[j];
    const double rate = 1e-3 / (bin_us * static_cast<double>(together));  // GB/s of bytes
    events.counter("DRAM bandwidth, GB/s", start + static_cast<double>(i) * bin_us,
                   fmt::format("\"read\":{:.4g},\"write\":{:.4g}", static_cast<double>(in) * rate,
                               static_cast<double>(out) * rate));
  }
  PowerTimeline power = power_of(layer.result);
  // The last bin ends with the layer. What a few clocks got in one piece is no peak.
  if (const std::size_t n = power.watts.size(); n > 1) {
    const double rest = layer.result.time_s - static_cast<double>(n - 1) * power.bin_s;
    if (rest < power.bin_s / 2) {
      const double last = std::max(rest, 0.0);
      power.watts[n - 2] =
          (power.watts[n - 2] * power.bin_s + power.watts[n - 1] * last) / (power.bin_s + last);
      power.watts.pop_back();
    }
  }
  const std::size_t step = power.watts.size() / static_cast<std::size_t>(kSamples) + 1;
  for (std::size_t i = 0; i < power.watts.size(); i += step) {
    const std::size_t end = std::min(i + step, power.watts.size());
    double sum = 0;
    for (std::size_t j = i; j < end; ++j) sum += power.watts[j];
    events.counter(power_name(layer), start + static_cast<double>(i) * power.bin_s * 1e6,
                   fmt::format("\"mean\":{:.4g}", sum / static_cast<double>(end - i)));
  }
}

/// All is quiet at the end of a layer, as the next begins anew.
void draw_end(Events& events, const Timeline::Layer& layer, Cycles end) {
  for (const Trace::Signal& signal : layer.trace.signals())
    if (signal.is_counter) events.counter(signal.name.c_str(), events.at(end), "\"bytes\":0");
}

}  // namespace

TimelineFile timeline_file(const Timeline& timeline, const Clock& clock, const std::string& name) {
  Events events(clock, name);
  const std::size_t share =
      std::max(kLeastSlices, kMostSlices / std::max<std::size_t>(1, 2 * timeline.layers.size()));
  Cycles from(0);
  std::set<std::size_t> seen;
  std::size_t repeated = 0, grouped = 0;
  for (const Timeline::Step& step : timeline.steps) {
    const Timeline::Layer& layer = *timeline.layers[step.layer];
    const Cycles one = layer.result.outcome.cycles;
    const bool is_new = seen.insert(step.layer).second;
    const std::string times = step.repeat > 1 ? fmt::format(" (x{})", step.repeat) : "";
    const Cycles all(one.value * step.repeat);
    events.slice("layers", step.name + times, from, from + all,
                 fmt::format("\"cycles\":{},\"repeat\":{},\"energy_uj\":{:.6g},\"bound\":{}",
                             one.value, step.repeat, layer.result.energy.total.value * 1e-6,
                             json_quoted(layer.result.bound())));
    if (is_new) {
      const std::size_t group = merged(layer.trace, share);
      if (group > 1) ++grouped;
      draw_work(events, layer, step.name, from, group);
      draw_causes(events, layer, from, share);
      draw_levels(events, layer, from);
      draw_rates(events, layer, from);
      draw_end(events, layer, from + one);
    }
    if (!is_new) draw_means(events, layer, from);
    if (is_new && step.repeat > 1) draw_means(events, layer, from + one);
    if (!is_new || step.repeat > 1) ++repeated;
    from = from + all;
  }
  if (!timeline.steps.empty()) {
    events.counter("DRAM bandwidth, GB/s", events.at(from), "\"read\":0,\"write\":0");
    events.counter(power_name(*timeline.layers[timeline.steps.back().layer]), events.at(from),
                   "\"mean\":0");
  }
  std::string detail =
      fmt::format("{} layer{}, {} of them distinct and in detail once", timeline.steps.size(),
                  timeline.steps.size() == 1 ? "" : "s", timeline.layers.size());
  if (repeated > 0)
    detail += fmt::format("; {} are repetitions or repeat, shown as one slice each", repeated);
  if (grouped > 0)
    detail += fmt::format("; of {} several tiles are one slice, as they have more than {}", grouped,
                          share);
  detail += fmt::format("; {} slices", events.slices());
  return {
      fmt::format(
          "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"detail\":{}}},\"traceEvents\":[{}\n]}}\n",
          json_quoted(detail), events.text()),
      detail};
}

}  // namespace bitjoule
