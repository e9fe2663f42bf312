#include "bench/packets/yardstick.h"

#include <bit>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_lcore.h>
#include <string>
#include <utility>

namespace sluice::bench {
namespace {

constexpr std::uint32_t key_count = 1'000'000;
constexpr std::uint32_t table_entries = 1U << 20;

}  // namespace

HashYardstick::Key HashYardstick::key_of(std::uint64_t number) {
  return {{mix64(number), mix64(~number)}};
}

std::expected<HashYardstick, Error> HashYardstick::create() {
  rte_hash_parameters parameters{};
  parameters.name = "yardstick";
  parameters.entries = table_entries;
  parameters.key_len = sizeof(Key);
  parameters.socket_id = static_cast<int>(rte_socket_id());
  HashYardstick out(rte_hash_create(&parameters));
  if (out.table_ == nullptr)
    return std::unexpected(Error{std::string("no rte_hash: ") + rte_strerror(rte_errno),
                                 "the yardstick", "give --memory more"});
  auto* table = static_cast<rte_hash*>(out.table_);
  for (std::uint64_t number = 0; number < key_count; ++number) {
    const Key key = key_of(number);
    out.list_.push_back(key);
    if (rte_hash_add_key_data(table, &key, std::bit_cast<void*>(number)) != 0)
      return std::unexpected(Error{"rte_hash has no place for all keys", "the yardstick", ""});
  }
  return out;
}

HashYardstick::HashYardstick(HashYardstick&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)),
      numbers_(other.numbers_),
      list_(std::move(other.list_)) {}
HashYardstick::~HashYardstick() { rte_hash_free(static_cast<rte_hash*>(table_)); }

std::uint64_t HashYardstick::look_up(Watch& watch, Keys from) {
  std::array<const void*, keys_per_burst> keys{};
  std::array<void*, keys_per_burst> found{};
  for (std::size_t i = 0; i < keys_per_burst; ++i) {
    const std::size_t number = numbers_.below(key_count);
    keys_[i] = key_of(number);
    keys[i] = from == Keys::in_cache ? &keys_[i] : &list_[number];
  }
  std::uint64_t hits = 0;
  watch.start();
  (void)rte_hash_lookup_bulk_data(static_cast<const rte_hash*>(table_), keys.data(), keys_per_burst,
                                  &hits, found.data());
  const std::uint64_t taken = watch.stop();
  misses_ += keys_per_burst - static_cast<std::size_t>(std::popcount(hits));
  return taken;
}

}  // namespace sluice::bench
