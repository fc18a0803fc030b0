#include "train/slow_ranks.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace mosaic {
namespace {

constexpr double kSlow = 1.3;  // times the median

std::string milliseconds(double seconds) { return decimals(1e3 * seconds, 1) + " ms"; }

}  // namespace

std::optional<StepSeconds> StepClock::add(const StepSeconds& step) {
  sum_ = sum_ + step;
  if (++steps_ < kWindow) return std::nullopt;
  const StepSeconds mean = sum_ / static_cast<double>(steps_);
  *this = {};
  return mean;
}

double median_own(const std::vector<StepSeconds>& ranks) {
  std::vector<double> own;
  for (const StepSeconds& rank : ranks) own.push_back(rank.own());
  std::sort(own.begin(), own.end());
  const std::size_t middle = own.size() / 2;
  return own.size() % 2 ? own[middle] : (own[middle - 1] + own[middle]) / 2;
}

std::vector<std::string> slow_ranks(const std::vector<StepSeconds>& ranks, const std::vector<std::string>& hosts) {
  const double median = median_own(ranks);
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < ranks.size(); ++i)
    if (ranks[i].own() > kSlow * median)
      sentences.push_back(str("rank ", i, " of ", ranks.size(), " (", hosts[i],
                              ") holds up the others: a step takes it ", milliseconds(ranks[i].own()), " (",
                              milliseconds(ranks[i].data), " of them waiting for data), the median is ",
                              milliseconds(median)));
  return sentences;
}

}  // namespace mosaic
