#include "base/node_memory.h"

#include <cstring>
#include <new>

namespace mosaic {
namespace {

constexpr std::align_val_t kAlignment{64};

class OwnMemory : public NodeMemory {
 public:
  SharedBytes share(const std::function<std::vector<std::byte>()>& make) override { return copy_of(make()); }
};

}  // namespace

std::unique_ptr<NodeMemory> own_memory() { return std::make_unique<OwnMemory>(); }

SharedBytes copy_of(std::span<const std::byte> bytes) {
  auto* memory = static_cast<std::byte*>(::operator new(bytes.size(), kAlignment));
  std::shared_ptr<const std::byte> owner(
      memory, [](const std::byte* p) { ::operator delete(const_cast<std::byte*>(p), kAlignment); });
  if (!bytes.empty()) std::memcpy(memory, bytes.data(), bytes.size());
  return {std::move(owner), bytes.size()};
}

}  // namespace mosaic
