#include "train/data.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <span>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/url.h"
#include "remote/make_shard_cache.h"

namespace mosaic {
namespace {

/// `action`, its errors with the name of the key before them.
template <class Action>
auto about(const std::string& key, Action action) {
  try {
    return action();
  } catch (const Error& e) {
    throw Error(str(key, ".path: ", e.what()), e.exit_code());
  }
}

/// Where the shards of a split are in the file system. Remote ones: where they will be, with all but their images.
std::string folder_of(const DatasetConfig& config, const std::string& split, NodeMemory& memory) {
  if (!is_remote(config.path)) return config.path;
  const SharedBytes folder = memory.share([&] {
    const std::string made = make_shard_cache(parse_location(config.path), split, *config.local);
    const auto bytes = std::as_bytes(std::span(made));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  });
  return {reinterpret_cast<const char*>(folder.get().data()), folder.get().size()};
}

std::shared_ptr<const ShardSet> open_split(const std::string& key, const DatasetConfig& config,
                                           const std::string& split, NodeMemory& memory) {
  return about(key, [&] { return std::make_shared<const ShardSet>(folder_of(config, split, memory), split, memory); });
}

void check_split(const Config& config, const std::string& key, const std::string& folder, const ShardSet& shards) {
  about(key, [&] { shards.check_that_it_is_here(); });
  const std::string& split = shards.split();
  const auto classes = static_cast<std::int64_t>(shards.class_names().size());
  if (classes > config.model.num_classes)
    throw Error(str("model.num_classes: got ", config.model.num_classes, ", but ", folder, " (", split, ") has ",
                    classes, " classes: expected at least that"));
}

void check_batch_size(const std::string& key, std::int64_t batch, int ranks) {
  if (batch < ranks)
    throw Error(str(key, ": got ", batch, " on ", ranks,
                    " ranks, expected at least one image per rank (batch sizes are global)"));
  if (batch % ranks != 0)
    throw Error(str(key, ": got ", batch, " on ", ranks,
                    " ranks, expected a multiple of the number of ranks (batch sizes are global), like ",
                    batch / ranks * ranks, " or ", (batch / ranks + 1) * ranks));
}

std::unique_ptr<LocalCopies> copies_of(std::shared_ptr<const ShardSet> shards, const DatasetConfig& config) {
  if (!config.local || is_remote(config.path)) return nullptr;
  LocalCopiesOptions options{.folder = *config.local, .limit = {}};
  if (config.local_limit) options.limit = static_cast<std::uint64_t>(*config.local_limit);
  return std::make_unique<LocalCopies>(std::move(shards), std::move(options));
}

/// Says what is fetched from where, once.
void announce(const DatasetConfig& config, const RemoteShards& remote, const ShardSet& shards) {
  log_info(str(config.path, ": ", shards.split(), ": ", shards.shard_count(), " shards, ",
               bytes_text(remote.total_bytes()), ", ", remote.here(), " of them in ", *config.local));
}

std::unique_ptr<RemoteShards> remote_of(const std::string& key, std::shared_ptr<const ShardSet> shards,
                                        const DatasetConfig& config, int depth,
                                        std::function<std::vector<std::int64_t>(std::int64_t)> order) {
  if (!is_remote(config.path)) return nullptr;
  // What the loaders of the node's ranks have in work, which are a few batches apart at most.
  const std::int64_t reach = (depth + 2 * Loader::kSlabsInUse) * config.batch_size;
  RemoteShardsOptions options{.location = parse_location(config.path),
                              .folder = std::filesystem::path(shards->shard_path(0)).parent_path(),
                              .limit = {},
                              .order = std::move(order),
                              .reach = reach};
  if (config.local_limit) options.limit = static_cast<std::uint64_t>(*config.local_limit);
  return about(key, [&] {
    auto remote = std::make_unique<RemoteShards>(shards, std::move(options));
    announce(config, *remote, *shards);
    return remote;
  });
}

std::unique_ptr<RemoteShards> remote_train(const Config& config, const std::shared_ptr<const ShardSet>& shards,
                                           int depth) {
  const EpochOrder order = order_of(config.train_dataset, config.seed);
  auto remote =
      remote_of("train_dataset", shards, config.train_dataset, depth,
                [order, samples = shards->size()](std::int64_t epoch) { return epoch_samples(samples, epoch, order); });
  if (remote && config.is_train && !order.blocks && remote->here() < shards->shard_count())
    log_info(str(
        "train_dataset.shuffle is global: the first batches need nearly all shards, and wait for them; `block` with a "
        "shuffle_block of ",
        shards->size() / shards->shard_count(), ", the images of a shard, begins with a few"));
  return remote;
}

std::unique_ptr<RemoteShards> remote_eval(const Config& config, const std::shared_ptr<const ShardSet>& shards,
                                          int depth) {
  return remote_of("eval_dataset", shards, config.eval_dataset, depth, [samples = shards->size()](std::int64_t) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(samples));
    std::iota(order.begin(), order.end(), 0);
    return order;
  });
}

