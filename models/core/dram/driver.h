// Runs a stream of requests through a DRAM by itself, under fixed rules of measurement.
#pragma once

#include <cstdint>

#include "core/dram/engine.h"

namespace bitjoule {

/// A request that is offered at `cycle` at the earliest.
struct TimedRequest {
  DramRequest request;
  std::int64_t cycle = 0;
};

class RequestSource {
 public:
  virtual ~RequestSource() = default;
  /// The next request; false after the last.
  virtual bool next(TimedRequest* request) = 0;
};

/// The oldest request not yet accepted is offered as early as the source says, in strict order;
/// nothing but the controller's queues, which take a burst per clock and channel, limits how many
/// are accepted in a clock or outstanding. The statistics end with the last data beat. Offers from
/// cycle 0 on.
DramStats drive(DramEngine* engine, RequestSource* source);
/// The same by what every engine has, with an event for each acceptance and completion: more
/// slowly.
DramStats drive_by_events(DramEngine* engine, RequestSource* source);

}  // namespace bitjoule
