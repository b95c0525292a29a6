/*
 * The client: redo, redo-ifchange and the other commands. It sends its arguments to the project's daemon and prints what
 * comes back. A do-file calls it once per dependency list, so it must start and end in a small part of a millisecond:
 * one write for the request, and of the C library only the functions of tiny-libc.c, which stand in for it where they
 * can (see there). Needing another one here means adding it there.
 *
 * C99 and POSIX, for Linux and macOS. The words on the wire are those of src/redo/protocol.ts: change them together.
 */
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "common.h"
#include "look.h"
#include "sha.h"
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <time.h>

#define PROTOCOL "2"
#define LIST_FRAME_SIZE_MAX (1024u * 1024)

extern char **environ;

/* What the client was called with; the fallback needs all of it again. */
static const char *command;
static char **arguments; /* NULL-terminated, without the command */
static char cwd[4096 * 4];
/* The same as the kernel names it. */
static char real_cwd[sizeof cwd];
static int daemon_fd = -1;
static int status_drawn = 0;

/* Standard input already sent, kept so that the fallback can read it again. */
static Buffer spool;
static int spool_lost = 0;
#define SPOOL_SIZE_MAX FRAME_SIZE_MAX

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t signal_seen = 0, signal_waiting = 0, is_sending = 0;

static int send_signal(int number)
{
    char frame[6] = {2, 0, 0, 0, 'S', (char)number};
    return write_all(daemon_fd, frame, sizeof frame);
}

/* The first asks the daemon for an orderly end, the second ends us here and now. */
static void on_signal(int number)
{
    int saved = errno;
    if (signal_seen) _exit(128 + number);
    signal_seen = number;
    /* In the middle of another frame its sender must do it, see send_all. */
    if (is_sending) signal_waiting = number;
    else send_signal(number);
    errno = saved;
}

static int send_all(const void *data, size_t size)
{
    is_sending = 1;
    int result = write_all(daemon_fd, data, size);
    is_sending = 0;
    if (signal_waiting) {
        int number = signal_waiting;
        signal_waiting = 0;
        send_signal(number);
    }
    return result;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_NODEFER;
    sigaction(number, &action, NULL);
}

static void (*handler_of(int number))(int)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 ? action.sa_handler : SIG_IGN;
}

static void catch_signals(void)
{
    /* What our caller ignores (nohup, a background job) stays ignored. */
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        if (handler_of(forwarded[i]) != SIG_IGN) handle(forwarded[i], on_signal);
    handle(SIGPIPE, SIG_IGN);
}

static void release_signals(void)
{
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        if (handler_of(forwarded[i]) == on_signal) handle(forwarded[i], SIG_DFL);
    handle(SIGPIPE, SIG_DFL);
}

/* Puts what was already read in front of what is left of standard input. */
static void rewind_input(void)
{
    if (spool.size == 0) return;
    char name[] = "/tmp/redford-XXXXXX", chunk[64 * 1024];
    int fd = mkstemp(name);
    if (fd < 0 || unlink(name) != 0) die("cannot keep standard input");
    close_on_exec(fd);
    ssize_t n = write_all(fd, spool.data, spool.size);
    while (n >= 0 && ((n = read(0, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)))
        n = n < 0 ? 0 : write_all(fd, chunk, (size_t)n);
    if (n < 0 || lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, 0) < 0) die("cannot keep standard input");
}

/*
 * Node reads these certificates before it does anything else, which takes as long as its own start. As in bin/redo, it gets the variable by
 * another name, which byte-strings.ts undoes.
 */
#define CERTS "NODE_EXTRA_CA_CERTS="
#define CERTS_KEPT "REDFORD_CA_CERTS="

static void put_certs_aside(void)
{
    for (char **e = environ; *e != NULL; e++) {
        const char *value = *e + sizeof CERTS - 1;
        if (strncmp(*e, CERTS, sizeof CERTS - 1) != 0 || *value == 0) continue;
        char *kept = grab(NULL, sizeof CERTS_KEPT + strlen(value));
        strcpy(kept, CERTS_KEPT);
        strcpy(kept + sizeof CERTS_KEPT - 1, value);
        *e = kept;
    }
}

