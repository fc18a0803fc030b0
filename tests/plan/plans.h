#pragma once

#include <string>

#include "config/config.h"
#include "plan/calibration.h"

namespace mosaic::test {

/// A configuration of 10 epochs, batch 64, evaluation batch 32, side 96, `more` lines put behind it.
Config planned_config(const std::string& more = "");

/// On 2 ranks of one node: sides 48 and 96, 16 and 32 images; round numbers, see the .cpp. 1,000 and 100 images.
Calibration calibration_of(const Config& config);

}  // namespace mosaic::test
