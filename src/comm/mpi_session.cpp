#include "comm/mpi_session.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "comm/activity.h"
#include "comm/mpi_call.h"

namespace mosaic {

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  // Without a launcher Open MPI 4 would start a daemon beside the program, for processes that it might spawn: we spawn none.
  ::setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");

  MPI_Comm node = node_communicator();
  MPI_Comm_rank(node, &local_rank_);
  MPI_Comm_size(node, &local_size_);
  MPI_Comm_free(&node);
  const int leads_node = local_rank_ == 0;
  check_mpi(MPI_Allreduce(&leads_node, &nodes_, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD), "MPI_Allreduce");

  char name[256] = "";
  host_ = ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown host";
}

MpiSession::~MpiSession() { MPI_Finalize(); }

void MpiSession::abort(int exit_code) const {
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

void MpiSession::barrier() const {
  const InCollective posted(Collective::kBarrier);
  check_mpi(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier");
}

std::vector<std::string> gather_texts(const std::string& text) {
  const InCollective posted(Collective::kAgreement, static_cast<std::int64_t>(text.size()));
  int ranks = 1;
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &ranks), "MPI_Comm_size");
  const int length = static_cast<int>(text.size());
  std::vector<int> lengths(ranks), starts(ranks);
  check_mpi(MPI_Allgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, MPI_COMM_WORLD), "MPI_Allgather");
  int total = 0;
  for (int r = 0; r < ranks; ++r) starts[r] = std::exchange(total, total + lengths[r]);
  std::string all(static_cast<std::size_t>(total), '\0');
  check_mpi(MPI_Allgatherv(text.data(), length, MPI_CHAR, all.data(), lengths.data(), starts.data(), MPI_CHAR,
                           MPI_COMM_WORLD),
            "MPI_Allgatherv");
  std::vector<std::string> texts;
  for (int r = 0; r < ranks; ++r) texts.push_back(all.substr(starts[r], lengths[r]));
  return texts;
}

void throw_if_any_failed(const std::string& message, int exit_code) {
  const std::vector<std::string> messages = gather_texts(message.empty() ? "" : str(exit_code, ' ', message));
  const auto failed = std::find_if(messages.begin(), messages.end(), [](const auto& m) { return !m.empty(); });
  if (failed == messages.end()) return;
  const bool all_alike = std::all_of(messages.begin(), messages.end(), [&](const auto& m) { return m == *failed; });
  std::size_t digits = 0;
  const auto code = static_cast<ExitCode>(std::stoi(*failed, &digits));
  const std::string what = failed->substr(digits + 1);
  throw AgreedError(all_alike ? what : str("rank ", failed - messages.begin(), " of ", messages.size(), ": ", what),
                    code);
}

}  // namespace mosaic
