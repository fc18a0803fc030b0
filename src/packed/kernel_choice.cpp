#include "packed/kernel_choice.h"

#include <cstdlib>

#include "base/error.h"
#include "packed/portable_kernels.h"

namespace mosaic {
namespace {

std::vector<const Kernels*> find_usable() {
  std::vector<const Kernels*> usable;
#ifdef MOSAIC_X86_KERNELS
  for (const Kernels* kernels : {avx512_kernels(), avx2_kernels()})
    if (kernels) usable.push_back(kernels);
#endif
  usable.push_back(&portable_kernels());
  return usable;
}

const Kernels& choose() {
  const char* wanted = std::getenv("MOSAIC_KERNELS");
  if (!wanted || !*wanted) return *usable_kernels().front();
  std::string names;
  for (const Kernels* kernels : usable_kernels()) {
    if (kernels->name == std::string(wanted)) return *kernels;
    names += (names.empty() ? "" : ", ") + std::string(kernels->name);
  }
  throw Error(str("MOSAIC_KERNELS: got '", wanted, "', expected one of those that this processor can run: ", names));
}

}  // namespace

const std::vector<const Kernels*>& usable_kernels() {
  static const std::vector<const Kernels*> kUsable = find_usable();
  return kUsable;
}

const Kernels& best_kernels() {
  static const Kernels& kBest = choose();
  return kBest;
}

}  // namespace mosaic
