#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "comm/team.h"
#include "preprocess/journal.h"
#include "preprocess/source_groups.h"
#include "preprocess/source_list.h"
#include "preprocess/storage.h"

namespace mosaic {

struct PackerSettings {
  std::string out;               // folder of the shards; exists
  std::uint64_t shard_size = 0;  // bytes of images; a larger image has a shard of its own
  int threads = 1;               // of this process
  Storage storage = {};
};

/// One split on its way into shards. Its files are cut into groups (source_groups.h), which the processes of a team share: each packs
/// whole groups into parts, OUT/train.00017-0.part and on. At the end the first process numbers the parts of all groups and renames
/// them to OUT/train-00000.h5 and on. It keeps the journal OUT/train.journal, by which what an earlier run has done from the same files
/// with the same settings is used again. The bytes of the shards depend on the files and the settings only, never on processes, threads
/// or interruptions.
class SplitPacker {
 public:
  /// @param kept  what is packed already: the first process's journal(); on the first process empty, see `look_for_earlier_work`
  SplitPacker(std::string split, SourceList source, PackerSettings settings, Journal kept);

  const std::string& split() const { return split_; }
  const SourceList& source() const { return source_; }
  const Journal& journal() const { return journal_; }
  /// All was done before: nothing is left but to look at the result.
  bool finished() const { return !journal_.fingerprint.empty(); }

  /// What there is in the folder: sets the journal to what can be kept of it. First process only.
  /// @param overwrite  what is there already from other files or settings is replaced
  /// @throws Error if that is a finished data set from other files or settings, and it is not to be replaced
  void look_for_earlier_work(bool overwrite);
  /// Writes what is compressed in containers to files in OUT/train.unpacked/, from which all processes read, and which `finish` removes;
  /// compares containers with the digests that came with them. Does nothing if all groups are done. First process only, after that.
  void prepare_sources() const;
  /// Removes unfinished parts that cannot be kept, and the finished data set that is replaced. First process only, after that.
  void remove_stale() const;

  /// Collective: decode and store every file of the groups that are not done yet. Then the first process's journal has all groups.
  void write_groups(Team& team);

  // First process, after that.
  std::vector<BadFile> bad() const;  // all that is in no shard
  Counts sum(Counts PackedGroup::*counts) const;
  std::uint64_t source_bytes() const;  // of the files that are in a shard
  void finish();                       // numbers, fingerprint, final names

 private:
  struct Work {
    std::int64_t group, file;
  };
  /// The files of every size-th missing group, from the rank-th on.
  std::vector<Work> share_of(int rank, int size) const;

  std::string part_path(std::int64_t group, int part) const;
  std::string final_path(int shard) const;
  std::string journal_path() const;
  std::string unpacked_folder() const { return settings_.out + "/" + split_ + ".unpacked"; }
  std::map<std::int64_t, PackedGroup> usable_groups(const Journal& found) const;
  bool complete() const { return journal_.groups.size() == groups_.size(); }
  void remove_finished() const;

  std::string split_;
  SourceList source_;
  PackerSettings settings_;
  std::vector<SourceGroup> groups_;
  Journal journal_;
  bool replaces_ = false;  // a finished data set is there, and is to be replaced
};

}  // namespace mosaic
