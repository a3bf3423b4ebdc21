// The registers of all PEs of a grid, one array per kind. They hand on what they hold at every
// clock edge: not by copying it, but by a step of the place from which a row, or the grid, is read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/index.h"
#include "hw/pe_kernels.h"

namespace bitjoule {

/// A word of consecutive k as it enters at an edge. Its elements are copied; none without values.
template <class T>
struct EnteringWord {
  std::uint32_t fold = kNoWord;
  std::int32_t group = 0;
  std::int64_t count = 0;  ///< elements: 1 at least
  std::int64_t reach = 0;  ///< PEs that count its moves: those of its fold's timing
  std::int64_t row = 0;    ///< of the PE where it stays
  bool last = false;       ///< of its fold: where outputs stay, sums are complete with it
  const T* lanes = nullptr;
};

/// What a layer needs of its PEs.
struct PeShape {
  std::int64_t rows = 0, cols = 0;
  std::int64_t lanes = 0;  ///< elements of a word; 0: values are off
  bool outputs_stay = false;
};

/// Words on their way east. Row r begins at begin(r): all rows move by one with each clock, and
/// what has left them stands behind their end.
template <class T>
class EastRegisters {
 public:
  std::vector<std::uint32_t> fold;
  std::vector<std::uint16_t> reach, count;
  std::vector<std::int32_t> group;  // where outputs stay
  std::vector<std::uint8_t> last;   // likewise

  void build(const PeShape& shape) {
    shape_ = shape;
    slack_ = std::max<std::int64_t>(16, shape.cols / 8);
    stride_ = shape.cols + slack_;
    const std::size_t n = at(shape.rows * stride_);
    fold.assign(n, kNoWord);
    reach.assign(n, 0);
    count.assign(n, 0);
    group.assign(shape.outputs_stay ? n : 0, 0);
    last.assign(shape.outputs_stay ? n : 0, 0);
    lanes_.assign(n * at(shape.lanes), T{});
    rows_.assign(at(shape.rows), Row{});
    head_ = slack_;
  }
  void clear() {
    for (std::int64_t r = 0; r < shape_.rows; ++r) {
      if (rows_[at(r)].dirty) erase(r, 0, stride_);
      rows_[at(r)] = Row{};
    }
  }
  /// The clock edge before cycle `now`.
  void move(std::int64_t now) {
    now_ = now;
    if (--head_ < 0) move_back();
  }
  /// What stands in the first column of row r since: a word, or none.
  void enter(std::int64_t r, const EnteringWord<T>& w) {
    Row& row = rows_[at(r)];
    if (w.fold == kNoWord) {
      if (row.dirty) fold[begin(r)] = kNoWord, reach[begin(r)] = 0;
      return;
    }
    if (!is_busy(r)) row.oldest = now_, row.mixed_until = now_, row.count = w.count;
    if (row.count != w.count) row.mixed_until = now_ + shape_.cols, row.count = w.count;
    row.newest = now_;
    row.dirty = true;
    const std::size_t i = begin(r);
    fold[i] = w.fold;
    reach[i] = static_cast<std::uint16_t>(w.reach);
    count[i] = static_cast<std::uint16_t>(w.count);
    if (shape_.outputs_stay) {
      group[i] = w.group;
      last[i] = w.last ? 1 : 0;
      if (w.last) row.last_until = now_ + shape_.cols;
    }
    if (w.lanes == nullptr) return;
    for (std::int64_t l = 0; l < w.count; ++l) lanes_[at(l) * fold.size() + i] = w.lanes[l];
  }

  std::size_t begin(std::int64_t r) const { return at(r * stride_ + head_); }
  const T* lane(std::int64_t l) const { return lanes_.data() + at(l) * fold.size(); }
  /// Whether there may be a word in row r, and in which columns then.
  bool is_busy(std::int64_t r) const {
    return rows_[at(r)].dirty && now_ - rows_[at(r)].newest < shape_.cols;
  }
  std::int64_t first_column(std::int64_t r) const { return now_ - rows_[at(r)].newest; }
  std::int64_t end_column(std::int64_t r) const {
    return std::min(shape_.cols, now_ - rows_[at(r)].oldest + 1);
  }
  /// The elements of each of the words in row r; 0: they differ.
  std::int64_t common_count(std::int64_t r) const {
    return now_ < rows_[at(r)].mixed_until ? 0 : rows_[at(r)].count;
  }
  bool has_last(std::int64_t r) const { return now_ < rows_[at(r)].last_until; }

