// JSON, event by event: as a tree, or as text that is written while it comes.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bitjoule {

using JsonScalar = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string_view>;

/// The text of an object or a list that is put again and again, and where that was: as deep, and
/// that far behind the beginning of its line, it is the same.
struct JsonPiece {
  std::string text;
  std::size_t depth = 0, column = 0;
};

/// Takes one value. Before each element of a list, and each value of an object, comes item().
class JsonSink {
 public:
  virtual ~JsonSink() = default;

  virtual void item(std::string_view key) = 0;  ///< in lists `key` has no meaning
  virtual void put(const JsonScalar& scalar) = 0;
  virtual void begin_object() = 0;
  virtual void begin_list() = 0;
  virtual void end() = 0;
  /// Puts the object or list that `write` puts here; a sink that makes text may take it from
  /// `piece`, which is of no other value.
  virtual void put_again(JsonPiece& piece, const std::function<void()>& write);

  /// All of a value that is a tree.
  void put(const boost::json::value& value);
};

/// A tree, whose parts share the storage.
class JsonTree final : public JsonSink {
 public:
  explicit JsonTree(boost::json::storage_ptr storage = {}) { stack_.reset(std::move(storage)); }

  using JsonSink::put;
  void item(std::string_view key) override;
  void put(const JsonScalar& scalar) override;
  void begin_object() override { open_.push_back({true, 0}); }
  void begin_list() override { open_.push_back({false, 0}); }
  void end() override;
  boost::json::value take() { return stack_.release(); }

 private:
  struct Level {
    bool is_object;
    std::size_t size;
  };
  boost::json::value_stack stack_;
  std::vector<Level> open_;
};

/// Takes a text piece by piece.
using TextSink = std::function<void(std::string_view)>;

/// Indented text: maps of scalars on one line where they fit it, lists of them always; real numbers
/// in the fewest digits that read back exactly. Equal values give equal bytes.
class JsonText final : public JsonSink {
 public:
  /// Whole lines go to `sink` as they come, so that a long text is never in memory; without one the
  /// text is there for take().
  explicit JsonText(TextSink sink = {}) : sink_(std::move(sink)) {}

  using JsonSink::put;
  void item(std::string_view key) override;
  void put(const JsonScalar& scalar) override;
  void begin_object() override { begin(true); }
  void begin_list() override { begin(false); }
  void end() override;
  void put_again(JsonPiece& piece, const std::function<void()>& write) override;
  /// The end of the text, with a final newline.
  std::string take();

 private:
  struct Level {
    bool is_object, is_on_line;
    std::size_t begin, size;  ///< where its bracket stands; items
  };

  void begin(bool is_object);
  void expand();
  void send_lines();
  bool is_full_line() const;
  std::size_t indent() const { return 2 * open_.size(); }
  char* room(std::size_t more) {
    if (text_.size() - size_ < more) grow(size_ + more);
    return text_.data() + size_;
  }
  void grow(std::size_t least);
  void add(std::string_view text);
  void add(char c) { *room(1) = c, ++size_; }
  void add_line(std::string_view text, std::size_t indent);
  void add_string(std::string_view text);
  void add_integer(std::int64_t value);
  void add_real(double value);

  TextSink sink_;
  std::string text_;  ///< `size_` of it, and room
  std::size_t size_ = 0, line_ = 0;
  std::vector<Level> open_;
  std::vector<std::size_t>
      items_;  ///< where those of the innermost level begin, if it is on a line
};

/// The text of a value, with a final newline.
std::string json_text(const boost::json::value& value);

}  // namespace bitjoule
