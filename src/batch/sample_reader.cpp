#include "batch/sample_reader.h"

#include <algorithm>

#include "base/error.h"
#include "packed/packed_record.h"
#include "shards/arrivals.h"

namespace mosaic {
namespace {

constexpr int kBits = 64;

/// Enough for the head of nearly every record: that of 500 x 375 pixels has 1,800 bytes.
constexpr std::size_t kUsualHead = 4096;

}  // namespace

SampleReader::SampleReader(std::shared_ptr<const ShardSet> shards, View view)
    : shards_(std::move(shards)), view_(view), checked_(static_cast<std::size_t>(shards_->size() / kBits + 1)) {}

bool SampleReader::was_checked(std::int64_t sample) const {
  return checked_[static_cast<std::size_t>(sample / kBits)].load(std::memory_order_relaxed) >> (sample % kBits) & 1;
}

StoredImage SampleReader::read(std::int64_t sample, std::int64_t epoch, std::vector<std::byte>& buffer) {
  if (!was_checked(sample)) {
    const StoredImage image = shards_->read(sample, buffer);
    bytes_read_.fetch_add(image.bytes.size(), std::memory_order_relaxed);
    checked_[static_cast<std::size_t>(sample / kBits)].fetch_or(std::uint64_t{1} << (sample % kBits),
                                                                std::memory_order_relaxed);
    return image;
  }
  const auto size = static_cast<std::size_t>(shards_->stored_bytes(sample));
  if (buffer.size() < size) buffer.resize(size);
  const auto bytes = std::span(buffer).first(size);
  const StoredImage image{shards_->kind(sample), shards_->width(sample), shards_->height(sample), bytes};
  const Box box = view_.part_looked_at(image.width, image.height, epoch, sample);
  switch (image.kind) {
    case StoredKind::kPackedJpeg:
      read_block_rows(sample, box, bytes);
      break;
    case StoredKind::kPixels: {
      const std::size_t row = static_cast<std::size_t>(image.width) * 3;
      read_range(sample, box.top * row, std::min((box.top + box.height) * row, size), bytes);
      break;
    }
    case StoredKind::kJpegFile:
      read_range(sample, 0, size, bytes);
  }
  return image;
}

void SampleReader::read_block_rows(std::int64_t sample, Box box, std::span<std::byte> image) const {
  const std::size_t first = std::min(kUsualHead, image.size());
  read_range(sample, 0, first, image);
  std::size_t done = first;
  try {
    const std::size_t head = std::min(PackedRecord::head_size(image.first(first)), image.size());
    if (head > done) {
      read_range(sample, done, head, image);
      done = head;
    }
    const PackedRecord::Range rows = PackedRecord(image).bytes_of_rows(box.top, box.top + box.height - 1);
    if (rows.end > done) read_range(sample, std::max(rows.begin, done), rows.end, image);
  } catch (const NotArrived&) {
    throw;
  } catch (const Error& e) {
    throw Error(str(shards_->describe(sample), ": ", e.what()), e.exit_code());
  }
}

void SampleReader::read_range(std::int64_t sample, std::size_t begin, std::size_t end,
                              std::span<std::byte> image) const {
  shards_->read_part(sample, begin, image.subspan(begin, end - begin));
  bytes_read_.fetch_add(end - begin, std::memory_order_relaxed);
}

}  // namespace mosaic
