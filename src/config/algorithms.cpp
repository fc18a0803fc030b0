#include "config/algorithms.h"

namespace mosaic {
namespace {

bool is_share(double x) { return 0 <= x && x < 1; }
bool is_period(const Duration& time) {
  return (time.unit == TimeUnit::kEpoch || time.unit == TimeUnit::kBatch) && time.value >= 1;
}

void read(Section in, BlurPoolConfig& c) {
  in.read("replace_convs", c.replace_convs, "true or false");
  in.read("replace_maxpools", c.replace_maxpools, "true or false; one of replace_convs and replace_maxpools must be on",
          [&](bool maxpools) { return maxpools || c.replace_convs; });
  in.read("min_channels", c.min_channels, "a number of channels, 1 or more", [](int x) { return x >= 1; });
  in.reject_unknown_keys();
}

void read(Section in, EmaConfig& c) {
  if (const Value* smoothing = in.find("smoothing"); smoothing && !smoothing->is_null() && !in.find("half_life"))
    c.half_life.reset();
  in.read("half_life", c.half_life, "a time in ep or ba, 1 or more, or null where smoothing is given", is_period);
  in.read("smoothing", c.smoothing, "a number in (0, 1), or null where half_life is given",
          [](double x) { return 0 < x && x < 1; });
  if (c.half_life && c.smoothing)
    in.refuse("smoothing", "but half_life is given too: expected one of them, since each follows from the other");
  if (!c.half_life && !c.smoothing) in.refuse("half_life", "and smoothing is not given: expected one of them");
  if (c.half_life) c.update_interval.unit = c.half_life->unit;
  in.read("update_interval", c.update_interval, "a time in ep or ba, 1 or more, in the unit of half_life",
          [&](const Duration& time) { return is_period(time) && (!c.half_life || time.unit == c.half_life->unit); });
  in.read("ema_start", c.ema_start, "a time: 0 or more in ep or ba, or 0dur to 1dur", [](const Duration& time) {
    if (time.unit == TimeUnit::kDuration) return 0 <= time.value && time.value <= 1;
    return (time.unit == TimeUnit::kEpoch || time.unit == TimeUnit::kBatch) && time.value >= 0;
  });
  in.reject_unknown_keys();
}

void read(Section in, ProgressiveResizingConfig& c) {
  in.read("initial_scale", c.initial_scale, "a number in (0, 1]", [](double x) { return 0 < x && x <= 1; });
  in.read("delay_fraction", c.delay_fraction, "a number in [0, 1)", is_share);
  in.read("finetune_fraction", c.finetune_fraction, "a number in [0, 1 - delay_fraction]",
          [&](double x) { return 0 <= x && c.delay_fraction + x <= 1; });
  in.read("size_increment", c.size_increment, "a number of pixels, 1 or more", [](int x) { return x >= 1; });
  in.read_choice<ResizeMode>("mode", c.mode,
                             {{"loader", ResizeMode::kLoader}, {"device_nearest", ResizeMode::kDeviceNearest}});
  in.reject_unknown_keys();
}

void read(Section in, LabelSmoothingConfig& c) {
  in.read("smoothing", c.smoothing, "a number in [0, 1)", is_share);
  in.reject_unknown_keys();
}

void read(Section in, MixUpConfig& c) {
  in.read("alpha", c.alpha, "a number >= 0", [](double x) { return x >= 0; });
  in.reject_unknown_keys();
}

void read(Section in, SamConfig& c) {
  in.read("rho", c.rho, "a number > 0", [](double x) { return x > 0; });
  in.read("epsilon", c.epsilon, "a number > 0", [](double x) { return x > 0; });
  in.read("interval", c.interval, "a number of steps, 1 or more: 10 makes every tenth step a SAM step",
          [](int x) { return x >= 1; });
  in.reject_unknown_keys();
}

void read(Section in, ColOutConfig& c) {
  in.read("p_row", c.p_row, "a number in [0, 1)", is_share);
  in.read("p_col", c.p_col, "a number in [0, 1)", is_share);
  in.reject_unknown_keys();
}

void read(Section in, RandAugmentConfig& c) {
  in.read("depth", c.depth, "a number of operations, 0 or more", [](int x) { return x >= 0; });
  in.read("severity", c.severity, "a number in [0, 10]", [](double x) { return 0 <= x && x <= 10; });
  in.read_choice<AugmentationSet>(
      "augmentation_set", c.augmentation_set,
      {{"all", AugmentationSet::kAll}, {"safe", AugmentationSet::kSafe}, {"original", AugmentationSet::kOriginal}});
  in.reject_unknown_keys();
}

void read(Section in, StochasticDepthConfig& c) {
  in.read("drop_rate", c.drop_rate, "a number in [0, 1]", [](double x) { return 0 <= x && x <= 1; });
  in.reject_unknown_keys();
}

template <class Technique>
void read_technique(Section& in, const std::string& key, std::optional<Technique>& technique) {
  if (const auto section = in.optional_section(key)) read(*section, technique.emplace());
}

}  // namespace

void read(Section in, AlgorithmsConfig& c) {
  read_technique(in, "blurpool", c.blurpool);
  in.read("channels_last", c.channels_last, "true or false");
  read_technique(in, "ema", c.ema);
  read_technique(in, "progressive_resizing", c.progressive_resizing);
  read_technique(in, "label_smoothing", c.label_smoothing);
  read_technique(in, "mixup", c.mixup);
  read_technique(in, "sam", c.sam);
  read_technique(in, "colout", c.colout);
  read_technique(in, "randaugment", c.randaugment);
  read_technique(in, "stochastic_depth", c.stochastic_depth);
  in.reject_unknown_keys();
}

}  // namespace mosaic