 private:
  struct Row {
    std::int64_t newest = 0, oldest = 0;  // cycles in which words entered
    std::int64_t mixed_until = 0, last_until = 0, count = 0;
    bool dirty = false;  // anything but zeros stands in it
  };
  template <class V>
  void move_back(std::vector<V>& values, std::size_t row) {
    if (!values.empty())
      std::memmove(&values[row + at(slack_)], &values[row], at(stride_ - slack_) * sizeof(V));
  }
  /// The place to read from has come to the front of the rows. It goes to their end, with the
  /// words.
  void move_back() {
    for (std::int64_t r = 0; r < shape_.rows; ++r) {
      if (!rows_[at(r)].dirty) continue;
      if (now_ - rows_[at(r)].newest >= shape_.cols) {
        erase(r, 0, stride_);
        rows_[at(r)].dirty = false;
        continue;
      }
      const std::size_t row = at(r * stride_);
      move_back(fold, row);
      move_back(reach, row);
      move_back(count, row);
      move_back(group, row);
      move_back(last, row);
      for (std::int64_t l = 0; l < shape_.lanes; ++l) {
        T* const lane = &lanes_[at(l) * fold.size() + row];
        std::memmove(lane + slack_, lane, at(stride_ - slack_) * sizeof(T));
      }
    }
    head_ = slack_ - 1;
  }
  void erase(std::int64_t r, std::int64_t from, std::int64_t to) {
    const std::size_t row = at(r * stride_);
    const auto erase = [&](auto& values) {
      if (!values.empty()) std::fill(&values[row + at(from)], &values[row] + to, 0);
    };
    erase(fold);
    erase(reach);
    erase(count);
    erase(group);
    erase(last);
  }

  PeShape shape_;
  std::int64_t slack_ = 0, stride_ = 0, head_ = 0, now_ = 0;
  std::vector<T> lanes_;  // lane by lane
  std::vector<Row> rows_;
};

/// Which array row r of what moves south stands in: it is the one that row r - 1 had before.
class Turn {
 public:
  void build(std::int64_t rows) { rows_ = rows, first_ = 0; }
  void move() { first_ = first_ == 0 ? rows_ - 1 : first_ - 1; }
  std::int64_t array(std::int64_t r) const {
    const std::int64_t i = first_ + r;
    return i < rows_ ? i : i - rows_;
  }
  /// What array(0) will be so many clocks from now, fewer than there are rows.
  std::int64_t array_in(std::int64_t clocks) const {
    const std::int64_t i = first_ - clocks;
    return i < 0 ? i + rows_ : i;
  }

 private:
  std::int64_t rows_ = 1, first_ = 0;
};

/// A range of columns.
struct Columns {
  std::int64_t begin = 0, end = 0;
  bool empty() const { return begin >= end; }
  void add(std::int64_t column) {
    begin = empty() ? column : std::min(begin, column);
    end = std::max(end, column + 1);
  }
  void add(const Columns& o) {
    if (o.empty()) return;
    if (empty()) begin = o.begin, end = o.end;
    begin = std::min(begin, o.begin);
    end = std::max(end, o.end);
  }
};

/// Words on their way south: where they stay, until one has come to its row, and where outputs
/// stay, through all rows.
template <class T>
class SouthRegisters {
 public:
  /// A word that has come to where it stays.
  struct Arrived {
    std::int64_t row = 0, column = 0;
  };
  std::vector<std::uint32_t> fold;
  std::vector<std::uint16_t> reach;  // where outputs stay
  std::vector<std::int32_t> group;   // likewise

  void build(const PeShape& shape) {
    shape_ = shape;
    turn_.build(shape.rows);
    const std::size_t n = at(shape.rows * shape.cols);
    fold.assign(n, kNoWord);
    reach.assign(shape.outputs_stay ? n : 0, 0);
    group.assign(shape.outputs_stay ? n : 0, 0);
    lanes_.assign(n * at(shape.lanes), T{});
    fronts_.assign(at(shape.rows), Columns{});
    arriving_.assign(at(shape.rows), {});
    words_ = 0;
  }
  void clear() {
    for (std::int64_t r = 0; r < shape_.rows; ++r) empty(r);
    for (std::vector<Arrived>& words : arriving_) words.clear();
    words_ = 0;
  }
  /// The clock edge. Nothing has entered the first row yet.
  void move() {
    turn_.move();
    empty(0);
  }
  void enter(std::int64_t column, const EnteringWord<T>& w) {
    const std::size_t i = begin(0) + at(column);
    fronts_[at(turn_.array(0))].add(column);
    fold[i] = w.fold;
    if (shape_.outputs_stay) {
      reach[i] = static_cast<std::uint16_t>(w.reach);
      group[i] = w.group;
    } else {
      // What enters now stands in row r after r clocks.
      arriving_[at(turn_.array_in(w.row))].push_back({w.row, column});
      ++words_;
    }
    if (w.lanes == nullptr) return;
    for (std::int64_t l = 0; l < w.count; ++l) lanes_[at(l) * fold.size() + i] = w.lanes[l];
  }
  /// Words that come to their rows in this cycle; they move no further once they are kept.
  const std::vector<Arrived>& arrived() const { return arriving_[at(turn_.array(0))]; }
  void keep_arrived() {
    std::vector<Arrived>& words = arriving_[at(turn_.array(0))];
    words_ -= static_cast<std::int64_t>(words.size());
    words.clear();
  }
  /// Where words stay: those that are under way.
  std::int64_t words() const { return words_; }

