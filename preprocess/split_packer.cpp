#include "preprocess/split_packer.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <utility>

#include "base/error.h"
#include "preprocess/in_order.h"
#include "preprocess/stored_file.h"
#include "shards/format.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

void remove_file(const std::string& path) {
  std::error_code failure;
  fs::remove(path, failure);
  if (failure) throw Error(str(path, ": cannot remove: ", failure.message()));
}

std::uint64_t in_pool(std::uint64_t bytes) { return (bytes + kImageAlignment - 1) / kImageAlignment * kImageAlignment; }

}  // namespace

SplitPacker::SplitPacker(std::string split, ImageFolder source, PackerSettings settings)
    : split_(std::move(split)),
      source_(std::move(source)),
      settings_(std::move(settings)),
      journal_path_(settings_.out + "/" + split_ + ".journal") {
  const auto found = read_journal(journal_path_);
  const std::vector<int> finals = shard_numbers(settings_.out, split_);
  std::size_t kept = found ? parts_to_keep(*found) : 0;

  if (!finals.empty() && !(found && complete(*found, kept))) {
    if (!settings_.overwrite)
      throw Error(str(settings_.out, "/", shard_file_name(split_, finals.front()),
                      ": a finished data set is here already, made from other files than are in ", source_.path,
                      " now, or with other options: take another folder, or replace it with --overwrite"));
    remove_finished();
    kept = 0;
  }
  if (kept > 0) {
    journal_ = *found;
    journal_.parts.resize(kept);
    if (!complete(*found, kept)) journal_.fingerprint.clear();
  }
  journal_.options = digest_of_options(source_.class_names, settings_.shard_size, settings_.keep_files);
}

std::string SplitPacker::part_path(std::size_t part) const { return final_path(part) + ".part"; }

std::string SplitPacker::final_path(std::size_t part) const {
  return settings_.out + "/" + shard_file_name(split_, static_cast<int>(part));
}

/// How many of the parts of an earlier run are what this one would write.
std::size_t SplitPacker::parts_to_keep(const Journal& found) const {
  if (found.options != digest_of_options(source_.class_names, settings_.shard_size, settings_.keep_files)) return 0;
  const auto files = static_cast<std::int64_t>(source_.files.size());
  std::size_t kept = 0;
  std::int64_t next = 0;
  for (const auto& part : found.parts) {
    const bool there = fs::exists(part_path(kept)) || fs::exists(final_path(kept));
    if (!there || part.begin != next || part.end <= next || part.end > files) break;
    if (part.sources != digest_of(part)) break;
    next = part.end;
    ++kept;
  }
  return kept;
}

std::string SplitPacker::digest_of(const Journal::Part& part) const {
  // With the file after its end: that one did not fit in, and had it been another it might have.
  return digest_of_sources(source_, part.begin,
                           std::min(part.end + 1, static_cast<std::int64_t>(source_.files.size())));
}

bool SplitPacker::complete(const Journal& found, std::size_t kept) const {
  return kept > 0 && kept == found.parts.size() &&
         found.parts.back().end == static_cast<std::int64_t>(source_.files.size());
}

void SplitPacker::remove_finished() const {
  remove_file(journal_path_);  // first: without it what is left counts as foreign
  for (const int shard : shard_numbers(settings_.out, split_)) remove_file(final_path(static_cast<std::size_t>(shard)));
}

void SplitPacker::remove_parts_from(std::size_t first) const {
  std::vector<std::string> stale;
  for (const auto& entry : fs::directory_iterator(settings_.out)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(".partial")) name.resize(name.size() - std::string(".partial").size());
    if (!name.starts_with(split_ + "-") || !name.ends_with(".h5.part")) continue;
    const std::size_t part = std::strtoull(name.c_str() + split_.size() + 1, nullptr, 10);
    if (part >= first && settings_.out + "/" + name == part_path(part)) stale.push_back(entry.path().string());
  }
  for (const auto& path : stale) remove_file(path);
}

void SplitPacker::write_part(const ShardWriter& writer, Journal::Part part) {
  writer.write(part_path(journal_.parts.size()));
  part.sources = digest_of(part);
  journal_.parts.push_back(std::move(part));
  write_journal(journal_path_, journal_);
}

void SplitPacker::write_parts() {
  const auto files = static_cast<std::int64_t>(source_.files.size());
  const std::int64_t begin = journal_.parts.empty() ? 0 : journal_.parts.back().end;
  if (begin == files) return;
  remove_parts_from(journal_.parts.size());

  ProgressLine progress(split_, files, begin);
  std::size_t bad_files = bad().size();
  std::unique_ptr<ShardWriter> writer;
  Journal::Part part{.begin = begin, .end = begin, .sources = {}, .bad = {}, .whole = {}};
  const auto start_part = [&](std::int64_t at) {
    writer = std::make_unique<ShardWriter>(split_, static_cast<int>(journal_.parts.size()), source_.class_names);
    part = {.begin = at, .end = at, .sources = {}, .bad = {}, .whole = {}};
  };
  start_part(begin);

  const auto load = [&](std::int64_t i) {
    return load_source_file(source_.path_of(source_.files[static_cast<std::size_t>(i)]), settings_.keep_files);
  };
  const auto store = [&](std::int64_t i, StoredFile&& file) {
    const SourceFile& source = source_.files[static_cast<std::size_t>(i)];
    if (!file.fault.empty()) {
      part.bad.push_back({i, file.fault});
      ++bad_files;
    } else {
      const StoredImage image = file.image();
      if (writer->size() > 0 && in_pool(writer->stored_bytes()) + image.bytes.size() > settings_.shard_size) {
        part.end = i;
        write_part(*writer, std::move(part));
        start_part(i);
      }
      writer->add(image, source.label, source.name);
      if (!file.why_whole.empty()) ++part.whole[file.why_whole];
    }
    progress.update(i + 1, bad_files > 0 ? str(bad_files, " bad") : "");
  };
  in_order<StoredFile>(begin, files, settings_.threads, load, store);

  part.end = files;
  if (writer->size() > 0)
    write_part(*writer, std::move(part));
  else
    journal_.parts.push_back(std::move(part));
}

std::vector<BadFile> SplitPacker::bad() const {
  std::vector<BadFile> all;
  for (const auto& part : journal_.parts) all.insert(all.end(), part.bad.begin(), part.bad.end());
  return all;
}

std::map<std::string, std::int64_t> SplitPacker::whole() const {
  std::map<std::string, std::int64_t> all;
  for (const auto& part : journal_.parts)
    for (const auto& [reason, files] : part.whole) all[reason] += files;
  return all;
}

void SplitPacker::finish() {
  if (finished()) return;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < journal_.parts.size(); ++i) parts.push_back(part_path(i));
  journal_.fingerprint = finish_shards(parts, settings_.out, split_);
  write_journal(journal_path_, journal_);
}

}  // namespace mosaic
