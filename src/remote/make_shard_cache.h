#pragma once

#include <string>

#include "remote/http_get.h"

namespace mosaic {

constexpr int kRemoteConnections = 8;  // of a process, at once: one of S3's brings some 80 MB/s

/// Makes a folder in `local` in which a ShardSet of `split` can be opened before any image is there: of each shard at `location` all but the
/// images is fetched, usually by one request of a MiB. If it is there already only shard 0 is asked for, so as to know that the server has
/// still the same. The folder's name is made of the location, and of shard 0's size and tag: another set there later gets another folder.
/// Processes may do this at the same time: one fetches, the others wait for it.
/// @return the folder: LOCAL/train-0123456789abcdef
/// @throws Error naming the URL or the file, what was found and what was expected
std::string make_shard_cache(const Location& location, const std::string& split, const std::string& local,
                             const HttpPatience& patience = {});

}  // namespace mosaic
