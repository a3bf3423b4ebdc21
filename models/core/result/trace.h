// What a run did when, for waveforms and timelines. Collected only where a user asks for it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/machine/stalls.h"
#include "core/units.h"

namespace bitjoule {

/// One piece of work of one unit, core cycles [begin, end).
struct Activity {
  std::string unit, name;
  Cycles begin, end;
};

/// A stretch of core cycles of one cause.
struct TracedCause {
  Cycles begin, end;
  Cause cause;
};

/// One signal's new value from a core cycle on. Floats keep their bits.
struct SignalChange {
  Cycles at;
  std::int32_t signal = 0;
  std::int64_t value = 0;
};

enum class SignalKind { kInteger, kFloat };

class Trace {
 public:
  struct Signal {
    std::string name;  ///< dotted: scope.scope.name
    SignalKind kind = SignalKind::kInteger;
    int bits = 32;
    bool is_counter = false;  ///< recorded for timelines too
  };
  /// The activity that brings what another works on, by their places.
  struct Link {
    std::size_t from, to;
  };

  static constexpr std::size_t kMaxChanges = std::size_t{1} << 24;  // 400 MB; as much as a waveform

  /// Without signals activities, causes and counters are recorded.
  explicit Trace(bool with_signals = true, std::size_t max_changes = kMaxChanges)
      : with_signals_(with_signals), max_changes_(max_changes) {}
  bool has_signals() const { return with_signals_; }

  /// Declares a signal; its value is 0 until it changes. Changes may come in any order of time.
  std::int32_t add_signal(std::string name, int bits, SignalKind kind = SignalKind::kInteger) {
    signals_.push_back({std::move(name), kind, bits});
    return static_cast<std::int32_t>(signals_.size()) - 1;
  }
  /// A signal for timelines as well.
  std::int32_t add_counter(std::string name, int bits) {
    signals_.push_back({std::move(name), SignalKind::kInteger, bits, true});
    return static_cast<std::int32_t>(signals_.size()) - 1;
  }
  /// Throws an input Error where the changes would fill the memory (`max_changes`).
  void change(std::int32_t signal, Cycles at, std::int64_t value) {
    if (!with_signals_ && !signals_[static_cast<std::size_t>(signal)].is_counter) return;
    is_full_ = changes_.size() == max_changes_;
    if (is_full_) refuse();
    changes_.push_back({at, signal, value});
  }
  bool is_full() const { return is_full_; }
  /// Throws that Error, again where something has swallowed it.
  [[noreturn]] void refuse() const;
  void add(std::string unit, std::string name, Cycles begin, Cycles end) {
    activities_.push_back({std::move(unit), std::move(name), begin, end});
  }

  /// In order of time; what goes on is one stretch.
  void add_cause(Cycles begin, Cycles end, Cause cause) {
    if (!causes_.empty() && causes_.back().cause == cause && causes_.back().end == begin)
      causes_.back().end = end;
    else
      causes_.push_back({begin, end, cause});
  }
  void rename(std::size_t activity, std::string name) {
    activities_[activity].name = std::move(name);
  }
  void link(std::size_t from, std::size_t to) { links_.push_back({from, to}); }

  const std::vector<Signal>& signals() const { return signals_; }
  /// In order of time; changes of one signal at one time in the order given.
  const std::vector<SignalChange>& sorted_changes();
  const std::vector<SignalChange>& changes() const { return changes_; }
  const std::vector<Activity>& activities() const { return activities_; }
  const std::vector<TracedCause>& causes() const { return causes_; }
  const std::vector<Link>& links() const { return links_; }

 private:
  bool with_signals_, is_full_ = false;
  std::size_t max_changes_;
  std::vector<Signal> signals_;
  std::vector<SignalChange> changes_;
  std::vector<Activity> activities_;
  std::vector<TracedCause> causes_;
  std::vector<Link> links_;
};

}  // namespace bitjoule
