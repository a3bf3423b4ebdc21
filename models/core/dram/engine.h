// A DRAM as its users see it: one port, requests in, acceptances and completions out, in integer
// cycles of its own clock. The stand-alone driver and the TLM target both sit on this interface.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "core/clock.h"
#include "core/dram/config.h"
#include "core/dram/standard.h"
#include "core/dram/stats.h"

namespace bitjoule {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// Whole bursts: address and bytes are multiples of the burst size and lie within the capacity.
struct DramRequest {
  std::int64_t address = 0;
  std::int64_t bytes = 0;
  bool write = false;
  std::uint64_t tag = 0;  ///< the user's; comes back with the events
};

struct DramEvent {
  enum class Kind { kAccepted, kCompleted };
  Kind kind = Kind::kCompleted;
  std::int64_t cycle = 0;
  std::uint64_t tag = 0;
};

class RequestSource;

class DramEngine {
 public:
  virtual ~DramEngine() = default;

  /// Offers the next request from `cycle` on (no earlier than the last event returned). Its bursts
  /// enter the queues in order, at most one per cycle and channel. Returns the cycle at which the
  /// last one enters, or kNever if it must wait: then a kAccepted event follows, and no other
  /// request may be offered before it.
  virtual std::int64_t offer(const DramRequest& request, std::int64_t cycle) = 0;

  /// Works up to, but not including, cycle `limit`; stops early at the next event, in order of
  /// time.
  virtual bool advance(std::int64_t limit, DramEvent* event) = 0;

  /// What drive() in driver.h does; nothing else may be inside.
  virtual DramStats drive(RequestSource* source);

  /// A cycle before which advance() finds nothing to do; kNever while no request is in it.
  virtual std::int64_t next() = 0;

  /// Counts up to `cycle`, which is no earlier than the last event.
  virtual DramStats stats(std::int64_t cycle) = 0;

  virtual Clock clock() const = 0;
  virtual Bytes burst() const = 0;
  virtual Bytes capacity() const = 0;
  virtual BytesPerSecond peak_bandwidth() const = 0;
};

/// Throws an input Error naming the key of `config` that is missing or contradictory.
std::unique_ptr<DramEngine> make_dram_engine(const DramConfig& config);

/// A DRAM of which engines are made again and again: its formulas are resolved once, which takes as
/// long as some hundreds of bursts.
class ResolvedDram {
 public:
  /// Throws as make_dram_engine().
  explicit ResolvedDram(DramConfig config);
  const DramConfig& config() const { return config_; }
  /// Null of a DRAM without commands.
  const DramStandard* standard() const { return standard_ ? &*standard_ : nullptr; }
  std::unique_ptr<DramEngine> engine() const;

 private:
  DramConfig config_;
  std::optional<DramStandard> standard_;
};

}  // namespace bitjoule