/* Hands over to the JavaScript client, which can do everything, slowly. */
static int fall_back(const char *why)
{
    const char *node = getenv("REDFORD_NODE"), *main_file = getenv("REDFORD_MAIN");
    if (node == NULL || main_file == NULL || *node == 0 || *main_file == 0) {
        complain(command, why, "and REDFORD_NODE and REDFORD_MAIN do not say how to start one");
        return EXIT_UNREACHABLE;
    }
    if (spool_lost) {
        complain(command, why, "and its standard input is spent");
        return EXIT_UNREACHABLE;
    }
    if (daemon_fd >= 0) close(daemon_fd);
    if (cwd[0] != 0 && chdir(cwd) != 0) {
        complain(command, "cannot go back to the working folder", strerror(errno));
        return EXIT_UNREACHABLE;
    }
    const char *path = getenv("PATH") != NULL ? getenv("PATH") : DEFAULT_PATH;
    char *candidate = grab(NULL, strlen(path) + strlen(node) + 2);
    size_t count = 0;
    while (arguments[count] != NULL) count++;
    char **words = grab(NULL, (count + 5) * sizeof *words);
    words[1] = (char *)node;
    words[2] = (char *)main_file;
    words[3] = (char *)command;
    memcpy(words + 4, arguments, (count + 1) * sizeof *words);
    release_signals();
    rewind_input();
    put_certs_aside();
    exec_in_path(path, candidate, words + 1, environ);
    if (errno == ENOEXEC) {
        /* A script without #! line: the shell's, as with execvp. */
        words[0] = "/bin/sh";
        words[1] = candidate;
        execve(words[0], words, environ);
    }
    complain(command, node, strerror(errno));
    return EXIT_UNREACHABLE;
}

static int is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/*
 * Fills `cwd` and enters the project's root. The root is looked for above the real folder, for that is what ".." means to
 * the kernel; the daemon is told the name the shell knows, if it is true.
 */
static int enter_root(void)
{
    static char root[sizeof cwd];
    const char *given = getenv("REDFORD_ROOT"), *pwd = getenv("PWD");
    struct stat here, named;
    if (getcwd(root, sizeof root - 16) == NULL) return -1;
    strcpy(cwd, root);
    strcpy(real_cwd, root);
    if (pwd != NULL && pwd[0] == '/' && strlen(pwd) < sizeof cwd && strcmp(pwd, cwd) != 0 && stat(pwd, &named) == 0 &&
        stat(".", &here) == 0 && named.st_dev == here.st_dev && named.st_ino == here.st_ino)
        strcpy(cwd, pwd);
    if (given != NULL && *given != 0) return chdir(given);
    for (size_t size = strlen(root);;) {
        strcpy(root + size, "/.redford");
        if (is_folder(root)) {
            root[size ? size : 1] = 0;
            return chdir(root);
        }
        if (size <= 1) return -1;
        do size--;
        while (size > 0 && root[size] != '/');
    }
}

/* To a relative name, which is short whatever the project's path is. */
static int connect_to_daemon(void)
{
    struct sockaddr_un address;
    struct stat s;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, ".redford/socket");
    /* Another user's daemon would run our do-files as that user. */
    if (lstat(address.sun_path, &s) != 0 || !S_ISSOCK(s.st_mode) || s.st_uid != geteuid()) return -1;
    daemon_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (daemon_fd < 0) return -1;
    close_on_exec(daemon_fd);
    while (connect(daemon_fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (errno == EINTR) continue;
        close(daemon_fd);
        daemon_fd = -1;
        return -1;
    }
    return 0;
}

