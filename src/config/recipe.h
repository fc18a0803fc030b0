#pragma once

#include <optional>

#include "base/duration.h"

namespace mosaic {

/// Strengths of the techniques that a recipe can combine. The technique itself is described where it is computed; a
/// technique that is off is an absent struct, not a zero in it. Ranges are checked where they are read (algorithms.cpp).

/// What the net computes in; weights, losses and statistics are float32 in all three.
enum class Precision { kFp32, kAmpBf16, kAmpFp16 };

/// What it is where the configuration says nothing.
constexpr Precision default_precision(bool on_gpu) { return on_gpu ? Precision::kAmpFp16 : Precision::kFp32; }

/// As in the configuration: "amp_bf16".
constexpr const char* name_of(Precision precision) {
  return precision == Precision::kFp32 ? "fp32" : precision == Precision::kAmpBf16 ? "amp_bf16" : "amp_fp16";
}

/// model/blur_pool.h
struct BlurPoolConfig {
  bool replace_convs = true;
  bool replace_maxpools = true;  // at least one of the two
  int min_channels = 16;         // convolutions with fewer inputs stay as they are: 16 spares the RGB image; > 0
};

/// optim/ema.h. Half-life or smoothing, not both.
struct EmaConfig {
  std::optional<Duration> half_life = Duration{100, TimeUnit::kBatch};  // ba or ep, at least 1
  std::optional<double> smoothing;                 // weight of the old average at an update, in [0, 1]
  Duration update_interval{20, TimeUnit::kBatch};  // of the half-life's unit, at least 1
  Duration ema_start{0, TimeUnit::kDuration};      // ba, ep or a share of the run in [0, 1]
};

enum class ResizeMode {
  kLoader,         // images are cropped straight to the small side, antialiased
  kDeviceNearest,  // cropped to the full side and shrunk on the device by nearest neighbour, as published
};

/// batch/resize_schedule.h
struct ProgressiveResizingConfig {
  double initial_scale = 0.5;      // first side / full side, in (0, 1]
  double delay_fraction = 0.4;     // share of training before the ramp, in [0, 1)
  double finetune_fraction = 0.2;  // share of training at full side; delay + finetune <= 1
  int size_increment = 4;          // pixels: sides are rounded to a multiple of this; >= 1
  ResizeMode mode = ResizeMode::kLoader;
};

/// model/label_smoothing.h
struct LabelSmoothingConfig {
  double smoothing = 0.1;  // share of a target that is spread over all classes, in [0, 1]
};

/// device/mix_up.h
struct MixUpConfig {
  double alpha = 0.2;  // of Beta(alpha, alpha); 0: nothing is mixed; >= 0
};

/// optim/sam.h
struct SamConfig {
  double rho = 0.5;        // length of the step uphill, in weight space; > 0
  double epsilon = 1e-12;  // added to the gradient's norm; >= 0
  int interval = 10;       // every so many steps one is sharpness-aware; >= 1
};

/// device/col_out.h
struct ColOutConfig {
  double p_row = 0.05;  // share of rows left out, in [0, 1)
  double p_col = 0.05;  // share of columns left out, in [0, 1)
};

enum class AugmentationSet { kAll, kSafe, kOriginal };

/// image/rand_augment.h
struct RandAugmentConfig {
  int depth = 1;        // operations for each image; >= 0
  double severity = 9;  // in [0, 10]
  AugmentationSet augmentation_set = AugmentationSet::kAll;
};

/// model/stochastic_depth.h
struct StochasticDepthConfig {
  double drop_rate = 0.1;  // of the last block, in [0, 1]
};

/// Which techniques a run combines, in any choice; all are off by default.
struct AlgorithmsConfig {
  std::optional<BlurPoolConfig> blurpool;
  bool channels_last = false;  // model/channels_last.h
  std::optional<EmaConfig> ema;
  std::optional<ProgressiveResizingConfig> progressive_resizing;
  std::optional<LabelSmoothingConfig> label_smoothing;
  std::optional<MixUpConfig> mixup;
  std::optional<SamConfig> sam;
  std::optional<ColOutConfig> colout;
  std::optional<RandAugmentConfig> randaugment;
  std::optional<StochasticDepthConfig> stochastic_depth;
};

}  // namespace mosaic
