#pragma once

#include <mpi.h>

#include <cstddef>

namespace mosaic {

/// Memory that all processes of `node` map, zero at first, until `unmap_memory`. Its name is gone when this returns, so nothing is left behind
/// however they end. Collective over `node`.
/// @return nullptr on all of them where that cannot be had: too little room (containers), or no shared memory in common
void* share_memory(MPI_Comm node, std::size_t bytes);

/// Memory of this process alone, zero at first; nullptr where there is none.
void* map_own_memory(std::size_t bytes);

void unmap_memory(void* memory, std::size_t bytes);

}  // namespace mosaic
