#include "base/error.h"
#include "preprocess/parquet_rows.h"

// In place of parquet_rows.cpp where there is no Apache Parquet.

namespace mosaic {

void read_parquet_rows(const std::string& path, const std::function<void(const ParquetRow&)>&) {
  throw Error(str(path,
                  ": this `preprocess` was built without Apache Parquet: put the wheel pyarrow into .venv "
                  "(.venv/bin/pip install pyarrow) or install libparquet-dev, and run cmake and the build again"));
}

}  // namespace mosaic
