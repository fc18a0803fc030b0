#pragma once

#include <string>
#include <string_view>

namespace mosaic {

/// "s3" of "s3://bucket/prefix"; "" of what is a path in the file system.
std::string_view url_scheme(std::string_view path);

/// Whether shards at `path` are fetched over the network: s3, https or http.
bool is_remote(std::string_view path);

/// With every byte but letters, digits and -._~/ as %XX: the one form of a path that Amazon's signatures know.
std::string percent_encoded(std::string_view path);

}  // namespace mosaic
