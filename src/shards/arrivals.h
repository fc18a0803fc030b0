#pragma once

#include <cstdint>

#include "base/error.h"

namespace mosaic {

/// Images that do not come: no fault of theirs.
class NotArrived : public Error {
 public:
  using Error::Error;
};

/// For a set whose images are fetched while it is in use, and may be taken away again to make room for others: what whoever reads them asks.
/// Thread-safe.
class Arrivals {
 public:
  virtual ~Arrivals() = default;

  /// Returns when all images of `shard` are in its file.
  /// @return a ticket for `has_stayed`
  /// @throws Error if they will not come
  virtual std::uint64_t wait_for(int shard) = 0;
  virtual bool is_here(int shard) const = 0;
  /// False if the images may have been away since the ticket was given: what was read meanwhile is of no use then.
  virtual bool has_stayed(int shard, std::uint64_t ticket) const = 0;
};

}  // namespace mosaic