static unsigned columns_of_terminal(void)
{
    struct winsize size;
    return ioctl(2, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* A list of strings, in frames of about 1 MiB, so that neither side holds much. */
static void add_list(Buffer *b, char type, char **strings)
{
    while (*strings != NULL) {
        size_t start = begin_frame(b, type);
        do add_string(b, *strings++);
        while (*strings != NULL && b->size - start + strlen(*strings) < LIST_FRAME_SIZE_MAX);
        end_frame(b, start);
    }
}

/* In decimal, with `end` behind it. */
static void add_number(Buffer *b, uint64_t number, char end)
{
    char digits[20 + 1];
    size_t at = sizeof digits;
    digits[--at] = end;
    do digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    add(b, digits + at, sizeof digits - at);
}

/*
 * Everything that is known before standard input is read. Made before the daemon is called: the call wakes it, and it would go back to sleep
 * without the request.
 */
static Buffer request_of(int has_input)
{
    const char *token = getenv("REDFORD_TOKEN"), *no_color = getenv("NO_COLOR");
    struct stat s;
    Buffer b = {NULL, 0, 0};
    int stderr_tty = isatty(2);
    if (token == NULL) token = "";
    if (fstat(2, &s) != 0) memset(&s, 0, sizeof s);
    size_t start = begin_frame(&b, 'H');
    add_string(&b, PROTOCOL);
    add_string(&b, REDFORD_VERSION);
    add_string(&b, command);
    add_string(&b, cwd);
    add_string(&b, token);
    add_string(&b, isatty(1) ? "1" : "0");
    add_string(&b, stderr_tty ? "1" : "0");
    add_number(&b, stderr_tty ? columns_of_terminal() : 0, 0);
    add_string(&b, no_color != NULL && *no_color != 0 ? "1" : "0");
    add_number(&b, (uint64_t)s.st_dev, ':');
    add_number(&b, (uint64_t)s.st_ino, 0);
    add_string(&b, isatty(0) ? "1" : "0");
    mode_t mask = umask(0);
    umask(mask);
    add_number(&b, mask, 0);
    end_frame(&b, start);
    if (*token == 0) add_list(&b, 'E', environ);
    add_list(&b, 'A', arguments);
    if (!has_input) end_frame(&b, begin_frame(&b, 'G'));
    return b;
}

/* Sends the next piece of standard input; 0 at its end. The daemon may be gone: its answer is read by the caller. */
static int forward_input(void)
{
    static char chunk[5 + 64 * 1024];
    ssize_t n = read(0, chunk + 5, sizeof chunk - 5);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 1;
    if (n <= 0) {
        put_u32(chunk, 1);
        chunk[4] = 'G';
        send_all(chunk, 5);
        return 0;
    }
    if (spool.size + (size_t)n > SPOOL_SIZE_MAX) spool_lost = 1;
    if (!spool_lost) add(&spool, chunk + 5, (size_t)n);
    put_u32(chunk, (uint32_t)n + 1);
    chunk[4] = 'I';
    return send_all(chunk, 5 + (size_t)n) == 0;
}

/* A standard output that nobody reads ends us as SIGPIPE would have; there is nobody to tell. */
static void print(int fd, const char *data, size_t size)
{
    if (write_all(fd, data, size) == 0 || fd != 1) return;
    if (errno == EPIPE) _exit(141);
    complain(command, "not all could be written to standard output", strerror(errno));
    _exit(2);
}

#define ERASE_LINE "\r\033[K"
#define ERASE_LINE_SIZE 4

static void erase_status(void)
{
    if (status_drawn) print(2, ERASE_LINE, ERASE_LINE_SIZE);
    status_drawn = 0;
}

/* What is read from the daemon: a frame's head, then a payload that is passed on as it comes. */
typedef struct {
    char head[5];
    size_t head_size, left; /* `left`: bytes of the payload not yet seen */
    char line[ERASE_LINE_SIZE + 1024]; /* a status line behind what erases the last one, or the exit code */
    size_t line_size;
    int seen_any, code; /* `code`: -1 until the last frame */
} Answer;

enum { GO_ON, DONE, NOT_MINE, BROKEN };

/* In one write, or the line would flicker. */
static void draw_status(const Answer *a)
{
    if (a->line_size == ERASE_LINE_SIZE || !isatty(2)) {
        erase_status();
        return;
    }
    print(2, a->line, a->line_size);
    status_drawn = 1;
}

static int end_of_frame(Answer *a)
{
    a->head_size = 0;
    switch (a->head[4]) {
    case 'O':
    case 'R': return GO_ON;
    case 'T': draw_status(a); return GO_ON;
    case 'X':
        if (a->line_size != ERASE_LINE_SIZE + 1) return BROKEN;
        a->code = (unsigned char)a->line[ERASE_LINE_SIZE];
        return DONE;
    case 'N': return NOT_MINE;
    default: return BROKEN;
    }
}

static int take(Answer *a, const char *data, size_t size)
{
    while (size > 0) {
        size_t n;
        if (a->head_size < 5) {
            n = 5 - a->head_size < size ? 5 - a->head_size : size;
            memcpy(a->head + a->head_size, data, n);
            a->head_size += n;
            data += n;
            size -= n;
            if (a->head_size < 5) return GO_ON;
            uint32_t length = get_u32(a->head);
            if (length == 0 || length > FRAME_SIZE_MAX) return BROKEN;
            a->left = length - 1;
            memcpy(a->line, ERASE_LINE, ERASE_LINE_SIZE);
            a->line_size = ERASE_LINE_SIZE;
            if (a->head[4] != 'N') a->seen_any = 1;
        }
        n = a->left < size ? a->left : size;
        if (n > 0 && (a->head[4] == 'O' || a->head[4] == 'R')) {
            erase_status();
            print(a->head[4] == 'O' ? 1 : 2, data, n);
        } else {
            size_t room = sizeof a->line - a->line_size, kept = room < n ? room : n;
            memcpy(a->line + a->line_size, data, kept);
            a->line_size += kept;
        }
        data += n;
        size -= n;
        a->left -= n;
        if (a->left == 0) {
            int next = end_of_frame(a);
            if (next != GO_ON) return next;
        }
    }
    return GO_ON;
}

/* Talks with the daemon until it gives the exit code. */
static int converse(int has_input, const Buffer *request)
{
    static char chunk[64 * 1024];
    static Answer answer;
    answer.code = -1;
    send_all(request->data, request->size);
    for (;;) {
        /* Without input, too: who waits in a read is also woken when the daemon takes what was written. */
        struct pollfd ready[2] = {{daemon_fd, POLLIN, 0}, {0, POLLIN, 0}};
        if (poll(ready, has_input ? 2 : 1, -1) < 0) continue;
        if (ready[1].revents != 0) has_input = forward_input();
        if (ready[0].revents == 0) continue;
        ssize_t n = read(daemon_fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            erase_status();
            /* A daemon on its way out closes what it has not begun with; then nothing is lost by asking again. */
            if (!answer.seen_any && !signal_seen) return fall_back("the daemon hung up");
            complain(command, "the daemon ended in the middle of the request; run the command again (205)", NULL);
            return signal_seen ? 128 + signal_seen : EXIT_UNREACHABLE;
        }
        switch (take(&answer, chunk, (size_t)n)) {
        case DONE: erase_status(); return answer.code;
        case NOT_MINE: erase_status(); return fall_back("the daemon does not serve this request");
        case BROKEN:
            erase_status();
            complain(command, "the daemon said something that makes no sense", NULL);
            return EXIT_UNREACHABLE;
        }
    }
}

/* ---------------------------------------------------------------- notes */

/*
 * What a do-file asks for is mostly sources: files that nothing makes. Of these the answer is known beforehand, and the daemon need only hear
 * of them before it hears of the do-file's end (decision 041). So they are written down, with how they look now, where the forkserver reads
 * them, which tells the daemon of both. In any doubt the daemon is asked.
 */

/* As src/make/look.ts has it, and a little more: a file that changed so lately may change again and look the same. */
#define RACY_NS 30000000LL

/* How long ago that was; of the future: 0. */
static int64_t ns_since(const struct timespec *then)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < then->tv_sec) return 0;
    int64_t ns = (int64_t)(now.tv_sec - then->tv_sec) * 1000000000LL + (now.tv_nsec - then->tv_nsec);
    return ns < 0 ? 0 : ns;
}

