#include "preprocess/pack.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <optional>

#include "base/cpu.h"
#include "base/error.h"
#include "base/log.h"
#include "packed/kernel_choice.h"
#include "preprocess/pack_lock.h"
#include "preprocess/split_packer.h"
#include "preprocess/split_summary.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

/// "a, b, c and 7 more"
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kMost ? str(text, " and ", names.size() - kMost, " more") : text;
}

/// A label must mean the same in both: it is the place of the class in the list of its split.
void check_same_classes(const SourceList& train, const SourceList& val) {
  if (train.class_names == val.class_names) return;
  const auto only_in = [](auto a, auto b) {
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    std::vector<std::string> rest;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
    return rest;
  };
  const auto only_train = only_in(train.class_names, val.class_names);
  const auto only_val = only_in(val.class_names, train.class_names);
  if (only_train.empty() && only_val.empty())
    throw Error(str(val.path, ": expected the classes in the order in which they are numbered in ", train.path,
                    ": name them in that order with --classes FILE"));
  throw Error(str(val.path, ": expected the same classes as in ", train.path,
                  only_train.empty() ? "" : str(": missing ", some_of(only_train)),
                  only_val.empty() ? "" : str(": only here ", some_of(only_val))));
}

/// An option that changes nothing is a mistake.
void check_used(const char* option, const std::string& file, const std::vector<SourceList>& sources, const char* use) {
  if (file.empty()) return;
  if (std::none_of(sources.begin(), sources.end(), [&](const auto& source) { return source.classes_from == file; }))
    throw Error(str(option, " ", file, ": no split needs it: expected ", use, ": leave it out"));
}

std::vector<SourceList> list_splits(const PackOptions& options, const std::vector<std::string>& splits, int threads) {
  const char* why =
      options.splits.empty() ? "; to pack one split NAME alone: --split NAME" : ", since --split names it";
  std::vector<SourceList> sources;
  for (const auto& split : splits) sources.push_back(list_split(options, split, why, threads));
  const auto at = [&](const char* name) {
    return static_cast<std::size_t>(std::find(splits.begin(), splits.end(), name) - splits.begin());
  };
  if (at("train") < splits.size() && at("val") < splits.size())
    check_same_classes(sources[at("train")], sources[at("val")]);
  check_used("--labels", options.labels.labels, sources, "images in no class folders");
  check_used("--classes", options.classes, sources,
             "WebDataset, MosaicML Streaming or Parquet files, whose classes are numbers");
  return sources;
}

void make_folder(const std::string& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure || !fs::is_directory(path))
    throw Error(
        str(path, ": cannot create the folder: ", failure ? failure.message() : "there is a file of that name"));
}

/// What the first process finds out, for all: the files of a split, and what is packed of them already.
std::string to_text(const SplitPacker& packer) {
  const std::string source = to_text(packer.source());
  return str(source.size(), ' ', source, to_text(packer.journal()));
}

SplitPacker packer_of(const std::string& text, const std::string& split, const PackerSettings& settings) {
  std::size_t begin = 0;
  const std::size_t length = std::stoull(text, &begin);
  const auto journal = journal_of(text.substr(begin + 1 + length));
  return {split, source_list_of(text.substr(begin + 1, length)), settings, journal.value_or(Journal{})};
}

/// Collective. @param lock  is taken by the first process
std::vector<SplitPacker> open_splits(const PackOptions& options, Team& team, std::optional<PackLock>& lock) {
  const auto splits = options.splits.empty() ? std::vector<std::string>{"train", "val"} : options.splits;
  std::vector<PackerSettings> settings;
  for (const auto& split : splits) {
    settings.push_back({.out = options.out,
                        .shard_size = options.shard_size,
                        .threads = options.threads > 0 ? options.threads : cores_of_rank(team.local_size()),
                        .storage = options.storage});
    if (split == kValidation) settings.back().storage.max_side = 0;  // accuracy is measured on the images as they are
  }
  std::vector<SplitPacker> packers;
  team.from_first([&] {
    auto sources = list_splits(options, splits, settings[0].threads);
    make_folder(options.out);
    lock.emplace(options.out);
    for (std::size_t i = 0; i < splits.size(); ++i) {
      packers.emplace_back(splits[i], std::move(sources[i]), settings[i], Journal{});
      packers.back().look_for_earlier_work(options.overwrite);
    }
    for (const auto& packer : packers) packer.prepare_sources();
    for (const auto& packer : packers) packer.remove_stale();  // last: sources that are refused cost nothing
    return "";
  });
  for (std::size_t i = 0; i < splits.size(); ++i) {
    const std::string found = team.from_first([&] { return team.size() > 1 ? to_text(packers[i]) : ""; });
    if (!team.first()) packers.push_back(packer_of(found, splits[i], settings[i]));
  }
  return packers;
}

void check_bad_files(const std::vector<SplitPacker>& packers, const PackOptions& options) {
  std::int64_t bad_files = 0;
  for (const auto& packer : packers)
    for (const auto& bad : packer.bad()) {
      const auto& file = packer.source().files[static_cast<std::size_t>(bad.file)];
      std::fprintf(stderr, "bad: %s: %s\n", packer.source().where(file).c_str(), bad.fault.c_str());
      ++bad_files;
    }
  if (bad_files > options.skip_bad)
    throw Error(str(options.source, ": ", bad_files, bad_files == 1 ? " bad file" : " bad files",
                    " (listed above), expected at most ", options.skip_bad,
                    ": repair or remove them, or leave them out with --skip-bad ", bad_files,
                    "; what was packed waits in ", options.out, " as *.part and is used then"));
  for (const auto& packer : packers)
    if (packer.bad().size() == packer.source().files.size())
      throw Error(str(packer.source().path, ": none of its ", packer.source().files.size(), " files is a good image"));
}

}  // namespace

int pack(const PackOptions& options, Team& team) {
  best_kernels();  // what is wrong with the environment is no file's fault
  const auto start = std::chrono::steady_clock::now();
  std::optional<PackLock> lock;
  std::vector<SplitPacker> packers = open_splits(options, team, lock);
  if (team.size() > 1) log_info(str("packing by ", team.size(), " processes"));
  for (auto& packer : packers) {
    if (packer.finished())
      log_info(str(options.out, ": ", packer.split(),
                   ": packed already, from these files with these options: nothing to do"));
    packer.write_groups(team);
  }

  const std::string summary = team.from_first([&] {
    check_bad_files(packers, options);
    std::vector<SplitSummary> summaries;
    for (auto& packer : packers) {
      packer.finish();
      summaries.push_back(summarize(ShardSet(options.out, packer.split())));
      summaries.back().whole = packer.sum(&PackedGroup::whole);
      summaries.back().samplings = packer.sum(&PackedGroup::samplings);
      summaries.back().source_bytes = packer.source_bytes();
      summaries.back().bad = static_cast<std::int64_t>(packer.bad().size());
    }
    return options.json ? summary_json(summaries) : summary_text(summaries);
  });
  if (!team.first()) return kExitDone;
  std::printf("%s", summary.c_str());
  if (options.json) return kExitDone;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("packed into %s in %.1f s\n", options.out.c_str(), seconds.count());
  return kExitDone;
}

}  // namespace mosaic
