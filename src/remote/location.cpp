#include "remote/location.h"

#include "base/error.h"
#include "base/url.h"

namespace mosaic {
namespace {

constexpr char kExpected[] = ", expected s3://BUCKET/PREFIX, https://HOST/PATH or http://HOST/PATH";

/// Amazon's servers of a region.
std::string s3_host(const std::string& region) {
  return str("s3.", region, region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
}

std::string s3_bucket_url(const std::string& bucket, const S3Access& access) {
  if (!access.endpoint.empty()) return str(access.endpoint, '/', percent_encoded(bucket));
  const std::string host = s3_host(access.region);
  return bucket.find('.') == std::string::npos ? str("https://", bucket, '.', host)
                                               : str("https://", host, '/', percent_encoded(bucket));
}

}  // namespace

Location parse_location(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  Location location{.text = std::string(text)};
  if (!is_remote(text)) throw Error(str("got ", text, kExpected));
  const std::string_view rest = text.substr(url_scheme(text).size() + 3);
  const auto slash = std::min(rest.find('/'), rest.size());
  const std::string_view host = rest.substr(0, slash);
  if (host.empty()) throw Error(str("got ", text, kExpected));
  location.is_s3 = url_scheme(text) == "s3";
  if (location.is_s3) {
    location.bucket = host;
    location.prefix = rest.substr(std::min(slash + 1, rest.size()));
    return location;
  }
  if (host.find('@') != std::string_view::npos)
    throw Error("got a URL with a user in it, which logs would show: put user and password into ~/.netrc");
  if (text.find_first_of("?#") != std::string_view::npos)
    throw Error(str("got ", text.substr(0, text.find_first_of("?#")),
                    " and more, expected a URL without ? and #: the names of the shards are put behind it"));
  return location;
}

std::string url_of(const Location& location, const S3Access& access, std::string_view name) {
  if (!location.is_s3) return str(location.text, '/', percent_encoded(name));
  const std::string key = location.prefix.empty() ? std::string(name) : str(location.prefix, '/', name);
  return str(s3_bucket_url(location.bucket, access), '/', percent_encoded(key));
}

}  // namespace mosaic
