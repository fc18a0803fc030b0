#include "plan/prediction.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "batch/loader.h"

namespace mosaic {
namespace {

/// a / b for b > 0, the longest of one against the shortest of the other.
Estimate inverse(double a, const Estimate& b) { return {a / b.value, a / b.high, a / b.low, b.assumed}; }

/// Bytes of a rank's batches of one data set.
double loader_bytes(const Config& config, const DatasetConfig& set, int ranks) {
  if (config.loader_memory) return *config.loader_memory;
  return static_cast<double>((Loader::kUsualDepth + Loader::kSlabsInUse) *
                             Loader::batch_bytes(set.batch_size / ranks, set.crop_size));
}

/// What grows with the batch: pixels of the largest step that was calibrated, in micro-batches of at most that many images.
double largest_step(const std::vector<StepCost>& steps, std::int64_t micro_batch) {
  double pixels = 0;
  for (const StepCost& step : steps)
    pixels = std::max(pixels, static_cast<double>(std::min(step.images, micro_batch)) * step.side * step.side);
  return pixels;
}

Estimate rank_memory(const Calibration& near, const Config& config, const RunShape& shape) {
  const std::int64_t micro_batch =
      config.device_train_microbatch_size.value_or(std::numeric_limits<std::int64_t>::max());
  const double calibrated = largest_step(near.steps, micro_batch);
  double planned = 0;
  const std::int64_t images = std::min(shape.rank_batch, micro_batch);
  for (const StepKind& kind : shape.steps)
    planned = std::max(planned, static_cast<double>(images) * kind.side * kind.side);
  const double step_bytes = std::max(near.memory_after - near.memory_before, 0.0);
  const double bytes = near.memory_before + step_bytes * planned / calibrated +
                       loader_bytes(config, config.train_dataset, shape.ranks) +
                       loader_bytes(config, config.eval_dataset, shape.ranks);
  const Estimate memory = Estimate{bytes, bytes, bytes}.widened(0.85, 1.15);
  if (planned == calibrated) return memory;
  return memory.widened(0.85, 1.2).assuming("memory of a step in proportion to its pixels");
}

void add_steps(Prediction& p, const Basis& basis) {
  StepTimes sum;
  Estimate first_steps;
  double fastest = INFINITY;
  for (const StepKind& kind : p.shape.steps) {
    const StepTimes times = step_times(basis, p.where, kind, p.shape.rank_batch);
    const double steps = static_cast<double>(kind.steps);
    sum.read = sum.read + times.read * steps;
    sum.decode = sum.decode + times.decode * steps;
    sum.compute = sum.compute + times.compute * steps;
    sum.network = sum.network + times.network * steps;
    sum.whole = sum.whole + times.whole * steps;
    first_steps = first_steps + first_seconds(basis, kind, p.shape.rank_batch).widened(0.5, 2);
    fastest = std::min(fastest, times.whole.value);
  }
  const double each = 1 / static_cast<double>(p.shape.total_batches);
  p.step = {sum.read * each, sum.decode * each, sum.compute * each, sum.network * each, sum.whole * each};
  const bool waits_for_data = p.step.read.value + p.step.decode.value > p.step.compute.value + p.step.network.value;
  if (waits_for_data)
    p.limiting = p.step.read.value > p.step.decode.value ? "read" : "decode";
  else
    p.limiting = p.step.network.value > p.step.compute.value ? "network" : "compute";
  // Once for each kind, whatever the number of chained jobs: little of the whole.
  const double first = basis.nearest.first_step_seconds;
  p.train = sum.whole + first_steps + Estimate{first, first / 2, 2 * first};
  p.epoch = p.step.whole * static_cast<double>(p.shape.batches_per_epoch);
  const double images = static_cast<double>(p.shape.rank_batch * p.shape.ranks);
  p.images_per_second = inverse(images, p.step.whole);
  p.needed_bytes_per_second = images * basis.nearest.image_bytes / fastest;
}

/// All evaluations of a run: of each all batches, the last of which may have fewer images; and what the first one takes more.
Estimate evaluation(const Basis& basis, const Prediction& p, int side) {
  const RunShape& shape = p.shape;
  if (shape.evaluations == 0) return {};
  const Estimate full = evaluation_seconds(basis, p.where, side, shape.eval_rank_batch);
  Estimate last = evaluation_seconds(basis, p.where, side, shape.eval_last_batch);
  last.assumed = full.assumed;  // less than a full one, whatever it costs
  const Estimate each = full * static_cast<double>(shape.eval_batches - 1) + last;
  const double first = basis.nearest.evaluation.back().first;
  return each * static_cast<double>(shape.evaluations) + Estimate{first, first / 2, 2 * first};
}

/// Jobs of `limit` seconds in which `work` seconds fit, each of which starts and keeps a margin.
std::optional<Estimate> chained_jobs(const Config& config, const Estimate& work, const Estimate& start) {
  if (!config.time_limit) return std::nullopt;
  // The last one needs no margin, but neither does it matter much.
  const double useful = *config.time_limit - config.stop_margin - start.high;
  if (useful <= 0)
    throw Error(str("time_limit: got ", *config.time_limit, " s, expected more than stop_margin (", config.stop_margin,
                    " s) and a start (", std::ceil(start.high), " s) together take"));
  return Estimate{std::max(std::ceil(work.value / useful), 1.0), std::max(std::ceil(work.low / useful), 1.0),
                  std::max(std::ceil(work.high / useful), 1.0), work.assumed};
}

std::string description(const Calibration& c) {
  return str(c.ranks, c.ranks == 1 ? " rank on " : " ranks on ", c.nodes, c.nodes == 1 ? " node (" : " nodes (", c.host,
             ", ", c.device, "), ", c.threads, c.threads == 1 ? " thread" : " threads", " each, version ", c.version);
}

}  // namespace

double checkpoint_bytes(const Config& config, double parameter_bytes, double statistics_bytes, int ranks) {
  const double nets = config.algorithms.ema ? 2 : 1;
  return nets * (parameter_bytes + ranks * statistics_bytes) + parameter_bytes;
}

double train_loader_bytes(const Config& config, int ranks) { return loader_bytes(config, config.train_dataset, ranks); }

Prediction predict(const Config& config, const std::vector<Calibration>& calibrations, int ranks, int ranks_per_node) {
  const Basis basis = choose_basis(calibrations, config, ranks);
  const Calibration& near = basis.nearest;
  Prediction p{.shape = run_shape(config, near.train_images, near.eval_images, ranks),
               .where = placement(basis, ranks, ranks_per_node),
               .calibrated = description(near)};
  if (p.shape.total_batches > 0) add_steps(p, basis);
  p.evaluation = evaluation(basis, p, config.eval_dataset.crop_size);

  p.checkpoint_bytes = checkpoint_bytes(config, near.parameter_bytes, near.statistics_bytes, ranks);
  const double start = near.start_seconds;
  const double save =
      p.shape.checkpoints > 0 ? near.checkpoint_seconds * p.checkpoint_bytes / near.checkpoint_bytes : 0;
  Estimate start_seconds = Estimate{start, start, start}.widened(0.7, 1.5);
  if (ranks > near.ranks)
    start_seconds = start_seconds.widened(1, 2).assuming(str(ranks, " ranks start as fast as ", near.ranks));
  // All but the last are written while training goes on.
  const Estimate save_seconds{save, save / 2, 3 * save};
  const Estimate work = p.train + p.evaluation + save_seconds;
  p.jobs = chained_jobs(config, work, start_seconds);
  p.total = work + start_seconds * (p.jobs ? p.jobs->value : 1);
  p.node_hours = p.total * (p.where.nodes / 3600.0);

  const double rate = near.image_bytes * p.where.threads / std::max(near.read_seconds, 1e-9) * ranks;
  p.readable_bytes_per_second = Estimate{rate, rate, rate};
  if (p.where.threads > 1)
    p.readable_bytes_per_second = p.readable_bytes_per_second.assuming("threads read in proportion to one of them");
  if (ranks != near.ranks)
    p.readable_bytes_per_second = p.readable_bytes_per_second.assuming(
        str("disks and file systems give ", ranks, " ranks in proportion to ", near.ranks));
  p.rank_memory = rank_memory(near, config, p.shape);
  return p;
}

}  // namespace mosaic