static int is_racy(const struct stat *s)
{
#ifdef __APPLE__
    const struct timespec *mtime = &s->st_mtimespec, *ctime = &s->st_ctimespec;
#else
    const struct timespec *mtime = &s->st_mtim, *ctime = &s->st_ctim;
#endif
    return ns_since(mtime) < RACY_NS || ns_since(ctime) < RACY_NS;
}

static int is_there(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0 || errno != ENOENT;
}

/* Whether one of the do-files that src/make/lookup.ts would look for is there. `path`: from the root, with room for their names. */
static int may_be_made(char *path)
{
    static char base[sizeof cwd];
    char *slash = strrchr(path, '/');
    size_t size = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    strcpy(base, path + size);
    strcpy(path + strlen(path), ".do");
    if (is_there(path)) return 1;
    for (;;) {
        char *at = path + size;
        for (const char *dot = strchr(base, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
            strcpy(at, "default");
            strcpy(at + 7, dot);
            strcpy(at + strlen(at), ".do");
            if (is_there(path)) return 1;
        }
        strcpy(at, "default.do");
        if (is_there(path)) return 1;
        if (size == 0) return 0;
        do size--;
        while (size > 0 && path[size - 1] != '/');
    }
}

/* A relative path without folders that stand for others, and nothing that is an option or has to be spelled otherwise. */
static int is_plain(const char *name)
{
    if (*name == '/' || *name == '-') return 0;
    for (;;) {
        size_t size = strcspn(name, "/");
        if (size == 0 || (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')))) return 0;
        for (size_t i = 0; i < size; i++)
            if ((unsigned char)name[i] < ' ') return 0;
        if (name[size] == 0) return 1;
        name += size + 1;
    }
}

/* `path`: from the root. A file, no link and reached through none, that nothing makes and that looks the same as long as it stays the same. */
static int is_source(char *path, struct stat *s)
{
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int is = lstat(path, s) == 0 && S_ISDIR(s->st_mode);
        *slash = '/';
        if (!is) return 0;
    }
    if (lstat(path, s) != 0 || !S_ISREG(s->st_mode) || is_racy(s)) return 0;
    return !may_be_made(path);
}

/* What a file this small holds is noted, too: to read it takes less than to have the daemon do it. */
#define CONTENT_SIZE_MAX 4096

/* Whether all that is asked for are such sources, and written down. */
static int leave_note(void)
{
    static char path[sizeof cwd * 2], from_root[sizeof path];
    const char *token = getenv("REDFORD_TOKEN"), *root = getenv("REDFORD_ROOT");
    struct stat s;
    Buffer b = {NULL, 0, 0};
    uint32_t run = 0, count = 0;
    if (token == NULL || *token == 0 || root == NULL || *root == 0 || strcmp(cwd, real_cwd) != 0) return 0;
    for (; *token != 0; run = run * 10 + (uint32_t)(*token++ - '0'))
        if (*token < '0' || *token > '9') return 0;
    size_t size = strlen(root);
    if (strncmp(cwd, root, size) != 0 || (cwd[size] != 0 && cwd[size] != '/')) return 0;
    const char *folder = cwd + size + (cwd[size] == '/');
    size_t start = begin_frame(&b, 'Q');
    add_u32(&b, run);
    while (arguments[count] != NULL) count++;
    if (count == 0) return 0;
    add_u32(&b, count);
    for (char **name = arguments; *name != NULL; name++) {
        if (!is_plain(*name) || strlen(folder) + strlen(*name) + 64 > sizeof path) return 0;
        strcpy(path, folder);
        if (*path != 0) strcpy(path + strlen(path), "/");
        strcpy(path + strlen(path), *name);
        strcpy(from_root, path);
        if (!is_source(path, &s)) return 0;
        uint32_t digest[4] = {0, 0, 0, 0};
        Look seen = look_of(&s, NULL);
        add_u32(&b, seen.stat0);
        add_u32(&b, seen.stat1);
        /* Zeros: it is for the daemon to read. */
        if (s.st_size > CONTENT_SIZE_MAX || !hash_file(from_root, CONTENT_SIZE_MAX, digest)) memset(digest, 0, sizeof digest);
        for (int i = 0; i < 4; i++) add_u32(&b, digest[i]);
    }
    add_string(&b, cwd);
    for (char **name = arguments; *name != NULL; name++) add_string(&b, *name);
    end_frame(&b, start);
    if (b.size > NOTE_SIZE_MAX) return 0;
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, NOTES);
    if (lstat(NOTES, &s) != 0 || !S_ISSOCK(s.st_mode) || s.st_uid != geteuid()) return 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) return 0;
    handle(SIGPIPE, SIG_IGN);
    /* Where there is no room just now, the daemon is asked. */
    int is_left = sendto(fd, b.data, b.size, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof address) == (ssize_t)b.size;
    close(fd);
    return is_left;
}

