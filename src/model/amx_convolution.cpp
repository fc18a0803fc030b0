#include "model/amx_convolution.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <vector>

#include "model/amx_positions.h"

namespace mosaic {
namespace {

constexpr auto kLayout = at::MemoryFormat::ChannelsLast;

// What a core works on at a time, beside what it only passes through: fits its second-level cache, 2 MiB, with room for the rest.
constexpr std::int64_t kWeightBytes = 1 << 20;      // packed columns of a weight
constexpr std::int64_t kRowBytes = 512 << 10;       // rows that are copied for a product
constexpr std::int64_t kGradientBytes = 900 << 10;  // rows that are copied for a weight's gradient
constexpr std::int64_t kSumBytes = 1300 << 10;      // sums of a weight's gradient
// All sums of a weight's gradient, in float32: threads that share its pixels have sums of their own.
constexpr std::int64_t kPartBytes = 6 << 20;
constexpr std::int64_t kMostParts = 64;
constexpr std::int64_t kTasksPerThread = 4;     // so that the last ones end at about the same time
constexpr std::int64_t kFewestTasks = 2;        // of a thread: fewer are divided by their columns
constexpr std::int64_t kRowsOfPixels = 128;     // at most, of a task that reads no neighbours
constexpr std::int64_t kFewestRows = 256;       // of a task that copies its neighbours' rows, too
constexpr std::int64_t kRowsOfGradient = 512;   // at once, of a task that reads no neighbours
constexpr std::int64_t kCacheBytes = 16 << 20;  // images beyond it are out of the caches before they are read

std::int64_t up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

const Bfloat16Bits* read(const at::Tensor& x) { return static_cast<const Bfloat16Bits*>(x.const_data_ptr()); }
Bfloat16Bits* write(const at::Tensor& x) { return static_cast<Bfloat16Bits*>(x.mutable_data_ptr()); }

/// Memory that is not cleared, 64-byte aligned.
at::Tensor scratch(std::int64_t values, at::ScalarType type = at::kBFloat16) {
  return at::empty({values}, at::TensorOptions(at::kCPU).dtype(type));
}

/// Calls make_worker() in each thread and what it returns for every task, as the threads are free.
template <class MakeWorker>
void share(std::int64_t tasks, const MakeWorker& make_worker) {
  std::atomic<std::int64_t> next{0};
  at::parallel_for(0, std::min<std::int64_t>(tasks, at::get_num_threads()), 1, [&](std::int64_t, std::int64_t) {
    auto worker = make_worker();
    for (std::int64_t task = next++; task < tasks; task = next++) worker(task);
  });
}

/// Columns of a packed weight that a core's cache holds.
std::int64_t columns_at_once(std::int64_t columns, std::int64_t depth, std::int64_t taps) {
  while (columns * depth * taps * 2 > kWeightBytes && columns % (2 * kAmxBlock) == 0) columns /= 2;
  return columns;
}

/// An image as a product of the pixels of another with a packed weight.
class ImageProduct {
 public:
  /// @param backward  from dy to dx, else from x to y
  ImageProduct(const AmxKernels& kernels, const AmxPositions& positions, bool backward, const at::Tensor& from,
               const at::Tensor& packed, const at::Tensor& to)
      : kernels_(kernels),
        positions_(positions),
        from_pixels_(backward ? positions.y : positions.x),
        to_pixels_(backward ? positions.x : positions.y),
        offsets_(positions.tap_offsets()),
        depth_(from.size(1)),
        columns_(to.size(1)),
        from_(read(from)),
        packed_(read(packed)),
        to_(write(to)),
        past_caches_(to.numel() * 2 > kCacheBytes),
        zeros_(static_cast<std::size_t>(depth_)) {
    const std::int64_t threads = at::get_num_threads();
    const std::int64_t evenly = up(positions_.count() / (kTasksPerThread * threads), kAmxBlock);
    const std::int64_t rows = positions_.border == 0
                                  ? std::clamp(evenly, kAmxBlock, kRowsOfPixels)
                                  : std::max(kFewestRows, std::min(kRowBytes / (2 * depth_), evenly));
    piece_rows_ = up(std::min(rows, positions_.count()), kAmxBlock);
    columns_at_once_ = columns_at_once(columns_, depth_, taps());
    while (pieces() * parts() < kFewestTasks * threads && columns_at_once_ % (2 * kAmxBlock) == 0)
      columns_at_once_ /= 2;
  }

