#pragma once

namespace mosaic {

/// What the whole process needs for fast steps on a CPU. Call once, after at::set_num_threads and before the first
/// step.
///
/// Memory that tensors have given back stays with the process: every step needs the same amount again, and the kernel
/// would have to clear it page by page, a sixth of a step (ResNet-50, 88 px, batch 32). Numbers below the normal ones
/// (1.2e-38) count as 0 in all threads of LibTorch: arithmetic with them is slow, and nothing depends on them.
void prepare_cpu();

}  // namespace mosaic
