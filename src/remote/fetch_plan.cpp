#include "remote/fetch_plan.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mosaic {
namespace {

constexpr std::int64_t kNow = -1, kNever = std::numeric_limits<std::int64_t>::max();  // beside places

}  // namespace

FetchPlan::FetchPlan(Order order, std::vector<std::int64_t> first, std::int64_t reach)
    : order_(std::move(order)), first_(std::move(first)), reach_(reach) {}

void FetchPlan::at(std::int64_t epoch, std::int64_t place) {
  const std::lock_guard lock(mutex_);
  told_epoch_ = epoch;
  told_place_ = place;
}

void FetchPlan::follow() {
  std::int64_t epoch = 0;
  {
    const std::lock_guard lock(mutex_);
    epoch = told_epoch_;
    place_ = told_place_;
  }
  if (epoch == epoch_) return;
  const bool is_next = epoch == epoch_ + 1 && needs_after_;
  needs_before_ = is_next ? needs_ : nullptr;
  needs_ = is_next ? std::move(needs_after_) : std::make_shared<const ShardNeeds>(order_(epoch), first_);
  needs_after_ = std::make_shared<const ShardNeeds>(order_(epoch + 1), first_);
  epoch_ = epoch;
}

std::optional<std::int64_t> FetchPlan::next_need(int shard) const {
  if (epoch_ < 0) return std::nullopt;
  if (const auto place = needs_->next(shard, std::max<std::int64_t>(0, place_ - reach_))) return place;
  // The last batches of the epoch before are still being read.
  if (needs_before_ && place_ < reach_ &&
      needs_before_->next(shard, std::max<std::int64_t>(0, needs_before_->size() - (reach_ - place_))))
    return 0;
  const auto after = needs_after_->next(shard, 0);
  return after ? std::optional(needs_->size() + *after) : std::nullopt;
}

FetchPlan::Choice FetchPlan::choose(const std::vector<Shard>& shards, std::uint64_t limit) {
  follow();
  const int count = static_cast<int>(shards.size());
  const auto need = [&](int i) { return shards[i].waited_for ? kNow : next_need(i).value_or(kNever); };
  Choice choice;
  std::int64_t first_need = kNever;
  std::uint64_t held = 0;
  for (int i = 0; i < count; ++i) {
    const Shard& shard = shards[i];
    held += shard.in_flight ? shard.bytes : shard.held;
    if (shard.whole || shard.in_flight) continue;
    if (const std::int64_t place = need(i); place < first_need) first_need = place, choice.fetch = i;
  }
  if (choice.fetch < 0) return choice;

  std::vector<std::pair<std::int64_t, int>> victims;  // the one that is needed last, last
  for (int i = 0; i < count; ++i)
    if (i != choice.fetch && !shards[i].in_flight && shards[i].held > 0) victims.emplace_back(need(i), i);
  std::sort(victims.begin(), victims.end());
  std::uint64_t after = held - shards[choice.fetch].held + shards[choice.fetch].bytes;
  while (after > limit && !victims.empty()) {
    const auto [place, victim] = victims.back();
    victims.pop_back();
    // Who waits now gets room from anything else; a plan only from what is needed later, and not soon.
    if (place == kNow || (first_need != kNow && (place <= first_need || place <= place_ + reach_))) return {};
    choice.evict.push_back(victim);
    after -= shards[victim].held;
  }
  return after > limit ? Choice{} : choice;
}

}  // namespace mosaic
