#include "preflight/data.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/text.h"
#include "comm/mpi_node_memory.h"

namespace mosaic {
namespace {

constexpr std::int64_t kImagesPerShard = 64;
constexpr double kReadSeconds = 5;

std::uint64_t total_bytes(const ShardSet& shards) {
  std::uint64_t bytes = 0;
  for (std::int64_t sample = 0; sample < shards.size(); ++sample) bytes += shards.stored_bytes(sample);
  return bytes;
}

std::string contents_of(const ShardSet& shards) {
  return str(with_separators(shards.size()), " images in ", shards.shard_count(),
             shards.shard_count() == 1 ? " shard" : " shards", " (", shards.split(), ")");
}

/// What the checksums of this rank's share of the shards have shown.
struct Faults {
  std::int64_t read = 0, bad = 0;
  std::string first;  // sentence about the first bad one
};

/// @param remote  of shards that are fetched: what is not here is checked when it comes
void read_some(const ShardSet& shards, const RemoteShards* remote, const MpiSession& mpi, Faults& faults) {
  std::vector<std::byte> buffer;
  std::int64_t start = 0;
  for (int shard = 0; shard < shards.shard_count(); ++shard) {
    const std::int64_t size = shards.shard_size(shard), count = std::min(size, kImagesPerShard);
    const bool mine = shard % mpi.local_size() == mpi.local_rank() && (!remote || remote->is_here(shard));
    for (std::int64_t i = 0; i < count && mine; ++i) {
      ++faults.read;
      try {
        shards.read(start + i * size / count, buffer);
      } catch (const Error& e) {  // all are counted
        if (faults.bad++ == 0) faults.first = e.what();
      }
    }
    start += size;
  }
}

void add_remote_row(const std::string& key, const DatasetConfig& config, const ShardSet& shards,
                    const RemoteShards* remote, Table& table) {
  if (!remote) return;
  table.add({.name = key,
             .found = str(config.path, ": answers; ", remote->here(), " of ", shards.shard_count(), " shards are in ",
                          *config.local)});
}

/// What is read for the measurement: the beginning of an epoch, which of shards that are fetched would need most of them; so of these the
/// beginning of the set.
BatchPlan plan_to_measure(const MpiSession& mpi, const Config& config, const Data& data) {
  const ShardSet& shards = *data.train_shards;
  const std::int64_t batch = config.train_dataset.batch_size;
  if (!data.train_remote || data.train_remote->here() == shards.shard_count())
    return train_plan(shards.size(), batch, mpi.rank(), mpi.size(), 0, 0);
  std::vector<std::byte> buffer;
  shards.read(0, buffer);  // waits for the shard, before the clock runs
  const std::int64_t whole = std::max<std::int64_t>(1, shards.shard_size(0) / batch) * batch;
  return eval_plan(std::min(shards.size(), whole), batch, mpi.rank(), mpi.size());
}

/// Sum over the ranks of a number of this one.
double sum(double mine) {
  double total = 0;
  for (const auto& text : gather_texts(str(mine))) total += std::stod(text);
  return total;
}

}  // namespace

std::unique_ptr<Data> check_shards(const MpiSession& mpi, const Config& config, int threads, Table& table) {
  std::unique_ptr<Data> data;
  const auto memory = mpi_node_memory();
  if (!table.passes("shards", [&] { data = open_data(config, mpi.size(), threads, *memory); })) return nullptr;
  const ShardSet &train = *data->train_shards, &eval = *data->eval_shards;
  const auto hosts = gather_texts(mpi.host());
  const auto prints = gather_texts(train.fingerprint() + eval.fingerprint());
  for (std::size_t rank = 1; rank < prints.size(); ++rank) {
    if (prints[rank] == prints[0]) continue;
    table.add(
        {.name = "shards",
         .found = str("rank ", rank, " on ", hosts[rank], " has other images or labels than rank 0 on ", hosts[0]),
         .expected = "the same data set on every node: copy it again",
         .verdict = Verdict::kBad});
    return nullptr;
  }
  table.add(
      {.name = "shards",
       .found = str(contents_of(train), ", ", contents_of(eval), ", ",
                    bytes_text(total_bytes(train) + total_bytes(eval)), ", ", train.class_names().size(), " classes")});
  add_remote_row("train_dataset", config.train_dataset, train, data->train_remote.get(), table);
  add_remote_row("eval_dataset", config.eval_dataset, eval, data->eval_remote.get(), table);
  return data;
}

void check_checksums(const MpiSession& mpi, const Data& data, Table& table) {
  Faults mine;
  read_some(*data.train_shards, data.train_remote.get(), mpi, mine);
  read_some(*data.eval_shards, data.eval_remote.get(), mpi, mine);
  const auto read = static_cast<std::int64_t>(sum(static_cast<double>(mine.read)));
  const auto bad = static_cast<std::int64_t>(sum(static_cast<double>(mine.bad)));
  const auto sentences = gather_texts(mine.first);
  const auto first = std::find_if(sentences.begin(), sentences.end(), [](const auto& s) { return !s.empty(); });
  Row row{.name = "checksums", .found = with_separators(read) + " images read" + (bad == 0 ? ", all good" : "")};
  if (bad > 0) {
    row.verdict = Verdict::kBad;
    row.found += str(", ", bad, " bad, the first: ", *first);
    row.expected = "none bad; `preprocess verify` lists all of them";
  }
  table.add(row);
}

ReadRate measure_reading(const MpiSession& mpi, const Config& config, Data& data, Table& table) {
  using Clock = std::chrono::steady_clock;
  double rate = 0, bytes_rate = 0;
  HostBatch batch;
  mpi.barrier();
  const bool passed = table.passes("reading", [&] {
    const BatchPlan plan = plan_to_measure(mpi, config, data);
    const auto start = Clock::now();
    data.train_loader.start(plan);
    double seconds = 0, bytes = 0;
    std::int64_t images = 0;
    for (std::int64_t i = 0; i < plan.batches() && seconds < kReadSeconds; ++i) {
      batch = data.train_loader.next();
      for (std::int64_t k = 0; k < batch->size; ++k)
        bytes += static_cast<double>(data.train_shards->stored_bytes(plan.samples[images + k]));
      images += batch->size;
      seconds = std::chrono::duration<double>(Clock::now() - start).count();
    }
    rate = static_cast<double>(images) / seconds;
    bytes_rate = bytes / seconds;
  });
  if (!passed) return {};
  rate = sum(rate), bytes_rate = sum(bytes_rate);
  table.add({.name = "reading",
             .found = str(with_separators(std::llround(rate)), " images/s read, decoded and cropped, ",
                          bytes_text(static_cast<std::uint64_t>(bytes_rate)), "/s")});
  return {rate, batch};
}

}  // namespace mosaic
