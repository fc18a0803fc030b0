#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "catch.h"
#include "image/decode.h"
#include "image/random_crop.h"
#include "image/resize.h"
#include "packed/decode_record.h"
#include "packed/pack_jpeg.h"
#include "packed/stored_decoder.h"
#include "support.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> jpegs_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

int draw(KeyedRandom& random, int bound) { return static_cast<int>(random.uniform_int(bound)); }

/// Whole images, borders, strips, single pixels, and crops as training draws them.
Box draw_box(int i, const Image& image, KeyedRandom& random) {
  const int w = image.width, h = image.height;
  switch (i) {
    case 0:
      return {0, 0, w, h};
    case 1:
      return {draw(random, w), draw(random, h), 1, 1};
    case 2:
      return {0, draw(random, h), w, 1};
    case 3:
      return {draw(random, w), 0, 1, h};
    case 4:
      return {w - 1 - draw(random, std::min(w, 20)), h - 1 - draw(random, std::min(h, 20)), 1, 1};
    default: {
      KeyedCropDraws draws(random(), 0, i);
      return random_resized_crop(w, h, 0.08, 1.0, draws);
    }
  }
}

constexpr int kLargestSide = 224;

/// The claim, for every JPEG below `folder`, each box at two sides. Seed and boxes per image from the environment: more of them find more.
void check_folder(const std::string& name) {
  const auto folder = test::shared_path(name);
  if (!folder) return;
  const char* boxes_wanted = std::getenv("MOSAIC_BOXES");
  const int boxes = boxes_wanted ? std::atoi(boxes_wanted) : 2;
  const char* seed_wanted = std::getenv("MOSAIC_SEED");
  const std::uint64_t seed = seed_wanted ? std::strtoull(seed_wanted, nullptr, 10) : 31;
  KeyedRandom random{seed};
  std::vector<StoredDecoder> decoders;
  for (const Kernels* kernels : usable_kernels()) decoders.emplace_back(*kernels);
  ResizeScratch scratch;
  std::map<std::string, int> reasons;
  std::size_t file_bytes = 0, record_bytes = 0;
  std::vector<int> times(kLargestSide + 1);  // how often each side was compared, with all kernels
  int packed = 0;
  std::vector<std::byte> record;
  for (const auto& path : jpegs_in(*folder)) {
    const auto file = read_file(path);
    if (image_format(file) != ImageFormat::kJpeg) continue;
    CAPTURE(path);
    Image image;
    if (!test::message_of([&] { image = decode_file(file); }).empty()) continue;
    if (const std::string reason = pack_jpeg(file, image, record); !reason.empty()) {
      ++reasons[reason];
      continue;
    }
    ++packed;
    file_bytes += file.size();
    record_bytes += record.size();
    JpegCoefficients coefficients;
    decode_coefficients(PackedRecord(record), coefficients);
    if (decode_file(write_jpeg(coefficients)).rgb != image.rgb) FAIL("written as a JPEG again, it has other pixels");
    const StoredImage stored{StoredKind::kPackedJpeg, image.width, image.height, record};
    for (int i = 0; i < boxes; ++i) {
      const Box box = draw_box(i, image, random);
      const bool flip = draw(random, 2) == 1;
      for (const int side : {1 + draw(random, kLargestSide), 1 + draw(random, kLargestSide)}) {
        const std::size_t bytes = static_cast<std::size_t>(side) * side * 3;
        std::vector<std::uint8_t> expected(bytes), got(bytes);
        resize_crop(image, box, side, side, flip, scratch, expected.data());
        for (std::size_t k = 0; k < decoders.size(); ++k) {
          decoders[k].decode_crop(stored, box, side, flip, got.data());
          CAPTURE(usable_kernels()[k]->name, box.left, box.top, box.width, box.height, side, flip);
          if (got != expected) FAIL("other bytes than decode and resize give");
        }
        ++times[side];
      }
    }
  }
  CHECK(packed > 0);
  std::string kept;
  for (const auto& [reason, count] : reasons) kept += str("; kept for '", reason, "': ", count);
  std::printf(
      "%s: seed %llu: %d packed, %zu to %zu bytes (%.3fx); %d crops equal by each of %zu kernels, %d or more at each "
      "side from 1 to %d%s\n",
      name.c_str(), static_cast<unsigned long long>(seed), packed, file_bytes, record_bytes,
      static_cast<double>(record_bytes) / static_cast<double>(file_bytes),
      std::accumulate(times.begin(), times.end(), 0), decoders.size(),
      *std::min_element(times.begin() + 1, times.end()), kLargestSide, kept.c_str());
}

TEST_CASE("crops of packed photos are those of the files, byte for byte", "[packed][shared]") {
  for (const char* name : {"data/imagenet-sample", "data/odd/open"}) check_folder(name);
}

TEST_CASE("photos that are decoded at half their size differ by one or two levels on the mean", "[packed][shared]") {
  const auto folder = test::shared_path("data/imagenet-sample");
  if (!folder) return;
  struct Difference {
    int crops = 0, applied = 0;
    double sum = 0, worst = 0;
  };
  std::map<int, Difference> of_side;
  StoredDecoder decoder;
  std::vector<std::byte> record;
  const auto files = jpegs_in(*folder);
  for (std::size_t i = 0; i < files.size(); i += 10) {
    const auto jpeg = read_file(files[i]);
    const Image image = decode_file(jpeg);
    if (pack_jpeg(jpeg, image, record) != "") continue;
    const StoredImage stored{StoredKind::kPackedJpeg, image.width, image.height, record};
    for (const int side : {88, 128, 176})
      for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
        KeyedCropDraws draws(17, epoch, static_cast<std::int64_t>(i));
        const Box box = random_resized_crop(image.width, image.height, 0.08, 1.0, draws);
        Difference& d = of_side[side];
        ++d.crops;
        if (std::min(box.width, box.height) < 2 * side) continue;
        const std::size_t bytes = static_cast<std::size_t>(side) * side * 3;
        std::vector<std::uint8_t> exact(bytes), half(bytes);
        decoder.decode_crop(stored, box, side, false, exact.data());
        decoder.decode_crop_half(stored, box, side, false, half.data());
        double sum = 0;
        for (std::size_t k = 0; k < bytes; ++k) sum += std::abs(exact[k] - half[k]);
        ++d.applied;
        d.sum += sum / static_cast<double>(bytes);
        d.worst = std::max(d.worst, sum / static_cast<double>(bytes));
      }
  }
  for (const auto& [side, d] : of_side) {
    WARN("side " << side << ": half of the size for " << d.applied << " of " << d.crops << " crops, mean difference "
                 << d.sum / d.applied << ", of the worst crop " << d.worst);
    CHECK(d.sum / d.applied < 2);
  }
}

TEST_CASE("the same for Imagenette and Imagewoof", "[packed][shared][.slow]") {
  for (const char* name : {"data/imagenette", "data/imagewoof"}) check_folder(name);
}

}  // namespace
}  // namespace mosaic
