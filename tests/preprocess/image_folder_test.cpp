#include "preprocess/image_folder.h"

#include <filesystem>

#include "catch.h"
#include "support.h"

namespace mosaic::test {
namespace {

namespace fs = std::filesystem;

void touch(const std::string& path) {
  fs::create_directories(fs::path(path).parent_path());
  write_text(path, "x");
}

std::vector<std::string> names_of(const SourceList& folder) {
  std::vector<std::string> names;
  for (const auto& file : folder.files) names.push_back(file.name);
  return names;
}

TEST_CASE("classes are sorted by code point, files by folder and name, as torchvision sorts them", "[preprocess]") {
  const TemporaryFolder root;
  for (const char* name : {"b/1.png", "B/1.png", "a/z.png", "a/sub/1.png", "a/sub-2/1.png", "a/sub/deep/1.png",
                           "a/10.png", "a/9.png", "\xC3\xA9/1.png", "z/1.png"})
    touch(root / name);

  const SourceList folder = list_image_folder(root.path(), "unused");

  CHECK(folder.class_names == std::vector<std::string>{"B", "a", "b", "z", "\xC3\xA9"});
  // "sub-2" before "sub/deep": paths are compared as texts, and '-' comes before '/'.
  CHECK(names_of(folder) == std::vector<std::string>{"B/1.png", "a/10.png", "a/9.png", "a/z.png", "a/sub/1.png",
                                                     "a/sub-2/1.png", "a/sub/deep/1.png", "b/1.png", "z/1.png",
                                                     "\xC3\xA9/1.png"});
  CHECK(folder.files[0].label == 0);
  CHECK(folder.files[6].label == 1);
  CHECK(folder.files[9].label == 4);
  CHECK(folder.files[0].bytes == 1);
  CHECK(folder.files[0].modified > 1'600'000'000'000'000'000);
  CHECK(folder.where(folder.files[0]) == root / "B/1.png");
}

TEST_CASE("nine extensions count, in any case, and no others", "[preprocess]") {
  const TemporaryFolder root;
  for (const char* name : {"1.jpg", "2.JPEG", "3.png", "4.ppm", "5.bmp", "6.pgm", "7.Tif", "8.tiff", "9.WebP", "a.gif",
                           "b.txt", "jpg", "c.jpg.bak", "d.npy"})
    touch(root / (std::string("c/") + name));
  CHECK(names_of(list_image_folder(root.path(), "")) == std::vector<std::string>{"c/1.jpg", "c/2.JPEG", "c/3.png",
                                                                                 "c/4.ppm", "c/5.bmp", "c/6.pgm",
                                                                                 "c/7.Tif", "c/8.tiff", "c/9.WebP"});
}

TEST_CASE("symbolic links are followed, to folders and files, and loops are refused", "[preprocess]") {
  const TemporaryFolder root, elsewhere;
  touch(elsewhere / "real/x.png");
  touch(root / "a/1.png");
  fs::create_symlink(elsewhere.path(), root / "linked class");
  fs::create_symlink(elsewhere / "real", root / "a/linked");
  fs::create_symlink(elsewhere / "real/x.png", root / "a/0.png");
  fs::create_symlink(elsewhere / "nowhere.png", root / "a/2.png");  // packing will call it a bad file

  const SourceList folder = list_image_folder(root.path(), "");
  CHECK(names_of(folder) ==
        std::vector<std::string>{"a/0.png", "a/1.png", "a/2.png", "a/linked/x.png", "linked class/real/x.png"});
  CHECK(folder.files[2].bytes == -1);

  fs::create_symlink(root / "a", root / "a/linked/back");
  CHECK(message_of([&] { list_image_folder(root.path(), ""); }) ==
        root / "a/linked/back: this link leads back to a folder above it: remove it");
}

TEST_CASE("a folder of images without class folders is one class", "[preprocess]") {
  const TemporaryFolder root;
  touch(root / "2.png");
  touch(root / "1.jpg");
  touch(root / "notes.txt");
  const SourceList folder = list_image_folder(root.path(), "open");
  CHECK(folder.class_names == std::vector<std::string>{"open"});
  CHECK(names_of(folder) == std::vector<std::string>{"1.jpg", "2.png"});
}

TEST_CASE("folders in which something is missing are refused by name", "[preprocess]") {
  const TemporaryFolder root;
  const auto message = [&](const std::string& path) { return message_of([&] { list_image_folder(path, "x"); }); };
  CHECK(message(root / "no") == root / "no: no such folder");
  CHECK(message(root.path()) ==
        root.path() + ": no class folders, and no images (jpg, jpeg, png, ppm, bmp, pgm, tif, tiff, webp) either");
  touch(root / "a/1.png");
  touch(root / "empty/readme.txt");
  CHECK(message(root.path()) == root /
                                    "empty: no image in this class folder: expected a file called jpg, jpeg, png, ppm, "
                                    "bmp, pgm, tif, tiff or webp: "
                                    "add one, or remove the folder");
}

}  // namespace
}  // namespace mosaic::test