/* ---------------------------------------------------------------- a daemon */

/* As src/cli/start.ts has them. */
#define HINT ".redford/starting"
#define HINT_MS 5000
#define HINT_STEP_MS 10
#define READY_FD 3
#define CLAIMED "claimed "
#define READY "ready "
#define START_MS 60000
static const char *const daemon_variables[] = {"MALLOC_ARENA_MAX=1", "MALLOC_TRIM_THRESHOLD_=65536", "MALLOC_MMAP_THRESHOLD_=65536"};
enum { DAEMON_VARIABLE_COUNT = sizeof daemon_variables / sizeof *daemon_variables };

static void close_from(int first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (long)first, (long)~0u, 0L) == 0) return;
#endif
    for (int fd = first; fd < 1024; fd++) close(fd);
}

static int is_daemon_variable(const char *entry)
{
    for (int i = 0; i < DAEMON_VARIABLE_COUNT; i++)
        if (strncmp(entry, daemon_variables[i], strcspn(daemon_variables[i], "=") + 1) == 0) return 1;
    return 0;
}

/*
 * Becomes Node, which finds the project and tells of it at READY_FD, with its root behind a blank: "claimed" where it has left the hint, and "ready"
 * when it serves. `claimed`: the variable that says where we have.
 */
static void be_daemon(int report, const char *node, const char *main_file, char *claimed)
{
    const char *path = getenv("PATH") != NULL ? getenv("PATH") : DEFAULT_PATH;
    size_t count = 0, n = 0;
    int null = open("/dev/null", O_RDWR);
    if (null < 0) _exit(127);
    setsid();
    for (int fd = 0; fd <= 2; fd++) dup2(null, fd);
    dup2(report, READY_FD);
    /* A pipe of our caller that a daemon kept open would make its reader wait for ever. */
    close_from(READY_FD + 1);
    put_certs_aside();
    while (environ[count] != NULL) count++;
    char **env = grab(NULL, (count + DAEMON_VARIABLE_COUNT + 2) * sizeof *env);
    for (char **e = environ; *e != NULL; e++)
        if (!is_daemon_variable(*e)) env[n++] = *e;
    for (int i = 0; i < DAEMON_VARIABLE_COUNT; i++) env[n++] = (char *)daemon_variables[i];
    if (claimed != NULL) env[n++] = claimed;
    env[n] = NULL;
    const char *const first[] = {node, "--max-semi-space-size=2", "--expose-gc", main_file, "daemon", "--for", command};
    const size_t first_count = sizeof first / sizeof *first;
    for (count = 0; arguments[count] != NULL;) count++;
    char **words = grab(NULL, (first_count + count + 1) * sizeof *words);
    memcpy(words, first, sizeof first);
    memcpy(words + first_count, arguments, (count + 1) * sizeof *words);
    exec_in_path(path, grab(NULL, strlen(path) + strlen(node) + 2), words, env);
    _exit(127);
}

