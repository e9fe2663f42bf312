#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace sluice {

/// A vector whose copies share its elements, by pages, until one of them is edited: a copy costs a
/// pointer an element, and an edit copies one page. To read an element costs a pointer. Elements
/// may be read by any thread while copies come and go; copies of one vector are made, edited and
/// destroyed by one thread.
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

  [[nodiscard]] std::size_t size() const { return elements_.size(); }
  [[nodiscard]] bool empty() const { return elements_.empty(); }
  [[nodiscard]] const T& operator[](std::size_t index) const { return *elements_[index]; }
  [[nodiscard]] const T& at(std::size_t index) const {
    if (index >= size()) throw std::out_of_range("Paged::at");
    return (*this)[index];
  }
  /// Null when there is none.
  [[nodiscard]] const T* find(std::size_t index) const {
    return index < size() ? &(*this)[index] : nullptr;
  }
  /// Starts fetching an element, if there is one, for `find` to come.
  void prefetch(std::size_t index) const {
    if (index < size()) __builtin_prefetch(&(*this)[index]);
  }
  [[nodiscard]] const T& front() const { return (*this)[0]; }
  [[nodiscard]] const T& back() const { return (*this)[size() - 1]; }
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size()}; }

  /// The element, on a page of this copy's own. Good until the next copy is made.
  [[nodiscard]] T& edit(std::size_t index) {
    std::shared_ptr<Page>& page = pages_[index / page_length];
    if (page.use_count() != 1) {
      page = std::make_shared<Page>(*page);
      const std::size_t first = index / page_length * page_length;
      for (std::size_t i = first; i < std::min(first + page_length, size()); ++i)
        elements_[i] = &(*page)[i - first];
    }
    return (*page)[index % page_length];
  }
  /// Makes it longer, never shorter.
  void grow(std::size_t size) {
    while (pages_.size() * page_length < size) pages_.push_back(std::make_shared<Page>());
    while (elements_.size() < size) {
      const std::size_t index = elements_.size();
      elements_.push_back(&(*pages_[index / page_length])[index % page_length]);
    }
  }
  void push_back(T value) {
    grow(size() + 1);
    edit(size() - 1) = std::move(value);
  }

 private:
  using Page = std::array<T, page_length>;
  std::vector<const T*> elements_;  // on the pages
  std::vector<std::shared_ptr<Page>> pages_;
};

}  // namespace sluice
