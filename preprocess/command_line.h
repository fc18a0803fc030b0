#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "preprocess/bench.h"
#include "preprocess/export_files.h"
#include "preprocess/info.h"
#include "preprocess/pack.h"
#include "preprocess/show.h"
#include "preprocess/verify.h"

namespace mosaic {

using Command = std::variant<PackOptions, InfoOptions, VerifyOptions, ExportOptions, ShowOptions, BenchOptions>;

/// nullopt after it has printed the help that was asked for.
/// @throws Error saying which argument, what was found and what is expected
std::optional<Command> parse_command_line(int argc, const char* const* argv);

/// "1GiB", "512 MiB", "100000": bytes, at least 1. Units: KiB MiB GiB TiB (powers of 1024), KB MB GB TB (of 1000), in any
/// case.
/// @throws Error naming `option`
std::uint64_t parse_size(const std::string& text, const std::string& option);

}  // namespace mosaic
