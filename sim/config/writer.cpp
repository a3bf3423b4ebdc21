#include "sim/config/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "sim/version.h"

namespace bitjoule {
namespace {

constexpr std::size_t kLineLength = 100;

bool is_flat(const boost::json::value& item) { return !item.is_object() && !item.is_array(); }

bool is_flat(const boost::json::array& array) {
  return std::all_of(array.begin(), array.end(),
                     [](const boost::json::value& item) { return is_flat(item); });
}

bool is_flat(const boost::json::object& object) {
  return std::all_of(object.begin(), object.end(),
                     [](const auto& row) { return is_flat(row.value()); });
}

/// Characters that stand for themselves between quotes: printable ASCII, but for two.
constexpr std::array<bool, 256> plain_characters() {
  std::array<bool, 256> plain{};
  for (std::size_t c = ' '; c <= '~'; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}

}  // namespace

/// JSON as text. Room is asked for by the piece: a result has thousands of small ones.
class JsonWriter {
 public:
  void put(const boost::json::value& value, std::size_t indent) {
    if (const auto* object = value.if_object()) {
      put_object(*object, indent);
    } else if (const auto* array = value.if_array()) {
      put_array(*array, indent);
    } else if (const double* real = value.if_double()) {
      if (!(*real - *real == 0)) throw internal_error("JSON has no number for NaN or infinity");
      constexpr std::size_t kMostDigits = 32;
      char* const begin = room(kMostDigits);
      size_ += static_cast<std::size_t>(fmt::format_to(begin, "{}", *real) - begin);
    } else if (const auto* text = value.if_string()) {
      put_string(*text);
    } else if (const std::int64_t* integer = value.if_int64()) {
      const fmt::format_int digits(*integer);
      add({digits.data(), digits.size()});
    } else {
      add(boost::json::serialize(value));
    }
  }
  void add(std::string_view text) {
    std::memcpy(room(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  std::string take() {
    text_.resize(size_);
    return std::move(text_);
  }
  /// `text`, then the end of the line and so many spaces.
  void add_line(std::string_view text, std::size_t indent) {
    char* at = room(text.size() + 1 + indent);
    std::memcpy(at, text.data(), text.size());
    at[text.size()] = '\n';
    std::memset(at + text.size() + 1, ' ', indent);
    size_ += text.size() + 1 + indent;
  }
  /// All lines but the present one go to `sink`.
  void send_lines(const TextSink& sink) {
    const std::size_t line = std::string_view(text_.data(), size_).rfind('\n') + 1;
    sink({text_.data(), line});
    std::memmove(text_.data(), text_.data() + line, size_ - line);
    size_ -= line;
  }
  void put_key(boost::json::string_view key) {
    put_string(key);
    add(": ");
  }

 private:
  /// Where so many more characters may be put.
  char* room(std::size_t more) {
    constexpr std::size_t kFirst = 1024;
    if (text_.size() - size_ < more)
      text_.resize(std::max({kFirst, 2 * text_.size(), size_ + more}));
    return text_.data() + size_;
  }
  /// Quoted; what is plain, which nearly all text is, needs no serializer.
  void put_string(boost::json::string_view text) {
    static constexpr std::array<bool, 256> kPlain = plain_characters();
    char* const at = room(text.size() + 2);
    bool is_plain = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
      at[i + 1] = text[i];
      is_plain &= kPlain[static_cast<unsigned char>(text[i])];
    }
    if (!is_plain) return add(boost::json::serialize(boost::json::string(text)));
    at[0] = at[text.size() + 1] = '"';
    size_ += text.size() + 2;
  }
  void put_row(const boost::json::key_value_pair& row, std::size_t indent) {
    put_key(row.key());
    put(row.value(), indent);
  }
  /// `items` of a list or map, one per line.
  template <class Items, class Put>
  void put_lines(const Items& items, std::string_view open, std::string_view close,
                 std::size_t indent, Put put_item) {
    bool first = true;
    for (const auto& item : items) {
      add_line(first ? open : ",", indent + 2);
      put_item(item);
      first = false;
    }
    if (first)
      add(open);
    else
      add_line("", indent);
    add(close);
  }
  void put_array(const boost::json::array& array, std::size_t indent) {
    if (!is_flat(array))
      return put_lines(array, "[", "]", indent,
                       [&](const boost::json::value& item) { put(item, indent + 2); });
    add("[");
    for (const boost::json::value& item : array) {
      if (&item != array.begin()) add(", ");
      put(item, indent);
    }
    add("]");
  }
  void put_object(const boost::json::object& object, std::size_t indent) {
    if (put_on_line(object, indent)) return;
    put_lines(object, "{", "}", indent,
              [&](const boost::json::key_value_pair& row) { put_row(row, indent + 2); });
  }
  /// A map of scalars on the present line, if it fits there; whether it did.
  bool put_on_line(const boost::json::object& object, std::size_t indent) {
    constexpr std::size_t kLeast = 8;  // of a key, its quotes and separators and a value
    if (object.empty() || object.size() * kLeast > kLineLength || !is_flat(object)) return false;
    const std::size_t before = size_;
    for (const boost::json::key_value_pair& row : object) {
      add(size_ == before ? "{" : ", ");
      put_row(row, indent);
    }
    add("}");
    const std::size_t line = text_.rfind('\n', before) + 1;  // 0 where there is none
    if (size_ - line < kLineLength) return true;             // and a comma
    size_ = before;
    return false;
  }

  std::string text_;  ///< `size_` of it, and room
  std::size_t size_ = 0;
};

std::string json_text(const boost::json::value& value) {
  JsonWriter writer;
  writer.put(value, 0);
  writer.add("\n");
  return writer.take();
}

JsonObjectText::JsonObjectText(TextSink sink)
    : sink_(std::move(sink)), writer_(std::make_unique<JsonWriter>()) {}
JsonObjectText::~JsonObjectText() = default;

void JsonObjectText::begin_line(std::string_view open, std::size_t indent, bool& is_first) {
  writer_->add_line(is_first ? open : ",", indent);
  is_first = false;
}

void JsonObjectText::send() { writer_->send_lines(sink_); }

void JsonObjectText::put(std::string_view key, const boost::json::value& value) {
  begin_line("{", 2, is_first_);
  writer_->put_key({key.data(), key.size()});
  writer_->put(value, 2);
  send();
}

void JsonObjectText::begin_list(std::string_view key) {
  begin_line("{", 2, is_first_);
  writer_->put_key({key.data(), key.size()});
  is_first_item_ = true;
}

void JsonObjectText::put_item(const boost::json::value& item) {
  begin_line("[", 4, is_first_item_);
  writer_->put(item, 4);
  send();
}

void JsonObjectText::end_list() {
  writer_->add_line("", 2);
  writer_->add("]");
}

void JsonObjectText::finish() {
  writer_->add_line("", 0);
  writer_->add("}\n");
  send();
}

std::string text_hash(const std::string& text) {
  boost::uuids::name_generator_sha1 generate(boost::uuids::ns::oid());
  std::string digits =
      boost::uuids::to_string(generate(fmt::format("bitjoule {}\n{}", build_key(build()), text)));
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  return digits;
}

std::string content_hash(const boost::json::value& value) { return text_hash(json_text(value)); }

}  // namespace bitjoule
