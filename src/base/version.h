#pragma once

namespace mosaic {

/// Of this build: "0.9.0" for a release, "0.9.0+gabc1234" for another commit, "0.9.0+gabc1234.dirty" where files differ from the
/// commit. Without git "0.9.0+unknown".
const char* version();

}  // namespace mosaic
