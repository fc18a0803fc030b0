#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mosaic {

/// Units of training time. A `kDuration` is a fraction of the whole run.
enum class TimeUnit { kEpoch, kBatch, kSample, kToken, kDuration };

/// A length of training time: "90ep", "100ba", "1024sp", "0.5dur". Whole numbers in all units but `kDuration`.
struct Duration {
  double value = 0;
  TimeUnit unit = TimeUnit::kEpoch;

  bool operator==(const Duration&) const = default;

  /// NUMBER UNIT, nothing before, between or after. NUMBER = optional '-', digits and '.', optional 'e' with optional '-'
  /// and digits; 'e' and UNIT in any case. UNIT: ep, ba, sp, tok, dur. Up to 2^53 in magnitude.
  /// @throws Error saying what was found and what is expected, without the place: the caller knows it
  static Duration parse(std::string_view text);

  /// The same, nothing where `parse` throws: for a caller whose own message says what is expected.
  static std::optional<Duration> try_parse(std::string_view text);

  /// "90ep"; what `parse` reads back.
  std::string text() const;
};

/// The unit stays; units other than `kDuration` are cut to whole numbers: 90ep * 0.36 = 32ep.
Duration operator*(Duration a, double b);
Duration operator/(Duration a, double b);

}  // namespace mosaic
