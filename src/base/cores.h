#pragma once

#include <string>
#include <vector>

namespace mosaic {

/// Who computes where, among the processes of a node.

/// Processors by their numbers, so that those of one core stand side by side, cores of one socket, too.
/// @param cpus  some of this machine's
std::vector<int> in_order_of_cores(std::vector<int> cpus);

/// Parts of a node's processors that do not overlap. Processes that may all run on the same ones get an equal part each, in
/// their order, of one piece, and whole cores where there are enough; all others keep what their launcher gave them. So do those
/// that are more than their processors.
/// @param masks  of each process: what it may run on, `in_order_of_cores`
std::vector<std::vector<int>> disjoint_parts(const std::vector<std::vector<int>>& masks);

/// This thread, and those that it starts from now on, run on these only. @return false where the kernel does not let it
bool run_on(const std::vector<int>& cpus);

/// "0-3,8,10-11"
std::string ranges_of(std::vector<int> numbers);

}  // namespace mosaic
