#include "preprocess/split_packer.h"

#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "preprocess/group_writer.h"
#include "preprocess/in_order.h"
#include "preprocess/pack_reports.h"
#include "preprocess/prepare_containers.h"
#include "preprocess/source_reader.h"
#include "preprocess/stored_file.h"
#include "shards/format.h"
#include "shards/shard_writer.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

void remove_file(const std::string& path) {
  std::error_code failure;
  fs::remove(path, failure);
  if (failure) throw Error(str(path, ": cannot remove: ", failure.message()));
}

/// A listing, not a question for each name: clients of network file systems remember for a while that a file was not there.
std::set<std::string> paths_in(const std::string& folder) {
  std::set<std::string> paths;
  for (const auto& entry : fs::directory_iterator(folder)) paths.insert(entry.path().string());
  return paths;
}

}  // namespace

SplitPacker::SplitPacker(std::string split, SourceList source, PackerSettings settings, Journal kept)
    : split_(std::move(split)),
      source_(std::move(source)),
      settings_(std::move(settings)),
      groups_(cut_into_groups(source_, settings_.shard_size, settings_.storage)),
      journal_(std::move(kept)) {
  journal_.options = digest_of_options(source_.class_names, settings_.shard_size, settings_.storage);
}

void SplitPacker::look_for_earlier_work(bool overwrite) {
  const auto found = read_journal(journal_path());
  const std::vector<int> finals = shard_numbers(settings_.out, split_);
  if (found && found->options == journal_.options) {
    journal_.groups = usable_groups(*found);
    if (complete()) journal_.fingerprint = found->fingerprint;
  }
  if (finals.empty() || complete()) return;
  if (!overwrite)
    throw Error(str(final_path(finals.front()),
                    ": a finished data set is here already, made from other files than are in ", source_.path,
                    " now, or with other options: take another folder, or replace it with --overwrite"));
  replaces_ = true;
  journal_.groups.clear();
}

std::string SplitPacker::part_path(std::int64_t group, int part) const {
  char number[32];
  std::snprintf(number, sizeof number, "%05lld-%d", static_cast<long long>(group), part);
  return str(settings_.out, "/", split_, ".", number, ".part");
}

std::string SplitPacker::final_path(int shard) const { return settings_.out + "/" + shard_file_name(split_, shard); }

std::string SplitPacker::journal_path() const { return settings_.out + "/" + split_ + ".journal"; }

/// What an earlier run has made of the files that are there now, and is still there.
std::map<std::int64_t, PackedGroup> SplitPacker::usable_groups(const Journal& found) const {
  const auto paths = paths_in(settings_.out);
  std::map<std::int64_t, PackedGroup> usable;
  int shard = 0;  // the final number of its first part; known if all groups before are there
  for (const auto& [number, group] : found.groups) {
    const auto index = static_cast<std::size_t>(number);
    if (index >= groups_.size()) break;
    bool same = group.files.begin == groups_[index].begin && group.files.end == groups_[index].end &&
                group.sources == digest_of_sources(source_, groups_[index]);
    for (int part = 0; part < group.shards; ++part, ++shard)
      same = same && (paths.contains(part_path(number, part)) || paths.contains(final_path(shard)));
    if (same) usable.emplace(number, group);
  }
  return usable;
}

void SplitPacker::remove_finished() const {
  remove_file(journal_path());  // first: without it what is left counts as foreign
  for (const int shard : shard_numbers(settings_.out, split_)) remove_file(final_path(shard));
}

void SplitPacker::remove_stale() const {
  if (replaces_) remove_finished();
  std::set<std::string> kept;
  for (const auto& [number, group] : journal_.groups)
    for (int part = 0; part < group.shards; ++part) kept.insert(part_path(number, part));
  for (const std::string& path : paths_in(settings_.out)) {
    long long group = 0;
    int part = 0;
    const std::string name = path.substr(settings_.out.size() + 1);
    if (!name.starts_with(split_ + ".") ||
        std::sscanf(name.c_str() + split_.size() + 1, "%lld-%d.part", &group, &part) != 2)
      continue;
    const std::string ours = part_path(group, part);
    if (path == ours + ".partial" || (path == ours && !kept.contains(path))) remove_file(path);
  }
}

