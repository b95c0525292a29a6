/*
 * What the client needs of a C library, and nothing else, for Linux on x86-64 and 64-bit ARM: linked with client.c in the
 * place of the real one. Not the library's functions are slow but its start: it asks the processor what it can by dozens
 * of `cpuid` instructions, each of which leaves a virtual machine, and that takes half a millisecond of the client's 0.6.
 * Everywhere else client.c is linked with the system's library (see src/redo/native.ts).
 *
 * Declarations, constants and structures are those of the system's headers, so only those structures may be handed to
 * the kernel that it shares with the library; `struct sigaction` is not one of them. There is one thread, and no
 * thread-local storage.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#if !defined(__linux__) || !defined(__LP64__) || !(defined(__x86_64__) || defined(__aarch64__))
#error "the system calls of this machine are not known here"
#endif

/* ---------------------------------------------------------------- start and system calls */

int main(int argc, char **argv);
void start(long *stack);
char **environ;

/* The kernel leaves argc, the arguments, NULL, the environment and NULL on the stack, aligned to 16 bytes. */
#ifdef __x86_64__
__asm__(".text\n.globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n call start\n");
#else
__asm__(".text\n.globl _start\n_start: mov x29, #0\n mov x30, #0\n mov x0, sp\n bl start\n");
#endif

void start(long *stack)
{
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    environ = argv + argc + 1;
    _exit(main(argc, argv));
}

static int error_number;

/* What `errno` stands for in the headers of glibc and musl. */
int *__errno_location(void) { return &error_number; }

/* The kernel's answer to a call as it is: a value, or -errno. */
static long ask(long number, long a, long b, long c, long d, long e, long f)
{
#ifdef __x86_64__
    long answer;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return answer;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#endif
}

/* The same as C has it: -1 and errno. */
static long call(long number, long a, long b, long c, long d, long e, long f)
{
    long answer = ask(number, a, b, c, d, e, f);
    if (answer >= 0 || answer < -4095) return answer;
    error_number = (int)-answer;
    return -1;
}

#define CALL6(name, a, b, c, d, e, f) \
    call(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define CALL4(name, a, b, c, d) CALL6(name, a, b, c, d, 0, 0)
#define CALL3(name, a, b, c) CALL4(name, a, b, c, 0)
#define CALL2(name, a, b) CALL3(name, a, b, 0)
#define CALL1(name, a) CALL2(name, a, 0)

/* ---------------------------------------------------------------- memory and strings */

/* Without the empty `__asm__`, compilers would see what this loop does, and call memcpy for it. */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    char *out = to;
    const char *in = from;
    while (size-- > 0) {
        *out++ = *in++;
        __asm__("" ::: "memory");
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to <= (uintptr_t)from) return memcpy(to, from, size);
    while (size-- > 0) {
        ((char *)to)[size] = ((const char *)from)[size];
        __asm__("" ::: "memory");
    }
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    char *out = to;
    while (size-- > 0) {
        *out++ = (char)byte;
        __asm__("" ::: "memory");
    }
    return to;
}

size_t strlen(const char *string)
{
    size_t size = 0;
    while (string[size] != 0) {
        size++;
        __asm__("");
    }
    return size;
}

int strcmp(const char *a, const char *b)
{
    while (*a == *b && *a != 0) a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t size)
{
    while (size > 0 && *a != 0 && *a == *b) a++, b++, size--;
    return size == 0 ? 0 : (unsigned char)*a - (unsigned char)*b;
}

char *strcpy(char *restrict to, const char *restrict from) { return memcpy(to, from, strlen(from) + 1); }

char *strchr(const char *string, int wanted)
{
    for (; *string != (char)wanted; string++)
        if (*string == 0) return NULL;
    return (char *)string;
}

char *strrchr(const char *string, int wanted)
{
    const char *found = NULL;
    do
        if (*string == (char)wanted) found = string;
    while (*string++ != 0);
    return (char *)found;
}

size_t strcspn(const char *string, const char *stops)
{
    size_t size = 0;
    while (string[size] != 0 && strchr(stops, string[size]) == NULL) size++;
    return size;
}

