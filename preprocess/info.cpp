#include "preprocess/info.h"

#include <cstdio>

#include "base/error.h"
#include "preprocess/split_summary.h"
#include "shards/format.h"

namespace mosaic {

std::vector<std::string> chosen_splits(const std::string& out, const std::optional<std::string>& split) {
  if (split) return {*split};
  auto splits = splits_in(out);
  if (splits.empty()) throw Error(str(out, ": no shards here: expected the folder that `preprocess pack` has written"));
  return splits;
}

int info(const InfoOptions& options) {
  std::vector<SplitSummary> summaries;
  for (const auto& split : chosen_splits(options.out, options.split))
    summaries.push_back(summarize(ShardSet(options.out, split)));
  std::printf("%s", (options.json ? summary_json(summaries) : summary_text(summaries)).c_str());
  return kExitDone;
}

}  // namespace mosaic
