#include "core/energy/parts.h"

namespace bitjoule {

void append_leakage(const std::vector<MachinePart>& parts, std::int64_t nanoseconds,
                    Counts* counts) {
  for (const MachinePart& part : parts) {
    if (part.kind == PartKind::kOnce || nanoseconds == 0) continue;
    Action a;
    a.component = part.component;
    a.activity = part.kind == PartKind::kMac ? "leakage_" + part.type : "leakage";
    a.primitive = part.kind == PartKind::kSram ? Primitive::kSramLeakage : Primitive::kLeakage;
    a.type = part.kind == PartKind::kLane ? "lane" : part.type;
    a.width = part.width;
    a.capacity = part.capacity;
    a.count = part.units * nanoseconds;
    counts->push_back(a);
  }
}

}  // namespace bitjoule
