#include "core/mapping/dataflow/dataflow.h"

#include "core/error.h"

namespace bitjoule {

const ArrayDataflow& array_dataflow(Dataflow dataflow) {
  switch (dataflow) {
    case Dataflow::kWeightStationary:
      return weight_stationary();
    case Dataflow::kOutputStationary:
      return output_stationary();
    case Dataflow::kInputStationary:
      return input_stationary();
  }
  throw internal_error("array_dataflow: not a dataflow");
}

}  // namespace bitjoule
