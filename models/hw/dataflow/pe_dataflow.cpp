#include "hw/dataflow/pe_dataflow.h"

#include "core/error.h"

namespace bitjoule {

const PeDataflow& pe_dataflow(Dataflow dataflow) {
  switch (dataflow) {
    case Dataflow::kWeightStationary:
      return pe_weight_stationary();
    case Dataflow::kOutputStationary:
      return pe_output_stationary();
    case Dataflow::kInputStationary:
      return pe_input_stationary();
  }
  throw internal_error("pe_dataflow: not a dataflow");
}

}  // namespace bitjoule
