#include "core/contract/shared_view.h"

#include <gtest/gtest.h>
#include <memory>

#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using test::Bytes;
using test::GuardedBytes;
using test::ip;

// A counters file of two workers that ends at a guard page.
class CountersFile {
 public:
  CountersFile() : memory_(bytes), span_(memory_.last(bytes)) {
    auto& segment = at();
    segment.magic = shared_memory_magic;
    segment.version = shared_memory_version;
    segment.workers = 2;
    segment.listeners[3] = {ip("203.0.113.10"), 80, Protocol::tcp, 1, {}};
    segment.listeners[3].service.assign("web");
    segment.backends[5].in_use = 1;
    segment.backends[5].target = Target::of(BackendId{5}, 2).bits;
    segment.backends[5].service.assign("web");
    segment.backends[5].name.assign("b1");
    segment.sources[0] = ip("10.0.1.253");
  }
  [[nodiscard]] CountersSegment& at() { return *reinterpret_cast<CountersSegment*>(span_.data()); }
  [[nodiscard]] WorkerCounters& worker(std::size_t index) {
    return *reinterpret_cast<WorkerCounters*>(span_.data() + worker_counters_offset(index));
  }
  [[nodiscard]] std::span<std::uint8_t> span() const { return span_; }

 private:
  static constexpr std::size_t bytes = worker_counters_offset(2);
  GuardedBytes memory_;
  std::span<std::uint8_t> span_;
};

