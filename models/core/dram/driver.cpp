#include "core/dram/driver.h"

#include <algorithm>

namespace bitjoule {

DramStats drive(DramEngine* engine, RequestSource* source) { return engine->drive(source); }

DramStats DramEngine::drive(RequestSource* source) { return drive_by_events(this, source); }

DramStats drive_by_events(DramEngine* engine, RequestSource* source) {
  TimedRequest r;
  DramEvent event;
  std::int64_t end = 0;
  while (source->next(&r)) {
    bool waits = engine->offer(r.request, std::max(end, r.cycle)) == kNever;
    while (waits && engine->advance(kNever, &event)) {
      waits = event.kind != DramEvent::Kind::kAccepted;
      end = event.cycle;
    }
  }
  while (engine->advance(kNever, &event)) end = event.cycle;
  return engine->stats(end);
}

}  // namespace bitjoule
