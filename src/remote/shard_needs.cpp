#include "remote/shard_needs.h"

#include <algorithm>

namespace mosaic {
namespace {

std::size_t shard_of(std::int64_t sample, const std::vector<std::int64_t>& first) {
  return static_cast<std::size_t>(std::upper_bound(first.begin(), first.end(), sample) - first.begin() - 1);
}

}  // namespace

ShardNeeds::ShardNeeds(const std::vector<std::int64_t>& order, const std::vector<std::int64_t>& first)
    : size_(static_cast<std::int64_t>(order.size())), places_(first.size() - 1) {
  for (std::size_t place = 0; place < order.size(); ++place)
    places_[shard_of(order[place], first)].push_back(static_cast<std::uint32_t>(place));
}

std::optional<std::int64_t> ShardNeeds::next(int shard, std::int64_t place) const {
  const auto& places = places_[static_cast<std::size_t>(shard)];
  const auto found = std::lower_bound(places.begin(), places.end(), place);
  return found == places.end() ? std::nullopt : std::optional<std::int64_t>(*found);
}

std::uint64_t working_set(const std::vector<std::int64_t>& order, const std::vector<std::int64_t>& first,
                          const std::vector<std::uint64_t>& bytes, std::int64_t span) {
  std::vector<std::int64_t> inside(bytes.size());  // samples of each shard in the stretch that ends at `place`
  std::uint64_t now = 0, most = 0;
  for (std::int64_t place = 0; place < static_cast<std::int64_t>(order.size()); ++place) {
    const std::size_t entering = shard_of(order[place], first);
    if (inside[entering]++ == 0) now += bytes[entering];
    if (place >= span)
      if (const std::size_t leaving = shard_of(order[place - span], first); --inside[leaving] == 0)
        now -= bytes[leaving];
    most = std::max(most, now);
  }
  return most;
}

}  // namespace mosaic
