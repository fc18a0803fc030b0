#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "report/growing_file.h"

namespace mosaic {

/// What TensorBoard reads: a file of events, each numbers, a text or an image with its step. Numbers become float32, which is what all of its readers
/// take.
/// Source: TensorFlow's core/util/event.proto, core/framework/summary.proto, core/framework/tensor.proto; records as in
/// core/lib/io/record_writer.h: u64 length, its masked CRC-32C, bytes, their masked CRC-32C.
class EventFile {
 public:
  /// A new file in `folder`, beside those of earlier starts. It tells readers to forget what those have beyond `first_step`, since it is
  /// done again.
  /// @param time  seconds since 1970
  /// @throws Error naming the path and the system's reason
  EventFile(const std::string& folder, double time, std::int64_t first_step);

  /// All under one step. What is not finite is left out.
  void add_scalars(const std::vector<std::pair<std::string, double>>& scalars, double time, std::int64_t step);
  /// @param markdown  shown among TensorBoard's texts
  void add_text(const std::string& name, const std::string& markdown, double time, std::int64_t step);
  /// @param png  a whole file
  void add_image(const std::string& name, const std::string& png, double time, std::int64_t step);

 private:
  void add(const std::string& event);
  GrowingFile file_;
};

}  // namespace mosaic
