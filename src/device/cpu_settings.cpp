#include "device/cpu_settings.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <malloc.h>

namespace mosaic {

void prepare_cpu() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);         // large blocks, too, from the heap
  mallopt(M_TRIM_THRESHOLD, -1);  // whose end is never given back
  mallopt(M_TOP_PAD, 64 << 20);   // and which grows by 64 MiB
#endif
  const auto flush = [] { at::globalContext().setFlushDenormal(true); };  // of the calling thread
  flush();
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) { flush(); });
}

}  // namespace mosaic