TEST(CountersView, SumsWorkersAndFindsNames) {
  CountersFile file;
  for (const std::size_t i : {0, 1}) {
    file.worker(i).verdicts[static_cast<std::size_t>(Verdict::sent_ipip)] = 10 + i;
    file.worker(i).listeners[3] = {100 + i, 1'000 + i};
    file.worker(i).backends[5] = {1 + i, 2 + i, 3 + i};
  }
  const auto view = CountersView::open(file.span());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->workers(), 2U);
  EXPECT_EQ(view->verdict(Verdict::sent_ipip), 21U);
  EXPECT_EQ(view->listener(3).packets, 201U);
  EXPECT_EQ(view->listener(3).bytes, 2'001U);
  EXPECT_EQ(view->backend(5).flows, 7U);
  EXPECT_EQ(view->find_listener(ip("203.0.113.10"), Port(80), Protocol::tcp), 3);
  EXPECT_FALSE(view->find_listener(ip("203.0.113.10"), Port(81), Protocol::tcp));
  EXPECT_FALSE(view->find_listener(ip("203.0.113.10"), Port(80), Protocol::udp));
  EXPECT_EQ(view->find_backend("web", "b1"), 5U);
  EXPECT_FALSE(view->find_backend("web", "b2"));
  EXPECT_NE(view->owner(Target::of(BackendId{5}, 2)), nullptr);
  EXPECT_EQ(view->owner(Target::of(BackendId{5}, 1)), nullptr) << "another incarnation";
  EXPECT_EQ(view->owner({0xffffffff}), nullptr);
  EXPECT_EQ(view->listener(0xffff).packets, 0U) << "no such listener";
  EXPECT_EQ(view->backend(0xffffffff).packets, 0U) << "no such backend";
}

TEST(CountersView, RefusesWhatDoesNotFit) {
  CountersFile file;
  const auto span = file.span();
  EXPECT_FALSE(CountersView::open({}));
  EXPECT_FALSE(CountersView::open(span.first(sizeof(CountersSegment) - 1)));
  EXPECT_FALSE(CountersView::open(span.first(span.size() - 1))) << "workers are cut off";
  file.at().workers = 3;
  EXPECT_FALSE(CountersView::open(span)) << "more workers than there is room for";
  file.at().workers = 0xffffffff;
  EXPECT_FALSE(CountersView::open(span));
  file.at().workers = 2;
  file.at().version = shared_memory_version + 1;
  EXPECT_FALSE(CountersView::open(span));
  file.at().version = shared_memory_version;
  file.at().magic = 0;
  EXPECT_FALSE(CountersView::open(span));
}

// The file belongs to another process: it can change after it was checked.
TEST(CountersView, BelievesTheNumberOfWorkersOnce) {
  CountersFile file;
  const auto view = CountersView::open(file.span());
  ASSERT_TRUE(view);
  file.at().workers = 0xffffffff;
  EXPECT_EQ(view->workers(), 2U);
  EXPECT_EQ(view->verdict(Verdict::none), 0U);
}

// A flows file with one table of each family and a few sessions.
class FlowsFile {
 public:
  static constexpr std::size_t buckets = 8;
  static constexpr std::size_t bytes = 192 + 2 * buckets * 64 + 4 * sizeof(NatSession);

  FlowsFile() : memory_(bytes), span_(memory_.last(bytes)) {
    auto& header = at();
    header.magic = shared_memory_magic;
    header.version = shared_memory_version;
    header.seed = 99;
    header.now = 500;
    header.flows4_offset = 192;
    header.flows6_offset = 192 + buckets * 64;
    header.flows4_buckets = header.flows6_buckets = buckets;
    header.sessions_offset = 192 + 2 * buckets * 64;
    header.sessions_count = 4;
    header.size_bytes = bytes;
    header.wide_offset = header.flows6_offset;  // one or the other: no test has both
    header.wide_buckets = buckets / 2;
  }
  [[nodiscard]] FlowsSegment& at() { return *reinterpret_cast<FlowsSegment*>(span_.data()); }
  [[nodiscard]] NatSession& session(std::size_t number) {
    return *reinterpret_cast<NatSession*>(span_.data() + at().sessions_offset +
                                          number * sizeof(NatSession));
  }
  template <typename Entry>
  void add(const FlowKey& key, const FlowValue& value) {
    using Table = ConnectionTable<Entry>;
    const std::uint64_t offset = sizeof(Entry) == 16 ? at().flows4_offset : at().flows6_offset;
    Table table({reinterpret_cast<typename Table::Bucket*>(span_.data() + offset), buckets},
                at().seed);
    const auto bits = Entry::key_of(key);
    Entry* entry =
        table.insert(table.hash(bits), [](const Entry&) { return false; }, [](Entry&) {});
    entry->set_key(bits);
    entry->flow = value;
  }
  [[nodiscard]] std::span<std::uint8_t> span() const { return span_; }

 private:
  static_assert(sizeof(FlowsSegment) <= 192);
  GuardedBytes memory_;
  std::span<std::uint8_t> span_;
};

TEST(FlowsView, FindsAndListsFlows) {
  CountersFile counters;
  FlowsFile file;
  const FiveTuple v4{ip("198.51.100.7"), ip("203.0.113.10"), Port(40'000), Port(80), Protocol::tcp};
  const FiveTuple v6{ip("2001:db8:c::7"), ip("203.0.113.10"), Port(1), Port(80), Protocol::tcp};
  file.add<FlowEntry4>({v4.source, v4.source_port.be(), 3},
                       {Target::of(BackendId{5}, 2).bits, 490, FlowState::established, 0});
  file.add<FlowEntry6>({v6.source, v6.source_port.be(), 3}, {2, 0, FlowState::opening, 1});
  file.session(2).target = Target::of(BackendId{5}, 2).bits;
  file.session(2).state = FlowState::closing;
  file.session(2).last_seen = 495;
  file.session(2).source_port = Be16::from_host(1'024);
  const auto view = FlowsView::open(file.span());
  ASSERT_TRUE(view);
  const auto plain = view->find(v4, 3);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->idle_seconds, 10);
  EXPECT_EQ(plain->target, Target::of(BackendId{5}, 2));
  EXPECT_FALSE(plain->is_nat);
  const auto nat = view->find(v6, 3);
  ASSERT_TRUE(nat);
  EXPECT_TRUE(nat->is_nat);
  EXPECT_EQ(nat->state, FlowState::closing) << "the session's, which sees both directions";
  EXPECT_EQ(nat->idle_seconds, 5);
  EXPECT_EQ(nat->nat_source.port, Port(1'024));
  EXPECT_FALSE(view->find(v4, 4)) << "another listener";

  const auto names = CountersView::open(counters.span());
  std::vector<FlowRecord> listed;
  view->for_each(*names, [&](const FlowRecord& record) {
    listed.push_back(record);
    return true;
  });
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].tuple, v4);
  EXPECT_EQ(listed[1].tuple, v6);
  EXPECT_EQ(listed[1].nat_source.text(), "10.0.1.253:1024");
  std::size_t visits = 0;
  view->for_each(*names, [&](const FlowRecord&) { return ++visits == 0; });
  EXPECT_EQ(visits, 1U) << "visiting must stop when told so";
}

TEST(FlowsView, FindsAndListsFlowsOfWideListeners) {
  CountersFile counters;
  FlowsFile file;
  counters.at().listeners[3] = {ip("203.0.113.0"), 8'000, Protocol::tcp, 1, {}, 8'999, 28};
  const FiveTuple tuple{ip("198.51.100.7"), ip("203.0.113.5"), Port(40'000), Port(8'123),
                        Protocol::tcp};
  using Table = ConnectionTable<WideFlowEntry>;
  Table table({reinterpret_cast<Table::Bucket*>(file.span().data() + file.at().wide_offset),
               file.at().wide_buckets},
              file.at().seed);
  const WideFlowEntry::Key key{tuple.source, tuple.destination, tuple.source_port.be(),
                               tuple.destination_port.be(), tuple.protocol};
  WideFlowEntry* entry =
      table.insert(table.hash(key), [](const auto&) { return false; }, [](auto&) {});
  entry->set_key(key);
  entry->listener = 3;
  entry->flow = {7, 490, FlowState::established, 0};
  const auto view = FlowsView::open(file.span());
  const auto found = view->find_wide(tuple);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->target, Target{7});
  EXPECT_EQ(found->idle_seconds, 10);
  FiveTuple other = tuple;
  other.destination = ip("203.0.113.6");
  EXPECT_FALSE(view->find_wide(other));
  std::vector<FiveTuple> listed;
  view->for_each(*CountersView::open(counters.span()), [&](const FlowRecord& record) {
    listed.push_back(record.tuple);
    return true;
  });
  EXPECT_EQ(std::ranges::count(listed, tuple), 1);
}

void read_all(const FlowsView& view, const CountersView& names) {
  std::size_t visits = 0;
  view.for_each(names, [&](const FlowRecord& record) {
    (void)record.tuple.text();
    return ++visits < 100;
  });
  for (std::uint16_t listener = 0; listener < 8; ++listener)
    for (const char* client : {"198.51.100.7", "2001:db8:c::7"})
      (void)view.find({ip(client), ip("203.0.113.10"), Port(40'000), Port(80), Protocol::tcp},
                      listener);
}

// Noise in place of a file, of every size, right up to a guard page.
TEST(FlowsView, HostileMemoryDoesNoHarm) {
  CountersFile counters;
  const auto names = CountersView::open(counters.span());
  GuardedBytes memory(8'192);
  std::mt19937_64 random(29);
  std::size_t opened = 0;
  for (int i = 0; i < 5'000; ++i) {
    Bytes bytes(random() % 128 * 64);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    if (bytes.size() >= sizeof(FlowsSegment)) {
      auto& header = *reinterpret_cast<FlowsSegment*>(bytes.data());
      header.magic = shared_memory_magic;
      header.version = shared_memory_version;
      // Now and then plausible, so that checks behind the first are reached.
      const std::uint64_t small[] = {0, 63, 64, 128, 192, bytes.size(), bytes.size() - 64, 1, 2, 4};
      for (std::uint64_t* field :
           {&header.flows4_offset, &header.flows4_buckets, &header.flows6_offset,
            &header.flows6_buckets, &header.sessions_offset, &header.sessions_count})
        if (random() % 4 != 0) *field = small[random() % std::size(small)];
    }
    const auto view = FlowsView::open(memory.place(bytes));
    if (!view) continue;
    ++opened;
    read_all(*view, *names);
  }
  EXPECT_GT(opened, 1'000U);
}

TEST(FlowsView, AFileOfAnotherKindOrCutShortIsRefused) {
  FlowsFile file;
  EXPECT_FALSE(FlowsView::open({}));
  EXPECT_FALSE(FlowsView::open(file.span().first(sizeof(FlowsSegment) - 1)));
  file.at().magic = 0;
  EXPECT_FALSE(FlowsView::open(file.span()));
  file.at().magic = shared_memory_magic;
  file.at().version = 0;
  EXPECT_FALSE(FlowsView::open(file.span()));
}

TEST(FixedText, IsCutAndAlwaysTerminated) {
  FixedText<8> text;
  text.assign("web");
  EXPECT_EQ(text.view(), "web");
  text.assign("longer than it fits");
  EXPECT_EQ(text.view(), "longer ");
  text.assign("x");
  EXPECT_EQ(text.view(), "x") << "nothing of the longer text is left";
  text.characters.fill('y');  // by a hostile writer
  EXPECT_EQ(text.view().size(), 8U);
}

}  // namespace
}  // namespace sluice
