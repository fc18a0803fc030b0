#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mosaic {

/// The processes that do one piece of work on files together and tell each other about it in texts. One thread at a time.
class Team {
 public:
  virtual ~Team() = default;
  virtual int rank() const = 0;  // in [0, size())
  virtual int size() const = 0;
  virtual int local_size() const = 0;  // members on this node
  bool first() const { return rank() == 0; }

  /// Collective: `make` runs on the first rank, and what it returns is returned on all of them.
  /// @throws Error  what `make` has thrown, on all ranks: AgreedError (mpi_session.h) where there are several
  virtual std::string from_first(const std::function<std::string()>& make) = 0;
  /// Collective: waits for all.
  virtual void barrier() = 0;

  /// Send a text to the first rank. Not collective, and waits for nobody; texts of one rank arrive in their order.
  virtual void post(std::string text) = 0;
  /// On the first rank: what has arrived since the last call, its own texts too.
  virtual std::vector<std::string> collect() = 0;

  /// Ends the processes of all ranks with `exit_code`. For a rank that failed alone.
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

/// One process, which needs no MPI.
std::unique_ptr<Team> team_of_one();

/// All processes that mpirun or srun has started; without them a team of one, and MPI is not started: that takes half a second.
/// @throws Error if MPI knows of more or fewer than were started
std::unique_ptr<Team> launched_team(int& argc, char**& argv);

}  // namespace mosaic
