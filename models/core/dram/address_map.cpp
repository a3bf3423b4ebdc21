#include "core/dram/address_map.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace bitjoule {
namespace {

/// One address field: how many bits it has, how many are taken, and where its bits go.
struct Field {
  const char* name;
  int bits;
  std::size_t member;  // of DramAddress
  int shift;           // within that member
  int taken = 0;       // from the least significant end
};

int log2_exact(const char* key, std::int64_t value) {
  if (value <= 0 || (value & (value - 1)) != 0) {
    throw input_error(fmt::format("organization.{}: expected a power of two, got {}", key, value));
  }
  int bits = 0;
  while ((std::int64_t{1} << bits) < value) ++bits;
  return bits;
}

std::vector<Field> fields_of(const DramOrganization& o) {
  const int column = log2_exact("columns", o.columns) - log2_exact("burst_length", o.burst_length);
  if (column < 0) {
    throw input_error(
        fmt::format("organization.burst_length: {} is more than the {} columns of a row",
                    o.burst_length, o.columns));
  }
  const int bank = log2_exact("banks_per_group", o.banks_per_group);
  const int group = log2_exact("bank_groups", o.bank_groups);
  return {{"channel", log2_exact("channels", o.channels), 0, 0},
          {"rank", log2_exact("ranks", o.ranks), 1, bank + group},
          {"bank_group", group, 1, bank},
          {"bank", bank, 1, 0},
          {"row", log2_exact("rows", o.rows), 2, 0},
          {"column", column, 3, 0}};
}

struct Entry {
  Field* field;
  int bits;  // 0: all that are left
};

Entry parse_entry(const std::string& text, std::size_t index, std::vector<Field>& fields) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const auto field =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  int bits = 0;
  bool sound = field != fields.end();
  if (sound && colon != std::string::npos) {
    const std::string digits = text.substr(colon + 1);
    sound = !digits.empty() && digits.size() <= 2 &&
            std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    bits = sound ? std::stoi(digits) : 0;
    sound = bits > 0;
  }
  if (!sound) {
    throw input_error(
        fmt::format("mapping[{}]: expected channel, rank, bank_group, bank, row or column, with "
                    "\":bits\" for a "
                    "part of it, got \"{}\"",
                    index, text));
  }
  return {&*field, bits};
}

}  // namespace

AddressMap::AddressMap(const DramOrganization& organization,
                       const std::vector<std::string>& mapping) {
  std::vector<Field> fields = fields_of(organization);
  int from = log2_exact("channel_width", organization.channel_width) +
             log2_exact("burst_length", organization.burst_length) - 3;  // offset within a burst
  for (std::size_t i = mapping.size(); i-- > 0;) {
    const Entry entry = parse_entry(mapping[i], i, fields);
    Field& f = *entry.field;
    const int left = f.bits - f.taken;
    const int bits = entry.bits > 0 ? entry.bits : left;
    if (bits > left || (left == 0 && f.bits > 0)) {
      throw input_error(fmt::format("mapping[{}]: {} has {} bits, and {} are taken already", i,
                                    f.name, f.bits, f.taken));
    }
    if (bits > 0) {
      slices_.push_back({f.member, from, f.shift + f.taken, (std::int64_t{1} << bits) - 1});
    }
    f.taken += bits;
    from += bits;
  }
  for (const Field& f : fields) {
    if (f.taken < f.bits) {
      throw input_error(fmt::format("mapping: {} of the {} bits of {} are not covered",
                                    f.bits - f.taken, f.bits, f.name));
    }
  }
}

AddressDecoder::AddressDecoder(const AddressMap& map, std::int64_t burst_bytes) : map_(map) {
  while ((std::int64_t{1} << shift_) < burst_bytes) ++shift_;
  for (std::int64_t i = 0; i < kLow; ++i)
    low_[static_cast<std::size_t>(i)] = map.decode(i << shift_);
}

bool AddressDecoder::takes_turns(std::int64_t channels) const {
  if (channels > kLow) return false;
  for (std::int64_t i = 0; i < kLow; ++i) {
    const DramAddress& a = low_[static_cast<std::size_t>(i)];
    const DramAddress& first = low_[static_cast<std::size_t>(i - i % channels)];
    if (a.channel != i % channels || a.bank != first.bank || a.row != first.row) return false;
  }
  return true;
}

std::int64_t burst_bytes(const DramOrganization& organization) {
  return organization.channel_width * organization.burst_length / 8;
}

}  // namespace bitjoule
