// The names of the enumerations that files and messages name: printed by `sim list`.
#pragma once

#include <vector>

#include "core/dram/config.h"
#include "core/energy/parts.h"
#include "core/energy/table.h"
#include "core/enum_rows.h"
#include "core/machine/machine.h"
#include "core/numeric/tensor_format.h"
#include "core/workload/pins.h"
#include "core/workload/tensor_source.h"

namespace bitjoule {

template <>
const std::vector<EnumRow<Dataflow>>& enum_rows();
template <>
const std::vector<EnumRow<Overlap>>& enum_rows();
template <>
const std::vector<EnumRow<EdgeFolds>>& enum_rows();
template <>
const std::vector<EnumRow<GroupFolds>>& enum_rows();
template <>
const std::vector<EnumRow<Packing>>& enum_rows();
template <>
const std::vector<EnumRow<WeightTiles>>& enum_rows();
template <>
const std::vector<EnumRow<BufferRole>>& enum_rows();
template <>
const std::vector<EnumRow<PeAdders>>& enum_rows();
template <>
const std::vector<EnumRow<DataMultiplier>>& enum_rows();
template <>
const std::vector<EnumRow<DequantizerPlacement>>& enum_rows();
template <>
const std::vector<EnumRow<MappingObjective>>& enum_rows();
template <>
const std::vector<EnumRow<LoopOrder>>& enum_rows();
template <>
const std::vector<EnumRow<FoldOrder>>& enum_rows();
template <>
const std::vector<EnumRow<DramLayout>>& enum_rows();
template <>
const std::vector<EnumRow<ActivationMemory>>& enum_rows();
template <>
const std::vector<EnumRow<AttentionExecution>>& enum_rows();
template <>
const std::vector<EnumRow<Granularity>>& enum_rows();
template <>
const std::vector<EnumRow<Requantize>>& enum_rows();
template <>
const std::vector<EnumRow<WeightQuantizer>>& enum_rows();
template <>
const std::vector<EnumRow<TransformKind>>& enum_rows();
template <>
const std::vector<EnumRow<ScaleRule>>& enum_rows();

template <>
const std::vector<EnumRow<TensorLayout>>& enum_rows();
template <>
const std::vector<EnumRow<TensorSource::Generator>>& enum_rows();

template <>
const std::vector<EnumRow<Primitive>>& enum_rows();
template <>
const std::vector<EnumRow<Boundary>>& enum_rows();
template <>
const std::vector<EnumRow<AreaUnit>>& enum_rows();
template <>
const std::vector<EnumRow<PartKind>>& enum_rows();
template <>
const std::vector<EnumRow<DramPricing>>& enum_rows();
template <>
const std::vector<EnumRow<NumberFamily>>& enum_rows();
template <>
const std::vector<EnumRow<CapacityRule>>& enum_rows();
template <>
const std::vector<EnumRow<WidthScaling>>& enum_rows();

template <>
const std::vector<EnumRow<DramCommand>>& enum_rows();
template <>
const std::vector<EnumRow<TimingLevel>>& enum_rows();
template <>
const std::vector<EnumRow<PagePolicy>>& enum_rows();
template <>
const std::vector<EnumRow<RefreshPolicy>>& enum_rows();
template <>
const std::vector<EnumRow<DramScheduler>>& enum_rows();

}  // namespace bitjoule
