#include "preprocess/group_writer.h"

#include <utility>

#include "shards/format.h"

namespace mosaic {

GroupWriter::GroupWriter(const SourceList& source, std::string split, std::uint64_t shard_size, int max_side,
                         PackedGroup empty, std::function<std::string(int)> part_path)
    : source_(source),
      split_(std::move(split)),
      shard_size_(shard_size),
      max_side_(max_side),
      group_(std::move(empty)),
      part_path_(std::move(part_path)) {
  start_part();
}

void GroupWriter::start_part() {
  part_ = std::make_unique<ShardWriter>(split_, source_.class_names, static_cast<std::uint32_t>(max_side_));
}

void GroupWriter::write_part() { part_->write(part_path_(group_.shards++)); }

void GroupWriter::add(std::int64_t file, const StoredFile& stored) {
  if (!stored.fault.empty()) {
    group_.bad.push_back({file, stored.fault});
    return;
  }
  const StoredImage image = stored.image();
  if (part_->size() > 0 && in_pool(part_->stored_bytes()) + image.bytes.size() > shard_size_) {
    write_part();
    start_part();
  }
  const SourceFile& from = source_.files[static_cast<std::size_t>(file)];
  part_->add(image, from.label, from.name);
  if (!stored.why_whole.empty()) ++group_.whole[stored.why_whole];
  if (!stored.sampling.empty()) ++group_.samplings[stored.sampling];
}

PackedGroup GroupWriter::finish() {
  if (part_->size() > 0) write_part();
  return std::move(group_);
}

}  // namespace mosaic
