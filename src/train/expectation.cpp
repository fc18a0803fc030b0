#include "train/expectation.h"

namespace mosaic {

Expectation::Expectation(Run& run)
    : run_(run), tracked_(run.net.batches_tracked()), had_momentum_(!run.sgd.momentum().empty()) {
  if (run.scaler) scaler_before_ = run.scaler->state();
}

void Expectation::begin() {
  tracked_ = run_.net.batches_tracked() - tracked_;
  if (run_.scaler) run_.scaler->update(true);
}

void Expectation::disappoint(bool keep_statistics) const {
  ++run_.skipped_steps;
  if (!keep_statistics) forget_batches();
  if (!had_momentum_) run_.sgd.set_momentum({});
  if (run_.scaler) {
    run_.scaler->set_state(*scaler_before_);
    run_.scaler->update(false);
  }
  run_.proceed.fill_(true);
}

void Expectation::take_back() const {
  forget_batches();
  if (run_.sam) run_.sam->set_steps(run_.sam->steps() - 1);
}

void Expectation::forget_batches() const { run_.net.set_batches_tracked(run_.net.batches_tracked() - tracked_); }

}  // namespace mosaic
