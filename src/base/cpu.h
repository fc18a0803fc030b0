#pragma once

#include <vector>

namespace mosaic {

/// Processors that this process may run on (its affinity mask), by their numbers on this machine.
std::vector<int> affinity();

/// How many they are. At least 1.
int usable_cores();

/// How many the machine has.
int online_cores();

/// Whether the processor multiplies bfloat16 by itself (AVX-512 BF16 or AMX). Where it does not, LibTorch imitates
/// that, ten times slower than float32. True on processors that are not x86: not known.
bool has_bfloat16();

/// A rank's share of a node's cores: what the launcher has bound it to, or, where it is bound to nothing, an equal part
/// of what all ranks of the node share. At least 1.
/// @param local_ranks  ranks on this node
int cores_of_rank(int local_ranks);

}  // namespace mosaic