/* What opening, starting and writing files complains of; strerror's words. */
char *strerror(int error)
{
    static const struct {
        int error;
        const char *text;
    } known[] = {
        {EPERM, "Operation not permitted"},
        {ENOENT, "No such file or directory"},
        {EIO, "Input/output error"},
        {E2BIG, "Argument list too long"},
        {ENOEXEC, "Exec format error"},
        {ENOMEM, "Cannot allocate memory"},
        {EACCES, "Permission denied"},
        {ENOTDIR, "Not a directory"},
        {EISDIR, "Is a directory"},
        {ENFILE, "Too many open files in system"},
        {EMFILE, "Too many open files"},
        {ETXTBSY, "Text file busy"},
        {EFBIG, "File too large"},
        {ENOSPC, "No space left on device"},
        {EROFS, "Read-only file system"},
        {ENAMETOOLONG, "File name too long"},
        {ELOOP, "Too many levels of symbolic links"},
        {ESTALE, "Stale file handle"},
        {EDQUOT, "Disk quota exceeded"},
    };
    static char other[] = "Error 0000";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].error == error) return (char *)known[i].text;
    for (char *digit = other + sizeof other - 2; *digit != ' '; digit--, error /= 10) *digit = (char)('0' + error % 10);
    return other;
}

/* Each piece of memory has pages of its own, and its whole size in front: there are few pieces, and some grow large. */
#define HEAD_SIZE 16

void *realloc(void *old, size_t size)
{
    char *block = old == NULL ? NULL : (char *)old - HEAD_SIZE;
    long grown;
    if (block == NULL)
        grown = CALL6(mmap, 0, size + HEAD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else
        grown = CALL4(mremap, block, *(size_t *)block, size + HEAD_SIZE, 1 /* MREMAP_MAYMOVE */);
    if (grown == -1) return NULL;
    *(size_t *)grown = size + HEAD_SIZE;
    return (char *)grown + HEAD_SIZE;
}

void free(void *memory)
{
    if (memory != NULL) CALL2(munmap, (char *)memory - HEAD_SIZE, *(size_t *)((char *)memory - HEAD_SIZE));
}

char *getenv(const char *name)
{
    size_t size = strlen(name);
    for (char **entry = environ; *entry != NULL; entry++) {
        size_t same = 0;
        while (same < size && (*entry)[same] == name[same]) same++;
        if (same == size && (*entry)[size] == '=') return *entry + size + 1;
    }
    return NULL;
}

/* ---------------------------------------------------------------- files */

ssize_t read(int fd, void *data, size_t size) { return CALL3(read, fd, data, size); }

ssize_t write(int fd, const void *data, size_t size) { return CALL3(write, fd, data, size); }

int close(int fd) { return (int)CALL1(close, fd); }

off_t lseek(int fd, off_t offset, int whence) { return CALL3(lseek, fd, offset, whence); }

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return (int)CALL4(openat, AT_FDCWD, path, flags, mode);
}

int unlink(const char *path) { return (int)CALL3(unlinkat, AT_FDCWD, path, 0); }

/* The names need not be secret, only new. */
int mkstemp(char *template)
{
    char *letters = template + strlen(template) - 6;
    unsigned seed = (unsigned)CALL1(getpid, 0) * 7919;
    for (int attempt = 0; attempt < 10000; attempt++) {
        unsigned rest = seed++;
        for (int i = 0; i < 6; i++, rest /= 26) letters[i] = (char)('a' + rest % 26);
        int fd = open(template, O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST) return fd;
    }
    return -1;
}

int fcntl(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    long argument = command == F_SETFD ? va_arg(rest, int) : 0; /* those used here have none or an int */
    va_end(rest);
    return (int)CALL3(fcntl, fd, command, argument);
}

int pipe(int ends[2]) { return (int)CALL2(pipe2, ends, 0); }

int dup2(int from, int to) { return from == to ? to : (int)CALL3(dup3, from, to, 0); }

int stat(const char *restrict path, struct stat *restrict s) { return (int)CALL4(newfstatat, AT_FDCWD, path, s, 0); }

