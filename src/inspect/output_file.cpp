// SPDX-License-Identifier: MIT
#include "output_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pagewright::inspect {

output_file::output_file() : output_file{STDOUT_FILENO, {}, {}} {}

output_file::output_file(int fd, std::string path, std::string temporary)
    : fd_{fd}, buffer_{new char[capacity]}, path_{std::move(path)}, temporary_{std::move(temporary)} {}

output_file::output_file(output_file &&other) noexcept
    : fd_{std::exchange(other.fd_, -1)}, error_{other.error_}, used_{std::exchange(other.used_, 0)},
      buffer_{std::move(other.buffer_)}, path_{std::move(other.path_)},
      temporary_{std::exchange(other.temporary_, {})} {}

auto output_file::create(std::string const &path) -> std::expected<output_file, problem> {
  struct stat there {};
  bool const  exists = ::stat(path.c_str(), &there) == 0;
  if (exists && !S_ISREG(there.st_mode)) {
    int const fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return refuse(blame::input, "{}: cannot be written: {}", path, std::strerror(errno));
    return output_file{fd, path, {}};
  }
  // A link is written through: the file it names is replaced, not the link.
  std::error_code trouble;
  if (!exists && std::filesystem::is_symlink(path, trouble))
    return refuse(blame::input, "{}: is a link to a file that does not exist; name that file or remove the link", path);
  auto const target    = exists ? std::filesystem::canonical(path, trouble).string() : path;
  auto       temporary = target + ".XXXXXX";
  int const  fd        = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return refuse(blame::input, "{}: cannot be created: {}", path, std::strerror(errno));

  mode_t const mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(fd, exists ? there.st_mode & 0777 : 0666 & ~mask) != 0) {
    int const why = errno;
    ::close(fd);
    ::unlink(temporary.c_str());
    return refuse(blame::input, "{}: cannot be given its access rights: {}", path, std::strerror(why));
  }
  return output_file{fd, target, std::move(temporary)};
}

output_file::~output_file() {
  if (!path_.empty() && fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void output_file::flush() {
  for (std::size_t done = 0; done < used_ && error_ == 0;) {
    auto const n = ::write(fd_, buffer_.get() + done, used_ - done);
    if (n >= 0) done += static_cast<std::size_t>(n);
    else if (errno != EINTR) error_ = errno;
  }
  used_ = 0;
}

void output_file::put_slowly(std::string_view text) {
  while (!text.empty()) {
    if (used_ == capacity) flush();
    auto const n = text.copy(buffer_.get() + used_, capacity - used_);
    used_ += n;
    text.remove_prefix(n);
  }
}

auto output_file::finish() -> std::expected<void, problem> {
  flush();
  auto const name = path_.empty() ? std::string{"standard output"} : path_;
  if (error_ != 0) return refuse(blame::input, "{}: cannot be written: {}", name, std::strerror(error_));
  if (path_.empty()) return {};
  if (::close(std::exchange(fd_, -1)) != 0)
    return refuse(blame::input, "{}: cannot be written: {}", name, std::strerror(errno));
  if (temporary_.empty()) return {};
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return refuse(blame::input, "{}: cannot be replaced: {}", name, std::strerror(errno));
  temporary_.clear();
  return {};
}

auto output_file::is_terminal() const noexcept -> bool { return path_.empty() && ::isatty(fd_) == 1; }

}  // namespace pagewright::inspect
