#include "plan/step_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "config/changes.h"

namespace mosaic {
namespace {

constexpr double kUnknownBandwidth = 1e9;  // bytes per second, where no network was measured: what 10 Gbit/s give
constexpr double kHidden = 0.5;  // share of a step behind which the exchange can hide: most of the backward pass

bool is_in(const std::string& key, std::string_view section) {
  return key == section || (key.starts_with(section) && key[section.size()] == '.');
}

/// Settings that do not change the cost of a step, or whose part in it is computed.
bool is_accounted_for(const std::string& key) {
  static constexpr std::array<std::string_view, 8> kKeys = {"optimizer",
                                                            "scheduler",
                                                            "train_dataset.batch_size",
                                                            "train_dataset.crop_size",
                                                            "train_dataset.flip",
                                                            "train_dataset.crop_scale",
                                                            "algorithms.progressive_resizing",
                                                            "algorithms.sam"};
  return std::any_of(kKeys.begin(), kKeys.end(), [&](std::string_view section) { return is_in(key, section); });
}

/// Of all ranks alike: seconds of costs at several sizes and sides, at this size and side.
Estimate interpolated(const std::vector<StepCost>& costs, bool sam, int side, std::int64_t images,
                      double StepCost::*value, bool has_interval) {
  std::map<int, std::vector<Point>> of_side;
  for (const StepCost& cost : costs) {
    if (cost.sam != sam) continue;
    const double y = cost.*value;
    const Estimate seconds = has_interval ? Estimate{y, cost.low, cost.high} : Estimate::exactly(y);
    of_side[cost.side].push_back({static_cast<double>(cost.images), seconds});
  }
  std::vector<Point> points;
  for (auto& [measured_side, sizes] : of_side) {
    const double pixels = static_cast<double>(measured_side) * measured_side;
    points.push_back({pixels, along(std::move(sizes), static_cast<double>(images), "images per rank and step")});
  }
  return along(std::move(points), static_cast<double>(side) * side, "pixels per image");
}

bool has_sam(const std::vector<StepCost>& costs) {
  return std::any_of(costs.begin(), costs.end(), [](const StepCost& cost) { return cost.sam; });
}

Estimate compute_seconds(const Calibration& basis, int threads, const StepKind& kind, std::int64_t images) {
  const bool measured = !kind.sam || has_sam(basis.steps);
  Estimate seconds = interpolated(basis.steps, kind.sam && measured, kind.side, images, &StepCost::seconds, true);
  if (!measured) seconds = (seconds * 2).widened(0.9, 1.1).assuming("a step of SAM costs two others");
  if (threads == basis.threads) return seconds;
  return (seconds * (static_cast<double>(basis.threads) / threads))
      .widened(0.75, 1.25)
      .assuming(str("steps on ", threads, " threads per rank are in proportion to those on ", basis.threads));
}

/// Time for which a step stands still for the other ranks.
Estimate network_seconds(const Basis& basis, const Placement& where, const StepKind& kind, std::int64_t images,
                         const Estimate& compute) {
  if (where.ranks == 1) return Estimate::exactly(0);
  const Calibration& near = basis.nearest;
  const bool sam = kind.sam && has_sam(near.steps);
  const auto measured = [&](double StepCost::*member) {
    return interpolated(near.steps, sam, kind.side, images, member, false);
  };
  if (near.ranks == where.ranks && near.nodes == where.nodes) return measured(&StepCost::network).widened(0.8, 1.2);
  if (basis.exchange.empty()) {
    const double ring = 2.0 * (where.ranks - 1) / where.ranks * near.gradient_bytes / kUnknownBandwidth;
    const double left = std::max(ring - kHidden * compute.value, 0.1 * ring);
    return Estimate{left, 0, 3 * ring}.assuming("no network was measured: 1 GB/s, hidden behind half of a step");
  }
  Estimate all = ring_seconds(basis.exchange, basis.exchange_ranks, near.gradient_bytes, where.ranks);
  if (where.nodes > 1 && basis.exchange_nodes == 1)
    all = all.widened(1, 4).assuming("the network between nodes was not measured: as fast as within one");
  // What was hidden stays hidden, what was not stays, and what is more now adds to it.
  const Estimate shown = measured(&StepCost::network), busy = measured(&StepCost::exchange);
  const double hidden = near.ranks > 1 ? std::max(busy.value - shown.value, 0.0) : kHidden * compute.value;
  const auto left = [&](double ring) { return std::max(ring - hidden, shown.value); };
  Estimate network{left(all.value), left(all.low), left(all.high), all.assumed};
  return network.widened(0.7, 1.5).assuming(
      str("the network of ", where.ranks, " ranks, from that of ", basis.exchange_ranks, ", in a ring"));
}

}  // namespace

Basis choose_basis(const std::vector<Calibration>& calibrations, const Config& config, int ranks) {
  std::optional<Calibration> nearest, largest;
  std::string other_net;
  // The most ranks that are not more than planned; else the fewest.
  const auto closeness = [ranks](const Calibration& c) { return c.ranks <= ranks ? c.ranks : -c.ranks; };
  for (const Calibration& c : calibrations) {
    if (const std::string reason = another_net(c, config); !reason.empty()) {
      other_net = reason;
      continue;
    }
    if (!largest || c.ranks >= largest->ranks) largest = c;  // the later one of equals
    if (!nearest || closeness(c) >= closeness(*nearest)) nearest = c;
  }
  if (!nearest)
    throw Error(str("--plan: no calibration is of these steps: ", other_net,
                    ": run --check --calibration with this configuration"));
  if (ranks > kMostScaling * largest->ranks)
    throw Error(str("--plan: got ", ranks, " ranks, calibrated were at most ", largest->ranks, ": expected at most ",
                    kMostScaling, " times as many; run --check --calibration on at least ",
                    (ranks + kMostScaling - 1) / kMostScaling, " ranks"));
  Basis basis{.nearest = *nearest,
              .exchange = largest->exchange,
              .exchange_ranks = largest->ranks,
              .exchange_nodes = largest->nodes,
              .differences = {}};
  for (const Change& change : changes_of_training(nearest->config, config.yaml))
    if (!is_accounted_for(change.key) && change.key != "precision")
      basis.differences.push_back(
          str(change.key, ": ", change.now, " costs as much as the calibrated ", change.before));
  return basis;
}

Placement placement(const Basis& basis, int ranks, int ranks_per_node) {
  const Calibration& near = basis.nearest;
  const int each = std::min(ranks_per_node > 0 ? ranks_per_node : near.ranks_per_node(), ranks);
  const int threads = std::max(near.threads * near.ranks_per_node() / each, 1);
  return {.ranks = ranks,
          .nodes = (ranks + each - 1) / each,
          .threads = each == near.ranks_per_node() ? near.threads : threads};
}

Estimate ring_seconds(const std::vector<ExchangeCost>& costs, int measured_ranks, double bytes, int ranks) {
  const auto by_bytes = [](const ExchangeCost& a, const ExchangeCost& b) { return a.bytes < b.bytes; };
  const auto [small, large] = std::minmax_element(costs.begin(), costs.end(), by_bytes);
  const double messages = 2.0 * (measured_ranks - 1), share = messages / measured_ranks;
  double alpha = small->seconds / messages, per_byte = large->seconds / (large->bytes * share);
  if (large->bytes > small->bytes) {
    per_byte = std::max(large->seconds - small->seconds, 0.0) / ((large->bytes - small->bytes) * share);
    alpha = std::max(small->seconds - small->bytes * share * per_byte, 0.0) / messages;
  }
  const double sent = 2.0 * (ranks - 1);
  const double seconds = alpha * sent + bytes * sent / ranks * per_byte;
  return Estimate{seconds, seconds, seconds}.widened(0.8, 1.25);
}

Estimate first_seconds(const Basis& basis, const StepKind& kind, std::int64_t images) {
  const bool sam = kind.sam && has_sam(basis.nearest.steps);
  return interpolated(basis.nearest.steps, sam, kind.side, images, &StepCost::first, false);
}

StepTimes step_times(const Basis& basis, const Placement& where, const StepKind& kind, std::int64_t images) {
  const Calibration& near = basis.nearest;
  std::vector<Point> loading;
  for (const LoadCost& cost : near.loading)
    loading.push_back({static_cast<double>(cost.side) * cost.side, Estimate::exactly(cost.seconds)});
  const double count = static_cast<double>(images);
  Estimate load =
      (along(loading, static_cast<double>(kind.load_side) * kind.load_side, "pixels per loaded image") * count)
          .widened(0.8, 1.25);
  if (where.threads != near.threads)
    load = (load * (static_cast<double>(near.threads) / where.threads))
               .assuming(str("loading with ", where.threads, " threads per rank is in proportion to that with ",
                             near.threads));
  StepTimes times;
  const double read = std::min(count * near.read_seconds / where.threads, load.value);
  times.read = Estimate{read, read, read};
  times.decode = Estimate{load.value - read, std::max(load.low - read, 0.0), load.high - read, load.assumed};
  times.compute = compute_seconds(near, where.threads, kind, images);
  for (const std::string& sentence : basis.differences)
    times.compute = times.compute.widened(0.9, 1.1).assuming(sentence);
  times.network = network_seconds(basis, where, kind, images, times.compute);
  times.whole = larger_of(load, times.compute + times.network);
  return times;
}

Estimate evaluation_seconds(const Basis& basis, const Placement& where, int side, std::int64_t images) {
  const Calibration& near = basis.nearest;
  const Estimate seconds = interpolated(near.evaluation, false, side, images, &StepCost::seconds, true);
  if (where.threads == near.threads) return seconds;
  return (seconds * (static_cast<double>(near.threads) / where.threads))
      .widened(0.75, 1.25)
      .assuming(str("evaluation on ", where.threads, " threads per rank is in proportion to that on ", near.threads));
}

}  // namespace mosaic
