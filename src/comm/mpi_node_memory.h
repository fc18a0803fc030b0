#pragma once

#include <memory>

#include "base/node_memory.h"

namespace mosaic {

/// The ranks of this node, whose first one makes the bytes. Where they have no shared memory in common, each has a copy.
/// Collective over all ranks; `share` over those of a node.
std::unique_ptr<NodeMemory> mpi_node_memory();

}  // namespace mosaic
