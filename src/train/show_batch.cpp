#include "train/show_batch.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "report/contact_sheet.h"
#include "train/epoch_plan.h"
#include "train/train_step.h"

namespace mosaic {
namespace {

constexpr std::int64_t kMostTiles = 64;

/// "tench", or "0.73 tench" and "0.27 garbage truck".
std::vector<std::string> captions(const NetInput& input, const at::Tensor& labels, std::int64_t image,
                                  const std::vector<std::string>& classes) {
  const auto name = [&](std::int64_t i) { return classes[labels[i].item<std::int64_t>()]; };
  if (!input.mix) return {name(image)};
  const std::int64_t partner = input.mix->partners[image].item<std::int64_t>();
  return {decimals(1 - input.mix->coefficient, 2) + " " + name(image),
          decimals(input.mix->coefficient, 2) + " " + name(partner)};
}

}  // namespace

BatchSheet batch_sheet(Run& run, const Batch& batch, const std::vector<std::string>& classes) {
  const at::Tensor labels = batch.labels.cpu();
  std::vector<Tile> tiles;
  std::int64_t first = 0;  // image of the micro-batch
  std::int64_t height = 0, width = 0;
  for (const NetInput& input : net_inputs(run, batch)) {
    const std::int64_t n = input.images.size(0);
    height = input.images.size(2), width = input.images.size(3);
    const std::int64_t shown = std::min(n, kMostTiles - static_cast<std::int64_t>(tiles.size()));
    const at::Tensor pixels = pixels_of(input.images.narrow(0, 0, shown)), names = labels.narrow(0, first, n);
    for (std::int64_t i = 0; i < shown; ++i) {
      const at::Tensor image = pixels[i];
      const auto* bytes = image.const_data_ptr<std::uint8_t>();
      tiles.push_back({.rgb = {bytes, bytes + image.numel()}, .captions = captions(input, names, i, classes)});
    }
    first += n;
  }
  const std::string ranks = run.ranks.size() > 1 ? str(", rank ", run.ranks.rank(), " of ", run.ranks.size()) : "";
  const std::string what = str("epoch ", run.now.epoch, ", batch ", run.now.batch, ranks, ": ", tiles.size(), " of ",
                               first, " images, ", width, " x ", height, " pixels");
  return {contact_sheet(what, tiles, static_cast<int>(width), static_cast<int>(height)), what};
}

std::string show_batch(Run& run, Data& data, const std::string& path) {
  data.train_loader.start(epoch_plan(run, data.train_shards->size(), run.now));
  const HostBatch host = data.train_loader.next();
  const auto [png, what] =
      batch_sheet(run, to_device(host, run.net.device(), run.net.type()), data.train_shards->class_names());
  write_file_atomically(path, png);
  return str(path, ": ", what);
}

}  // namespace mosaic
