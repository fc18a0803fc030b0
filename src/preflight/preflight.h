#pragma once

#include "comm/mpi_session.h"
#include "config/config.h"

namespace mosaic {

/// `mosaic_resnet --check`: on the ranks and nodes of a run, find what would stop or slow it, in a minute or two: one row on
/// standard output for each check. Changes nothing: no log, no checkpoint. Collective; a check that hangs ends the job.
/// @param calibration  file to which is added what --plan predicts from (plan/calibration.h), measured in another minute; "": none
/// @throws AgreedError if the run should not be started: kExitBadInput, or kExitCrash where only the machine is to blame
void preflight(const MpiSession& mpi, const Config& config, const std::string& calibration = "");

}  // namespace mosaic
