#pragma once

#include "comm/mpi_session.h"
#include "preflight/table.h"
#include "train/open_ranks.h"

namespace mosaic {

/// Sum as many numbers over the ranks as ResNet-50 has gradients, 102 MB, and compare the result; the median time of five.
void check_all_reduce(const MpiSession& mpi, const Ranks& ranks, Table& table);

}  // namespace mosaic
