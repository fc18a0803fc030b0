#include "train/net_pass.h"

#include <ATen/ATen.h>

#include "device/autocast.h"
#include "model/loss.h"
#include "train/run.h"

namespace mosaic {

ForwardPass::ForwardPass(Run& run, const NetPassInput& input) {
  const Autocast autocast(input.images.device().type(), run.autocast_to);
  logits = run.net.forward(input.images, input.keep);
  loss = mosaic::loss(run.config.model.loss_name, logits, input.targets);
}

void ForwardPass::backward(const at::Tensor& factor) const { (loss * factor).backward(); }

NetPassResult ForwardPass::result(const at::Tensor& labels) const {
  return {.loss = loss.detach(), .correct = logits.detach().argmax(1).eq(labels).sum()};
}

NetPassResult pass_by_operators(Run& run, const NetPassInput& input, bool complete) {
  enter(run, StepPart::kForward);
  const ForwardPass forward(run, input);
  if (run.observe_logits) run.observe_logits(forward.logits.detach());
  if (complete) run.exchange.start();
  enter(run, StepPart::kBackward);
  forward.backward(input.factor);
  return forward.result(input.labels);
}

NetPassResult net_pass(Run& run, const NetPassInput& input, bool complete) {
  if (run.captured && !run.observe_logits) return run.captured->run(run, input, complete);
  return pass_by_operators(run, input, complete);
}

}  // namespace mosaic
