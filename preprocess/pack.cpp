#include "preprocess/pack.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include "base/cpu.h"
#include "base/error.h"
#include "base/log.h"
#include "packed/kernel_choice.h"
#include "preprocess/split_packer.h"
#include "preprocess/split_summary.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

ImageFolder list_split(const PackOptions& options, const std::string& split) {
  const std::string path = options.source + "/" + split;
  std::error_code failure;
  if (!fs::is_directory(options.source, failure)) throw Error(str(options.source, ": no such folder"));
  if (!fs::is_directory(path, failure))
    throw Error(str(path, ": no such folder: ", options.source,
                    options.splits.empty()
                        ? " must hold train/ and val/; to pack one folder NAME of it alone: --split NAME"
                        : " must hold it, since --split names it"));
  return list_image_folder(path, split);
}

/// "a, b, c and 7 more"
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kMost ? str(text, " and ", names.size() - kMost, " more") : text;
}

/// A label must mean the same in both: it is the place of the class in the list of its split.
void check_same_classes(const ImageFolder& train, const ImageFolder& val) {
  const auto only_in = [](const auto& a, const auto& b) {
    std::vector<std::string> rest;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
    return rest;
  };
  const auto only_train = only_in(train.class_names, val.class_names);
  const auto only_val = only_in(val.class_names, train.class_names);
  if (only_train.empty() && only_val.empty()) return;
  throw Error(str(val.path, ": expected the same classes as in ", train.path,
                  only_train.empty() ? "" : str(": missing ", some_of(only_train)),
                  only_val.empty() ? "" : str(": only here ", some_of(only_val))));
}

std::vector<SplitPacker> open_splits(const PackOptions& options) {
  const auto splits = options.splits.empty() ? std::vector<std::string>{"train", "val"} : options.splits;
  std::vector<ImageFolder> sources;
  for (const auto& split : splits) sources.push_back(list_split(options, split));
  const auto at = [&](const char* name) {
    return static_cast<std::size_t>(std::find(splits.begin(), splits.end(), name) - splits.begin());
  };
  if (at("train") < splits.size() && at("val") < splits.size())
    check_same_classes(sources[at("train")], sources[at("val")]);

  std::error_code failure;
  fs::create_directories(options.out, failure);
  if (failure || !fs::is_directory(options.out))
    throw Error(
        str(options.out, ": cannot create the folder: ", failure ? failure.message() : "there is a file of that name"));

  std::vector<SplitPacker> packers;
  for (std::size_t i = 0; i < splits.size(); ++i)
    packers.emplace_back(splits[i], std::move(sources[i]),
                         PackerSettings{.out = options.out,
                                        .shard_size = options.shard_size,
                                        .threads = options.threads > 0 ? options.threads : usable_cores(),
                                        .keep_files = options.keep_files,
                                        .overwrite = options.overwrite});
  return packers;
}

void check_bad_files(const std::vector<SplitPacker>& packers, const PackOptions& options) {
  std::int64_t bad_files = 0;
  for (const auto& packer : packers)
    for (const auto& bad : packer.bad()) {
      const auto& file = packer.source().files[static_cast<std::size_t>(bad.file)];
      std::fprintf(stderr, "bad: %s: %s\n", packer.source().path_of(file).c_str(), bad.fault.c_str());
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

int pack(const PackOptions& options) {
  best_kernels();  // what is wrong with the environment is no file's fault
  const auto start = std::chrono::steady_clock::now();
  std::vector<SplitPacker> packers = open_splits(options);
  for (auto& packer : packers) {
    if (packer.finished())
      log_info(str(options.out, ": ", packer.split(),
                   ": packed already, from these files with these options: nothing to do"));
    packer.write_parts();
  }
  check_bad_files(packers, options);

  std::vector<SplitSummary> summaries;
  for (auto& packer : packers) {
    packer.finish();
    summaries.push_back(summarize(ShardSet(options.out, packer.split())));
    summaries.back().whole = packer.whole();
    summaries.back().bad = static_cast<std::int64_t>(packer.bad().size());
  }
  std::printf("%s", summary_text(summaries).c_str());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::printf("packed into %s in %.1f s\n", options.out.c_str(), seconds.count());
  return kExitDone;
}

}  // namespace mosaic
