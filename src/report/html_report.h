#pragma once

#include <string>
#include <vector>

namespace mosaic {

/// A page about one run, or several laid over each other: what they were, curves of accuracy, loss, learning rate, image side and speed, where the
/// time went, how evenly the ranks worked, the configuration. One file, without scripts or anything from the network; for screens of any width,
/// light and dark, and for paper.
/// @param folders  log folders of runs: metrics.jsonl, config.yaml, and if there summary.json and ranks.jsonl
/// @throws Error naming the file that is missing or damaged
std::string html_report(const std::vector<std::string>& folders);

}  // namespace mosaic
