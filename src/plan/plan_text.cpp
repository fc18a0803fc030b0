#include "plan/plan_text.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"

namespace mosaic {
namespace {

using Json = nlohmann::ordered_json;

/// "0.412 s", "14.2 s", "1:02:05"
std::string time_text(double seconds) {
  if (seconds < 10) return decimals(seconds, 3) + " s";
  return seconds < 100 ? decimals(seconds, 1) + " s" : seconds_text(seconds);
}

std::string bytes_of(double bytes) { return bytes_text(static_cast<std::uint64_t>(std::max(bytes, 0.0))); }
std::string whole(double number) { return with_separators(std::llround(number)); }

std::string padded(const std::string& text, std::size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

using Write = std::function<std::string(double)>;

/// Lines of the table, and the sentences that they rest on.
class Lines {
 public:
  void add(const std::string& name, const std::string& found, bool measured) {
    text_ += str(padded(name, 22), padded(measured ? "measured" : "assumed", 10), found, "\n");
  }
  void add(const std::string& name, const Estimate& e, const Write& write, const std::string& behind = "") {
    add(name, str(write(e.value), " (", write(e.low), " to ", write(e.high), ")", behind), e.measured());
    for (const auto& sentence : e.assumed)
      if (std::find(assumed_.begin(), assumed_.end(), sentence) == assumed_.end()) assumed_.push_back(sentence);
  }
  void add_counted(const std::string& name, const std::string& found) {
    text_ += str(padded(name, 22), padded("counted", 10), found, "\n");
  }
  std::string text() const {
    std::string all = text_;
    if (!assumed_.empty()) all += "assumed:\n";
    for (const auto& sentence : assumed_) all += "  " + sentence + "\n";
    return all;
  }

 private:
  std::string text_;
  std::vector<std::string> assumed_;
};

Json json_of(const Estimate& e) {
  return {{"value", e.value}, {"low", e.low}, {"high", e.high}, {"measured", e.measured()}, {"assumed", e.assumed}};
}

}  // namespace

std::string plan_text(const Prediction& p) {
  Lines lines;
  const RunShape& shape = p.shape;
  lines.add("calibrated on", p.calibrated, true);
  lines.add_counted("ranks", str(p.where.ranks, " on ", p.where.nodes, p.where.nodes == 1 ? " node, " : " nodes, ",
                                 p.where.threads, p.where.threads == 1 ? " thread" : " threads", " each; ",
                                 shape.rank_batch, " images each in a step"));
  lines.add_counted("steps", str(whole(static_cast<double>(shape.total_batches)), ", ",
                                 whole(static_cast<double>(shape.batches_per_epoch)), " an epoch; ", shape.evaluations,
                                 shape.evaluations == 1 ? " evaluation" : " evaluations"));
  if (shape.total_batches > 0) {
    lines.add("step", p.step.whole, time_text, ", the mean one");
    lines.add("  read", p.step.read, time_text);
    lines.add("  decode", p.step.decode, time_text);
    lines.add("  compute", p.step.compute, time_text);
    lines.add("  network", p.step.network, time_text, ", not hidden");
    lines.add("limiting stage", p.limiting, p.step.whole.measured());
    lines.add("images per second", p.images_per_second, whole);
    lines.add("bytes per second", p.readable_bytes_per_second, bytes_of,
              str(" can be read; needed: ", bytes_of(p.needed_bytes_per_second),
                  p.needed_bytes_per_second > p.readable_bytes_per_second.value ? ": MORE THAN THERE IS" : ""));
    lines.add("epoch", p.epoch, time_text, ", training alone");
    lines.add("training", p.train, time_text);
  }
  lines.add("evaluations", p.evaluation, time_text);
  lines.add("total", p.total, time_text, ", with starts and the last checkpoint");
  if (p.jobs) lines.add("jobs", *p.jobs, whole, ", one after the other, by time_limit");
  lines.add("node-hours", p.node_hours, [](double hours) { return decimals(hours, hours < 10 ? 3 : 0); });
  lines.add("memory per rank", p.rank_memory, bytes_of, ", on the host");
  lines.add_counted("checkpoints", str(shape.checkpoints, " of ", bytes_of(p.checkpoint_bytes), " written, at most ",
                                       shape.checkpoints_kept, " at the same time: ",
                                       bytes_of(p.checkpoint_bytes * static_cast<double>(shape.checkpoints_kept))));
  return lines.text();
}

std::string plan_json(const Prediction& p) {
  Json json = {
      {"version", version()},
      {"calibrated", p.calibrated},
      {"ranks", p.where.ranks},
      {"nodes", p.where.nodes},
      {"threads", p.where.threads},
      {"rank_batch", p.shape.rank_batch},
      {"batches_per_epoch", p.shape.batches_per_epoch},
      {"total_batches", p.shape.total_batches},
      {"evaluations", p.shape.evaluations},
      {"seconds",
       {{"step", json_of(p.step.whole)},
        {"read", json_of(p.step.read)},
        {"decode", json_of(p.step.decode)},
        {"compute", json_of(p.step.compute)},
        {"network", json_of(p.step.network)},
        {"epoch", json_of(p.epoch)},
        {"train", json_of(p.train)},
        {"eval", json_of(p.evaluation)},
        {"total", json_of(p.total)}}},
      {"limiting_stage", p.limiting},
      {"images_per_second", json_of(p.images_per_second)},
      {"bytes_per_second", {{"needed", p.needed_bytes_per_second}, {"readable", json_of(p.readable_bytes_per_second)}}},
      {"rank_memory_bytes", json_of(p.rank_memory)},
      {"checkpoints",
       {{"bytes", p.checkpoint_bytes}, {"written", p.shape.checkpoints}, {"kept", p.shape.checkpoints_kept}}},
      {"node_hours", json_of(p.node_hours)}};
  if (p.jobs) json["jobs"] = json_of(*p.jobs);
  return json.dump(2) + "\n";
}

}  // namespace mosaic
