// What is reported, described once: every value of a result with its name, unit and meaning, in the
// order of result.json. Files, tables of metrics, documentation and bindings are visitors of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "core/dram/stats.h"
#include "core/energy/area.h"
#include "core/energy/price.h"
#include "core/numeric/quality.h"
#include "core/result/costs.h"

namespace bitjoule {

/// How the value of a run follows from those of its layers.
enum class OverLayers {
  kOwn,      ///< it does not
  kSum,      ///< added up, `repeat` times each
  kHighest,  ///< the highest
  kDerived,  ///< by the same rule from what is added up
};

/// A value's description.
struct Field {
  std::string_view key;  ///< within its object; empty: an element of a list
  const char* unit = "";
  const char* meaning = "";
  OverLayers over = OverLayers::kOwn;
  bool more_is_better = false;
  /// An object whose parts are described at another path: "error"; nullptr: here.
  const char* like = nullptr;
};

class ResultVisitor {
 public:
  using Value = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string_view>;

  virtual ~ResultVisitor() = default;
  virtual void value(const Field& field, const Value& value) = 0;
  virtual void begin_object(const Field& field) = 0;
  /// An object whose keys are names of one kind of thing: causes, tensors, components.
  virtual void begin_map(const Field& field) = 0;
  virtual void begin_list(const Field& field) = 0;
  virtual void end() = 0;

  template <class F>
  void object(const Field& field, F fill) {
    begin_object(field);
    fill();
    end();
  }
  template <class F>
  void map(const Field& field, F fill) {
    begin_map(field);
    fill();
    end();
  }
  template <class F>
  void list(const Field& field, F fill) {
    begin_list(field);
    fill();
    end();
  }
  template <class T>
  void numbers(const Field& field, const T& values) {
    list(field, [&] {
      for (const std::int64_t value : values) this->value({}, value);
    });
  }
};

/// Cycles by cause.
void describe_stalls(const StallBreakdown& stalls, ResultVisitor& v);
/// Cycles in which transfers were under way, by what held them.
void describe_dma_cycles(const StallBreakdown& dma, ResultVisitor& v);
/// The parts of an object with how far values are from a reference.
void describe_error(const Quality& error, ResultVisitor& v);

/// The parts of an object with bytes over time.
void describe_timeline(const DramStats& stats, ResultVisitor& v);

/// What a run and its layers share. A run's DRAM has its name, `model`; nullptr: of a layer, whose
/// timeline is an element `shared_timeline` of the run's list. Times in seconds. `dram` is nullptr
/// of an estimate, which knows nothing of when things happen: no latencies, rows, timeline, peaks.
void describe_costs(const Costs& costs, const DramStats* dram, const std::string* model,
                    std::int64_t shared_timeline, ResultVisitor& v);

/// The keys of one counted action, for those who read them too.
struct ActionFields {
  Field component{"component", "", "of the machine"};
  Field activity{"activity", "", "what for"};
  Field primitive{"primitive", "", "what was done"};
  Field type{"type", "", "operand type of arithmetic"};
  Field width{"width_bits", "bits", "of an SRAM access, or of a word in the array"};
  Field capacity{"capacity_bytes", "B", "of the SRAM bank"};
  Field count{"count", "", "how many"};
};
inline constexpr ActionFields kActionFields;

/// `counts`: every action.
void describe_counts(const Counts& counts, ResultVisitor& v);
/// The parts of `energy` of a layer: total_pj and components{}, by_table and by_device.
void describe_layer_energy(const EnergyReport& report, ResultVisitor& v);
/// `energy` of a run: also the table's name, unpriced[], and prices[] with a row per action that
/// says what one costs, why, and whether that is quoted or derived.
void describe_energy(const EnergyReport& report, ResultVisitor& v);

/// The keys of one part of a machine, for those who read them too.
struct PartFields {
  Field component{"component", "", "that it belongs to"};
  Field kind{"kind", "", "`mac`, `bank` of a memory, `lane`, or `once`"};
  Field units{"units", "", "how many"};
  Field type{"type", "", "of MACs"};
  Field scalable{"scalable", "", "of MACs: they compose wider products of narrower ones"};
  Field width{"width_bits", "bits", "of a bank's port"};
  Field capacity{"capacity_bytes", "B", "of a bank"};
  Field shares_a_port{"shares_a_port", "", "of banks: never read and written in one cycle"};
};
inline constexpr PartFields kPartFields;

/// The parts of `area`: of a machine.
void describe_area(const AreaReport& area, ResultVisitor& v);
/// ... and of a run on it, by the energy of all but the DRAM.
void describe_area_use(const AreaReport& area, const EnergyReport& energy, double seconds,
                       double macs, ResultVisitor& v);

}  // namespace bitjoule