/// Has the fetching follow the loader.
void follow(Loader& loader, RemoteShards* remote, std::int64_t global_batch) {
  if (!remote) return;
  loader.tell(
      [remote, global_batch](std::int64_t epoch, std::int64_t batch) { remote->at(epoch, batch * global_batch); });
}

}  // namespace

void check_batch_sizes(const Config& config, int ranks) {
  check_batch_size("train_dataset.batch_size", config.train_dataset.batch_size, ranks);
  check_batch_size("eval_dataset.batch_size", config.eval_dataset.batch_size, ranks);
  const std::int64_t rank_batch = config.train_dataset.batch_size / ranks;
  if (const auto micro = config.device_train_microbatch_size; micro && *micro > rank_batch)
    log_warning_of_all(str("device_train_microbatch_size is ", *micro, ", but a rank's batch has only ", rank_batch,
                           " images: one micro-batch"));
}

int loader_depth(std::optional<double> loader_memory, std::int64_t batch_bytes) {
  if (!loader_memory) return Loader::kUsualDepth;
  const double batches = *loader_memory / static_cast<double>(batch_bytes), least = Loader::kSlabsInUse + 1;
  if (batches < least)
    throw Error(str("loader_memory: got ", *loader_memory, " bytes, expected at least ",
                    least * static_cast<double>(batch_bytes), ": a rank's batch has ", batch_bytes,
                    " bytes, two are in use and one is being made"));
  return static_cast<int>(std::min(batches, 1000.0)) - Loader::kSlabsInUse;
}

std::unique_ptr<Data> open_data(const Config& config, int ranks, int threads, NodeMemory& memory) {
  // Both first: a check that fails on one rank alone must not leave the others of its node waiting.
  auto train = open_split("train_dataset", config.train_dataset, "train", memory);
  auto eval = open_split("eval_dataset", config.eval_dataset, "val", memory);
  check_split(config, "train_dataset", config.train_dataset.path, *train);
  check_split(config, "eval_dataset", config.eval_dataset.path, *eval);
  about("eval_dataset", [&] { eval->check_for_evaluation(); });
  if (train->class_names() != eval->class_names())
    throw Error(str("eval_dataset.path: the classes of ", config.eval_dataset.path, " (val) are not those of ",
                    config.train_dataset.path, " (train): expected the same names in the same order"));
  if (const std::size_t classes = train->class_names().size();
      static_cast<std::int64_t>(classes) < config.model.num_classes)
    log_warning_of_all(str("model.num_classes is ", config.model.num_classes, ", but ", config.train_dataset.path,
                           " has only ", classes, " classes"));
  const View train_view(config.train_dataset, config.algorithms.randaugment, config.seed),
      eval_view(config.eval_dataset);
  const auto batch_bytes = [ranks](const DatasetConfig& set) {
    return Loader::batch_bytes(set.batch_size / ranks, set.crop_size);
  };
  const std::int64_t train_bytes = batch_bytes(config.train_dataset), eval_bytes = batch_bytes(config.eval_dataset);
  const int train_depth = loader_depth(config.loader_memory, train_bytes),
            eval_depth = loader_depth(config.loader_memory, eval_bytes);
  const auto megabytes = [](std::int64_t bytes) { return str((bytes + 500000) / 1000000, " MB"); };
  const auto said = [&](int depth, std::int64_t bytes, const ShardSet& shards, const View& view) {
    const int slabs = depth + Loader::kSlabsInUse;
    return str(slabs, " batches, ", megabytes(slabs * bytes), ", and up to ",
               megabytes(threads * Loader::thread_bytes(shards, view)), " of ", threads, " threads");
  };
  log_info(str("memory of a rank's loaders: ", said(train_depth, train_bytes, *train, train_view), " for training; ",
               said(eval_depth, eval_bytes, *eval, eval_view),
               " for evaluation; tables of the shards, once a node: ", megabytes(29 * (train->size() + eval->size()))));
  auto data =
      std::unique_ptr<Data>(new Data{.train_shards = train,
                                     .eval_shards = eval,
                                     .train_copies = config.is_train ? copies_of(train, config.train_dataset) : nullptr,
                                     .eval_copies = copies_of(eval, config.eval_dataset),
                                     .train_remote = remote_train(config, train, train_depth),
                                     .eval_remote = remote_eval(config, eval, eval_depth),
                                     .train_loader = {train, train_view, threads, train_depth},
                                     .eval_loader = {eval, eval_view, threads, eval_depth}});
  if (config.on_bad_sample == OnBadSample::kReplace) data->train_loader.replace_bad_samples(config.bad_sample_limit);
  follow(data->train_loader, data->train_remote.get(), config.train_dataset.batch_size);
  follow(data->eval_loader, data->eval_remote.get(), config.eval_dataset.batch_size);
  return data;
}

}  // namespace mosaic
