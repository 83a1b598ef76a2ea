/* Preloaded into a process, kills it at the n-th time that it changes something below one folder:
   a write (after half of it), a truncation, an fsync, a rename or a removal.
   Refuses and notes connections, too, where FACECROP_TEST_CONNECTIONS names a file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static char watched[PATH_MAX];
static long deadly = -1, count = 0;

void killer_arm(const char *folder, long step) {
    snprintf(watched, sizeof watched, "%s/", folder);
    deadly = step;
    count = 0;
}

long killer_count(void) { return count; }

static int path_inside(const char *path) { return watched[0] && !strncmp(path, watched, strlen(watched)); }

static int inside(int fd) {
    char link[64], path[PATH_MAX];
    if (!watched[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return path_inside(path) || !strncmp(path, watched, strlen(watched) - 1);
}

static int due(void) { return count++ == deadly; }
static void step(void) { if (due()) kill(getpid(), SIGKILL); }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    if (inside(fd) && due()) { REAL(write)(fd, data, size / 2); kill(getpid(), SIGKILL); }
    return REAL(write)(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    if (inside(fd) && due()) { REAL(pwrite64)(fd, data, size / 2, at); kill(getpid(), SIGKILL); }
    return REAL(pwrite64)(fd, data, size, at);
}

int ftruncate64(int fd, off64_t size) { if (inside(fd)) step(); return REAL(ftruncate64)(fd, size); }
int fsync(int fd) { if (inside(fd)) step(); return REAL(fsync)(fd); }
int fdatasync(int fd) { if (inside(fd)) step(); return REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) { if (path_inside(to)) step(); return REAL(rename)(from, to); }
int unlink(const char *path) { if (path_inside(path)) step(); return REAL(unlink)(path); }

int connect(int fd, const struct sockaddr *address, socklen_t size) {
    const char *notes = getenv("FACECROP_TEST_CONNECTIONS");
    if (!notes || address->sa_family == AF_UNIX) return REAL(connect)(fd, address, size);
    int file = open(notes, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dprintf(file, "connect, family %d\n", address->sa_family);
    close(file);
    errno = ENETUNREACH;
    return -1;
}
