/*
 * The look of a path: whether it is there, and a digest of what stat says. The words are those of src/make/look.ts: change them together.
 */
#ifndef REDFORD_LOOK_H
#define REDFORD_LOOK_H
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { ABSENT = 0, IS_FILE = 1, IS_FOLDER = 2, IS_OTHER = 3, LOOK_FAILED = 4 };

typedef struct {
    uint32_t kind, error, stat0, stat1;
    int is_link;
} Look;

typedef struct {
    uint32_t a, b;
} Lanes;

static inline void add_word(Lanes *l, uint32_t word)
{
    l->a = (l->a ^ word) * 0xcc9e2d51u;
    l->a = l->a << 15 | l->a >> 17;
    l->b = (l->b + word + (l->a << 7 | l->a >> 25)) * 0x1b873593u;
    l->b ^= l->b >> 13;
}

static inline void add_stat(Lanes *l, const struct stat *s)
{
#ifdef __APPLE__
    const struct timespec *mtime = &s->st_mtimespec, *ctime = &s->st_ctimespec;
#else
    const struct timespec *mtime = &s->st_mtim, *ctime = &s->st_ctim;
#endif
    uint64_t size = (uint64_t)s->st_size, inode = (uint64_t)s->st_ino;
    /* Folders are checked for being there only. */
    if (S_ISDIR(s->st_mode)) {
        add_word(l, s->st_mode & S_IFMT);
        return;
    }
    add_word(l, s->st_mode);
    add_word(l, (uint32_t)size);
    add_word(l, (uint32_t)(size >> 32));
    add_word(l, (uint32_t)mtime->tv_sec);
    add_word(l, (uint32_t)mtime->tv_nsec);
    add_word(l, (uint32_t)ctime->tv_sec);
    add_word(l, (uint32_t)ctime->tv_nsec);
    add_word(l, (uint32_t)inode);
    add_word(l, (uint32_t)(inode >> 32));
}

static inline Look no_look(int error)
{
    Look absent = {ABSENT, 0, 0, 0, 0}, failed = {LOOK_FAILED, (uint32_t)error, 0, 0, 0};
    return error == ENOENT || error == ENOTDIR ? absent : failed;
}

/* `end`: of a link, what is at its end, if there is something. */
static inline Look look_of(const struct stat *own, const struct stat *end)
{
    const struct stat *at = end ? end : own;
    Lanes l = {0x9e3779b9u, 0x85ebca6bu};
    add_stat(&l, own);
    if (end) add_stat(&l, end);
    l.a ^= l.b >> 16;
    l.a *= 0x85ebca6bu;
    l.a ^= l.a >> 13;
    l.b ^= l.a >> 15;
    l.b *= 0xc2b2ae35u;
    l.b ^= l.b >> 16;
    if (l.a == 0 && l.b == 0) l.b = 1;
    Look seen = {S_ISREG(at->st_mode) ? IS_FILE : S_ISDIR(at->st_mode) ? IS_FOLDER : IS_OTHER, 0, l.a, l.b,
                 S_ISLNK(own->st_mode)};
    return seen;
}

/* A link is looked at itself and at its end, if it has one. */
static inline Look look(const char *path)
{
    struct stat own, end;
    if (*path == 0) path = "."; /* the project's own folder */
    if (lstat(path, &own) != 0) return no_look(errno);
    if (!S_ISLNK(own.st_mode)) return look_of(&own, NULL);
    if (stat(path, &end) == 0) return look_of(&own, &end);
    return errno == ENOENT || errno == ENOTDIR ? look_of(&own, NULL) : no_look(errno);
}

#endif
