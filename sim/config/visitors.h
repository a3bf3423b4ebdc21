// Every visitor of a description. The functions describe() are compiled once, beside each other in
// the files that define them, and not wherever a struct is read or written.
#pragma once

#include "sim/config/digest.h"
#include "sim/config/document.h"
#include "sim/config/reader.h"
#include "sim/config/schema.h"
#include "sim/config/writer.h"

/// Compiles describe() of a struct for all visitors; for the file that defines it.
// NOLINTBEGIN(bugprone-macro-parentheses): no type stands in parentheses
#define BITJOULE_DESCRIBED(T)            \
  template void describe(Reader&, T&);   \
  template void describe(Writer&, T&);   \
  template void describe(Digester&, T&); \
  template void describe(Preparer&, T&); \
  template void describe(SchemaWriter&, T&);
// NOLINTEND(bugprone-macro-parentheses)
