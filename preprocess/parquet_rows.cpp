#include "preprocess/parquet_rows.h"

#include <parquet/api/reader.h>

#include <exception>
#include <memory>

#include "base/error.h"

namespace mosaic {
namespace {

using Bytes = std::span<const std::byte>;

/// One column of a row group, row by row: its pages pass through memory, one at a time.
class Column {
 public:
  Column(parquet::RowGroupReader& group, int column) : reader_(group.Column(column)) {}

  /// @return none for a row in which it is null
  std::optional<Bytes> next_bytes() {
    const auto value = next<parquet::ByteArrayReader, parquet::ByteArray>();
    if (!value) return std::nullopt;
    return std::as_bytes(std::span(value->ptr, value->len));
  }
  /// @throws Error if it goes on behind the last row of its group
  void check_end() {
    if (reader_->HasNext())
      throw Error(str("the column ", reader_->descr()->path()->ToDotString(), " has more rows than its group says"));
  }
  std::optional<std::int64_t> next_number() {
    if (reader_->type() == parquet::Type::INT32) return next<parquet::Int32Reader, std::int32_t>();
    return next<parquet::Int64Reader, std::int64_t>();
  }

 private:
  template <class Reader, class Value>
  std::optional<Value> next() {
    std::int16_t level = 0;  // is not written where no row can be null
    std::int64_t values = 0;
    Value value{};
    if (static_cast<Reader&>(*reader_).ReadBatch(1, &level, nullptr, &value, &values) != 1)
      throw Error(str("the column ", reader_->descr()->path()->ToDotString(), " ends before the others"));
    return values == 1 ? std::optional(value) : std::nullopt;
  }

  std::shared_ptr<parquet::ColumnReader> reader_;
};

struct Columns {
  int bytes = -1, path = -1, label = -1;
};

Columns find_columns(const parquet::SchemaDescriptor& schema) {
  Columns found;
  std::string all;
  for (int i = 0; i < schema.num_columns(); ++i) {
    const parquet::ColumnDescriptor& column = *schema.Column(i);
    const std::string name = column.path()->ToDotString();
    all += (all.empty() ? "" : ", ") + name;
    if (column.max_repetition_level() > 0) continue;  // a list
    const auto type = column.physical_type();
    const bool number = type == parquet::Type::INT32 || type == parquet::Type::INT64;
    if (name == "image.bytes" && type == parquet::Type::BYTE_ARRAY) found.bytes = i;
    if (name == "image.path" && type == parquet::Type::BYTE_ARRAY) found.path = i;
    if (name == "label" && number) found.label = i;
  }
  if (found.bytes < 0 || found.label < 0)
    throw Error(
        str("got the columns ", all, ", expected image.bytes (a file), label (a whole number) and perhaps image.path"));
  return found;
}

void read_group(parquet::RowGroupReader& group, const Columns& columns, std::int64_t& number,
                const std::function<void(const ParquetRow&)>& take) {
  Column bytes(group, columns.bytes), label(group, columns.label);
  std::optional<Column> path;
  if (columns.path >= 0) path.emplace(group, columns.path);
  for (std::int64_t i = 0; i < group.metadata()->num_rows(); ++i, ++number) {
    const auto image = bytes.next_bytes();
    const auto its_label = label.next_number();
    const auto its_path = path ? path->next_bytes() : std::nullopt;
    if (!image || !its_label)
      throw Error(str("row ", number, ": no ", image ? "label" : "image.bytes",
                      ": expected the image itself and its label in every row"));
    ParquetRow row{.number = number, .image = *image, .label = *its_label};
    if (its_path) row.path.emplace(reinterpret_cast<const char*>(its_path->data()), its_path->size());
    take(row);
  }
  bytes.check_end();  // the footer, which counts the rows, has no checksum: a damaged count must not lose any
  label.check_end();
  if (path) path->check_end();
}

}  // namespace

void read_parquet_rows(const std::string& path, const std::function<void(const ParquetRow&)>& take) {
  try {
    parquet::ReaderProperties properties = parquet::default_reader_properties();
    properties.enable_buffered_stream();  // else a row group is in memory as a whole
    properties.set_page_checksum_verification(true);
    const auto file = parquet::ParquetFileReader::OpenFile(path, /*memory_map=*/false, properties);
    const auto& metadata = *file->metadata();
    const Columns columns = find_columns(*metadata.schema());
    std::int64_t number = 0;
    for (int group = 0; group < metadata.num_row_groups(); ++group)
      read_group(*file->RowGroup(group), columns, number, take);
    if (number != metadata.num_rows())
      throw Error(str("its row groups hold ", number, " rows, expected ", metadata.num_rows(),
                      " as its footer says: copy it again"));
  } catch (const Error& e) {
    throw Error(str(path, ": ", e.what()), e.exit_code());
  } catch (const std::exception& e) {  // parquet::ParquetException and what its decoders throw
    throw Error(str(path, ": no Parquet file, or a damaged one: ", e.what(), ": copy it again"));
  }
}

}  // namespace mosaic
