/* Preloaded into a server under measurement: adds SLOW_SYNC_US to every fsync and fdatasync, as a disk without a
 * write cache does, and keeps their number in the file SLOW_SYNC_COUNT (8 bytes, native order, mapped). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic long unshared;
static _Atomic long *count = &unshared;
static useconds_t delay_us;

__attribute__((constructor)) static void begin(void) {
    const char *delay = getenv("SLOW_SYNC_US");
    const char *path = getenv("SLOW_SYNC_COUNT");
    delay_us = delay ? (useconds_t)atoi(delay) : 0;
    if (!path) return;
    int file = open(path, O_RDWR | O_CREAT, 0600);
    if (file < 0) return;
    if (ftruncate(file, sizeof(long)) == 0) {
        void *mapped = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (mapped != MAP_FAILED) count = mapped;
    }
    close(file);
}

static void one_more(void) {
    atomic_fetch_add(count, 1);
    if (delay_us) usleep(delay_us);
}

int fsync(int descriptor) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    one_more();
    return real(descriptor);
}

int fdatasync(int descriptor) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    one_more();
    return real(descriptor);
}
