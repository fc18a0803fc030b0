#include "preprocess/verify.h"

#include <cstdio>

#include "base/cpu.h"
#include "base/error.h"
#include "base/text.h"
#include "packed/stored_decoder.h"
#include "preprocess/in_order.h"
#include "preprocess/info.h"
#include "preprocess/progress_line.h"
#include "shards/shard_set.h"

namespace mosaic {
namespace {

/// What is wrong with one image; empty if nothing is.
std::string fault_of(const ShardSet& shards, std::int64_t sample) {
  thread_local std::vector<std::byte> buffer;
  thread_local StoredDecoder decoder;
  thread_local Image pixels;
  StoredImage stored;
  try {
    stored = shards.read(sample, buffer);
  } catch (const Error& e) {  // a fault is a result here: all of them are listed
    return e.what();
  }
  try {
    decoder.decode(stored, pixels);
  } catch (const Error& e) {
    return str(shards.describe(sample), ": ", e.what());
  }
  return "";
}

/// Number of faults in one split, each listed.
std::int64_t verify_split(const std::string& out, const std::string& split, int threads) {
  std::int64_t faults = 0;
  std::vector<std::string> lines;
  std::int64_t images = 0;
  try {
    const ShardSet shards(out, split);
    images = shards.size();
    ProgressLine progress(split, images);
    in_order<std::string>(
        0, images, threads, [&](std::int64_t i) { return fault_of(shards, i); },
        [&](std::int64_t i, std::string&& fault) {
          if (!fault.empty()) lines.push_back(std::move(fault));
          progress.update(i + 1, lines.empty() ? "" : str(lines.size(), " faults"));
        });
  } catch (const Error& e) {  // the other splits are looked at all the same
    lines.push_back(e.what());
  }
  faults = static_cast<std::int64_t>(lines.size());
  for (const auto& line : lines) std::fprintf(stderr, "fault: %s\n", line.c_str());
  std::printf("%s: %s images read and decoded, %s\n", split.c_str(), with_separators(images).c_str(),
              faults == 0 ? "all good" : str(faults, faults == 1 ? " fault" : " faults").c_str());
  return faults;
}

}  // namespace

int verify(const VerifyOptions& options) {
  const int threads = options.threads > 0 ? options.threads : usable_cores();
  std::int64_t faults = 0;
  for (const auto& split : chosen_splits(options.out, options.split))
    faults += verify_split(options.out, split, threads);
  return faults == 0 ? kExitDone : kExitBadInput;
}

}  // namespace mosaic
