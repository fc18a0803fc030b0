#include "preprocess/stage_times.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

#include "base/crc32c.h"
#include "batch/sample_reader.h"
#include "image/decode.h"
#include "packed/aligned_buffer.h"
#include "packed/crop_rows.h"
#include "packed/kernel_choice.h"
#include "packed/stored_decoder.h"

namespace mosaic {
namespace {

constexpr std::size_t kMostSamples = 1000;  // a second of work at least; their bytes stay in the page cache

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Of this thread, which the machine's other work does not slow.
double thread_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <class Action>
double timed(double (*clock)(), Action action) {
  const double begin = clock();
  action();
  return clock() - begin;
}

/// Decodes as StoredDecoder does, and leaves out what comes after.
class DecodeOnly {
 public:
  void run(const StoredImage& image, Box box) {
    if (image.kind != StoredKind::kPackedJpeg) return decode_stored(image, decoded_);
    const PackedRecord record = open_packed(image);
    rows_.start(record, box);
    std::uint8_t* row[3];
    for (int c = 0; c < 3; ++c) row[c] = row_[c].get(static_cast<std::size_t>(box.width) + kRowSlack);
    for (int y = 0; y < box.height; ++y) rows_.next(row[0], row[1], row[2]);
  }

 private:
  CropRows rows_{best_kernels()};
  std::array<AlignedBuffer, 3> row_;
  Image decoded_;
};

}  // namespace

StageTimes time_stages(const std::shared_ptr<const ShardSet>& shards, const View& view,
                       std::span<const std::int64_t> samples, int side, double seconds) {
  samples = samples.first(std::min(samples.size(), kMostSamples));
  SampleReader reader(shards, view);
  DecodeOnly decoder;
  StoredDecoder whole_way;
  std::vector<std::byte> buffer, checked;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(side) * side * 3);
  StageTimes sum;
  // The first round reads the images whole, and checks them: it does not count.
  const double begin = wall_seconds();
  for (std::int64_t epoch = 0; epoch < 2 || wall_seconds() - begin < seconds; ++epoch)
    for (const std::int64_t sample : samples) {
      StoredImage image;
      const double read = timed(wall_seconds, [&] { image = reader.read(sample, epoch, buffer); });
      if (epoch == 0) {
        sum.checksum += timed(thread_seconds, [&] { crc32c(image.bytes); });
        continue;
      }
      const Box box = view.part_looked_at(image.width, image.height, epoch, sample);
      const double decode = timed(thread_seconds, [&] { decoder.run(image, box); });
      const double all = timed(thread_seconds, [&] { whole_way.decode_crop(image, box, side, false, pixels.data()); });
      sum.read += read;
      sum.decode += decode;
      sum.resize += all - decode;
      ++sum.images;
    }
  const auto images = static_cast<double>(sum.images);
  return {.images = sum.images,
          .read = sum.read / images,
          .checksum = sum.checksum / static_cast<double>(samples.size()),
          .decode = sum.decode / images,
          .resize = sum.resize / images};
}

}  // namespace mosaic
