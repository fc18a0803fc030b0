#include "comm/hang_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace mosaic {
namespace {

constexpr double kSilent = 3;  // seconds without a sign of life: a watchdog gives one every second

std::string tenths(double value) { return decimals(value, 1); }

std::string size_of(std::int64_t bytes) {
  if (bytes < 1000) return str(bytes, " bytes");
  if (bytes < 1000000) return tenths(static_cast<double>(bytes) / 1e3) + " kB";
  return tenths(static_cast<double>(bytes) / 1e6) + " MB";
}

std::string list_of(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text += str(i == 0 ? "" : ", ", ranks[i]);
  return text;
}

}  // namespace

std::string describe(const RankActivity& r, int ranks) {
  std::string text = str("rank ", r.rank, " of ", ranks, " (", r.host, ", pid ", r.pid, "): ");
  if (r.phase == Phase::kStep)
    text += str("step ", r.step, ", batch ", r.batch, " of its epoch");
  else if (r.step < 0)
    text += name_of(r.phase);
  else
    text += str(name_of(r.phase), " after step ", r.step);
  text += str(", for ", tenths(r.seconds_in_phase), " s");
  if (r.collective != Collective::kNone) {
    text += str(", in ", name_of(r.collective), " number ", r.collectives);
    if (r.bytes > 0) text += " of " + size_of(r.bytes);
  } else if (r.waits_for_data) {
    text += ", waiting for data";
  }
  if (r.seconds_silent > kSilent) text += str(", without a sign of life for ", tenths(r.seconds_silent), " s");
  return text;
}

std::string report_of_node(const std::vector<RankActivity>& ranks, int all_ranks) {
  std::string text;
  for (const RankActivity& r : ranks) {
    const nlohmann::ordered_json line = {{"rank", r.rank},
                                         {"host", r.host},
                                         {"pid", r.pid},
                                         {"phase", static_cast<int>(r.phase)},
                                         {"seconds_in_phase", r.seconds_in_phase},
                                         {"step", r.step},
                                         {"batch", r.batch},
                                         {"waits_for_data", r.waits_for_data},
                                         {"collective", static_cast<int>(r.collective)},
                                         {"collectives", r.collectives},
                                         {"bytes", r.bytes},
                                         {"seconds_silent", r.seconds_silent},
                                         {"what", describe(r, all_ranks)}};
    text += line.dump() + "\n";
  }
  return text;
}

std::vector<RankActivity> read_report(const std::string& text) {
  std::vector<RankActivity> ranks;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const auto line = nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                            text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    begin = end + 1;
    try {
      ranks.push_back({.rank = line.at("rank"),
                       .host = line.at("host"),
                       .pid = line.at("pid"),
                       .phase = static_cast<Phase>(std::clamp(line.at("phase").get<int>(), 0, kPhases - 1)),
                       .seconds_in_phase = line.at("seconds_in_phase"),
                       .step = line.at("step"),
                       .batch = line.at("batch"),
                       .waits_for_data = line.at("waits_for_data"),
                       .collective = static_cast<Collective>(
                           std::clamp(line.at("collective").get<int>(), 0, static_cast<int>(Collective::kAgreement))),
                       .collectives = line.at("collectives"),
                       .bytes = line.at("bytes"),
                       .seconds_silent = line.at("seconds_silent")});
    } catch (const nlohmann::json::exception&) {  // half a line, of a node that is in trouble
    }
  }
  return ranks;
}

std::string verdict(const std::vector<RankActivity>& known, const std::vector<std::string>& hosts) {
  const int ranks = static_cast<int>(hosts.size());
  std::vector<std::string> sentences;

  std::vector<int> missing;
  for (int rank = 0; rank < ranks; ++rank)
    if (std::none_of(known.begin(), known.end(), [&](const auto& r) { return r.rank == rank; }))
      missing.push_back(rank);
  while (!missing.empty()) {  // node by node
    const std::string host = hosts[static_cast<std::size_t>(missing.front())];
    std::vector<int> of_host;
    std::erase_if(missing, [&](int rank) {
      if (hosts[static_cast<std::size_t>(rank)] != host) return false;
      of_host.push_back(rank);
      return true;
    });
    sentences.push_back(
        str("no report from ", host, " (", list_of(of_host), "): the node, or its way to the log folder, is down"));
  }

  for (const RankActivity& r : known)
    if (r.seconds_silent > kSilent) sentences.push_back(describe(r, ranks) + ": its process is stopped or dead");

  if (sentences.empty() && !known.empty()) {
    const auto [fewest, most] = std::minmax_element(
        known.begin(), known.end(), [](const auto& a, const auto& b) { return a.collectives < b.collectives; });
    const bool all_alike = fewest->collectives == most->collectives;
    for (const RankActivity& r : known)
      if (all_alike ? r.collective == Collective::kNone : r.collectives == fewest->collectives)
        sentences.push_back(describe(r, ranks) + (ranks > 1 ? ": the others wait for it" : ""));
    if (sentences.empty())
      sentences.push_back(str("all ranks are in ", name_of(fewest->collective), " number ", fewest->collectives,
                              ": none is behind, so it is the network between them, or a GPU"));
  }
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : "\n") + sentence;
  return text;
}

}  // namespace mosaic
