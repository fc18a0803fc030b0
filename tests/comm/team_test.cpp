#include "comm/team.h"

#include <map>

#include "base/error.h"
#include "catch.h"
#include "comm/launcher.h"
#include "support.h"

namespace mosaic {
namespace {

TEST_CASE("one process is a team without MPI", "[comm]") {
  const auto team = team_of_one();
  CHECK(team->first());
  CHECK(team->size() == 1);
  CHECK(team->local_size() == 1);
  CHECK(team->from_first([] { return std::string("made"); }) == "made");
  CHECK(test::message_of([&] { team->from_first([]() -> std::string { throw Error("no such folder"); }); }) ==
        "no such folder");
  team->post("a");
  team->post("");
  team->post("c");
  CHECK(team->collect() == std::vector<std::string>{"a", "", "c"});
  CHECK(team->collect().empty());
}

std::optional<Launcher> launched_with(const std::map<std::string, std::string>& variables) {
  return launcher([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST_CASE("mpirun counts before the Slurm job that it runs in, and that only inside srun", "[comm]") {
  CHECK_FALSE(launched_with({}));
  CHECK_FALSE(launched_with({{"SLURM_NTASKS", "16"}}));
  CHECK(launched_with({{"SLURM_STEP_NUM_TASKS", "16"}})->name == "srun");
  const auto both = launched_with({{"SLURM_STEP_NUM_TASKS", "2"}, {"OMPI_COMM_WORLD_SIZE", "16"}});
  CHECK(both->name == "mpirun");
  CHECK(both->ranks == 16);
}

}  // namespace
}  // namespace mosaic
