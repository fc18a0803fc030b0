#pragma once

#include <string>
#include <vector>

#include "comm/activity_board.h"

namespace mosaic {

/// What is written when a run hangs: one file a node with a line for each of its ranks, and from all of them one verdict.

/// "rank 3 of 8 (node17, pid 4711): step 1200, batch 200 of its epoch, for 31.2 s, in all-reduce 4807 of 102.4 MB"
std::string describe(const RankActivity& rank, int ranks);

/// The file of a node: a line of JSON for each rank, whose "what" is `describe`.
std::string report_of_node(const std::vector<RankActivity>& ranks, int all_ranks);
/// What `report_of_node` has written; lines that cannot be read are left out.
std::vector<RankActivity> read_report(const std::string& text);

/// Who holds up the others: ranks whose process is stopped, or whose node does not answer; else those that have entered the fewest
/// collectives, since the others wait for them in the next one; else nobody, and it is the network.
/// @param known  ranks of all nodes that have reported
/// @param hosts  of every rank
/// @return sentences, one a line
std::string verdict(const std::vector<RankActivity>& known, const std::vector<std::string>& hosts);

}  // namespace mosaic
