#include <cstdio>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/log.h"
#include "comm/mpi_session.h"
#include "comm/team.h"
#include "preprocess/command_line.h"

namespace mosaic {
namespace {

int run(int argc, char** argv, Team& team) {
  const auto command = parse_command_line(argc, argv);
  if (!command) return kExitDone;  // it was asked for help, and gave it
  struct {
    Team& team;
    int operator()(const PackOptions& options) const { return pack(options, team); }
    int operator()(const InfoOptions& options) const { return info(options); }
    int operator()(const VerifyOptions& options) const { return verify(options); }
    int operator()(const ExportOptions& options) const { return export_files(options); }
    int operator()(const ShowOptions& options) const { return show(options); }
    int operator()(const BenchOptions& options) const { return bench(options); }
  } carry_out{team};
  return std::visit(carry_out, *command);
}

}  // namespace
}  // namespace mosaic

int main(int argc, char** argv) {
  using namespace mosaic;
  // Only `pack` shares its work; what a launcher starts of the others are processes that know nothing of each other.
  const bool shared = argc > 1 && std::string_view(argv[1]) == "pack";
  std::unique_ptr<Team> team;
  try {
    team = shared ? launched_team(argc, argv) : team_of_one();
    start_log(team->rank(), team->size());
    return run(argc, argv, *team);
  } catch (const AgreedError& e) {
    if (team->first()) std::fprintf(stderr, "preprocess: %s\n", e.what());
    team->barrier();  // before a rank leaves: launchers end the others when one has failed
    return e.exit_code();
  } catch (const std::exception& e) {
    const auto* error = dynamic_cast<const Error*>(&e);
    const int exit_code = error ? error->exit_code() : kExitCrash;
    if (!team || team->size() == 1) {
      std::fprintf(stderr, "preprocess: %s\n", e.what());
      return exit_code;
    }
    std::fprintf(stderr, "preprocess: rank %d of %d: %s\n", team->rank(), team->size(), e.what());
    team->abort(exit_code);  // the end of MPI would wait for ranks that wait for this one
  }
}
