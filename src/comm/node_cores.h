#pragma once

#include <string>

#include "comm/mpi_session.h"

namespace mosaic {

/// Give this rank processors of its own (base/cores.h): its threads, for computing, loading and exchanging, share them and no
/// others. Where the launcher has bound the ranks this changes nothing. Call before those threads are started. Collective.
/// @return for the log, on every rank, a line for each node: "node17: rank 0 on 0-15, rank 1 on 16-31"; nodes that are alike in
/// one line
std::string divide_cores(const MpiSession& mpi);

}  // namespace mosaic
