// Not under the sanitizers, which have an operator new of their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "base/random.h"
#include "batch/loader.h"
#include "catch.h"
#include "packed/coefficient_images.h"
#include "packed/encode_record.h"
#include "shards/shard_writer.h"
#include "support.h"

namespace {
std::atomic<std::int64_t> allocations{0}, live_bytes{0};

void* counted(void* memory) {
  if (memory) live_bytes += static_cast<std::int64_t>(::malloc_usable_size(memory));
  return memory;
}
void release(void* memory) {
  live_bytes -= static_cast<std::int64_t>(::malloc_usable_size(memory));
  std::free(memory);
}
}  // namespace

// All of this program's, from any thread. The compiler does not see that these belong together.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = counted(std::malloc(size ? size : 1))) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return counted(std::malloc(size ? size : 1));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  if (void* memory = counted(std::aligned_alloc(unit, (size + unit - 1) / unit * unit))) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace mosaic {
namespace {

/// Images of 20 to 59 pixels a side, of the one kind or the other.
class ManySizes {
 public:
  static constexpr std::int64_t kImages = 600;

  explicit ManySizes(StoredKind kind) {
    ShardWriter writer("train", {"a"});
    for (std::int64_t i = 0; i < kImages; ++i) {
      KeyedRandom random{static_cast<std::uint64_t>(i)};
      const int width = 20 + static_cast<int>(random.uniform_int(40)),
                height = 20 + static_cast<int>(random.uniform_int(40));
      std::vector<std::byte> bytes;
      if (kind == StoredKind::kPixels) {
        bytes.resize(static_cast<std::size_t>(width) * height * 3);
        for (std::byte& b : bytes) b = static_cast<std::byte>(random());
      } else {
        const auto& samplings = test::samplings();
        const auto image = test::coefficient_image(width, height, samplings[i % samplings.size()], random());
        REQUIRE(encode_record(image, bytes) == "");
      }
      writer.add({kind, width, height, bytes}, 0, "x");
    }
    writer.write(folder_ / "part");
    finish_shards({folder_ / "part"}, folder_.path(), "train");
    shards = std::make_shared<const ShardSet>(folder_.path(), "train");
  }
  std::shared_ptr<const ShardSet> shards;

 private:
  test::TemporaryFolder folder_;
};

TEST_CASE("after the first epochs an image costs no allocation, a batch a fixed few; memory is within what is stated",
          "[batch]") {
  constexpr std::int64_t kBatch = 50, kImages = ManySizes::kImages;
  const StoredKind kind = GENERATE(StoredKind::kPixels, StoredKind::kPackedJpeg);
  const ManySizes set(kind);
  TrainDatasetConfig config;
  config.crop_size = 16;
  const View view(config, std::nullopt, 17);
  const std::int64_t before_loader = live_bytes;
  Loader loader(set.shards, view, 2);
  const auto epoch = [&](std::int64_t number) {
    BatchPlan plan = train_plan(kImages, kBatch, 0, 1, number, 0);
    const std::int64_t before = allocations;
    loader.start(std::move(plan));
    while (loader.next()) {
    }
    return allocations - before;
  };
  for (int warm_up = 0; warm_up < 20; ++warm_up) epoch(warm_up);
  const std::int64_t made = epoch(20);
  INFO(made << " allocations for " << kImages << " images");
  CHECK(made <= 8 * kImages / kBatch);

  const std::int64_t batches = (Loader::kUsualDepth + Loader::kSlabsInUse) * Loader::batch_bytes(kBatch, 16),
                     threads = 2 * Loader::thread_bytes(*set.shards, view), used = live_bytes - before_loader;
  INFO("used " << used << ", stated " << batches << " for batches and " << threads << " for threads");
  CHECK(used >= batches);
  CHECK(used <= batches + threads);
}

}  // namespace
}  // namespace mosaic

#endif