/*
 * Waits while somebody else starts a daemon. 0: it serves, and we are connected. 1: it is for us to start one. -1: that takes too long, or the
 * hint was left behind.
 */
static int claim_start(void)
{
    struct timespec now;
    struct stat s;
    for (int ms = 0; ms < HINT_MS; ms += HINT_STEP_MS) {
        int fd = open(HINT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) {
            close(fd);
            return 1;
        }
        if (errno != EEXIST) return -1;
        if (lstat(HINT, &s) == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0 &&
            (s.st_mtime < now.tv_sec - HINT_MS / 1000 || s.st_mtime > now.tv_sec + HINT_MS / 1000))
            return -1;
        poll(NULL, 0, HINT_STEP_MS);
        if (connect_to_daemon() == 0) return 0;
    }
    return -1;
}

/*
 * Starts a daemon and connects to it. -1: the JavaScript client has to, or to say why there is none: it knows all that can be in the way.
 * `has_root`: we are in the root of a project that has its folder already.
 */
static int start_daemon(int has_root)
{
    static char said[2 * sizeof cwd + 32], root[sizeof cwd], claimed[sizeof cwd + 32] = "REDFORD_STARTING=";
    const char *node = getenv("REDFORD_NODE"), *main_file = getenv("REDFORD_MAIN"), *token = getenv("REDFORD_TOKEN");
    const char *answer = NULL;
    size_t size = 0;
    int ends[2];
    if (node == NULL || main_file == NULL || *node == 0 || *main_file == 0 || (token != NULL && *token != 0)) return -1;
    if (strcmp(command, "redo") != 0 && strcmp(command, "redo-ifchange") != 0) return -1;
    if (has_root) {
        if (getcwd(root, sizeof root) == NULL) return -1;
        int claim = claim_start();
        if (claim <= 0) return claim;
        strcpy(claimed + strlen(claimed), root);
    }
    pid_t pid = chdir(cwd) != 0 || pipe(ends) != 0 ? -1 : fork();
    if (pid == 0) be_daemon(ends[1], node, main_file, has_root ? claimed : NULL);
    if (pid > 0) {
        struct pollfd ready = {ends[0], POLLIN, 0};
        close(ends[1]);
        for (char *line = said; size < sizeof said - 1;) {
            char *end = strchr(line, '\n');
            if (end != NULL && strncmp(line, CLAIMED, sizeof CLAIMED - 1) == 0 && (size_t)(end - line) < sizeof root) {
                *end = 0;
                /* The targets are of another project. */
                if (has_root && chdir(root) == 0) unlink(HINT);
                has_root = 1;
                strcpy(root, line + sizeof CLAIMED - 1);
                line = end + 1;
                continue;
            }
            if (end != NULL) {
                *end = 0;
                answer = line;
                break;
            }
            int count = poll(&ready, 1, START_MS);
            ssize_t n = count < 0 ? -1 : count == 0 ? 0 : read(ends[0], said + size, sizeof said - 1 - size);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) break;
            size += (size_t)n;
        }
        close(ends[0]);
    }
    if (has_root && chdir(root) == 0) unlink(HINT);
    if (answer == NULL || strncmp(answer, READY, sizeof READY - 1) != 0 || chdir(answer + sizeof READY - 1) != 0) return -1;
    return connect_to_daemon();
}

int main(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    command = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "redo";
    arguments = argc > 0 ? argv + 1 : argv;
    int has_input = strcmp(command, "redo-stamp") == 0;
    int only_names = 0, wants_node = 0;
    open_standard_files();
    for (char **word = arguments; *word != NULL; word++) {
        if (strcmp(*word, "-") == 0) has_input = 1;
        if (strcmp(*word, "--") == 0) only_names = 1;
        if (only_names) continue;
        if (strcmp(*word, "--no-daemon") == 0 || strcmp(*word, "--help") == 0 || strcmp(*word, "--version") == 0)
            wants_node = 1;
    }
    if (wants_node) return fall_back("this option needs no daemon");
    int has_root = enter_root() == 0;
    if (has_root && !has_input && strcmp(command, "redo-ifchange") == 0 && leave_note()) return 0;
    if (cwd[0] == 0) return fall_back("no daemon is running here");
    Buffer request = request_of(has_input);
    if ((!has_root || connect_to_daemon() != 0) && start_daemon(has_root) != 0) return fall_back("no daemon is running here");
    catch_signals();
    return converse(has_input, &request);
}
