// Why: the readers of files and folders are tested on real ones, which must be gone afterwards. For tests only.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace wakewatch::file_test {

inline std::string ReadWhole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A folder that lasts as long as this.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "wakewatch-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  const std::filesystem::path& path() const { return path_; }
  // Writes a file, and the folders that it lies in; the answer is its path.
  std::string Write(const std::filesystem::path& name, std::string_view bytes) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return (path_ / name).string();
  }
  void CopyFrom(const std::filesystem::path& folder) const {
    std::filesystem::copy(folder, path_, std::filesystem::copy_options::recursive);
  }
  void Move(const std::filesystem::path& from, const std::filesystem::path& to) const {
    std::filesystem::create_directories((path_ / to).parent_path());
    std::filesystem::rename(path_ / from, path_ / to);
  }
  void Remove(const std::filesystem::path& name) const { std::filesystem::remove_all(path_ / name); }

 private:
  std::filesystem::path path_;
};

}  // namespace wakewatch::file_test
