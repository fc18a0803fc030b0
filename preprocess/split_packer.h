#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "preprocess/image_folder.h"
#include "preprocess/journal.h"
#include "preprocess/progress_line.h"
#include "shards/shard_writer.h"

namespace mosaic {

struct PackerSettings {
  std::string out;               // folder of the shards; exists
  std::uint64_t shard_size = 0;  // bytes of images; a larger image has a shard of its own
  int threads = 1;
  bool keep_files = false;  // JPEG files are stored whole
  bool overwrite = false;   // what is there already from other files or settings is replaced
};

/// One split on its way into shards: OUT/train-00000.h5.part and on, beside them the journal OUT/train.journal, and at the end
/// the renames to OUT/train-00000.h5 and on. What an earlier run has done from the same files with the same settings is
/// kept. The bytes of the shards depend on the files and the settings only, never on threads or interruptions.
class SplitPacker {
 public:
  /// Looks what is there.
  /// @throws Error if that is a finished data set from other files or settings, and it is not to be replaced
  SplitPacker(std::string split, ImageFolder source, PackerSettings settings);

  const std::string& split() const { return split_; }
  const ImageFolder& source() const { return source_; }
  /// All was done before: nothing is left but to look at the result.
  bool finished() const { return !journal_.fingerprint.empty(); }

  /// Decode and store every file that is not in a part yet.
  void write_parts();
  /// After `write_parts`: all that is in no shard.
  std::vector<BadFile> bad() const;
  /// After `write_parts`: JPEG files that could not be packed and are stored whole, how many for each reason.
  std::map<std::string, std::int64_t> whole() const;
  /// After `write_parts`: number, fingerprint, final names.
  void finish();

 private:
  std::string part_path(std::size_t part) const;
  std::string final_path(std::size_t part) const;
  std::size_t parts_to_keep(const Journal& found) const;
  std::string digest_of(const Journal::Part& part) const;
  bool complete(const Journal& found, std::size_t kept) const;
  void remove_finished() const;
  void remove_parts_from(std::size_t first) const;
  void write_part(const ShardWriter& writer, Journal::Part part);

  std::string split_;
  ImageFolder source_;
  PackerSettings settings_;
  std::string journal_path_;
  Journal journal_;
};

}  // namespace mosaic