void SplitPacker::prepare_sources() const {
  if (!complete()) prepare_containers(source_, split_, unpacked_folder(), settings_.threads);
}

std::vector<SplitPacker::Work> SplitPacker::share_of(int rank, int size) const {
  std::vector<Work> share;
  int next = 0;  // whose turn it is
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    const auto number = static_cast<std::int64_t>(group);
    if (journal_.groups.contains(number) || next++ % size != rank) continue;
    for (std::int64_t file = groups_[group].begin; file < groups_[group].end; ++file) share.push_back({number, file});
  }
  return share;
}

void SplitPacker::write_groups(Team& team) {
  if (complete()) return;
  std::int64_t done = 0;
  for (const auto& [number, group] : journal_.groups) done += group.files.end - group.files.begin;
  const std::vector<Work> share = share_of(team.rank(), team.size());

  PackReports reports(team, split_, static_cast<std::int64_t>(source_.files.size()), done,
                      static_cast<std::int64_t>(bad().size()), [&](PackedGroup group) {
                        const std::int64_t number = group.number;
                        journal_.groups.insert_or_assign(number, std::move(group));
                        write_journal(journal_path(), journal_);
                      });
  std::unique_ptr<GroupWriter> writer;
  std::future<PackedGroup> written;  // the group before: the threads decode on while it goes to the disk
  const auto report_written = [&] {
    if (written.valid()) reports.add_group(written.get());
  };
  const SourceReader reader(source_, unpacked_folder());
  const auto load = [&](std::int64_t i) {
    const SourceFile& file = source_.files[static_cast<std::size_t>(share[static_cast<std::size_t>(i)].file)];
    return load_source_file(reader, source_, file, settings_.storage);
  };
  const auto store = [&](std::int64_t i, StoredFile&& stored) {
    const auto [number, file] = share[static_cast<std::size_t>(i)];
    const SourceGroup& group = groups_[static_cast<std::size_t>(number)];
    if (!writer) {
      const PackedGroup empty{.number = number, .files = group, .sources = digest_of_sources(source_, group)};
      writer = std::make_unique<GroupWriter>(source_, split_, settings_.shard_size, settings_.storage.max_side, empty,
                                             [&, number = number](int part) { return part_path(number, part); });
    }
    writer->add(file, stored);
    reports.add_file(!stored.fault.empty());
    if (file + 1 == group.end) {
      report_written();
      written = std::async(std::launch::async, [done = std::move(writer)] { return done->finish(); });
    }
  };
  in_order<StoredFile>(0, static_cast<std::int64_t>(share.size()), settings_.threads, load, store);
  report_written();
  reports.end();
}

std::vector<BadFile> SplitPacker::bad() const {
  std::vector<BadFile> all;
  for (const auto& [number, group] : journal_.groups) all.insert(all.end(), group.bad.begin(), group.bad.end());
  return all;
}

Counts SplitPacker::sum(Counts PackedGroup::*counts) const {
  Counts all;
  for (const auto& [number, group] : journal_.groups)
    for (const auto& [name, files] : group.*counts) all[name] += files;
  return all;
}

std::uint64_t SplitPacker::source_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& file : source_.files) bytes += file.bytes;
  for (const auto& bad : bad()) bytes -= source_.files[static_cast<std::size_t>(bad.file)].bytes;
  return static_cast<std::uint64_t>(bytes);
}

void SplitPacker::finish() {
  std::error_code failure;
  fs::remove_all(unpacked_folder(), failure);
  if (failure)
    log_warning(str(unpacked_folder(), ": cannot be removed, and is of no use any more: ", failure.message()));
  if (finished()) return;
  std::vector<std::string> parts;
  for (const auto& [number, group] : journal_.groups)
    for (int part = 0; part < group.shards; ++part) parts.push_back(part_path(number, part));
  journal_.fingerprint = finish_shards(parts, settings_.out, split_);
  write_journal(journal_path(), journal_);
}

}  // namespace mosaic
