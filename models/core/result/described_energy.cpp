#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/energy/unpriced.h"
#include "core/enums.h"
#include "core/result/described.h"

namespace bitjoule {

namespace {

void describe_action(const Action& a, ResultVisitor& v) {
  const ActionFields& f = kActionFields;
  v.value(f.component, a.component);
  v.value(f.activity, a.activity);
  v.value(f.primitive, enum_name(a.primitive));
  v.value(f.type, a.type);
  v.value(f.width, a.width.value);
  v.value(f.capacity, a.capacity.value);
  v.value(f.count, a.count);
}

/// Null: the DRAM's file names no prices. Of a run `parts` too, which would make long layers.
void describe_cost(const Field& field, const std::optional<DramCost>& cost, bool parts,
                   ResultVisitor& v) {
  if (!cost) return v.value(field, nullptr);
  v.object(field, [&] {
    v.value({"total_pj", "pJ", "of everything", OverLayers::kSum}, cost->total.value);
    v.value({"dram_pj", "pJ", "the DRAM's part of it", OverLayers::kSum}, cost->dram.value);
    if (parts) {
      v.value(
          {"dram_low_pj", "pJ", "that part divided by the factors that its prices are unsure by"},
          cost->low.value);
      v.value({"dram_high_pj", "pJ", "that part times these factors"}, cost->high.value);
      v.map({"dram_parts", "pJ",
             "that part by command and state, where these prices tell them apart; of a run"},
            [&] {
              for (const ComponentEnergy& row : cost->parts)
                v.value({row.component, "pJ", "of this part"}, row.energy.value);
            });
    }
    if (parts) v.value({"list", "", "the name of these prices; of a run"}, cost->list);
    v.value({"boundary", "", "what these prices of the DRAM include (energy.md)"},
            enum_name(cost->boundary));
    if (parts)
      v.list({"unpriced", "",
              "activities of the DRAM without a price, and supplies that a price lacks; of a run"},
             [&] {
               for (const std::string& activity : cost->unpriced) v.value({}, activity);
             });
  });
}

/// What layers and runs have alike.
void describe_sums(const EnergyReport& report, bool parts, ResultVisitor& v) {
  v.value({"total_pj", "pJ", "the sum of `components`", OverLayers::kSum}, report.total.value);
  v.map({"components", "pJ", "by component, those that did something", OverLayers::kSum}, [&] {
    for (const ComponentEnergy& row : report.components)
      v.value({row.component, "pJ", "of this component", OverLayers::kSum}, row.energy.value);
  });
  v.value({"dynamic_pj", "pJ", "what is done costs", OverLayers::kSum},
          report.total.value - report.fixed.value);
  v.value({"static_pj", "pJ", "what time costs apart from the clock: leakage, the DRAM's standby",
           OverLayers::kSum},
          report.fixed.value);
  v.map({"static", "pJ", "the same by component, those that have some", OverLayers::kSum}, [&] {
    for (const ComponentEnergy& row : report.fixed_components)
      v.value({row.component, "pJ", "of this component", OverLayers::kSum}, row.energy.value);
  });
  if (!report.by_table) return;
  v.value({"dram_prices", "", "whose prices of the DRAM these are: `table` or `device`"},
          enum_name(report.counted));
  describe_cost({"by_table", "", "all by the energy table's prices of the DRAM"}, report.by_table,
                parts, v);
  describe_cost({"by_device", "",
                 "all by those of the DRAM's own file; null: it has none, or `unit` is no pJ"},
                report.by_device, parts, v);
}

/// Without the DRAM's.
double chip_pj(const EnergyReport& report) {
  double sum = 0;
  for (const ComponentEnergy& row : report.components)
    if (row.component.rfind("dram", 0) != 0) sum += row.energy.value;
  return sum;
}

void describe_part(const MachinePart& part, ResultVisitor& v) {
  const PartFields& f = kPartFields;
  v.value(f.component, part.component);
  v.value(f.kind, enum_name(part.kind));
  v.value(f.units, part.units);
  v.value(f.type, part.type);
  v.value(f.scalable, part.is_scalable);
  v.value(f.width, part.width.value);
  v.value(f.capacity, part.capacity.value);
  v.value(f.shares_a_port, part.shares_a_port);
}

}  // namespace

void describe_counts(const Counts& counts, ResultVisitor& v) {
  v.list({"counts", "", "every priced action"}, [&] {
    for (const Action& action : counts) v.object({}, [&] { describe_action(action, v); });
  });
}

void describe_layer_energy(const EnergyReport& report, ResultVisitor& v) {
  describe_sums(report, false, v);
}

void describe_area(const AreaReport& area, ResultVisitor& v) {
  v.value({"table", "", "whose figures; empty: the energy table has none"}, area.table);
  v.value({"node", "", "their technology"}, area.node);
  const auto number = [&](const Field& field, std::optional<double> value) {
    value ? v.value(field, *value) : v.value(field, nullptr);
  };
  number({"total_mm2", "mm2", "of the machine; null: a part has no figure, see `unknown`"},
         area.total_mm2());
  number({"lowest_mm2", "mm2", "if every figure is too high by its uncertainty; null likewise"},
         area.lowest_mm2());
  number({"highest_mm2", "mm2", "if every figure is too low by its uncertainty; null likewise"},
         area.highest_mm2());
  number({"known_mm2", "mm2", "of the parts that have figures; null: none has"},
         area.has_figures() ? std::optional(area.known_mm2()) : std::nullopt);
  const std::string unknown = fmt::format("{}", fmt::join(area.unknown(), "; "));
  const Field lacking{"unknown", "", "parts without a figure, by semicolons; null: there is none"};
  unknown.empty() ? v.value(lacking, nullptr) : v.value(lacking, unknown);
  v.map({"components", "mm2", "by component, those that have figures"}, [&] {
    for (const auto& [name, mm2] : area.components())
      v.value({name, "mm2", "of this component"}, mm2);
  });
  v.list({"parts", "", "what the machine consists of"}, [&] {
    for (const PartArea& row : area.parts)
      v.object({}, [&] {
        describe_part(row.part, v);
        v.value({"what", "", "how many of what"}, part_text(row.part));
        v.value({"price", "", "`quoted`, `derived` or `unpriced`: not known"},
                enum_name(row.origin));
        v.value({"unit_um2", "um2", "of one"}, row.unit.value);
        v.value({"mm2", "mm2", "of all"}, row.mm2());
        v.value({"uncertainty", "times", "the truth lies within this factor; 1: not stated"},
                row.uncertainty);
        v.value({"why", "", "source, rule or reason"}, row.why);
      });
  });
  v.list({"notes", "", "what the figures leave out"}, [&] {
    for (const std::string& note : area.notes) v.value({}, note);
  });
}

void describe_area_use(const AreaReport& area, const EnergyReport& energy, double seconds,
                       double macs, ResultVisitor& v) {
  const std::optional<double> mm2 = area.total_mm2();
  const auto per_mm2 = [&](double value) {
    return mm2 ? ResultVisitor::Value(value / *mm2) : ResultVisitor::Value(nullptr);
  };
  v.value({"power_density_w_per_mm2", "W/mm2", "average power of the chip, without the DRAM's"},
          per_mm2(chip_pj(energy) * 1e-12 / seconds));
  v.value({"tops_per_mm2", "TOPS/mm2", "two operations for each MAC done, over time and area",
           OverLayers::kOwn, true},
          per_mm2(2e-12 * macs / seconds));
}

void describe_energy(const EnergyReport& report, ResultVisitor& v) {
  v.value({"table", "", "the name of the energy table"}, report.table);
  describe_sums(report, true, v);
  v.value({"low_pj", "pJ",
           "the total with every price divided by its `uncertainty`; 1 where none is stated"},
          report.low.value);
  v.value({"high_pj", "pJ", "the total with every price times its `uncertainty`"},
          report.high.value);
  v.value({"unit", "", "`pJ`; `MAC`: ratios of what a MAC costs stand in the place of pJ"},
          enum_name(report.unit));
  v.value({"node", "", "technology of the table, and of its memories and areas where another"},
          report.node);
  v.list({"notes", "", "where the sums have figures of different kinds, or beyond their sources"},
         [&] {
           for (const std::string& note : report.notes) v.value({}, note);
         });
  const std::string notes = fmt::format("{}", fmt::join(report.notes, "; "));
  const Field noted{"noted", "", "the same by semicolons, for tables; null: there is none"};
  notes.empty() ? v.value(noted, nullptr) : v.value(noted, notes);
  const std::string lacks = fmt::format("{}", fmt::join(unpriced_names(report), "; "));
  const Field not_priced{"not_priced", "",
                         "the same in short, by semicolons; null: everything has a price"};
  v.list({"unpriced", "", "actions without a price, which no sum contains"}, [&] {
    for (const PricedAction& row : report.unpriced())
      v.object({}, [&] {
        describe_action(row.action, v);
        v.value({"why", "", "the table's reason"}, row.unit.why);
      });
  });
  lacks.empty() ? v.value(not_priced, nullptr) : v.value(not_priced, lacks);
  v.list({"prices", "", "every action, and what it costs"}, [&] {
    for (const PricedAction& row : report.actions)
      v.object({}, [&] {
        describe_action(row.action, v);
        v.value({"price", "", "`quoted`, `derived`, `included` in another's, or `unpriced`"},
                enum_name(row.unit.origin));
        v.value({"unit_pj", "pJ", "of one"}, row.unit.energy.value);
        v.value({"energy_pj", "pJ", "of all", OverLayers::kSum}, row.energy.value);
        v.value(
            {"uncertainty", "", "the factor by which sources differ, up or down; 1: not stated"},
            row.unit.uncertainty);
        v.value({"why", "", "source, rule or reason"}, row.unit.why);
      });
  });
}

}  // namespace bitjoule
