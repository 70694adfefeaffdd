/*
 * What a power cut leaves: only what was synced. Loaded before libc (LD_PRELOAD) by tests/integration.
 *
 * Owns a copy, beside the watched folder, of what fsync and fdatasync made durable: of a file its bytes, of a folder its
 * names. After the process was killed the test rebuilds the folder from that copy, and everything else is gone.
 *
 * POWER_CUT_WATCHED: the folder. POWER_CUT_DURABLE: the copy, with folders `names`, `content`, `partial`.
 * In names there `/` is written `#`. SQLite's -shm files are left out: nothing in them is meant to be durable.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int real_sync(const char *name, int descriptor) {
    int (*call)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return call(descriptor);
}

/* The path of `descriptor` below the watched folder ("" for the folder itself), 0 where it lies elsewhere. */
static int watched_path(int descriptor, char *below) {
    const char *watched = getenv("POWER_CUT_WATCHED");
    char link[64], path[PATH_MAX];
    if (watched == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    size_t prefix = strlen(watched);
    if (strncmp(path, watched, prefix) != 0 || (path[prefix] != '/' && path[prefix] != 0)) return 0;
    strcpy(below, path[prefix] == '/' ? path + prefix + 1 : "");
    return 1;
}

static void durable_path(char *path, const char *kind, const char *below) {
    int length = snprintf(path, PATH_MAX, "%s/%s/", getenv("POWER_CUT_DURABLE"), kind);
    for (; *below && length < PATH_MAX - 1; below++) path[length++] = *below == '/' ? '#' : *below;
    path[length] = 0;
}

/* The copy takes its name when it is whole: the process may be killed in between. */
static void keep_content(int descriptor, const char *below) {
    char path[PATH_MAX], partial[PATH_MAX], source[64], buffer[65536];
    durable_path(path, "content", below);
    durable_path(partial, "partial", below);
    snprintf(source, sizeof source, "/proc/self/fd/%d", descriptor);
    int in = open(source, O_RDONLY | O_CLOEXEC), out = open(partial, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    ssize_t count;
    while (in >= 0 && out >= 0 && (count = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, count) != count) abort();
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    if (in < 0 || out < 0 || rename(partial, path) != 0) abort();
}

static void keep_names(int descriptor, const char *below) {
    char path[PATH_MAX], child[PATH_MAX * 2], source[64];
    snprintf(source, sizeof source, "/proc/self/fd/%d", descriptor);
    DIR *folder = opendir(source);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        size_t length = strlen(entry->d_name);
        if (entry->d_type != DT_REG || (length > 4 && strcmp(entry->d_name + length - 4, "-shm") == 0)) continue;
        snprintf(child, sizeof child, "%s%s%s", below, *below ? "/" : "", entry->d_name);
        durable_path(path, "names", child);
        int made = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        if (made >= 0) close(made);
    }
    if (folder != NULL) closedir(folder);
}

static void keep(int descriptor) {
    char below[PATH_MAX];
    struct stat found;
    if (!watched_path(descriptor, below) || fstat(descriptor, &found) != 0) return;
    if (S_ISDIR(found.st_mode)) keep_names(descriptor, below);
    else keep_content(descriptor, below);
}

int fsync(int descriptor) {
    int outcome = real_sync("fsync", descriptor);
    if (outcome == 0) keep(descriptor);
    return outcome;
}

int fdatasync(int descriptor) {
    int outcome = real_sync("fdatasync", descriptor);
    if (outcome == 0) keep(descriptor);
    return outcome;
}