  void run() const {
    // Where every piece is needed for many columns, it is copied for all of them.
    const bool copy_first = parts() > 1 && !direct();
    const std::int64_t copied_values = copied_rows() * depth_;
    const at::Tensor copies = copy_first ? scratch(pieces() * copied_values) : at::Tensor();
    if (copy_first)
      share(pieces(), [&] { return [&](std::int64_t piece) { copy(piece, write(copies) + piece * copied_values); }; });
    share(parts() * pieces(), [&] {
      return [&, own = at::Tensor()](std::int64_t task) mutable {
        const std::int64_t piece = task % pieces(), part = task / pieces();
        multiply(piece, part, copy_first ? read(copies) + piece * copied_values : nullptr, own);
      };
    });
  }

 private:
  std::int64_t taps() const { return static_cast<std::int64_t>(offsets_.size()); }
  std::int64_t pieces() const { return (positions_.count() + piece_rows_ - 1) / piece_rows_; }
  std::int64_t parts() const { return columns_ / columns_at_once_; }
  std::int64_t copied_rows() const { return piece_rows_ + 2 * positions_.halo(); }
  /// Whether the image's pixels, as they lie, are the product's rows.
  bool direct() const { return positions_.border == 0 && from_pixels_.step == 1; }

  void copy(std::int64_t piece, Bfloat16Bits* to) const {
    std::vector<const Bfloat16Bits*> rows(static_cast<std::size_t>(copied_rows()));
    positions_.rows(from_pixels_, from_, depth_, piece * piece_rows_ - positions_.halo(), copied_rows(), zeros_.data(),
                    rows.data());
    kernels_.copy_rows(rows.data(), copied_rows(), depth_, to);
  }

  /// @param copied  the piece's rows, if they have been copied; else they are, where they have to
  /// @param own  the thread's memory for that, which is taken when it is first needed
  void multiply(std::int64_t piece, std::int64_t part, const Bfloat16Bits* copied, at::Tensor& own) const {
    const std::int64_t first = piece * piece_rows_, left = positions_.count() - first;
    const std::int64_t rows = std::min(piece_rows_, up(left, kAmxBlock));
    const bool in_place = direct() && rows <= left;
    if (!in_place && !copied) {
      if (!own.defined()) own = scratch(copied_rows() * depth_);
      copy(piece, write(own));
      copied = read(own);
    }
    std::vector<Bfloat16Bits*> to(static_cast<std::size_t>(rows));
    positions_.rows<Bfloat16Bits>(to_pixels_, to_, columns_, first, rows, nullptr, to.data());
    kernels_.multiply({.a = in_place ? from_ + first * depth_ : copied,
                       .depth = depth_,
                       .rows = rows,
                       .tap_offsets = offsets_.data(),
                       .taps = taps(),
                       .packed = packed_,
                       .first_column = part * columns_at_once_,
                       .columns = columns_at_once_,
                       .y = to.data(),
                       .rows_ahead = in_place ? left : 0,
                       .past_caches = in_place && to_pixels_.step == 1 && past_caches_});
  }

  const AmxKernels& kernels_;
  AmxPositions positions_;
  AmxPixels from_pixels_, to_pixels_;
  std::vector<std::int64_t> offsets_;
  std::int64_t depth_, columns_, columns_at_once_, piece_rows_;
  const Bfloat16Bits *from_, *packed_;
  Bfloat16Bits* to_;
  bool past_caches_;
  std::vector<Bfloat16Bits> zeros_;  // a pixel
};

/// A weight's gradient, from the pixels of x and dy.
class WeightProduct {
 public:
  WeightProduct(const AmxKernels& kernels, const AmxPositions& positions, const at::Tensor& x, const at::Tensor& dy,
                const at::Tensor& dw)
      : kernels_(kernels),
        positions_(positions),
        offsets_(positions.tap_offsets()),
        in_(x.size(1)),
        out_(dy.size(1)),
        x_(read(x)),
        dy_(read(dy)),
        dw_(dw.mutable_data_ptr<float>()),
        zeros_(static_cast<std::size_t>(std::max(in_, out_))),
        blocks_(up(positions.count(), kAmxBlock) / kAmxBlock) {
    parts_ = std::clamp<std::int64_t>(kPartBytes / (4 * size()), 1, std::min(kMostParts, blocks_));
    choose_task();
  }

