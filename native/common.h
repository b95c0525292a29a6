/*
 * What the client and the forkserver have in common: complaints, whole writes, bytes that grow, frames, the search in
 * PATH. `inline` only so that a program need not use all of it.
 */
#ifndef REDFORD_COMMON_H
#define REDFORD_COMMON_H
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef REDFORD_VERSION
#define REDFORD_VERSION "unknown"
#endif
#define FRAME_SIZE_MAX (16u * 1024 * 1024)
/* Of do-files, see the client: a socket for datagrams, of the format's version. */
#define NOTES ".redford/notes-1"
#ifdef __APPLE__
#define NOTE_SIZE_MAX 2048
#else
#define NOTE_SIZE_MAX 65536
#endif
/* Exit code of redo's own (see docs): no daemon can be reached. */
#define EXIT_UNREACHABLE 205

/* Says one line on standard error: "name: text: detail". */
static inline void complain(const char *name, const char *text, const char *detail)
{
    char line[1024];
    size_t size = 0;
    const char *const parts[] = {name, ": ", text, detail ? ": " : "", detail ? detail : ""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (const char *at = parts[i]; *at != 0 && size < sizeof line - 1; at++) line[size++] = *at;
    line[size++] = '\n';
    if (write(2, line, size) < 0) return;
}

static inline void die(const char *text)
{
    complain("redford", text, errno ? strerror(errno) : NULL);
    _exit(EXIT_UNREACHABLE);
}

static inline void *grab(void *old, size_t size)
{
    void *memory = realloc(old, size ? size : 1);
    if (memory == NULL) {
        errno = ENOMEM;
        die("no memory");
    }
    return memory;
}

/* Writes everything; waits where another process made the file non-blocking. 0, or -1 with errno. */
static inline int write_all(int fd, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n >= 0) {
            at += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd ready = {fd, POLLOUT, 0};
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

/* Bytes that grow. */
typedef struct {
    char *data;
    size_t size, room;
} Buffer;

static inline void reserve(Buffer *b, size_t more)
{
    if (b->size + more <= b->room) return;
    while (b->size + more > b->room) b->room = b->room ? b->room * 2 : 16 * 1024;
    b->data = grab(b->data, b->room);
}

static inline void add(Buffer *b, const void *data, size_t size)
{
    reserve(b, size);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

/* With its NUL. */
static inline void add_string(Buffer *b, const char *string) { add(b, string, strlen(string) + 1); }

static inline void put_u32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (char)(value >> (8 * i));
}

static inline uint32_t get_u32(const char *at)
{
    const unsigned char *u = (const unsigned char *)at;
    return u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static inline void add_u32(Buffer *b, uint32_t value)
{
    reserve(b, 4);
    put_u32(b->data + b->size, value);
    b->size += 4;
}

/* Begins a frame of unknown length; give the result to end_frame. */
static inline size_t begin_frame(Buffer *b, char type)
{
    size_t start = b->size;
    add_u32(b, 0);
    add(b, &type, 1);
    return start;
}

static inline void end_frame(Buffer *b, size_t start) { put_u32(b->data + start, (uint32_t)(b->size - start - 4)); }

/* Descriptors 0 to 2 must be open, or a socket would get one of these numbers and swallow the output. */
static inline void open_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) _exit(EXIT_UNREACHABLE);
}

static inline void close_on_exec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }

/* Where execvp looks when there is no PATH. */
#define DEFAULT_PATH "/usr/bin:/bin"

/*
 * As execvp, but in the folders of `path` and with nothing allocated, so that it may be called after vfork. `candidate`
 * has room for the longest folder, a slash and argv[0]; it holds the file tried last. Of several failures errno tells
 * the one that says most.
 */
static inline void exec_in_path(const char *path, char *candidate, char **argv, char **env)
{
    const char *program = argv[0], *folder = path;
    int error = ENOENT;
    if (strchr(program, '/') != NULL) {
        strcpy(candidate, program);
        execve(candidate, argv, env);
        return;
    }
    for (;;) {
        size_t size = strcspn(folder, ":");
        char *at = candidate;
        memcpy(at, folder, size);
        at += size;
        if (size > 0) *at++ = '/'; /* an empty entry is the working folder */
        strcpy(at, program);
        execve(candidate, argv, env);
        if (errno != ENOENT && errno != ENOTDIR) error = errno;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
        if (folder[size] == 0) break;
        folder += size + 1;
    }
    errno = error;
}

#endif
