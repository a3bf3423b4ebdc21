// Keys of accelerator files.
#pragma once

#include "core/enums.h"
#include "core/machine/machine.h"
#include "sim/config/describe.h"

namespace bitjoule {

template <class V>
void describe(V& v, PeConfig& c);
template <class V>
void describe(V& v, ArrayConfig& c);
template <class V>
void describe(V& v, BufferConfig& c);
template <class V>
void describe(V& v, UnifiedBufferConfig& c);
template <class V>
void describe(V& v, BuffersConfig& c);
template <class V>
void describe(V& v, DequantizerConfig& c);
template <class V>
void describe(V& v, OutputUnitConfig& c);
template <class V>
void describe(V& v, VectorUnitConfig& c);
template <class V>
void describe(V& v, DmaConfig& c);
template <class V>
void describe(V& v, AcceleratorConfig& c);

}  // namespace bitjoule