  void run() const {
    const at::Tensor sums = scratch(parts_ * size(), at::kFloat);
    float* all = sums.mutable_data_ptr<float>();
    const std::int64_t out_tasks = out_ / task_out_, in_tasks = in_ / task_in_;
    share(out_tasks * in_tasks * parts_, [&] {
      return [&, own = scratch(amx_gradient_scratch(task(piece_rows_)))](std::int64_t number) {
        const std::int64_t channels = number / parts_;
        add(number % parts_, channels / in_tasks * task_out_, channels % in_tasks * task_in_, own, all);
      };
    });
    const std::int64_t in_blocks = in_ / kAmxBlock;
    share(out_ / kAmxBlock * in_blocks, [&] {
      return [&](std::int64_t block) {
        const std::int64_t out_block = block / in_blocks, in_block = block % in_blocks;
        for (std::int64_t tap = 0; tap < taps(); ++tap)
          kernels_.sum_parts({.sums = all + (block * taps() + tap) * kAmxBlock * kAmxBlock,
                              .parts = parts_,
                              .part_size = size(),
                              .gradient = dw_ + (out_block * kAmxBlock * taps() + tap) * in_ + in_block * kAmxBlock,
                              .pitch = taps() * in_});
      };
    });
  }

 private:
  std::int64_t taps() const { return static_cast<std::int64_t>(offsets_.size()); }
  std::int64_t size() const { return out_ * taps() * in_; }

  AmxGradient task(std::int64_t rows) const {
    return {.rows = rows,
            .reach = 2 * positions_.halo(),
            .out = task_out_,
            .in = task_in_,
            .tap_offsets = offsets_.data(),
            .taps = taps(),
            .in_blocks = in_ / kAmxBlock};
  }

  /// Channels of a task: as many as a core's cache has room for, and so few that all threads have work. Copies of dy are
  /// dearer than those of x: x is better copied again for other channels of dy than the other way round.
  void choose_task() {
    task_out_ = out_;
    task_in_ = in_;
    const auto tasks = [&] { return out_ / task_out_ * (in_ / task_in_) * parts_; };
    const auto can_halve = [](std::int64_t channels) { return channels % (2 * kAmxBlock) == 0; };
    while (task_out_ * task_in_ * taps() * 4 > kSumBytes ||
           (tasks() < 2 * at::get_num_threads() && std::max(task_out_, task_in_) > 2 * kAmxBlock)) {
      const bool out_first = 2 * task_out_ >= task_in_;
      if (can_halve(task_out_) && (out_first || !can_halve(task_in_)))
        task_out_ /= 2;
      else if (can_halve(task_in_))
        task_in_ /= 2;
      else
        break;
    }
    const std::int64_t row_bytes = 2 * (task_out_ + (positions_.border > 0 ? 2 : 1) * task_in_);
    const std::int64_t fitting = std::max(kGradientBytes / row_bytes / kAmxBlock * kAmxBlock, 2 * kAmxBlock);
    const std::int64_t wanted = positions_.border > 0 ? fitting : std::min(fitting, kRowsOfGradient);
    piece_rows_ = std::min(wanted, (blocks_ + parts_ - 1) / parts_ * kAmxBlock);
  }

  /// One part's sums for the task's channels. Parts are equal numbers of blocks of rows, and sums go through them in
  /// order: only the number of parts, which the shape decides, decides about their bits.
  void add(std::int64_t part, std::int64_t first_out, std::int64_t first_in, const at::Tensor& own, float* all) const {
    const std::int64_t begin = blocks_ * part / parts_ * kAmxBlock, end = blocks_ * (part + 1) / parts_ * kAmxBlock;
    const std::int64_t halo = positions_.halo();
    std::vector<const Bfloat16Bits*> dy(static_cast<std::size_t>(piece_rows_)),
        x(static_cast<std::size_t>(piece_rows_ + 2 * halo));
    for (std::int64_t first = begin; first < end; first += piece_rows_) {
      AmxGradient piece = task(std::min(piece_rows_, end - first));
      positions_.rows(positions_.y, dy_ + first_out, out_, first, piece.rows, zeros_.data(), dy.data());
      positions_.rows(positions_.x, x_ + first_in, in_, first - halo, piece.rows + 2 * halo, zeros_.data(), x.data());
      piece.dy = dy.data();
      piece.x = x.data();
      piece.scratch = write(own);
      piece.sums = all + part * size() +
                   (first_out / kAmxBlock * piece.in_blocks + first_in / kAmxBlock) * taps() * kAmxBlock * kAmxBlock;
      piece.first = first == begin;
      kernels_.add_gradient(piece);
    }
  }

