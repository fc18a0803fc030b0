#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace mosaic {

/// A row of a Parquet file with images as Hugging Face's `datasets` writes them: a struct `image` of the file's `bytes` and its `path`, and a
/// whole number `label`.
struct ParquetRow {
  std::int64_t number = 0;           // in the file, from 0 on
  std::span<const std::byte> image;  // until the next row
  std::int64_t label = 0;
  std::optional<std::string> path;  // where the image came from; none if the row, or the file, does not say
};

/// Give all rows of a file to `take`, in order. Memory is that of some pages and rows, whatever the size of the file.
/// @throws Error if it is no such file; for every file, saying how to get a program that reads them, where this one was built without
/// Apache Parquet (parquet_rows_missing.cpp)
void read_parquet_rows(const std::string& path, const std::function<void(const ParquetRow&)>& take);

}  // namespace mosaic
