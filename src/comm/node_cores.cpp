#include "comm/node_cores.h"

#include <map>
#include <sstream>
#include <vector>

#include "base/cores.h"
#include "base/cpu.h"

namespace mosaic {
namespace {

std::vector<int> numbers_in(const std::string& text) {
  std::istringstream in(text);
  std::vector<int> numbers;
  for (int number; in >> number;) numbers.push_back(number);
  return numbers;
}

}  // namespace

std::string divide_cores(const MpiSession& mpi) {
  std::string mine;
  for (const int cpu : in_order_of_cores(affinity())) mine += str(cpu, ' ');
  const auto hosts = gather_texts(mpi.host()), texts = gather_texts(mine);
  std::vector<std::size_t> here;  // ranks of this node
  std::vector<std::vector<int>> masks;
  for (std::size_t rank = 0; rank < texts.size(); ++rank)
    if (hosts[rank] == mpi.host()) here.push_back(rank), masks.push_back(numbers_in(texts[rank]));
  const auto parts = disjoint_parts(masks);
  for (std::size_t i = 0; i < here.size(); ++i)
    if (static_cast<int>(here[i]) == mpi.rank() && parts[i] != masks[i]) run_on(parts[i]);

  const auto placed = gather_texts(ranges_of(affinity()));
  std::map<std::string, std::string> of_host;  // its ranks
  std::map<std::string, int> ranks_on;
  for (std::size_t rank = 0; rank < placed.size(); ++rank) {
    std::string& text = of_host[hosts[rank]];
    text += str(text.empty() ? "" : ", ", "rank ", ranks_on[hosts[rank]]++, " on ", placed[rank]);
  }
  std::map<std::string, std::vector<std::string>> hosts_with;  // the same places
  for (const auto& [host, text] : of_host) hosts_with[text].push_back(host);
  std::string lines;
  for (const auto& [text, names] : hosts_with) {
    lines += str(lines.empty() ? "" : "\n", names.front());
    if (names.size() > 1) lines += str(" and ", names.size() - 1, " more");
    lines += ": " + text;
  }
  return lines;
}

}  // namespace mosaic