  const AmxKernels& kernels_;
  AmxPositions positions_;
  std::vector<std::int64_t> offsets_;
  std::int64_t in_, out_;
  const Bfloat16Bits *x_, *dy_;
  float* dw_;
  std::vector<Bfloat16Bits> zeros_;  // a pixel
  std::int64_t blocks_, parts_, task_out_, task_in_, piece_rows_;
};

/// The whole weight as the right factor of x (or of dy, for `backward`).
at::Tensor pack(const AmxKernels& kernels, const at::Tensor& weight, bool backward) {
  const at::Tensor dense = weight.contiguous(kLayout), packed = scratch(weight.numel());
  const AmxWeight w{read(dense), weight.size(0), weight.size(2) * weight.size(3), weight.size(1)};
  const auto kernel = backward ? kernels.pack_backward : kernels.pack_forward;
  share((backward ? w.in : w.out) / kAmxBlock,
        [&] { return [&](std::int64_t block) { kernel(w, block * kAmxBlock, write(packed)); }; });
  return packed;
}

/// Of a convolution from images of these height and width.
AmxPositions positions_of(const at::Tensor& weight, std::int64_t stride, std::int64_t height, std::int64_t width,
                          const at::Tensor& y) {
  return AmxPositions::of(weight.size(2), y.size(0), {height, width, stride}, {y.size(2), y.size(3), 1});
}

/// Clears the pixels that a convolution steps over.
void clear_between(const at::Tensor& image, std::int64_t stride) {
  const std::int64_t channels = image.size(1), height = image.size(2), width = image.size(3);
  const auto clear = [&](Bfloat16Bits* from, std::int64_t pixels) {
    std::fill_n(from, pixels * channels, Bfloat16Bits{});
  };
  at::parallel_for(0, image.size(0) * height, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      Bfloat16Bits* first = write(image) + line * width * channels;
      if (line % height % stride != 0)
        clear(first, width);
      else
        for (std::int64_t x = 0; x < width; x += stride)
          clear(first + (x + 1) * channels, std::min(stride, width - x) - 1);
    }
  });
}

at::Tensor empty_image(const at::Tensor& like, std::int64_t channels, std::int64_t height, std::int64_t width) {
  return at::empty({like.size(0), channels, height, width}, like.options(), kLayout);
}

}  // namespace

bool AmxConvolution::can_take(const at::Tensor& x, const at::Tensor& weight, std::int64_t stride,
                              std::int64_t padding) {
  const auto fits = [](std::int64_t channels) { return channels > 0 && channels % kAmxBlock == 0; };
  const auto has_side = [&](std::int64_t side) { return weight.size(2) == side && weight.size(3) == side; };
  return x.device().is_cpu() && x.numel() > 0 && x.scalar_type() == at::kBFloat16 &&
         weight.scalar_type() == at::kBFloat16 && fits(weight.size(0)) && fits(weight.size(1)) &&
         ((has_side(1) && padding == 0) || (has_side(3) && padding == 1 && stride == 1));
}

at::Tensor AmxConvolution::forward(const at::Tensor& x) const {
  assert(x.is_contiguous(kLayout));
  const at::Tensor y = empty_image(x, weight.size(0), (x.size(2) - 1) / stride + 1, (x.size(3) - 1) / stride + 1);
  const AmxPositions positions = positions_of(weight, stride, x.size(2), x.size(3), y);
  ImageProduct(kernels, positions, false, x, pack(kernels, weight, false), y).run();
  return y;
}

at::Tensor AmxConvolution::input_gradient(const at::Tensor& dy, std::int64_t height, std::int64_t width) const {
  assert(dy.is_contiguous(kLayout));
  const at::Tensor dx = empty_image(dy, weight.size(1), height, width);
  if (stride > 1) clear_between(dx, stride);
  const AmxPositions positions = positions_of(weight, stride, height, width, dy);
  ImageProduct(kernels, positions, true, dy, pack(kernels, weight, true), dx).run();
  return dx;
}

at::Tensor AmxConvolution::weight_gradient(const at::Tensor& dy, const at::Tensor& x) const {
  assert(dy.is_contiguous(kLayout) && x.is_contiguous(kLayout));
  const at::Tensor dw = at::empty(weight.sizes(), weight.options().dtype(at::kFloat), kLayout);
  const AmxPositions positions = positions_of(weight, stride, x.size(2), x.size(3), dy);
  WeightProduct(kernels, positions, x, dy, dw).run();
  return dw;
}

}  // namespace mosaic