int lstat(const char *restrict path, struct stat *restrict s)
{
    return (int)CALL4(newfstatat, AT_FDCWD, path, s, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *s) { return (int)CALL2(fstat, fd, s); }

mode_t umask(mode_t mask) { return (mode_t)CALL1(umask, mask); }

int chdir(const char *path) { return (int)CALL1(chdir, path); }

/* What SYS_getdents64 gives; `size` is that of the entry with its name. */
struct entry {
    uint64_t inode, offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

/* Puts in front of `end` a slash and the name that `folder` has in `parent`. Gives its begin, NULL with errno. */
static char *prepend_name(int parent, const struct stat *folder, char *begin, char *end)
{
    union {
        struct entry first;
        char bytes[16 * 1024];
    } entries;
    struct stat s;
    long n;
    while ((n = CALL3(getdents64, parent, &entries, sizeof entries)) > 0) {
        const struct entry *e;
        for (long at = 0; at < n; at += e->size) {
            e = (const struct entry *)(const void *)(entries.bytes + at);
            size_t size = strlen(e->name) + 1;
            if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0) continue;
            if (CALL4(newfstatat, parent, e->name, &s, AT_SYMLINK_NOFOLLOW) != 0) continue;
            if (s.st_dev != folder->st_dev || s.st_ino != folder->st_ino) continue;
            errno = ERANGE;
            if ((size_t)(end - begin) < size) return NULL;
            memcpy(end - size + 1, e->name, size - 1);
            *(end - size) = '/';
            return end - size;
        }
    }
    if (n == 0) errno = ENOENT;
    return NULL;
}

/* The kernel tells no name of more than 4096 bytes. Such a one is found upwards, as each folder's name in its parent. */
static char *find_cwd(char *path, size_t size)
{
    char *at = path + size - 1;
    *at = 0;
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (folder >= 0 && at != NULL) {
        struct stat own, above;
        int parent = (int)CALL4(openat, folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        int is_known = parent >= 0 && fstat(folder, &own) == 0 && fstat(parent, &above) == 0;
        int is_root = is_known && own.st_dev == above.st_dev && own.st_ino == above.st_ino;
        close(folder);
        folder = parent;
        if (is_root) break;
        at = is_known ? prepend_name(parent, &own, path, at) : NULL;
    }
    if (folder >= 0) close(folder);
    if (folder < 0 || at == NULL) return NULL;
    for (char *to = path; (*to++ = *at++) != 0;) continue;
    return path;
}

char *getcwd(char *path, size_t size)
{
    if (CALL2(getcwd, path, size) < 0) return errno == ENAMETOOLONG ? find_cwd(path, size) : NULL;
    if (path[0] == '/') return path;
    errno = ENOENT; /* it lies outside the process's root */
    return NULL;
}

#ifdef __GLIBC__
int ioctl(int fd, unsigned long request, ...)
#else
int ioctl(int fd, int request, ...)
#endif
{
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return (int)CALL3(ioctl, fd, request, argument);
}

int isatty(int fd)
{
    struct termios settings; /* larger than the kernel's */
    return ioctl(fd, TCGETS, &settings) == 0;
}

int poll(struct pollfd *files, nfds_t count, int ms)
{
    struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};
    return (int)CALL4(ppoll, files, count, ms < 0 ? NULL : &limit, NULL);
}

int socket(int domain, int type, int protocol) { return (int)CALL3(socket, domain, type, protocol); }

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t to_size)
{
    return CALL6(sendto, fd, data, size, flags, to, to_size);
}

int connect(int fd, const struct sockaddr *address, socklen_t size) { return (int)CALL3(connect, fd, address, size); }

/* ---------------------------------------------------------------- processes and signals */

void _exit(int code)
{
    for (;;) CALL1(exit_group, code);
}

/* Those used here have three arguments. */
long syscall(long number, ...)
{
    va_list rest;
    va_start(rest, number);
    long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
    va_end(rest);
    return call(number, a, b, c, 0, 0, 0);
}

/* With signals as they are; nothing else is shared that could hinder. */
pid_t fork(void)
{
#ifdef __x86_64__
    return (pid_t)CALL1(fork, 0);
#else
    return (pid_t)CALL6(clone, SIGCHLD, 0, 0, 0, 0, 0);
#endif
}

pid_t setsid(void) { return (pid_t)CALL1(setsid, 0); }

int execve(const char *path, char *const argv[], char *const env[]) { return (int)CALL3(execve, path, argv, env); }

int clock_gettime(clockid_t clock, struct timespec *now) { return (int)CALL2(clock_gettime, clock, now); }

uid_t geteuid(void) { return (uid_t)CALL1(geteuid, 0); }

/* The kernel's, on both machines. */
struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

#ifdef __x86_64__
/* A handler returns to this; 64-bit ARM has it in the kernel. */
#define WITH_RESTORER 0x04000000ul
void end_of_handler(void);
__asm__(".text\nend_of_handler: mov $15, %eax\n syscall\n"); /* rt_sigreturn */
#endif

/* The mask is always empty here. */
int sigaction(int number, const struct sigaction *restrict wanted, struct sigaction *restrict old)
{
    struct kernel_action in = {NULL, 0, NULL, 0}, out = in;
    if (wanted != NULL) {
        in.handler = wanted->sa_handler;
        in.flags = (unsigned long)wanted->sa_flags;
#ifdef WITH_RESTORER
        in.flags |= WITH_RESTORER;
        in.restorer = end_of_handler;
#endif
    }
    if (CALL4(rt_sigaction, number, wanted ? &in : NULL, old ? &out : NULL, sizeof in.mask) < 0) return -1;
    if (old != NULL) old->sa_handler = out.handler;
    return 0;
}
