#include "batch/sample_filler.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "shards/arrivals.h"

namespace mosaic {
namespace {

constexpr std::int64_t kNeighbours = 64;  // that are tried in the place of an image
constexpr double kReadWeight = 0.05;      // of the newest read in the mean

}  // namespace

void Replacements::allow(int limit) { limit_ = limit; }

std::int64_t Replacements::count() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(samples_.size());
}

void Replacements::add(std::int64_t sample, std::int64_t neighbour, const std::string& fault) {
  const std::lock_guard lock(mutex_);
  if (!samples_.insert(sample).second) return;  // told already
  if (samples_.size() > static_cast<std::size_t>(limit_))
    throw Error(str(fault, ": bad_sample_limit allows ", limit_, " images to be replaced, and this is one more"));
  log_warning(str(fault, ": sample ", neighbour, " takes its place (", samples_.size(), " of at most ", limit_, ")"));
}

SampleFiller::SampleFiller(const ShardSet& shards, const View& view, SampleReader& reader, Replacements& replacements)
    : shards_(shards), view_(view), reader_(reader), replacements_(replacements) {}

void SampleFiller::fill(Slab& slab, std::int64_t i, std::int64_t epoch, std::int64_t sample) {
  if (!replacements_.allowed()) return read_and_render(slab, i, epoch, sample);
  std::string fault;
  try {
    return read_and_render(slab, i, epoch, sample);
  } catch (const NotArrived&) {
    throw;
  } catch (const Error& e) {
    fault = e.what();
  }
  const std::int64_t samples = shards_.size();
  for (std::int64_t k = 1; k < std::min(kNeighbours, samples); ++k) {
    const std::int64_t neighbour = (sample + k) % samples;
    try {
      read_and_render(slab, i, epoch, neighbour);
    } catch (const NotArrived&) {
      throw;
    } catch (const Error&) {  // the first one's fault is told
      continue;
    }
    return replacements_.add(sample, neighbour, fault);
  }
  throw Error(fault + ", and none of the images after it can be read");
}

void SampleFiller::read_and_render(Slab& slab, std::int64_t i, std::int64_t epoch, std::int64_t sample) {
  const auto begin = std::chrono::steady_clock::now();
  const StoredImage image = reader_.read(sample, epoch, buffer_);
  const std::chrono::duration<double> reading = std::chrono::steady_clock::now() - begin;
  read_seconds_ += kReadWeight * (reading.count() - read_seconds_);
  const std::size_t bytes = static_cast<std::size_t>(slab.side) * slab.side * 3;
  try {
    view_.render(image, epoch, sample, slab.side, *scratch_, slab.images.data() + i * bytes);
  } catch (const Error& e) {
    throw Error(str(shards_.describe(sample), ": ", e.what()), e.exit_code());
  }
  slab.labels[i] = shards_.label(sample);
}

}  // namespace mosaic
