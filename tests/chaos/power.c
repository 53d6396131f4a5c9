/* Records what a process does to the files below POWER_ROOT, for tests/chaos/power.py.
 *
 *   gcc -shared -fPIC -O1 -o power.so power.c -ldl     LD_PRELOAD=power.so POWER_ROOT=… POWER_LOG=…
 *
 * Each act is one write(2) to the log, after it was done; a sync has two, before and after it:
 * what was written before the first is on disk at the second. Files and directories go by their
 * inode numbers. Names are made, moved and removed under a lock, so that the record has them in
 * the order in which they were, whichever process it was.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
static char tracked[FDS];
static char root[PATH_MAX];
static size_t root_length;
static dev_t root_device;
static const char *log_path;

#define REAL(type, name, ...) \
    static type (*real_##name)(__VA_ARGS__); \
    if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

struct record {
    uint32_t length; /* of the names and the data behind it */
    uint8_t act;
    uint8_t unused[3];
    uint64_t inode, parent, to, offset;
    uint16_t name, new_name;
} __attribute__((packed));

__attribute__((constructor)) static void begin(void) {
    const char *stated = getenv("POWER_ROOT");
    struct stat found;
    log_path = getenv("POWER_LOG");
    if (stated && log_path && realpath(stated, root) && !stat(root, &found)) {
        root_length = strlen(root);
        root_device = found.st_dev;
    }
}

static void note(char act, uint64_t inode, uint64_t parent, const char *name, uint64_t to,
                 const char *new_name, uint64_t offset, const void *data, size_t size) {
    int kept = errno;
    struct record head = {0};
    head.act = act;
    head.inode = inode;
    head.parent = parent;
    head.to = to;
    head.offset = offset;
    head.name = strlen(name);
    head.new_name = strlen(new_name);
    head.length = head.name + head.new_name + size;
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, head.name},
                            {(void *)new_name, head.new_name}, {(void *)data, size}};
    int log = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (log < 0 || syscall(SYS_writev, log, parts, 4) != (long)(sizeof head + head.length)) abort();
    syscall(SYS_close, log);
    errno = kept;
}

static int locked(int wanted) {
    if (!root_length || !wanted) return -1;
    int kept = errno, lock = syscall(SYS_openat, AT_FDCWD, log_path, O_RDONLY | O_CLOEXEC);
    while (flock(lock, LOCK_EX) && errno == EINTR) {}
    errno = kept;
    return lock;
}

static int unlocked(int lock, int done) {
    int kept = errno;
    if (lock >= 0) syscall(SYS_close, lock);
    errno = kept;
    return done;
}

static int ours(int fd) { return root_length && fd >= 0 && fd < FDS && tracked[fd]; }

static uint64_t inode_of(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

static void look_at(int fd) {
    char link[64], path[PATH_MAX];
    if (!root_length || fd < 0 || fd >= FDS) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    tracked[fd] = length >= (ssize_t)root_length && !memcmp(path, root, root_length) &&
                  (length == (ssize_t)root_length || path[root_length] == '/');
}

/* Where a path lies: the inode of its directory, and its last name; 0 where that is not ours. */
static uint64_t place(int dir, const char *path, const char **name) {
    char parent[PATH_MAX];
    struct stat found;
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!root_length) return 0;
    if (slash) snprintf(parent, sizeof parent, "%.*s", (int)(slash - path + (slash == path)), path);
    else strcpy(parent, ".");
    if (fstatat(dir, parent, &found, 0) || found.st_dev != root_device) return 0;
    return found.st_ino;
}

