#include "preflight/launch.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "base/cpu.h"
#include "device/gpu.h"

namespace mosaic {
namespace {

std::string counted(std::size_t count, const char* thing) { return str(count, ' ', thing, count == 1 ? "" : "s"); }

/// "8", or "4 to 8"
std::string range(int low, int high) { return low == high ? str(low) : str(low, " to ", high); }

}  // namespace

Row ranks_row(const std::vector<std::string>& host_of_rank, const std::optional<Launcher>& started) {
  std::map<std::string, int> on;
  for (const auto& host : host_of_rank) ++on[host];
  const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [least, most] = std::minmax_element(on.begin(), on.end(), by_count);

  Row row{.name = "ranks", .found = counted(host_of_rank.size(), "rank") + " on " + counted(on.size(), "node")};
  if (on.size() > 1) row.found += str(", ", range(least->second, most->second), " on each");
  if (started && started->ranks != static_cast<int>(host_of_rank.size())) {
    row.verdict = Verdict::kBad;
    row.expected = str(started->ranks, ", as ", started->name,
                       " has started: it belongs to another MPI than this program; take that of the "
                       "build, or another plugin of srun (srun --mpi=list)");
  } else if (least->second != most->second) {
    row.verdict = Verdict::kWarning;
    row.found += str(" (", least->first, " has ", least->second, ")");
    row.expected = "as many on each node: the fullest one is the slowest";
  }
  return row;
}

void check_ranks(const MpiSession& mpi, Table& table) {
  table.add(ranks_row(gather_texts(mpi.host()), launcher(std::getenv)));
}

Row cores_row(const std::vector<RankCores>& ranks) {
  struct Node {
    int ranks = 0, threads = 0, online = 1;
    std::set<int> cpus;
  };
  std::map<std::string, Node> nodes;
  int least = ranks.front().threads, most = least;
  for (const auto& rank : ranks) {
    Node& node = nodes[rank.host];
    ++node.ranks;
    node.threads += rank.threads;
    node.online = rank.online;
    node.cpus.insert(rank.cpus.begin(), rank.cpus.end());
    least = std::min(least, rank.threads);
    most = std::max(most, rank.threads);
  }
  Row row{.name = "cores", .found = range(least, most) + (most == 1 ? " core per rank" : " cores per rank")};
  for (const auto& [host, node] : nodes) {
    const int usable = static_cast<int>(node.cpus.size());
    if (node.ranks > 1 && node.threads > std::max(usable, node.ranks)) {
      row.verdict = Verdict::kWarning;
      row.found += str("; ", host, ": ", node.ranks, " ranks share ", usable, " of ", node.online, " cores");
      row.expected =
          "cores of its own for each rank: srun --cpus-per-task=N, mpirun --map-by ppr:R:node:pe=N or --bind-to none";
      break;
    }
    if (node.threads == node.ranks && node.online >= 2 * node.ranks) {
      row.verdict = Verdict::kWarning;
      row.found += str("; ", host, " has ", node.online, " cores for ", counted(node.ranks, "rank"));
      row.expected = "several for each rank to decode with: srun --cpus-per-task=N, mpirun --bind-to none";
      break;
    }
  }
  return row;
}

void check_cores(const MpiSession& mpi, Table& table) {
  std::string mine = str(cores_of_rank(mpi.local_size()), ' ', online_cores());
  for (const int cpu : affinity()) mine += str(' ', cpu);
  const auto hosts = gather_texts(mpi.host()), texts = gather_texts(mine);
  std::vector<RankCores> all;
  for (std::size_t rank = 0; rank < texts.size(); ++rank) {
    std::istringstream in(texts[rank]);
    RankCores one{.host = hosts[rank], .cpus = {}};
    in >> one.threads >> one.online;
    for (int cpu; in >> cpu;) one.cpus.push_back(cpu);
    all.push_back(one);
  }
  table.add(cores_row(all));
}

std::optional<Ranks> check_devices(const MpiSession& mpi, const Config& config, Table& table) {
  std::optional<Ranks> ranks;
  if (!table.passes("devices", [&] { ranks = open_ranks(mpi, config); })) return std::nullopt;
  Row row{.name = "devices", .found = "CPUs, no GPU"};
  if (ranks->device.is_cuda()) {
    const int visible = gpu_count();
    row.found = str("one GPU per rank, ", gpu_name(ranks->device.index()));
    if (visible > mpi.local_size()) {
      row.verdict = Verdict::kWarning;
      row.found += str("; ", mpi.local_size(), " of ", visible, " used on ", mpi.host());
      row.expected = "one rank for each GPU";
    }
  }
  table.add(row);
  return ranks;
}

}  // namespace mosaic
