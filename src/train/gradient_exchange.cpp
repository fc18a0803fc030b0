#include "train/gradient_exchange.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "device/captured_graph.h"

namespace mosaic {

struct GradientExchange::State {
  at::Tensor flat, rounded;  // the second on GPUs, where it is sent instead
  std::vector<at::Tensor> parameters;
  std::unique_ptr<BackgroundMean> mean;
  std::int64_t bucket = 1;  // elements

  /// Buckets that a parameter has a part in.
  struct Range {
    std::size_t first, last;
  };
  std::vector<Range> of_parameter;
  std::vector<int> parts;  // of each bucket: parameters that have a part in it

  enum class Completed { kIsNothing, kIsSent, kIsMarked };  // what a bucket that a backward pass has completed is
  Completed completed = Completed::kIsNothing;
  std::vector<int> missing;      // of each bucket: parts that are not done
  std::size_t next = 0;          // the first bucket that has not been sent or marked
  std::vector<GraphMark> marks;  // of each bucket

  void expect(Completed what) {
    missing = parts;
    next = 0;
    completed = what;
  }

  /// Bucket 0 is the end of the flat gradients.
  at::Tensor part_of(const at::Tensor& all, std::size_t b) const {
    const std::int64_t end = flat.numel() - static_cast<std::int64_t>(b) * bucket;
    const std::int64_t begin = std::max<std::int64_t>(end - bucket, 0);
    return all.narrow(0, begin, end - begin);
  }
  void round(std::size_t b) const {
    if (rounded.defined()) part_of(rounded, b).copy_(part_of(flat, b));
  }
  void send(std::size_t b, void* filled = nullptr) const {
    mean->start(buffer_of(part_of(rounded.defined() ? rounded : flat, b)), filled);
  }
  void send_next() {
    round(next);
    send(next);
    ++next;
  }
  void mark_next() {
    round(next);
    marks[next].put();
    ++next;
  }

  void done(std::size_t parameter) {
    if (completed == Completed::kIsNothing) return;
    for (std::size_t b = of_parameter[parameter].first; b <= of_parameter[parameter].last; ++b) --missing[b];
    while (next < missing.size() && missing[next] == 0) completed == Completed::kIsSent ? send_next() : mark_next();
  }
};

namespace {

/// What autograd calls when it has added to a parameter's gradient.
class AfterAccumulation : public torch::autograd::PostAccumulateGradHook {
 public:
  explicit AfterAccumulation(std::function<void()> action) : action_(std::move(action)) {}
  void operator()(const at::Tensor&) override { action_(); }

 private:
  std::function<void()> action_;
};

}  // namespace

GradientExchange::GradientExchange(const FlatGradients& gradients, const std::vector<NamedTensor>& parameters,
                                   ProcessGroup& ranks, std::int64_t bucket_bytes, WireType wire)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.flat = gradients.flat();
  state.mean = ranks.background_mean(wire);
  const std::int64_t total = state.flat.numel();
  state.bucket = std::clamp<std::int64_t>(bucket_bytes / state.flat.element_size(), 1, total);
  state.parts.assign(static_cast<std::size_t>((total + state.bucket - 1) / state.bucket), 0);
  if (ranks.size() == 1) return;
  if (wire == WireType::kBfloat16 && state.flat.is_cuda()) state.rounded = at::empty_like(state.flat, at::kBFloat16);

  std::int64_t begin = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& parameter = parameters[i].tensor;
    const std::int64_t end = begin + parameter.numel();
    const State::Range range{static_cast<std::size_t>((total - end) / state.bucket),
                             static_cast<std::size_t>((total - begin - 1) / state.bucket)};
    for (std::size_t b = range.first; b <= range.last; ++b) ++state.parts[b];
    state.of_parameter.push_back(range);
    state.parameters.push_back(parameter);
    torch::autograd::impl::set_post_acc_grad_hooks(parameter,
                                                   std::make_unique<AfterAccumulation>([&state, i] { state.done(i); }));
    begin = end;
  }
}

GradientExchange::~GradientExchange() {
  if (!state_) return;
  for (const at::Tensor& parameter : state_->parameters)
    torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
}

GradientExchange::GradientExchange(GradientExchange&&) noexcept = default;

void GradientExchange::start() { state_->expect(State::Completed::kIsSent); }

void GradientExchange::begin_capture() {
  State& state = *state_;
  while (state.marks.size() < state.parts.size()) state.marks.emplace_back(state.flat.device());
  state.expect(State::Completed::kIsMarked);
}

bool GradientExchange::end_capture() {
  state_->completed = State::Completed::kIsNothing;
  const std::size_t marked = std::exchange(state_->next, 0);
  return marked == state_->parts.size() || state_->parameters.empty();  // a rank alone sends nothing
}

void GradientExchange::send_marked() {
  State& state = *state_;
  state.expect(State::Completed::kIsSent);  // of which `finish` finds nothing left
  for (; state.next < state.parts.size(); ++state.next) state.send(state.next, state.marks[state.next].event());
}

void GradientExchange::finish() {
  if (std::exchange(state_->completed, State::Completed::kIsNothing) == State::Completed::kIsNothing) state_->next = 0;
  while (state_->next < state_->parts.size()) state_->send_next();
  state_->mean->wait();
  if (state_->rounded.defined()) state_->flat.copy_(state_->rounded);
}

double GradientExchange::busy_seconds() const { return state_->mean->busy_seconds(); }

}  // namespace mosaic
