#pragma once

#include <functional>
#include <optional>
#include <string>

namespace mosaic {

/// Who has started this process, as one of how many.
struct Launcher {
  std::string name;  // "mpirun", "srun"
  int ranks = 0;
};

/// As the environment says; none: started by hand.
/// @param variable  nullptr for one that is not set: std::getenv
std::optional<Launcher> launcher(const std::function<const char*(const char*)>& variable);

}  // namespace mosaic
