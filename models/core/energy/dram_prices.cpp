#include "core/energy/dram_prices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "core/error.h"

namespace bitjoule {
namespace {

using Kind = DramPrice::Kind;

double in_nanoseconds(Femtoseconds time) { return static_cast<double>(time.value) * 1e-6; }

/// An energy with the sum that it comes from: mA x V x ns = pJ.
struct Computed {
  double energy = 0;
  std::string numbers;
  void add(double volts, double charge, const std::string& text) {
    energy += volts * charge;
    numbers += fmt::format("{}{} V x {}", numbers.empty() ? "" : " + ", volts, text);
  }
};

DramPrice computed(const char* formula, const Computed& sum, std::int64_t devices) {
  // Equal currents leave a rounding, of which no price is made.
  const double energy = std::abs(sum.energy) < 1e-9 ? 0 : sum.energy;
  return {Kind::kComputed, Picojoules(energy * static_cast<double>(devices)),
          fmt::format("{} = {} x ({})", formula, devices, sum.numbers), 1};
}

/// What a bank adds to the standby of a rank with all banks closed.
double current_of_bank(const DramSupply& s, std::int64_t banks) {
  return (s.idd3n - s.idd2n) / static_cast<double>(banks);
}

/// `of(supply, sum)` for each supply of the core, or of the interface.
template <class Part>
Computed sum_of(const DramCurrents& c, bool io, Part part) {
  Computed sum;
  for (const DramSupply& s : c.supplies)
    if (s.io == io) part(s, sum);
  return sum;
}

template <class Part>
Computed sum_of_all(const DramCurrents& c, Part part) {
  Computed sum;
  for (const DramSupply& s : c.supplies) part(s, sum);
  return sum;
}

DramPrice activate_of(const DramCurrents& c) {
  const bool per_bank = c.standby == DramStandby::kPerBank;
  const double rc = in_nanoseconds(c.tRC), ras = in_nanoseconds(c.tRAS), rp = in_nanoseconds(c.tRP);
  const Computed sum = sum_of_all(c, [&](const DramSupply& s, Computed& all) {
    const double open = per_bank ? s.idd2n + current_of_bank(s, c.banks) : s.idd3n;
    all.add(s.volts, s.idd0 * rc - open * ras - s.idd2n * rp,
            fmt::format("({} mA x {:g} ns - {:g} mA x {:g} ns - {} mA x {:g} ns)", s.idd0, rc, open,
                        ras, s.idd2n, rp));
  });
  return computed(per_bank ? "n V (IDD0 tRC - (IDD2N + (IDD3N - IDD2N) / B) tRAS - IDD2N tRP)"
                           : "n V (IDD0 tRC - IDD3N tRAS - IDD2N tRP)",
                  sum, c.devices);
}

Computed burst_sum(const DramCurrents& c, bool io, bool is_write) {
  const double time = in_nanoseconds(c.tBURST);
  return sum_of(c, io, [&](const DramSupply& s, Computed& all) {
    const double burst = is_write ? s.idd4w : s.idd4r;
    all.add(s.volts, (burst - s.idd3n) * time,
            fmt::format("({} - {}) mA x {:g} ns", burst, s.idd3n, time));
  });
}

DramPrice burst_of(const DramCurrents& c, bool is_write) {
  return computed(is_write ? "n V (IDD4W - IDD3N) tBURST" : "n V (IDD4R - IDD3N) tBURST",
                  burst_sum(c, false, is_write), c.devices);
}

/// Names of the supplies that a current is not listed of.
std::vector<std::string> lacking(const DramCurrents& c,
                                 std::optional<double> DramSupply::*current) {
  std::vector<std::string> names;
  for (const DramSupply& s : c.supplies)
    if (!(s.*current)) names.push_back(s.name);
  return names;
}

std::optional<DramPrice> refresh_of(const DramCurrents& c) {
  const std::vector<std::string> lacks = lacking(c, &DramSupply::idd5b);
  if (lacks.size() == c.supplies.size()) return std::nullopt;
  const double time = in_nanoseconds(c.tRFC);
  const Computed sum = sum_of_all(c, [&](const DramSupply& s, Computed& all) {
    if (!s.idd5b) return all.add(s.volts, 0, "0 (no IDD5B)");
    all.add(s.volts, (*s.idd5b - s.idd3n) * time,
            fmt::format("({} - {}) mA x {:g} ns", *s.idd5b, s.idd3n, time));
  });
  DramPrice price = computed("n V (IDD5B - IDD3N) tRFC", sum, c.devices);
  price.lacks = fmt::format("{}", fmt::join(lacks, ", "));
  return price;
}

/// IDD5PB is an average over the interval between two: the refresh alone draws what is left when
/// the standby of the rest is taken off.
std::optional<DramPrice> refresh_bank_of(const DramCurrents& c) {
  if (!c.tRFCpb || !c.tREFI || !lacking(c, &DramSupply::idd5pb).empty()) return std::nullopt;
  const double time = in_nanoseconds(*c.tRFCpb);
  const double interval = in_nanoseconds(*c.tREFI) / static_cast<double>(c.banks);
  const Computed sum = sum_of_all(c, [&](const DramSupply& s, Computed& all) {
    const double burst = (*s.idd5pb * interval - s.idd2n * (interval - time)) / time;
    all.add(s.volts, (burst - s.idd3n) * time,
            fmt::format("({:.4g} - {}) mA x {:g} ns", burst, s.idd3n, time));
  });
  return computed(
      "n V (I' - IDD3N) tRFCpb, I' = (IDD5PB tREFI / B - IDD2N (tREFI / B - tRFCpb)) / "
      "tRFCpb",
      sum, c.devices);
}

/// Power in a state, as energy per nanosecond.
template <class Current>
DramPrice state_of(const DramCurrents& c, const char* formula, Current current) {
  return computed(formula,
                  sum_of_all(c,
                             [&](const DramSupply& s, Computed& all) {
                               all.add(s.volts, current(s), fmt::format("{:g} mA", current(s)));
                             }),
                  c.devices);
}

std::optional<DramPrice> power_down_of(const DramCurrents& c) {
  if (!lacking(c, &DramSupply::idd2p).empty()) return std::nullopt;
  return state_of(c, "n V IDD2P x time", [](const DramSupply& s) { return *s.idd2p; });
}

DramPrice open_of(const DramCurrents& c) {
  if (c.standby == DramStandby::kPerBank)
    return state_of(c, "n V IDD2N x time, besides what each open bank adds",
                    [](const DramSupply& s) { return s.idd2n; });
  return state_of(c, "n V IDD3N x time", [](const DramSupply& s) { return s.idd3n; });
}

/// Per bit: the interface's supplies, termination and toggling.
std::optional<DramPrice> interface_of(const DramPerCommand& p, bool is_write) {
  double energy = 0;
  std::string formula;
  const auto add = [&](double value, const std::string& text) {
    energy += value;
    formula += (formula.empty() ? "" : " + ") + text;
  };
  if (p.currents) {
    const DramCurrents& c = *p.currents;
    const Computed sum = burst_sum(c, true, is_write);
    const double bits = 8.0 * static_cast<double>(c.burst.value);
    if (!sum.numbers.empty())
      add(sum.energy * static_cast<double>(c.devices) / bits,
          fmt::format("{} = {} x ({}) / {} bit",
                      is_write ? "n V (IDD4W - IDD3N) tBURST" : "n V (IDD4R - IDD3N) tBURST",
                      c.devices, sum.numbers, bits));
  }
  if (p.termination) {
    const DramTermination& t = *p.termination;
    const double ohms = t.driver_ohms + t.termination_ohms, time = in_nanoseconds(t.bit_time);
    // V^2 / Ohm is in watts: 1000 pJ per ns.
    add(t.share * t.volts * t.volts / ohms * time * 1000,
        fmt::format("termination p V^2 / R x bit time = {} x ({} V)^2 / {} Ohm x {:g} ns", t.share,
                    t.volts, ohms, time));
  }
  if (p.toggling) {
    const Picojoules each = is_write ? p.toggling->write : p.toggling->read;
    add(each.value * p.toggling->rate,
        fmt::format("{} toggles per bit x {} pJ", p.toggling->rate, each.value));
  }
  if (formula.empty()) return std::nullopt;
  return DramPrice{Kind::kComputed, Picojoules(energy), formula, 1};
}

DramPrice included(const char* where) { return {Kind::kIncluded, Picojoules(), where, 1}; }

/// A figure of a state, per nanosecond of the file and picosecond of the counts.
DramPrice per_picosecond(DramPrice price) {
  price.energy = Picojoules(price.energy.value / 1000);
  return price;
}

/// The figure as given, else what `compute` makes of the currents.
template <class Compute>
std::optional<DramPrice> row(const DramPerCommand& p, const std::optional<Picojoules>& given,
                             Compute compute) {
  if (given) return DramPrice{Kind::kGiven, *given, "", 1};
  if (!p.currents) return std::nullopt;
  return compute(*p.currents);
}

std::optional<DramPrice> state_price(const DramPerCommand& p, Primitive state) {
  const auto open = [&] { return row(p, p.open, open_of); };
  std::optional<DramPrice> price;
  switch (state) {
    case Primitive::kDramOpen:
      price = open();
      break;
    case Primitive::kDramClosed:
      price = row(p, p.closed, [](const DramCurrents& c) {
        return state_of(c, "n V IDD2N x time", [](const DramSupply& s) { return s.idd2n; });
      });
      break;
    case Primitive::kDramPowerDown:
      price = row(p, p.power_down, power_down_of);
      break;
    case Primitive::kDramRefreshing:
      price = row(p, p.refreshing, [](const DramCurrents& c) {
        return state_of(c, "n V IDD3N x time", [](const DramSupply& s) { return s.idd3n; });
      });
      if (!price) price = open();
      break;
    default:
      price = row(p, p.open_bank, [](const DramCurrents& c) -> std::optional<DramPrice> {
        if (c.standby != DramStandby::kPerBank) return std::nullopt;
        return state_of(c, "n V (IDD3N - IDD2N) / B x time",
                        [&](const DramSupply& s) { return current_of_bank(s, c.banks); });
      });
      if (!price) return included("included in the price of time with a bank open");
  }
  if (!price) return std::nullopt;
  price->uncertainty = p.uncertainty.background;
  return per_picosecond(*std::move(price));
}

/// As a share of a refresh of all banks: "1/8".
std::optional<DramPrice> share_of_refresh(const DramPerCommand& p, const std::string& share) {
  std::optional<DramPrice> all = row(p, p.refresh, refresh_of);
  std::int64_t parts = 0;
  if (!all || share.rfind("1/", 0) != 0 ||
      std::from_chars(share.data() + 2, share.data() + share.size(), parts).ec != std::errc() ||
      parts < 1)
    return std::nullopt;
  all->kind = Kind::kComputed;
  all->energy = Picojoules(all->energy.value / static_cast<double>(parts));
  all->formula = fmt::format("{} of a refresh of all banks{}{}", share,
                             all->formula.empty() ? "" : ": ", all->formula);
  return all;
}

std::optional<DramPrice> with(std::optional<DramPrice> price, double uncertainty) {
  if (price) price->uncertainty = uncertainty;
  return price;
}

}  // namespace

Provenance& provenance(DramPrices& prices) {
  return std::visit([](auto& scheme) -> Provenance& { return scheme.from; }, prices.scheme);
}

const Provenance& provenance(const DramPrices& prices) {
  return std::visit([](const auto& scheme) -> const Provenance& { return scheme.from; },
                    prices.scheme);
}

DramOrigin& origin_of(DramPrices& prices) {
  return std::visit([](auto& scheme) -> DramOrigin& { return scheme.origin; }, prices.scheme);
}

const DramOrigin& origin_of(const DramPrices& prices) {
  return std::visit([](const auto& scheme) -> const DramOrigin& { return scheme.origin; },
                    prices.scheme);
}

Boundary boundary_of(const DramPrices& prices) {
  const auto* p = std::get_if<DramPerCommand>(&prices.scheme);
  return p != nullptr && p->phy ? p->phy->from.boundary : provenance(prices).boundary;
}

bool prices_states(const DramPerCommand& p) {
  return p.currents || p.open || p.closed || p.power_down || p.refreshing || p.open_bank;
}

std::optional<DramPrice> command_price(const DramPerCommand& p, const Action& action) {
  const DramUncertainty& u = p.uncertainty;
  const auto interface = [&](const std::optional<Picojoules>& given, bool is_write,
                             double factor) -> std::optional<DramPrice> {
    if (given) return DramPrice{Kind::kGiven, *given, "", factor};
    if (std::optional<DramPrice> price = with(interface_of(p, is_write), factor)) return price;
    // Currents are measured without those of the lines; a figure has them, as far as is known.
    if (!(is_write ? p.write : p.read)) return std::nullopt;
    return included("included in the price of the bursts");
  };
  switch (action.primitive) {
    case Primitive::kDramRead:
      return interface(p.read_io, false, u.read_io);
    case Primitive::kDramWrite:
      return interface(p.write_io, true, u.write_io);
    case Primitive::kDramActivate:
      return with(row(p, p.activate, activate_of), u.activate);
    case Primitive::kDramReadBurst:
      return with(row(p, p.read, [](const DramCurrents& c) { return burst_of(c, false); }), u.read);
    case Primitive::kDramWriteBurst:
      return with(row(p, p.write, [](const DramCurrents& c) { return burst_of(c, true); }),
                  u.write);
    case Primitive::kDramRefresh:
      return with(row(p, p.refresh, refresh_of), u.refresh);
    case Primitive::kDramRefreshBank: {
      std::optional<DramPrice> own = row(p, p.refresh_bank, refresh_bank_of);
      return own ? with(own, u.refresh_bank) : with(share_of_refresh(p, action.type), u.refresh);
    }
    case Primitive::kDramBackground:
      if (p.background) return DramPrice{Kind::kGiven, *p.background, "", u.background};
      if (!prices_states(p)) return std::nullopt;
      return included("included in the prices of the states");
    case Primitive::kDramOpen:
    case Primitive::kDramClosed:
    case Primitive::kDramPowerDown:
    case Primitive::kDramRefreshing:
    case Primitive::kDramOpenBanks:
      if (!prices_states(p)) return included("within the background, whatever the state");
      return state_price(p, action.primitive);
    default:
      return std::nullopt;
  }
}

std::string missing_price(const DramPerCommand& p, const Action& action) {
  const auto without = [&](const char* key, std::optional<double> DramSupply::*current,
                           const char* name) {
    if (!p.currents) return fmt::format("neither `{}` nor `currents`", key);
    return fmt::format("no `{}`, and no {} of {}", key, name,
                       fmt::join(lacking(*p.currents, current), ", "));
  };
  switch (action.primitive) {
    case Primitive::kDramPowerDown:
      return without("power_down", &DramSupply::idd2p, "IDD2P");
    case Primitive::kDramRefresh:
    case Primitive::kDramRefreshBank:
      return without("refresh", &DramSupply::idd5b, "IDD5B");
    case Primitive::kDramRead:
      return "no `read_io`, `termination`, `toggling` or supply with `io`";
    case Primitive::kDramWrite:
      return "no `write_io`, `termination`, `toggling` or supply with `io`";
    case Primitive::kDramActivate:
      return "neither `activate` nor `currents`";
    case Primitive::kDramReadBurst:
      return "neither `read` nor `currents`";
    case Primitive::kDramWriteBurst:
      return "neither `write` nor `currents`";
    case Primitive::kDramClosed:
      return "neither `closed` nor `currents`";
    default:
      return "neither `open` nor `currents`";
  }
}

namespace {

/// What is listed of IDD5PB must make a price; IDD5B is listed at least of the supply that draws
/// most, as refreshes would cost hardly anything without.
void check_listed(const DramPerCommand& p) {
  const DramCurrents& c = *p.currents;
  if (c.supplies.empty()) throw input_error("currents: supplies: expected at least one");
  std::set<std::string> names;
  for (const DramSupply& s : c.supplies)
    if (!names.insert(s.name).second)
      throw input_error(fmt::format("currents: supplies: two of {}", s.name));
  if (c.tRAS > c.tRC)
    throw input_error(fmt::format("currents: tRAS: expected at most tRC, {:g} ns, got {:g} ns",
                                  in_nanoseconds(c.tRC), in_nanoseconds(c.tRAS)));
  const std::vector<std::string> without = lacking(c, &DramSupply::idd5pb);
  if (!without.empty() && without.size() < c.supplies.size())
    throw input_error(
        fmt::format("currents: IDD5PB: expected of all supplies or of none, got none of {}",
                    fmt::join(without, ", ")));
  if (without.empty() && (!c.tRFCpb || !c.tREFI))
    throw input_error("currents: IDD5PB: needs tRFCpb and tREFI");
  if (p.refresh || lacking(c, &DramSupply::idd5b).size() == c.supplies.size()) return;
  const auto main = std::max_element(c.supplies.begin(), c.supplies.end(),
                                     [](const DramSupply& a, const DramSupply& b) {
                                       return a.volts * a.idd3n < b.volts * b.idd3n;
                                     });
  if (!main->idd5b)
    throw input_error(fmt::format(
        "currents: IDD5B: expected of {}, the supply that draws most; without it a refresh would "
        "cost nothing",
        main->name));
}

}  // namespace

void check_dram_prices(const DramPrices& prices) {
  if (provenance(prices).source.empty())
    throw input_error("source: missing: that of a table's operations says nothing of a memory");
  const auto* p = std::get_if<DramPerCommand>(&prices.scheme);
  if (p == nullptr) return;
  if (p->termination && !(p->termination->driver_ohms + p->termination->termination_ohms > 0))
    throw input_error(
        "termination: driver_ohms, termination_ohms: both are 0, and so the current has no limit");
  if (!p->currents) return;
  check_listed(*p);
  const auto at_least_zero = [p](const char* key, const std::optional<DramPrice>& price) {
    if (!price || price->energy.value >= 0) return;
    const bool is_any_bank = p->currents->standby == DramStandby::kAnyBank;
    throw input_error(fmt::format(
        "currents: {} comes out at {:.4g} pJ, expected at least 0: {}{}", key, price->energy.value,
        price->formula,
        std::string(key) == "activate" && is_any_bank
            ? "; where IDD3N is of all banks open, only `standby: per_bank` is consistent"
            : ""));
  };
  Action action;
  action.type = "1/1";
  for (const auto& [key, primitive] :
       {std::pair<const char*, Primitive>{"activate", Primitive::kDramActivate},
        {"read", Primitive::kDramReadBurst},
        {"write", Primitive::kDramWriteBurst},
        {"refresh", Primitive::kDramRefresh},
        {"refresh_bank", Primitive::kDramRefreshBank},
        {"read_io", Primitive::kDramRead},
        {"write_io", Primitive::kDramWrite},
        {"open_bank", Primitive::kDramOpenBanks}}) {
    action.primitive = primitive;
    at_least_zero(key, command_price(*p, action));
  }
}

void check_own_prices(const DramPrices& prices) {
  const auto* access = std::get_if<DramPerAccess>(&prices.scheme);
  if (access != nullptr && access->ratios)
    throw input_error(
        "energy: per_access.ratios: a DRAM's own prices are in pJ, as no MAC is known that they "
        "could be ratios of; such a list is for an energy table with `unit: MAC` (energy.dram)");
}

}  // namespace bitjoule
