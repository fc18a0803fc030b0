#include "comm/launcher.h"

#include <cstdlib>
#include <utility>

namespace mosaic {

std::optional<Launcher> launcher(const std::function<const char*(const char*)>& variable) {
  // mpirun inside a job of Slurm has both kinds of variables: its own come first.
  for (const auto& [name, key] :
       {std::pair("mpirun", "OMPI_COMM_WORLD_SIZE"), {"mpiexec", "PMI_SIZE"}, {"srun", "SLURM_STEP_NUM_TASKS"}})
    if (const char* value = variable(key)) return Launcher{name, std::atoi(value)};
  return std::nullopt;
}

}  // namespace mosaic
