// Compiled for one instruction set: see CMakeLists.txt.
#include "model/amx_kernels.h"

#if defined(MOSAIC_AMX)

#include "model/amx_loops.h"

namespace mosaic {
namespace {

/// What `ldtilecfg` reads: the shape of each tile.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0, unused[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);
constexpr TileShapes kShapes;

/// The eight tiles of the processor. In assembler, since GCC 12's intrinsics do not say that they read memory: stores
/// before them could come after them.
struct ProcessorTiles {
  static void configure() { asm volatile("ldtilecfg %0" ::"m"(kShapes)); }
  static void release() { asm volatile("tilerelease" ::: "memory"); }
  template <int kTile>
  static void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  template <int kTile>
  static void load(const void* from, std::int64_t pitch) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(pitch), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void store(void* to, std::int64_t pitch) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(pitch), "i"(kTile) : "memory");
  }
  /// sums += left * right
  template <int kSums, int kLeft, int kRight>
  static void multiply_add() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kLeft), "i"(kRight));
  }
};

}  // namespace

extern const AmxKernels* const kProcessorAmx;
constinit const AmxKernels* const kProcessorAmx = &kAmxKernels<ProcessorTiles>;

}  // namespace mosaic

#else

namespace mosaic {

extern const AmxKernels* const kProcessorAmx;
constinit const AmxKernels* const kProcessorAmx = nullptr;

}  // namespace mosaic

#endif
