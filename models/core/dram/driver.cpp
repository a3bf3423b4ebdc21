#include "core/dram/driver.h"

#include <algorithm>

namespace bitjoule {

DramStats drive(DramEngine* engine, RequestSource* source) {
  TimedRequest r;
  DramEvent event;
  std::int64_t next = 0, end = 0;
  while (source->next(&r)) {
    std::int64_t accepted = engine->offer(r.request, std::max(next, r.cycle));
    while (accepted == kNever && engine->advance(kNever, &event)) {
      if (event.kind == DramEvent::Kind::kAccepted) accepted = event.cycle;
      end = event.cycle;
    }
    next = accepted;
  }
  while (engine->advance(kNever, &event)) end = event.cycle;
  return engine->stats(end);
}

}  // namespace bitjoule
