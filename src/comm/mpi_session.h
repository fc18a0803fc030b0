#pragma once

#include <exception>
#include <string>
#include <vector>

#include "base/error.h"

namespace mosaic {

/// MPI from start to stop; one per process. Without mpirun or srun this is a job of one rank.
class MpiSession {
 public:
  /// Asks for MPI_THREAD_MULTIPLE.
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Waits for all ranks.
  void barrier() const;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int local_rank() const { return local_rank_; }  // among the ranks of this node, in [0, local_size())
  int local_size() const { return local_size_; }
  int nodes() const { return nodes_; }
  const std::string& host() const { return host_; }

  /// Ends all ranks of the job with `exit_code`, this one at once. For a rank that failed: MPI_Finalize would wait for
  /// ranks that wait for this one.
  [[noreturn]] void abort(int exit_code) const;

 private:
  int rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1, nodes_ = 1;
  std::string host_;
};

/// Collective: the text of every rank, in the order of the ranks, on every rank.
std::vector<std::string> gather_texts(const std::string& text);

/// A failure that all ranks know of, thrown on all of them: one of them reports it, and no rank is waiting for another.
class AgreedError : public Error {
 public:
  using Error::Error;
};

/// Collective: run `check` on each rank; if it throws on any rank, throw on all of them the first failing rank's message,
/// with "rank R of N: " before it unless all ranks failed alike. For what comes before the first step, where every rank is
/// known to arrive.
/// @throws AgreedError
template <class Check>
void agree(Check check);

/// What `agree` does with one rank's outcome: "" for success.
void throw_if_any_failed(const std::string& message, int exit_code);

template <class Check>
void agree(Check check) {
  std::string message;
  int exit_code = kExitDone;
  try {
    check();
  } catch (const Error& e) {
    message = e.what(), exit_code = e.exit_code();
  } catch (const std::exception& e) {
    message = e.what(), exit_code = kExitCrash;
  }
  throw_if_any_failed(message, exit_code);
}

}  // namespace mosaic
