// The object that is compiled for AMX, on a processor that has all but AMX: its instructions trap, are decoded and imitated.
#if defined(__x86_64__) && defined(__linux__)

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <signal.h>
#include <ucontext.h>

#include <cstring>

#include "catch.h"
#include "model/amx_check.h"
#include "model/amx_convolution.h"
#include "model/emulated_amx.h"
#include "model/emulated_tiles.h"

namespace mosaic {

extern const AmxKernels* const kProcessorAmx;  // of amx_tiles.cpp

namespace {

/// One instruction of AMX-TILE or AMX-BF16, as the Intel Software Developer's Manual, volume 2, encodes them: a VEX prefix of
/// three bytes, opcode, ModR/M and, for those with memory, SIB and displacement.
class TileInstruction {
 public:
  explicit TileInstruction(const ucontext_t& context)
      : registers_(context.uc_mcontext.gregs), code_(reinterpret_cast<const std::uint8_t*>(registers_[REG_RIP])) {}

  /// @return its length; 0 if it is another instruction
  int imitate() {
    const int map = code_[1] & 31, prefix = code_[2] & 3, opcode = code_[3];
    if (code_[0] != 0xc4 || map != 2) return 0;
    const bool memory = code_[4] >> 6 != 3;
    const int tile = code_[4] >> 3 & 7, other_tile = code_[4] & 7, third_tile = ~code_[2] >> 3 & 7;
    if (memory) find_memory();
    if (opcode == 0x49 && prefix == 0 && memory) return configure();
    if (opcode == 0x49 && prefix == 0 && code_[4] == 0xc0)
      EmulatedTiles::release();
    else if (opcode == 0x49 && prefix == 3 && !memory)
      EmulatedTiles::zero(tile);
    else if (opcode == 0x4b && prefix == 3 && memory)
      EmulatedTiles::load(tile, address_, pitch_);
    else if (opcode == 0x4b && prefix == 2 && memory)
      EmulatedTiles::store(tile, address_, pitch_);
    else if (opcode == 0x5c && prefix == 2 && !memory)
      EmulatedTiles::multiply_add(tile, other_tile, third_tile);
    else
      return 0;
    return length_;
  }

 private:
  std::int64_t value(int number) const {
    constexpr int kOrder[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return registers_[kOrder[number]];
  }

  void find_memory() {
    const int mode = code_[4] >> 6, base_bits = code_[4] & 7;
    const int more_base = code_[1] & 32 ? 0 : 8, more_index = code_[1] & 64 ? 0 : 8;
    std::int64_t base = 0;
    bool relative = false;
    if (base_bits == 4) {  // SIB
      const int index = (code_[5] >> 3 & 7) + more_index;
      base = value((code_[5] & 7) + more_base);
      pitch_ = index == 4 ? 0 : value(index) << (code_[5] >> 6);
      length_ = 6;
    } else if (mode == 0 && base_bits == 5) {
      relative = true;
    } else {
      base = value(base_bits + more_base);
    }
    std::int32_t displacement = 0;
    if (mode == 1) {
      displacement = static_cast<std::int8_t>(code_[length_]);
      length_ += 1;
    } else if (mode == 2 || relative) {
      std::memcpy(&displacement, code_ + length_, sizeof displacement);
      length_ += 4;
    }
    if (relative) base = registers_[REG_RIP] + length_;
    address_ = reinterpret_cast<void*>(base + displacement);
  }

  /// Eight tiles of 16 rows of 64 bytes: others would not do what EmulatedTiles does.
  int configure() {
    std::uint8_t expected[64] = {1};
    for (int tile = 0; tile < 8; ++tile) expected[16 + 2 * tile] = 64, expected[48 + tile] = 16;
    if (std::memcmp(address_, expected, sizeof expected) != 0) return 0;
    EmulatedTiles::configure();
    return length_;
  }

  const greg_t* registers_;
  const std::uint8_t* code_;
  void* address_ = nullptr;
  std::int64_t pitch_ = 0;
  int length_ = 5;
};

/// While it lives, instructions of AMX that the processor does not know do their work all the same.
class ImitatedInstructions {
 public:
  ImitatedInstructions() {
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
      auto& interrupted = *static_cast<ucontext_t*>(context);
      const int length = TileInstruction(interrupted).imitate();
      if (length == 0) signal(SIGILL, SIG_DFL);  // and come again
      interrupted.uc_mcontext.gregs[REG_RIP] += length;
    };
    sigaction(SIGILL, &action, &before_);
  }
  ~ImitatedInstructions() { sigaction(SIGILL, &before_, nullptr); }
  ImitatedInstructions(const ImitatedInstructions&) = delete;
  ImitatedInstructions& operator=(const ImitatedInstructions&) = delete;

 private:
  struct sigaction before_ = {};
};

TEST_CASE("the object for AMX computes what its loops do, by its own instructions", "[model]") {
  const AmxKernels* loops = test::emulated_amx_avx512();
  if (!loops || !kProcessorAmx) {
    WARN("not run: the object for AMX, which needs "
         << (kProcessorAmx ? "a processor with AVX-512 BF16, and ATEN_CPU_CAPABILITY not to forbid it"
                           : "a compiler and an assembler that know AMX"));
    return;
  }
  if (amx_kernels()) return;  // amx_convolution_test.cpp runs them
  const ImitatedInstructions imitated;
  CHECK(disagreements(*kProcessorAmx).empty());

  at::Generator g = at::make_generator<at::CPUGeneratorImpl>(5);
  const auto images = [&](at::IntArrayRef sizes) {
    return at::randn(sizes, g).to(at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast);
  };
  for (const std::int64_t side : {1, 3}) {
    const at::Tensor x = images({2, 96, 9, 7}), weight = images({64, 96, side, side}), dy = images({2, 64, 9, 7});
    const AmxConvolution trapped{*kProcessorAmx, weight}, expected{*loops, weight};
    CHECK(at::equal(trapped.forward(x), expected.forward(x)));
    CHECK(at::equal(trapped.input_gradient(dy, 9, 7), expected.input_gradient(dy, 9, 7)));
    CHECK(at::equal(trapped.weight_gradient(dy, x), expected.weight_gradient(dy, x)));
  }
  // Several pieces: sums are loaded into tiles.
  const at::Tensor x = images({9, 32, 64, 64}), weight = images({32, 32, 1, 1}), dy = images({9, 32, 64, 64});
  const AmxConvolution trapped{*kProcessorAmx, weight}, expected{*loops, weight};
  CHECK(at::equal(trapped.weight_gradient(dy, x), expected.weight_gradient(dy, x)));
}

}  // namespace
}  // namespace mosaic

#endif
