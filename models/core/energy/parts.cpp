#include "core/energy/parts.h"

#include <fmt/format.h>

namespace bitjoule {

void append_leakage(const std::vector<MachinePart>& parts, std::int64_t nanoseconds,
                    Counts* counts) {
  for (const MachinePart& part : parts) {
    if (part.kind == PartKind::kOnce || nanoseconds == 0) continue;
    Action a;
    a.component = part.component;
    const bool is_mac = part.kind == PartKind::kMac;
    const char* scalable = part.is_scalable ? "scalable" : "";
    a.activity = is_mac ? fmt::format("leakage_{}{}{}", scalable, *scalable ? "_" : "", part.type)
                        : "leakage";
    a.primitive = part.kind == PartKind::kSram ? Primitive::kSramLeakage : Primitive::kLeakage;
    a.type = part.kind == PartKind::kLane ? "lane" : part.type;
    if (is_mac && part.is_scalable) a.type = fmt::format("scalable {}", part.type);
    a.width = part.width;
    a.capacity = part.capacity;
    a.count = part.units * nanoseconds;
    counts->push_back(a);
  }
}

}  // namespace bitjoule