  std::size_t begin(std::int64_t r) const { return at(turn_.array(r) * shape_.cols); }
  const T* lane(std::int64_t l) const { return lanes_.data() + at(l) * fold.size(); }
  const Columns& columns(std::int64_t r) const { return fronts_[at(turn_.array(r))]; }

 private:
  void empty(std::int64_t r) {
    Columns& front = fronts_[at(turn_.array(r))];
    const std::size_t i = begin(r);
    const auto fill = [&](auto& values, auto nothing) {
      if (!values.empty()) std::fill(&values[i] + front.begin, &values[i] + front.end, nothing);
    };
    fill(fold, kNoWord);
    fill(reach, std::uint16_t{0});
    front = Columns{};
  }

  PeShape shape_;
  Turn turn_;
  std::vector<T> lanes_;                        // lane by lane
  std::vector<Columns> fronts_;                 // where words are that entered in one cycle
  std::vector<std::vector<Arrived>> arriving_;  // by what array(0) is then
  std::int64_t words_ = 0;
};

/// Sums: on their way south with the steps, or, where outputs stay, in their PEs.
template <class Sum>
class SumRegisters {
 public:
  std::vector<Sum> value;
  std::vector<std::uint8_t> overflow;
  std::vector<std::uint16_t> reach;  // of what moves

  void build(const PeShape& shape) {
    shape_ = shape;
    turn_.build(shape.rows);
    const std::size_t n = at(shape.rows * shape.cols);
    value.assign(n, Sum{});
    overflow.assign(n, 0);
    reach.assign(shape.outputs_stay ? 0 : n, 0);
    used_.assign(at(shape.rows), Columns{});
  }
  void clear() {
    for (std::int64_t r = 0; r < shape_.rows; ++r) empty(r);
  }
  /// As SouthRegisters.
  void move() {
    turn_.move();
    empty(0);
  }
  void enter(std::int64_t column, std::int64_t rows) {
    used_[at(turn_.array(0))].add(column);
    reach[begin(0) + at(column)] = static_cast<std::uint16_t>(rows);
  }
  /// A sum may be found in these columns of row r.
  void use(std::int64_t r, const Columns& columns) { used_[at(turn_.array(r))].add(columns); }
  std::size_t begin(std::int64_t r) const { return at(turn_.array(r) * shape_.cols); }
  const Columns& columns(std::int64_t r) const { return used_[at(turn_.array(r))]; }

 private:
  void empty(std::int64_t r) {
    Columns& used = used_[at(turn_.array(r))];
    const std::size_t i = begin(r);
    const auto fill = [&](auto& values) {
      if (!values.empty()) std::fill(&values[i] + used.begin, &values[i] + used.end, 0);
    };
    fill(value);
    fill(overflow);
    fill(reach);
    used = Columns{};
  }

  PeShape shape_;
  Turn turn_;
  std::vector<Columns> used_;
};

/// What stays in the PEs of every row: a register for words of even folds and one for odd ones.
template <class T>
class KeptRegisters {
 public:
  std::vector<std::uint32_t> fold[2];

  void build(const PeShape& shape) {
    shape_ = shape;
    const std::size_t n = shape.outputs_stay ? 0 : at(shape.rows * shape.cols);
    for (int odd = 0; odd < 2; ++odd) {
      fold[odd].assign(n, kNothingKept);
      lanes_[odd].assign(n * at(shape.lanes), T{});
    }
    used_.assign(at(shape.rows), Columns{});
  }
  void clear() {
    for (std::int64_t r = 0; r < shape_.rows; ++r) {
      Columns& used = used_[at(r)];
      for (int odd = 0; odd < 2 && !used.empty(); ++odd) {
        const auto row = fold[odd].begin() + r * shape_.cols;
        std::fill(row + used.begin, row + used.end, kNothingKept);
      }
      used = Columns{};
    }
  }
  /// The word at `index` of those on their way.
  void keep(std::int64_t r, std::int64_t column, const SouthRegisters<T>& south,
            std::size_t index) {
    const std::uint32_t number = south.fold[index];
    const std::size_t odd = number & 1, i = begin(r) + at(column);
    used_[at(r)].add(column);
    fold[odd][i] = number;
    for (std::int64_t l = 0; l < shape_.lanes; ++l)
      lanes_[odd][at(l) * fold[odd].size() + i] = south.lane(l)[index];
  }
  std::size_t begin(std::int64_t r) const { return at(r * shape_.cols); }
  const T* lane(std::size_t odd, std::int64_t l) const {
    return lanes_[odd].data() + at(l) * fold[odd].size();
  }

 private:
  PeShape shape_;
  std::vector<T> lanes_[2];  // lane by lane
  std::vector<Columns> used_;
};

}  // namespace bitjoule
