#include "sim/schema/describe_counts.h"

#include "sim/config/visitors.h"

namespace bitjoule {

template <class V>
void describe(V& v, Action& c) {
  const ActionFields& f = kActionFields;
  v.required(f.component.key.data(), c.component, f.component.meaning);
  v.required(f.activity.key.data(), c.activity, f.activity.meaning);
  v.required(f.primitive.key.data(), c.primitive, f.primitive.meaning);
  v.field(f.type.key.data(), c.type, f.type.meaning);
  v.field(f.width.key.data(), c.width.value, f.width.meaning, at_least(0));
  v.field(f.capacity.key.data(), c.capacity.value, f.capacity.meaning, at_least(0));
  v.required(f.count.key.data(), c.count, f.count.meaning, at_least(0));
}

BITJOULE_DESCRIBED(Action)

}  // namespace bitjoule
