#include "train/step_seconds.h"

namespace mosaic {

StepSeconds step_seconds(const std::vector<double>& laps, double exchange_busy) {
  const auto of = [&](StepPart part) { return laps[static_cast<std::size_t>(part)]; };
  return {.data = of(StepPart::kData),
          .forward = of(StepPart::kForward),
          .backward = of(StepPart::kBackward),
          .exchange = of(StepPart::kExchange),
          .collectives = of(StepPart::kCollectives),
          .optimizer = of(StepPart::kOptimizer),
          .other = of(StepPart::kOther),
          .exchange_busy = exchange_busy};
}

StepSeconds operator+(const StepSeconds& a, const StepSeconds& b) {
  StepSeconds sum;
  for (const auto& [name, member] : kStepSeconds) sum.*member = a.*member + b.*member;
  return sum;
}

StepSeconds operator/(const StepSeconds& a, double divisor) {
  StepSeconds quotient;
  for (const auto& [name, member] : kStepSeconds) quotient.*member = a.*member / divisor;
  return quotient;
}

std::vector<double> numbers_of(const StepSeconds& seconds) {
  std::vector<double> numbers;
  for (const auto& [name, member] : kStepSeconds) numbers.push_back(seconds.*member);
  return numbers;
}

StepSeconds step_seconds_of(const std::vector<double>& numbers) {
  StepSeconds seconds;
  std::size_t i = 0;
  for (const auto& [name, member] : kStepSeconds) seconds.*member = numbers.at(i++);
  return seconds;
}

}  // namespace mosaic
