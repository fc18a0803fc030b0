#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

/// What the language CUDA adds to C++, for kernels that are to run on the CPU: include before a .cuh file. A block's
/// threads take turns as contexts of one thread, from one __syncthreads to the next; blocks come one after the other.
/// Slow, and blind to what only a GPU does in parallel (a missing barrier may go unnoticed), but every index and every
/// number is computed as there.

#define __host__
#define __device__
#define __global__
#define __shared__ static

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

namespace mosaic::test {

class EmulatedBlock;

inline dim3 thread_index, block_index, block_size, grid_size;
inline EmulatedBlock* running_block = nullptr;

/// The threads of one block, each with a stack of its own.
class EmulatedBlock {
 public:
  explicit EmulatedBlock(dim3 size) : size_(size), threads_(std::size_t{size.x} * size.y * size.z) {
    for (Thread& t : threads_) t.stack = std::make_unique_for_overwrite<std::byte[]>(kStack);
  }

  /// Runs `body` to its end in all threads.
  void run(const std::function<void()>& body) {
    body_ = &body;
    running_block = this;
    for (Thread& t : threads_) {
      getcontext(&t.context);
      t.context.uc_stack.ss_sp = t.stack.get();
      t.context.uc_stack.ss_size = kStack;
      t.context.uc_link = &scheduler_;
      t.done = false;
      makecontext(
          &t.context, [] { running_block->enter(); }, 0);
    }
    for (std::size_t left = threads_.size(); left > 0;)
      for (std::size_t i = 0; i < threads_.size(); ++i) {
        if (threads_[i].done) continue;
        current_ = i;
        const auto number = static_cast<unsigned>(i);
        thread_index = {number % size_.x, number / size_.x % size_.y, number / (size_.x * size_.y)};
        swapcontext(&scheduler_, &threads_[i].context);
        if (threads_[i].done) --left;
      }
  }

  /// Lets all others come as far as the calling thread.
  void wait() { swapcontext(&threads_[current_].context, &scheduler_); }

 private:
  static constexpr std::size_t kStack = 64 << 10;
  struct Thread {
    ucontext_t context;
    std::unique_ptr<std::byte[]> stack;
    bool done = false;
  };

  void enter() {
    (*body_)();
    threads_[current_].done = true;
  }

  dim3 size_;
  std::vector<Thread> threads_;
  ucontext_t scheduler_{};
  std::size_t current_ = 0;
  const std::function<void()>* body_ = nullptr;
};

}  // namespace mosaic::test

#define threadIdx (::mosaic::test::thread_index)
#define blockIdx (::mosaic::test::block_index)
#define blockDim (::mosaic::test::block_size)
#define gridDim (::mosaic::test::grid_size)
#define __syncthreads() ::mosaic::test::running_block->wait()

namespace mosaic {

/// As the one of base/cuda_kernel.cuh; returns when all is done.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, void* /*stream*/, const Arguments&... arguments) {
  test::EmulatedBlock threads(block);
  test::block_size = block;
  test::grid_size = grid;
  for (unsigned y = 0; y < grid.y; ++y)
    for (unsigned x = 0; x < grid.x; ++x) {
      test::block_index = {x, y, 0};
      threads.run([&] { kernel(arguments...); });
    }
}

}  // namespace mosaic
