/* A disk that fails: below FAILING_ROOT nothing can be written while the file FAILING_NOW names an
 * errno. For tests/failing_disk.py; loaded with LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS 65536
static char tracked[FDS];
static char root[PATH_MAX];

__attribute__((constructor)) static void begin(void) {
    const char *stated = getenv("FAILING_ROOT");
    if (stated && !realpath(stated, root)) *root = 0;
}

/* The errno with which to fail now; 0 for none. */
static int failing(void) {
    char text[16] = "";
    int file = syscall(SYS_openat, AT_FDCWD, getenv("FAILING_NOW"), O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    if (syscall(SYS_read, file, text, sizeof text - 1) < 0) text[0] = 0;
    syscall(SYS_close, file);
    return atoi(text);
}

static int below(const char *path) {
    size_t length = strlen(root);
    return length && !strncmp(path, root, length) && (!path[length] || path[length] == '/');
}

static int is_ours(int fd) {
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, path, sizeof path - 1) > 0 && below(path);
}

/* Whether what is done to `path`, seen from `dir`, fails; errno is set where it does. */
static int fails(int dir, const char *path) {
    char where[PATH_MAX];
    int ours = *path == '/' ? below(path)
               : dir == AT_FDCWD ? getcwd(where, sizeof where) && below(where) : is_ours(dir);
    int code = ours ? failing() : 0;
    if (code) errno = code;
    return code;
}

static int fails_fd(int fd) {
    int code = fd >= 0 && fd < FDS && tracked[fd] ? failing() : 0;
    if (code) errno = code;
    return code;
}

static int opened(int fd) {
    int kept = errno;
    if (fd >= 0 && fd < FDS) tracked[fd] = is_ours(fd);
    errno = kept;
    return fd;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = dlsym(RTLD_NEXT, #name)
#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & O_CREAT) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }
/* To make a file fails; to open one that is there for writing fails where nothing may be written. */
#define OPEN(name, dir, parameters, arguments) \
    int name parameters { \
        MODE(flags) \
        static int (*real) parameters; \
        if (!real) real = dlsym(RTLD_NEXT, #name); \
        int writes = flags & (O_CREAT | O_TRUNC) || (flags & O_ACCMODE) != O_RDONLY; \
        int there = faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0; \
        if (writes && (!there || failing() == EROFS) && fails(dir, path)) return -1; \
        return opened(real arguments); \
    }
OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, dir, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
OPEN(openat64, dir, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    return fails_fd(fd) ? -1 : real(fd, data, size);
}
#define PWRITE(name, offset_t) \
    ssize_t name(int fd, const void *data, size_t size, offset_t offset) { \
        REAL(ssize_t, name, int, const void *, size_t, offset_t); \
        return fails_fd(fd) ? -1 : real(fd, data, size, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ON_PATH(name, dir, path, parameters, arguments) \
    int name parameters { \
        static int (*real) parameters; \
        if (!real) real = dlsym(RTLD_NEXT, #name); \
        return fails(dir, path) ? -1 : real arguments; \
    }
ON_PATH(mkdir, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
ON_PATH(mkdirat, dir, path, (int dir, const char *path, mode_t mode), (dir, path, mode))
ON_PATH(rename, AT_FDCWD, new, (const char *old, const char *new), (old, new))
ON_PATH(renameat, to, new, (int from, const char *old, int to, const char *new),
        (from, old, to, new))
