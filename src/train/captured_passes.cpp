#include "train/captured_passes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "train/run.h"
#include "train/saved_statistics.h"

namespace mosaic {
namespace {

/// What a pass changes beside its result.
struct PassState {
  at::Tensor gradients;
  SavedStatistics statistics;

  explicit PassState(const Run& run) : gradients(run.gradients.flat().clone()), statistics(run) {}

  void restore(Run& run) const {
    run.gradients.flat().copy_(gradients);
    statistics.restore(run);
  }
};

/// |a - b| / |b|
double difference(const at::Tensor& a, const at::Tensor& b) {
  const double distance = (a - b).norm().item<double>();
  return distance == 0 ? 0 : distance / b.norm().item<double>();
}

/// That of the parameter with the largest one. @param flat  gradients, as FlatGradients has them
double difference_of_parameters(const Run& run, const at::Tensor& flat) {
  const at::Tensor& expected = run.gradients.flat();
  std::vector<at::Tensor> distances, sizes;
  for (const at::Tensor& p : run.sgd.parameters()) {
    const std::int64_t begin = p.grad().storage_offset();
    sizes.push_back(expected.narrow(0, begin, p.numel()));
    distances.push_back(flat.narrow(0, begin, p.numel()) - sizes.back());
  }
  const at::Tensor distance = at::stack(at::_foreach_norm(distances)), size = at::stack(at::_foreach_norm(sizes));
  return (distance / size.clamp_min(CapturedPasses::kSmallest * size.norm())).max().item<double>();
}

std::string sizes_of(const at::Tensor& images) {
  return mosaic::str(images.size(0), " images of ", images.size(2), " x ", images.size(3), " pixels");
}

void copy_to(const at::Tensor& to, const at::Tensor& from) {
  if (to.defined()) to.copy_(from);
}

at::Tensor place_for(const at::Tensor& x) { return x.defined() ? at::empty_like(x) : at::Tensor(); }

}  // namespace

/// One shape's pass, on memory that stays where it is.
class CapturedPass {
 public:
  /// Changes nothing of the run.
  CapturedPass(Run& run, const NetPassInput& input, GraphCapture& capture)
      : input_{.images = place_for(input.images),
               .targets = place_for(input.targets),
               .labels = place_for(input.labels),
               .keep = place_for(input.keep),
               .factor = place_for(input.factor)},
        result_{.loss = at::empty({}, input.factor.options()), .correct = at::empty({}, input.labels.options())} {
    fill(input);
    const PassState before(run);
    try {
      forward_ = capture.capture([&] {
        pass_.emplace(run, input_);
        const NetPassResult result = pass_->result(input_.labels);
        result_.loss.copy_(result.loss);
        result_.correct.copy_(result.correct);
      });
      batches_ = run.net.batches_tracked() - before.statistics.batches_tracked();
      run.exchange.begin_capture();
      backward_ = capture.capture([&] {
        pass_->backward(input_.factor);
        pass_.reset();
      });
      if (!run.exchange.end_capture())
        throw Error("the backward pass has not completed all buckets of gradients", kExitCrash);
    } catch (...) {
      run.exchange.end_capture();
      before.restore(run);
      throw;
    }
    before.restore(run);
  }

  NetPassResult run(Run& run, const NetPassInput& input, bool complete) {
    enter(run, StepPart::kForward);
    fill(input);
    const std::int64_t tracked = run.net.batches_tracked();
    forward_->start();
    run.net.set_batches_tracked(tracked + batches_);  // which the host counts, not the graph
    enter(run, StepPart::kBackward);
    backward_->start();
    if (complete) run.exchange.send_marked();
    return result_;
  }

 private:
  void fill(const NetPassInput& input) const {
    input_.images.copy_(input.images);
    input_.targets.copy_(input.targets);
    input_.labels.copy_(input.labels);
    copy_to(input_.keep, input.keep);
    input_.factor.copy_(input.factor);
  }

