#include "comm/team.h"

#include <cstdlib>
#include <list>
#include <utility>

#include "comm/launcher.h"
#include "comm/mpi_call.h"
#include "comm/mpi_session.h"

namespace mosaic {
namespace {

class TeamOfOne : public Team {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_size() const override { return 1; }
  std::string from_first(const std::function<std::string()>& make) override { return make(); }
  void barrier() override {}
  void post(std::string text) override { posted_.push_back(std::move(text)); }
  std::vector<std::string> collect() override { return std::exchange(posted_, {}); }
  void abort(int exit_code) override { std::_Exit(exit_code); }

 private:
  std::vector<std::string> posted_;
};

class MpiTeam : public Team {
 public:
  MpiTeam(int& argc, char**& argv) : mpi_(argc, argv) {
    // Posted texts have a communicator of their own: collective calls never meet them.
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &posts_), "MPI_Comm_dup");
  }
  ~MpiTeam() override {
    for (auto& sent : on_their_way_) MPI_Wait(&sent.request, MPI_STATUS_IGNORE);
    MPI_Comm_free(&posts_);
  }

  int rank() const override { return mpi_.rank(); }
  int size() const override { return mpi_.size(); }
  int local_size() const override { return mpi_.local_size(); }

  std::string from_first(const std::function<std::string()>& make) override {
    std::string text, failure;
    int exit_code = kExitDone;
    if (first()) {
      try {
        text = make();
      } catch (const Error& e) {  // thrown again, on all ranks
        failure = e.what(), exit_code = e.exit_code();
      } catch (const std::exception& e) {
        failure = e.what(), exit_code = kExitCrash;
      }
    }
    const std::string outcome = gather_texts(first() ? str(exit_code, ' ', failure.empty() ? text : failure) : "")[0];
    std::size_t digits = 0;
    exit_code = std::stoi(outcome, &digits);
    std::string rest = outcome.substr(digits + 1);
    if (exit_code != kExitDone) throw AgreedError(rest, static_cast<ExitCode>(exit_code));
    return rest;
  }

  void barrier() override { mpi_.barrier(); }

  void post(std::string text) override {
    std::erase_if(on_their_way_, [](Sent& sent) {
      int arrived = 0;
      check_mpi(MPI_Test(&sent.request, &arrived, MPI_STATUS_IGNORE), "MPI_Test");
      return arrived != 0;
    });
    Sent& sent = on_their_way_.emplace_back(std::move(text), MPI_REQUEST_NULL);
    check_mpi(MPI_Isend(sent.text.data(), static_cast<int>(sent.text.size()), MPI_CHAR, 0, 0, posts_, &sent.request),
              "MPI_Isend");
  }

  std::vector<std::string> collect() override {
    std::vector<std::string> texts;
    while (true) {
      int waits = 0, length = 0;
      MPI_Status status;
      check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, 0, posts_, &waits, &status), "MPI_Iprobe");
      if (waits == 0) return texts;
      check_mpi(MPI_Get_count(&status, MPI_CHAR, &length), "MPI_Get_count");
      std::string& text = texts.emplace_back(static_cast<std::size_t>(length), '\0');
      check_mpi(MPI_Recv(text.data(), length, MPI_CHAR, status.MPI_SOURCE, 0, posts_, MPI_STATUS_IGNORE), "MPI_Recv");
    }
  }

  void abort(int exit_code) override { mpi_.abort(exit_code); }

 private:
  struct Sent {
    Sent(std::string t, MPI_Request r) : text(std::move(t)), request(r) {}
    std::string text;
    MPI_Request request;
  };
  MpiSession mpi_;
  MPI_Comm posts_ = MPI_COMM_NULL;
  std::list<Sent> on_their_way_;  // a list: MPI holds their addresses
};

}  // namespace

std::unique_ptr<Team> team_of_one() { return std::make_unique<TeamOfOne>(); }

std::unique_ptr<Team> launched_team(int& argc, char**& argv) {
  const auto started = launcher(std::getenv);
  if (!started || started->ranks <= 1) return team_of_one();
  auto team = std::make_unique<MpiTeam>(argc, argv);
  if (team->size() != started->ranks)
    throw Error(str(started->name, " has started ", started->ranks, " processes, of which this one sees ", team->size(),
                    ": ", started->name,
                    " belongs to another MPI than this program; take that of the build, or another "
                    "plugin of srun (srun --mpi=list)"));
  return team;
}

}  // namespace mosaic
