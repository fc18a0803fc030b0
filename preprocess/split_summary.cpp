#include "preprocess/split_summary.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "preprocess/table.h"

namespace mosaic {
namespace {

std::int64_t& count_of(SplitSummary& s, StoredKind kind) {
  switch (kind) {
    case StoredKind::kPackedJpeg:
      return s.packed;
    case StoredKind::kJpegFile:
      return s.jpegs;
    case StoredKind::kPixels:
      break;
  }
  return s.pixels;
}

}  // namespace

SplitSummary summarize(const ShardSet& shards) {
  SplitSummary s;
  s.split = shards.split();
  s.fingerprint = shards.fingerprint();
  s.images = shards.size();
  s.scaled_to = shards.max_side();
  s.classes = static_cast<std::int64_t>(shards.class_names().size());
  s.shards = shards.shard_count();
  s.min_side = std::numeric_limits<int>::max();
  std::vector<std::int64_t> per_class(shards.class_names().size(), 0);
  for (std::int64_t i = 0; i < shards.size(); ++i) {
    ++count_of(s, shards.kind(i));
    s.bytes += shards.stored_bytes(i);
    s.min_side = std::min({s.min_side, shards.width(i), shards.height(i)});
    s.max_side = std::max({s.max_side, shards.width(i), shards.height(i)});
    ++per_class[static_cast<std::size_t>(shards.label(i))];
  }
  s.min_per_class = *std::min_element(per_class.begin(), per_class.end());
  s.max_per_class = *std::max_element(per_class.begin(), per_class.end());
  return s;
}

std::string summary_text(const std::vector<SplitSummary>& splits) {
  std::vector<std::vector<std::string>> rows;
  const auto row = [&](const char* name, const std::function<std::string(const SplitSummary&)>& cell) {
    rows.push_back({name});
    for (const auto& split : splits) rows.back().push_back(cell(split));
  };
  const auto range = [](std::int64_t low, std::int64_t high) {
    return low == high ? with_separators(low) : with_separators(low) + " to " + with_separators(high);
  };
  row("", [](const auto& s) { return s.split; });
  row("images", [](const auto& s) { return with_separators(s.images); });
  row("classes", [](const auto& s) { return with_separators(s.classes); });
  row("images per class", [&](const auto& s) { return range(s.min_per_class, s.max_per_class); });
  const auto counts = [&](std::map<std::string, std::int64_t> SplitSummary::*of) {
    std::set<std::string> names;
    for (const auto& split : splits)
      for (const auto& [name, files] : split.*of) names.insert(name);
    for (const auto& name : names)
      row(("  " + name).c_str(), [&](const auto& s) {
        const auto found = (s.*of).find(name);
        return with_separators(found == (s.*of).end() ? 0 : found->second);
      });
  };
  row("packed JPEG files", [](const auto& s) { return with_separators(s.packed); });
  counts(&SplitSummary::samplings);
  row("whole JPEG files", [](const auto& s) { return with_separators(s.jpegs); });
  counts(&SplitSummary::whole);
  row("stored as pixels", [](const auto& s) { return with_separators(s.pixels); });
  row("sides in pixels", [&](const auto& s) { return range(s.min_side, s.max_side); });
  if (std::any_of(splits.begin(), splits.end(), [](const auto& s) { return s.scaled_to > 0; }))
    row("shorter side scaled down to",
        [](const auto& s) { return s.scaled_to > 0 ? with_separators(s.scaled_to) : "-"; });
  row("size", [](const auto& s) { return bytes_text(s.bytes); });
  if (std::any_of(splits.begin(), splits.end(), [](const auto& s) { return s.source_bytes > 0; }))
    row("  times the files",
        [](const auto& s) { return decimals(static_cast<double>(s.bytes) / static_cast<double>(s.source_bytes), 2); });
  row("shards", [](const auto& s) { return with_separators(s.shards); });
  if (std::any_of(splits.begin(), splits.end(), [](const auto& s) { return s.bad >= 0; }))
    row("bad files left out", [](const auto& s) { return with_separators(s.bad); });

  std::string text = table_text(rows);
  for (const auto& split : splits) text += str("fingerprint of ", split.split, ": ", split.fingerprint, "\n");
  return text;
}

std::string summary_json(const std::vector<SplitSummary>& splits) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const auto& s : splits) {
    auto& split = all[s.split];
    split = {{"fingerprint", s.fingerprint},
             {"images", s.images},
             {"classes", s.classes},
             {"min_images_per_class", s.min_per_class},
             {"max_images_per_class", s.max_per_class},
             {"packed_jpegs", s.packed},
             {"whole_jpegs", s.jpegs},
             {"pixels", s.pixels},
             {"min_side", s.min_side},
             {"max_side", s.max_side},
             {"bytes", s.bytes},
             {"shards", s.shards}};
    if (s.scaled_to > 0) split["scaled_down_to"] = s.scaled_to;
    if (s.bad < 0) continue;
    split["samplings"] = s.samplings;
    split["whole_reasons"] = s.whole;
    split["source_bytes"] = s.source_bytes;
    split["bad_files"] = s.bad;
  }
  return all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace mosaic
