#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <vector>

namespace sluice {

/// A vector whose copies share its pages until one of them is edited: a copy costs a pointer a
/// page, and an edit copies one page. Elements may be read by any thread while copies come and go;
/// copies of one vector are made, edited and destroyed by one thread.
template <typename T, std::size_t page_length>
class Paged {
 public:
  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const Paged& of, std::size_t index) : of_(&of), index_(index) {}
    const T& operator*() const { return (*of_)[index_]; }
    const T* operator->() const { return &**this; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator out = *this;
      ++index_;
      return out;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Paged* of_ = nullptr;
    std::size_t index_ = 0;
  };
  using value_type = T;
  using const_iterator = Iterator;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const T& operator[](std::size_t index) const {
    return (*pages_[index / page_length])[index % page_length];
  }
  [[nodiscard]] const T& at(std::size_t index) const {
    if (index >= size_) throw std::out_of_range("Paged::at");
    return (*this)[index];
  }
  /// Null when there is none.
  [[nodiscard]] const T* find(std::size_t index) const {
    return index < size_ ? &(*this)[index] : nullptr;
  }
  /// Starts fetching an element, if there is one, for `find` to come.
  void prefetch(std::size_t index) const {
    if (index < size_) __builtin_prefetch(&(*this)[index]);
  }
  [[nodiscard]] const T& front() const { return (*this)[0]; }
  [[nodiscard]] const T& back() const { return (*this)[size_ - 1]; }
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size_}; }

  /// The element, on a page of this copy's own. Good until the next copy is made.
  [[nodiscard]] T& edit(std::size_t index) {
    std::shared_ptr<Page>& page = pages_[index / page_length];
    if (page.use_count() != 1) page = std::make_shared<Page>(*page);
    return (*page)[index % page_length];
  }
  /// Makes it longer, never shorter.
  void grow(std::size_t size) {
    while (pages_.size() * page_length < size) pages_.push_back(std::make_shared<Page>());
    size_ = size;
  }
  void push_back(T value) {
    grow(size_ + 1);
    edit(size_ - 1) = std::move(value);
  }

 private:
  using Page = std::array<T, page_length>;
  std::vector<std::shared_ptr<Page>> pages_;
  std::size_t size_ = 0;
};

}  // namespace sluice
