#pragma once

// Catch2 2 (Debian 12) and 3 have the same macros behind other headers.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define MOSAIC_CATCH_V3
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
