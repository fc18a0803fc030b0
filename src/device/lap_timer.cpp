#include "device/lap_timer.h"

#include <chrono>
#include <deque>
#include <utility>

#include "base/error.h"

#ifdef MOSAIC_CUDA
#include "base/cuda_call.h"
#endif

namespace mosaic {

class LapTimer::Clock {
 public:
  explicit Clock(std::size_t parts) : seconds_(parts) {}
  virtual ~Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  virtual void enter(std::size_t part) = 0;
  virtual std::vector<double> take() { return std::exchange(seconds_, std::vector<double>(seconds_.size())); }

 protected:
  std::vector<double> seconds_;
};

class LapTimer::HostClock : public Clock {
 public:
  using Clock::Clock;

  void enter(std::size_t part) override {
    const auto now = std::chrono::steady_clock::now();
    seconds_[part_] += std::chrono::duration<double>(now - since_).count();
    part_ = part;
    since_ = now;
  }

  std::vector<double> take() override {
    enter(part_);
    return Clock::take();
  }

 private:
  std::size_t part_ = 0;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

#ifdef MOSAIC_CUDA

class LapTimer::GpuClock : public Clock {
 public:
  using Clock::Clock;
  ~GpuClock() override {
    for (const Lap& lap : laps_) cudaEventDestroy(lap.began);
    for (const cudaEvent_t event : free_) cudaEventDestroy(event);
  }

  void enter(std::size_t part) override {
    cudaEvent_t event = nullptr;
    if (free_.empty()) {
      check_cuda(cudaEventCreate(&event), "cudaEventCreate");
    } else {
      event = free_.back();
      free_.pop_back();
    }
    laps_.push_back({event, part});
    check_cuda(cudaEventRecord(event, nullptr), "cudaEventRecord");
  }

  std::vector<double> take() override {
    while (laps_.size() > 1 && cudaEventQuery(laps_[1].began) == cudaSuccess) {
      float milliseconds = 0;
      check_cuda(cudaEventElapsedTime(&milliseconds, laps_[0].began, laps_[1].began), "cudaEventElapsedTime");
      seconds_[laps_[0].part] += milliseconds / 1e3;
      free_.push_back(laps_[0].began);
      laps_.pop_front();
    }
    return Clock::take();
  }

 private:
  struct Lap {
    cudaEvent_t began;
    std::size_t part;
  };
  std::deque<Lap> laps_;  // that are not known to be over
  std::vector<cudaEvent_t> free_;
};

#endif

LapTimer::LapTimer(at::Device device, std::size_t parts) {
#ifdef MOSAIC_CUDA
  if (device.is_cuda()) {
    clock_ = std::make_unique<GpuClock>(parts);
    return;
  }
#endif
  if (device.is_cuda()) throw Error("a timer of a GPU: this build has no CUDA");
  clock_ = std::make_unique<HostClock>(parts);
}

LapTimer::~LapTimer() = default;
LapTimer::LapTimer(LapTimer&&) noexcept = default;

void LapTimer::enter(std::size_t part) { clock_->enter(part); }

std::vector<double> LapTimer::take() { return clock_->take(); }

}  // namespace mosaic
