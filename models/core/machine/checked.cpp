#include "core/machine/checked.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/checker.h"
#include "core/machine/rows.h"

namespace bitjoule {

void check_banks(const BufferConfig& buffer) {
  if (buffer.capacity.value % buffer.banks != 0)
    throw input_error(fmt::format("capacity: expected a multiple of banks ({}), got {} bytes",
                                  buffer.banks, buffer.capacity.value));
  if (buffer.port_width.value % 8 != 0)
    throw input_error(
        fmt::format("port_width: expected a multiple of 8 bits, got {}", buffer.port_width.value));
  const std::int64_t word = buffer.port_width.value / 8;
  if (buffer.capacity.value / buffer.banks < word)
    throw input_error(fmt::format("capacity: a bank of {} bytes is smaller than its port of {}",
                                  buffer.capacity.value / buffer.banks, word));
}

void check_roles(const UnifiedBufferConfig& buffer, const std::vector<BufferRole>& given) {
  std::vector<std::string> names;
  names.reserve(given.size());
  for (const BufferRole role : given) names.push_back(enum_name(role));
  if (buffer.roles.size() < 2 || static_cast<std::size_t>(buffer.roles.size()) != given.size())
    throw input_error(fmt::format("roles: expected two roles or more, each once, got {}",
                                  fmt::join(names, ", ")));
  if (buffer.sram.banks < buffer.roles.size())
    throw input_error(
        fmt::format("banks: expected at least one for each of {} roles, got {}; a bank is not "
                    "shared, so that roles never wait for one another's accesses",
                    buffer.roles.size(), buffer.sram.banks));
}

const AcceleratorConfig& checked(const AcceleratorConfig& machine) {
  AcceleratorConfig copy = machine;
  Checker checker("accelerator");
  describe(checker, copy);
  checker.throw_if_any();
  return machine;
}

}  // namespace bitjoule