static int opened(int fd, int dir, const char *path, int flags) {
    const char *name;
    if (fd < 0 || !root_length) return fd;
    int kept = errno;
    look_at(fd);
    if (ours(fd) && flags & O_CREAT && (flags & O_TMPFILE) != O_TMPFILE) {
        uint64_t parent = place(dir, path, &name);
        note('C', inode_of(fd), parent, name, 0, "", 0, "", 0);
    }
    if (ours(fd) && flags & O_TRUNC && (flags & O_ACCMODE) != O_RDONLY)
        note('T', inode_of(fd), 0, "", 0, "", 0, "", 0);
    errno = kept;
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list more; \
        va_start(more, flags); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        MODE(flags) REAL(int, name, const char *, int, ...); \
        int lock = locked(flags & O_CREAT); \
        return unlocked(lock, opened(real_##name(path, flags, mode), AT_FDCWD, path, flags)); \
    }
#define OPENAT(name) \
    int name(int dir, const char *path, int flags, ...) { \
        MODE(flags) REAL(int, name, int, const char *, int, ...); \
        int lock = locked(flags & O_CREAT); \
        return unlocked(lock, opened(real_##name(dir, path, flags, mode), dir, path, flags)); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    REAL(int, close, int);
    if (fd >= 0 && fd < FDS) tracked[fd] = 0;
    return real_close(fd);
}

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    ssize_t done = real_write(fd, data, size);
    if (done > 0 && ours(fd))
        note('W', inode_of(fd), 0, "", 0, "", lseek(fd, 0, SEEK_CUR) - done, data, done);
    return done;
}

#define PWRITE(name, offset_t) \
    ssize_t name(int fd, const void *data, size_t size, offset_t offset) { \
        REAL(ssize_t, name, int, const void *, size_t, offset_t); \
        ssize_t done = real_##name(fd, data, size, offset); \
        if (done > 0 && ours(fd)) note('W', inode_of(fd), 0, "", 0, "", offset, data, done); \
        return done; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset_t) \
    int name(int fd, offset_t size) { \
        REAL(int, name, int, offset_t); \
        int done = real_##name(fd, size); \
        if (!done && ours(fd)) note('T', inode_of(fd), 0, "", 0, "", size, "", 0); \
        return done; \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name) \
    int name(int fd) { \
        REAL(int, name, int); \
        if (!ours(fd)) return real_##name(fd); \
        uint64_t inode = inode_of(fd); \
        note('B', inode, 0, "", 0, "", getpid(), "", 0); \
        int done = real_##name(fd); \
        if (!done) note('E', inode, 0, "", 0, "", getpid(), "", 0); \
        return done; \
    }
SYNC(fsync)
SYNC(fdatasync)

static int moved(char act, int from, const char *old, int to, const char *new, int done,
                 uint64_t parent) {
    const char *name, *new_name;
    int kept = errno;
    uint64_t target = place(to, new, &new_name);
    place(from, old, &name);
    if (!done && (parent || target)) note(act, 0, parent, name, target, new_name, 0, "", 0);
    errno = kept;
    return done;
}
#define MOVE(call, act, from, to, parameters, arguments) \
    int call parameters { \
        const char *unused; \
        uint64_t parent = place(from, old, &unused); \
        static int (*real) parameters; \
        if (!real) real = dlsym(RTLD_NEXT, #call); \
        int lock = locked(1); \
        int done = real arguments; \
        return unlocked(lock, moved(act, from, old, to, new, done, parent)); \
    }
MOVE(rename, 'R', AT_FDCWD, AT_FDCWD, (const char *old, const char *new), (old, new))
MOVE(renameat, 'R', from, to, (int from, const char *old, int to, const char *new),
     (from, old, to, new))
MOVE(link, 'L', AT_FDCWD, AT_FDCWD, (const char *old, const char *new), (old, new))
MOVE(linkat, 'L', from, to, (int from, const char *old, int to, const char *new, int flags),
     (from, old, to, new, flags))

static int made(int dir, const char *path, int done) {
    const char *name;
    struct stat found;
    int kept = errno;
    uint64_t parent = done ? 0 : place(dir, path, &name);
    if (parent && !fstatat(dir, path, &found, AT_SYMLINK_NOFOLLOW))
        note('M', found.st_ino, parent, name, 0, "", 0, "", 0);
    errno = kept;
    return done;
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    int lock = locked(1);
    return unlocked(lock, made(AT_FDCWD, path, real_mkdir(path, mode)));
}
int mkdirat(int dir, const char *path, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    int lock = locked(1);
    return unlocked(lock, made(dir, path, real_mkdirat(dir, path, mode)));
}

static int removed(int dir, const char *path, int done) {
    const char *name;
    int kept = errno;
    uint64_t parent = done ? 0 : place(dir, path, &name);
    if (parent) note('U', 0, parent, name, 0, "", 0, "", 0);
    errno = kept;
    return done;
}
int unlink(const char *path) {
    REAL(int, unlink, const char *);
    int lock = locked(1);
    return unlocked(lock, removed(AT_FDCWD, path, real_unlink(path)));
}
int unlinkat(int dir, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    int lock = locked(1);
    return unlocked(lock, removed(dir, path, real_unlinkat(dir, path, flags)));
}
int rmdir(const char *path) {
    REAL(int, rmdir, const char *);
    int lock = locked(1);
    return unlocked(lock, removed(AT_FDCWD, path, real_rmdir(path)));
}
