// Keys of what is pinned of a mapping.
#pragma once

#include <optional>

#include "core/error.h"
#include "core/workload/pins.h"
#include "sim/config/describe.h"
#include "sim/schema/describe_layer.h"

namespace bitjoule {

struct ObjectiveFile;
struct TileFile;

template <class V>
void describe(V& v, ObjectiveFile& c);

template <class V>
void describe(V& v, TileFile& c);
template <class V>
void describe(V& v, TilePins& c);

}  // namespace bitjoule