  NetPassInput input_;
  NetPassResult result_;
  std::optional<ForwardPass> pass_;  // between the two halves, while they are captured
  std::unique_ptr<CapturedGraph> forward_, backward_;
  std::int64_t batches_ = 0;  // that batch norm counts: 0 with frozen statistics
};

CapturedPasses::CapturedPasses(std::unique_ptr<GraphCapture> capture) : capture_(std::move(capture)) {}
CapturedPasses::~CapturedPasses() = default;

void CapturedPasses::drop() { shapes_.clear(); }

bool CapturedPasses::has_graphs() const {
  return std::any_of(shapes_.begin(), shapes_.end(), [](const auto& s) { return s.second.pass != nullptr; });
}

int CapturedPasses::in_use() const {
  return static_cast<int>(std::count_if(shapes_.begin(), shapes_.end(),
                                        [](const auto& s) { return s.second.state == Shape::State::kInUse; }));
}

NetPassResult CapturedPasses::run(Run& run, const NetPassInput& input, bool complete) {
  if (given_up_) return pass_by_operators(run, input, complete);
  Shape& shape = shapes_[{input.images.size(0), input.images.size(2), input.images.size(3)}];
  switch (shape.state) {
    case Shape::State::kWarmsUp:
      if (++shape.passes <= kWarmUp) break;
      return capture(run, input, complete, shape);
    case Shape::State::kCaptured:
      return compare(run, input, shape);
    case Shape::State::kInUse:
      return shape.pass->run(run, input, complete);
    case Shape::State::kRefused:
      break;
  }
  return by_operators(run, input, complete);
}

/// Where graphs hold memory, there may be too little: the pass is made again without them.
NetPassResult CapturedPasses::by_operators(Run& run, const NetPassInput& input, bool complete) {
  if (!has_graphs()) return pass_by_operators(run, input, complete);
  const PassState before(run);
  try {
    return pass_by_operators(run, input, false);  // what has left the rank could not be taken back
  } catch (const c10::OutOfMemoryError&) {
    drop();
    given_up_ = true;
    log_warning(mosaic::str("cuda_graphs: there is not the memory for graphs beside a pass over ",
                            sizes_of(input.images), ": the run goes on without them"));
    if (run.net.device().is_cuda()) at::accelerator::emptyCache();
  }
  before.restore(run);
  return pass_by_operators(run, input, complete);
}

NetPassResult CapturedPasses::capture(Run& run, const NetPassInput& input, bool complete, Shape& shape) {
  try {
    shape.pass = std::make_unique<CapturedPass>(run, input, *capture_);
    shape.state = Shape::State::kCaptured;
  } catch (const std::exception& e) {  // a lack of memory, too: the operators have had enough of it
    shape.state = Shape::State::kRefused;
    log_warning(mosaic::str("cuda_graphs: a pass over ", sizes_of(input.images),
                            " cannot be captured, and is run operator by operator: ", e.what()));
  }
  return by_operators(run, input, complete);
}

/// The step goes on with what the operators have computed, whose exchange begins when all of it is there.
NetPassResult CapturedPasses::compare(Run& run, const NetPassInput& input, Shape& shape) {
  const PassState before(run);
  run.gradients.zero();
  const at::Tensor captured_loss = shape.pass->run(run, input, false).loss.clone();
  const PassState captured(run);

  before.restore(run);
  run.gradients.zero();
  const NetPassResult result = by_operators(run, input, false);
  const at::Tensor& gradients = run.gradients.flat();
  // Gradients that are not finite, by a scale that is still too large, say nothing: the next pass may.
  if (!given_up_ && std::isfinite(gradients.norm().item<double>())) {
    const double of_gradients = difference_of_parameters(run, captured.gradients),
                 of_statistics = difference(captured.statistics.buffers() - before.statistics.buffers(),
                                            run.buffers - before.statistics.buffers()),
                 of_loss = difference(captured_loss, result.loss);
    const bool agrees = of_gradients <= kTolerance && of_statistics <= kTolerance && of_loss <= kTolerance;
    shape.state = agrees ? Shape::State::kInUse : Shape::State::kRefused;
    const std::string found = mosaic::str(
        "cuda_graphs: a captured pass over ", sizes_of(input.images), " differs from operators by ", of_gradients,
        " of a gradient, ", of_statistics, " of the running statistics' change, ", of_loss, " of the loss");
    if (agrees)
      log_info(found + ": it is used from now on");
    else
      log_warning(mosaic::str(found, ", expected at most ", kTolerance, ": the operators go on"));
    if (!agrees) shape.pass.reset();
  }
  run.gradients.flat().add_(before.gradients);
  return result;
}

}  // namespace mosaic
