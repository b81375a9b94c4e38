#include "data/formats/file_tree.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"

namespace fewstep {
namespace fs = std::filesystem;

std::vector<std::string> PathParts(const std::string& path) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

FileTree::FileTree(std::string path) : path_(std::move(path)) {
  const auto too_many = [&] {
    throw Error(ErrorKind::kData, fmt::format("more than {} files", kMostFiles), {.file = path_});
  };
  std::error_code error;
  if (fs::is_directory(path_, error)) {
    fs::recursive_directory_iterator it(path_, error), end;
    for (; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      if (!it->is_regular_file(ignored) || it->is_symlink(ignored)) continue;
      files_.push_back({it->path().lexically_relative(path_).generic_string(), 0});
      if (files_.size() > kMostFiles) too_many();
    }
    if (error) {
      throw Error(ErrorKind::kData, fmt::format("cannot be listed: {}", error.message()),
                  {.file = path_});
    }
  } else {
    archive_ = std::make_unique<ZipReader>(path_);
    const std::vector<std::string>& names = archive_->names();
    if (names.size() > kMostFiles) too_many();
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i].ends_with('/')) continue;  // a folder
      const bool leads_out = names[i].starts_with('/') ||
                             std::ranges::count(PathParts(names[i]), std::string("..")) > 0;
      if (leads_out || names[i].empty()) {
        throw Error(ErrorKind::kData,
                    fmt::format("the name '{}' leads out of the archive", names[i]),
                    {.file = path_, .remedy = "Get the archive from where it was published"});
      }
      files_.push_back({names[i], i});
    }
  }
  std::ranges::sort(files_, {}, &File::path);
  const auto twice = std::ranges::adjacent_find(files_, {}, &File::path);
  if (twice != files_.end()) {
    throw Error(ErrorKind::kData, fmt::format("'{}' is in it twice", twice->path), {.file = path_});
  }
}

std::vector<std::byte> FileTree::Read(const File& file, uint64_t max_bytes) const {
  if (archive_) return archive_->Read(file.member, max_bytes);
  const std::string text = ReadFile(path_ + "/" + file.path, max_bytes);
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string FileTree::NameOf(const File& file) const {
  return fmt::format("{}{}{}", path_, archive_ ? ':' : '/', file.path);
}

}  // namespace fewstep
