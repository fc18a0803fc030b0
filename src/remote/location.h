#pragma once

#include <string>
#include <string_view>

#include "remote/credentials.h"

namespace mosaic {

/// A folder of shards that is reached over the network.
struct Location {
  std::string text;    // as it was given, without slashes at its end: "s3://bucket/sets/imagenet"
  bool is_s3 = false;  // else a web server
  std::string bucket;  // of S3
  std::string prefix;  // S3: of all keys, "sets/imagenet" or ""
};

/// Takes "s3://bucket/prefix", "https://host/prefix" and "http://host/prefix" apart. A web server's prefix stays as it was written, with its
/// %XX; one of S3 is the prefix of the keys itself.
/// @throws Error naming `text`: a scheme of another kind, no bucket or host, a password, a query
Location parse_location(std::string_view text);

/// The URL of the object `name` in `location`. S3: at `access.endpoint` as ENDPOINT/BUCKET/KEY; else Amazon's, where the bucket stands before
/// the host unless a dot in its name would break the server's certificate.
std::string url_of(const Location& location, const S3Access& access, std::string_view name);

}  // namespace mosaic
