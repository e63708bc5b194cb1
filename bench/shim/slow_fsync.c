/* A slower disk: each fsync and fdatasync takes DELAY_MS longer.
 *
 *   gcc -O2 -shared -fPIC -o slow_fsync.so slow_fsync.c -ldl
 *   PARLOR_BENCH_SERVER_PRELOAD=$PWD/slow_fsync.so parlor-bench run many-rooms
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <time.h>

#ifndef DELAY_MS
#define DELAY_MS 3
#endif

static int slowly(const char *name, int file)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct timespec left = { DELAY_MS / 1000, (DELAY_MS % 1000) * 1000000L };

    if (!real) {
        errno = ENOSYS;
        return -1;
    }
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        ;
    return real(file);
}

int fsync(int file) { return slowly("fsync", file); }

int fdatasync(int file) { return slowly("fdatasync", file); }
