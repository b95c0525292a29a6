/*
 * What Redford's daemon has done for it by a small program, compiled on first use by src/redo/native.ts:
 *
 *   redford --forkserver       starts processes for the daemon, which is too large to fork quickly itself.
 *   redford --fresh COMMAND... finds out, from a proof left by an earlier one, whether the command has nothing to do.
 *   redford --stat             looks at many paths: NUL-terminated on standard input, four words each on standard output.
 *
 * With WARM_SHELL it is a library instead: the same forkserver inside a shell, see the part of that name.
 *
 * C99 and POSIX, for Linux and macOS. The words on the wire are those of src/make/forkserver-messages.ts, the look of a
 * path that of src/make/look.ts: change them together.
 */
#define _GNU_SOURCE /* vfork, F_SETLEASE, RTLD_NEXT */
#ifdef WARM_SHELL
#include <dlfcn.h>
#endif
#define _DARWIN_C_SOURCE
#include "common.h"
#include "look.h"
#include "sha.h"
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* ---------------------------------------------------------------- looks at many paths */

typedef struct {
    const char *paths;
    size_t count;
    char *out;
} Stretch;

static void *look_at_stretch(void *argument)
{
    Stretch *stretch = argument;
    const char *path = stretch->paths;
    char *out = stretch->out;
    for (size_t i = 0; i < stretch->count; i++) {
        Look seen = look(path);
        put_u32(out, seen.kind);
        put_u32(out + 4, seen.error);
        put_u32(out + 8, seen.stat0);
        put_u32(out + 12, seen.stat1);
        out += 16;
        path += strlen(path) + 1;
    }
    return NULL;
}

/* Below this a second thread costs more than it brings. */
#define TWO_THREADS_COUNT_MIN 2000

/* Adds four words for each of the NUL-terminated paths. */
static void add_looks(Buffer *b, const char *paths, size_t size)
{
    size_t count = 0, half = 0;
    const char *middle = paths;
    for (const char *p = paths; p < paths + size; p += strlen(p) + 1) count++;
    reserve(b, count * 16);
    Stretch all = {paths, count, b->data + b->size};
    pthread_t helper;
    Stretch first = all;
    b->size += count * 16;
    if (count > TWO_THREADS_COUNT_MIN) {
        for (; half < count / 2; half++) middle += strlen(middle) + 1;
        first.count = half;
        if (pthread_create(&helper, NULL, look_at_stretch, &first) == 0) {
            Stretch second = {middle, count - half, all.out + half * 16};
            look_at_stretch(&second);
            pthread_join(helper, NULL);
            return;
        }
    }
    look_at_stretch(&all);
}

/* Gives what was read, with a NUL behind a last path that has none. */
static Buffer read_to_end(int fd)
{
    Buffer b = {NULL, 0, 0};
    for (;;) {
        reserve(&b, 64 * 1024);
        ssize_t n = read(fd, b.data + b.size, b.room - b.size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) die("cannot read standard input");
        if (n == 0) break;
        b.size += (size_t)n;
    }
    if (b.size > 0 && b.data[b.size - 1] != 0) add(&b, "", 1);
    return b;
}

static int stat_main(void)
{
    Buffer paths = read_to_end(0), out = {NULL, 0, 0};
    add_looks(&out, paths.data, paths.size);
    return write_all(1, out.data, out.size) == 0 ? 0 : 1;
}

/* ---------------------------------------------------------------------------------------- proofs of freshness */

/* One entry of a proof: see src/redo/fresh.ts, with which this must change. */
enum { ENTRY_HEAD = 28, MUST_HASH = 1 << 8 };

static int entry_holds(const char *entry)
{
    uint32_t flags = get_u32(entry), digest[4];
    const char *path = entry + ENTRY_HEAD;
    Look now = look(path);
    if (now.kind == LOOK_FAILED || now.kind == IS_OTHER) return 0;
    if ((flags & 1) != (now.kind != ABSENT)) return 0;
    if (now.kind == ABSENT) return 1;
    if (!(flags & MUST_HASH) && now.stat0 == get_u32(entry + 4) && now.stat1 == get_u32(entry + 8)) return 1;
    /* Touched, or looked at too soon after its last change: what it holds decides. (Of a link, that is for others to say.) */
    if (now.kind != IS_FILE || now.is_link || !hash_file(path, UINT64_MAX, digest)) return 0;
    for (int i = 0; i < 4; i++)
        if (digest[i] != get_u32(entry + 12 + 4 * i)) return 0;
    return 1;
}

static const char *behind_entry(const char *entry) { return entry + ENTRY_HEAD + strlen(entry + ENTRY_HEAD) + 1; }

typedef struct { const char *at, *end; } Part;

/* Seen by both threads: when one finds a difference, the other need not go on. */
static int fails;

static void *check_part(void *argument)
{
    Part *part = argument;
    for (const char *at = part->at; at < part->end && !__atomic_load_n(&fails, __ATOMIC_RELAXED); at = behind_entry(at))
        if (!entry_holds(at)) __atomic_store_n(&fails, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* redford --fresh COMMAND ARGS...: exit 0 when it is proved that the command has nothing to do, else 1. */
static int fresh_main(char **strings)
{
    static const char magic[] = "redford fresh 1\n";
    char path[64];
    static char here[4096 * 4];
    Buffer key = {0}, proof;
    uint64_t hash = 0xcbf29ce484222325u;
    const char *pwd = getenv("PWD");
    struct stat a, b;
    if (!getcwd(here, sizeof here)) return 1;
    if (pwd && pwd[0] == '/' && stat(pwd, &a) == 0 && stat(".", &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
        add_string(&key, strings[0]), add_string(&key, pwd);
    else
        add_string(&key, strings[0]), add_string(&key, here);
    for (char **s = strings + 1; *s; s++) add_string(&key, *s);
    for (size_t i = 0; i < key.size; i++) hash = (hash ^ (unsigned char)key.data[i]) * 0x100000001b3u;
    for (struct stat state; stat(".redford", &state) != 0;) {
        if (stat(".", &a) != 0 || chdir("..") != 0 || stat(".", &b) != 0) return 1;
        if (a.st_ino == b.st_ino && a.st_dev == b.st_dev) return 1;
    }
    strcpy(path, ".redford/fresh/");
    for (size_t i = strlen(path), shift = 64; shift > 0; path[++i] = 0) path[i] = "0123456789abcdef"[hash >> (shift -= 4) & 15];
    int fd = open(path, O_RDONLY);
    if (fd < 0) return 1;
    proof = read_to_end(fd);
    close(fd);
    size_t head = sizeof magic - 1 + key.size + 1;
    if (proof.size <= head || proof.data[proof.size - 1] != 0) return 1;
    if (memcmp(proof.data, magic, sizeof magic - 1) != 0) return 1;
    if (memcmp(proof.data + sizeof magic - 1, key.data, key.size) != 0 || proof.data[head - 1] != 0) return 1;
    const char *begin = proof.data + head, *end = proof.data + proof.size;
    /* The files of the store come first: when anything was recorded since, nothing else has to be looked at. */
    if (!entry_holds(begin)) return 1;
    begin = behind_entry(begin);
    if (begin < end && !entry_holds(begin)) return 1;
    /* Two threads; the second begins at the first entry behind the middle. */
    const char *middle = begin;
    while (middle < begin + (end - begin) / 2) middle = behind_entry(middle);
    Part parts[2] = {{begin, middle}, {middle, end}};
    pthread_t second;
    int is_parallel = end - begin > 100000 && pthread_create(&second, NULL, check_part, &parts[1]) == 0;
    check_part(&parts[0]);
    if (is_parallel) pthread_join(second, NULL);
    else check_part(&parts[1]);
    return fails;
}

/* ---------------------------------------------------------------- forkserver */

/* vfork does not copy page tables; where it is frowned upon, fork does the same more slowly. */
#ifdef __linux__
#define quick_fork vfork
#else
#define quick_fork fork
#endif

/* An environment: NAME=value strings in `data`, pointers to them in `names`. */
typedef struct {
    uint32_t id;
    char *data;
    char **names;
    size_t count;
} Env;

/*
 * A process group. `pid` is its leader and its name; kept after the leader's exit while the group has members. `files`: the paths of
 * its standard output, made with `mode`, and of its standard error, each with a NUL behind it.
 */
typedef struct {
    uint32_t id;
    pid_t pid;
    int leader_done;
    mode_t mode;
    char *files;
} Run;

#define STDERR_MODE 0600

static Env *envs;
static size_t env_count;
static Run *runs;
static size_t run_count, run_room;
static Buffer replies;
/*
 * A run as it was asked for: the first of them is started as soon as another one ends well (decision 022). `pid`: its process, which waits
 * for a byte in the pipe `go` to go on; 0: there is none, and it is forked when it is to start.
 */
typedef struct {
    char *payload;
    size_t size;
    pid_t pid;
    int go, report;
} Standby;

#define STANDBY_MAX 64

static Standby standbys[STANDBY_MAX];
static size_t standby_count;
/* Somebody waits for one of them. That a process was started is not such news: waking the daemon for it would cost more than it says. */
static int is_urgent = 0;
static int wake_pipe[2];
static volatile sig_atomic_t child_ended = 0, asked_to_end = 0;

/* Where do-files leave notes (see client.c). -1: nowhere. */
static int notes_fd = -1;

static void on_child(int number)
{
    int saved = errno;
    if (number == SIGCHLD) child_ended = 1;
    else asked_to_end = 1;
    if (write(wake_pipe[1], "", 1) < 0) errno = saved; /* full: it will wake up anyway */
    errno = saved;
}

/* The daemon is gone when this fails; the end of our input tells so too. */
static void flush_replies(void)
{
    if (replies.size > 0 && write_all(1, replies.data, replies.size) != 0) asked_to_end = 1;
    replies.size = 0;
    is_urgent = 0;
}

/* What the daemon is told of an exit besides: processes of the group are left; files that another run may have. */
enum { HAS_COMPANY = 1, STDOUT_UNUSED = 2, STDERR_UNUSED = 4 };

static void add_exit(uint32_t id, uint32_t code, uint32_t number, int flags)
{
    size_t start = begin_frame(&replies, 'X');
    add_u32(&replies, id);
    add_u32(&replies, code);
    add_u32(&replies, number);
    add_u32(&replies, (uint32_t)flags);
    end_frame(&replies, start);
    is_urgent = 1;
}

/* Nothing is in it, it is as it was made, and nobody has it open: only then Linux would give a lease of it. */
static int is_unused(const char *path, mode_t mode)
{
    int is = 0;
#ifdef F_SETLEASE
    struct stat s;
    int fd = *path == 0 ? -1 : open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return 0;
    is = fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && (s.st_mode & 07777) == mode && s.st_size == 0 && s.st_nlink == 1 &&
         fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
    close(fd);
#else
    (void)path, (void)mode;
#endif
    return is;
}

static int unused_files(const Run *run)
{
    const char *stderr_path = run->files + strlen(run->files) + 1;
    return (is_unused(run->files, run->mode) ? STDOUT_UNUSED : 0) | (is_unused(stderr_path, STDERR_MODE) ? STDERR_UNUSED : 0);
}

static void end_notes(void)
{
    if (notes_fd < 0) return;
    close(notes_fd);
    notes_fd = -1;
    unlink(NOTES);
}

/* In the project's own folder, where we are. Where that cannot be, the daemon is asked. */
static void begin_notes(void)
{
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    strcpy(address.sun_path, NOTES);
    end_notes();
    unlink(NOTES);
    notes_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (notes_fd < 0) return;
    close_on_exec(notes_fd);
    if (bind(notes_fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(NOTES, 0600) != 0) end_notes();
}

/* Passes on what was noted up to now: it must be told before the end of the do-file that left it. */
static void take_notes(void)
{
    static char note[NOTE_SIZE_MAX + 1];
    while (notes_fd >= 0) {
        ssize_t n = recv(notes_fd, note, sizeof note, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return;
        if (n >= 5 && n <= NOTE_SIZE_MAX && get_u32(note) == (uint32_t)n - 4 && note[4] == 'Q') add(&replies, note, (size_t)n);
        else complain("redford --forkserver", "a note makes no sense and is passed over", NULL);
    }
}

static int group_is_gone(pid_t pid) { return kill(-pid, 0) != 0 && errno == ESRCH; }

static void start_standby(size_t i);

static void forget_process(Standby *standby)
{
    close(standby->go);
    close(standby->report);
    standby->pid = 0;
}

/*
 * Tells of every process that ended. A number of a group that still has members is not given to a new process, so
 * groups are kept exactly as long as that, and a late kill cannot hit a stranger.
 */
static void reap(void)
{
    int status;
    pid_t pid;
    child_ended = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < standby_count; i++)
            if (standbys[i].pid == pid) forget_process(&standbys[i]);
        for (size_t i = 0; i < run_count; i++) {
            if (runs[i].pid != pid || runs[i].leader_done) continue;
            take_notes();
            add_exit(runs[i].id, WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : (uint32_t)-1,
                     WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0,
                     (group_is_gone(pid) ? 0 : HAS_COMPANY) | unused_files(&runs[i]));
            runs[i].leader_done = 1;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0) start_standby(0);
            break;
        }
    }
    for (size_t i = run_count; i-- > 0;)
        if (runs[i].leader_done && group_is_gone(runs[i].pid)) {
            free(runs[i].files);
            runs[i] = runs[--run_count];
        }
}

/* Splits NUL-terminated strings; 0 when the last has no end. */
static int split(const char *data, size_t size, char ***strings, size_t *count)
{
    if (size > 0 && data[size - 1] != 0) return 0;
    *count = 0;
    for (const char *p = data; p < data + size; p += strlen(p) + 1) (*count)++;
    *strings = grab(NULL, (*count + 1) * sizeof **strings);
    char **next = *strings;
    for (const char *p = data; p < data + size; p += strlen(p) + 1) *next++ = (char *)p;
    *next = NULL;
    return 1;
}

static Env *find_env(uint32_t id)
{
    for (size_t i = 0; i < env_count; i++)
        if (envs[i].id == id) return &envs[i];
    return NULL;
}

static int define_env(const char *payload, size_t size)
{
    if (size < 4) return 0;
    uint32_t id = get_u32(payload);
    char *data = grab(NULL, size - 4);
    char **names;
    size_t count;
    memcpy(data, payload + 4, size - 4);
    if (!split(data, size - 4, &names, &count)) return 0;
    Env *env = find_env(id);
    if (env == NULL) {
        envs = grab(envs, (env_count + 1) * sizeof *envs);
        env = &envs[env_count++];
    } else {
        free(env->data);
        free(env->names);
    }
    Env defined = {id, data, names, count};
    *env = defined;
    return 1;
}

static int same_name(const char *a, const char *b)
{
    while (*a == *b && *a != 0 && *a != '=') a++, b++;
    return *a == *b && *a == '=';
}

/* The environment with the extra strings in place of its own of the same names. */
static char **merge_env(const Env *env, char **extra, size_t extra_count)
{
    char **merged = grab(NULL, (env->count + extra_count + 1) * sizeof *merged);
    size_t n = 0;
    for (size_t i = 0; i < env->count; i++) {
        size_t j = 0;
        while (j < extra_count && !same_name(env->names[i], extra[j])) j++;
        if (j == extra_count) merged[n++] = env->names[i];
    }
    memcpy(merged + n, extra, extra_count * sizeof *merged);
    merged[n + extra_count] = NULL;
    return merged;
}

/* ---------------------------------------------------------------- the warm shell */

/*
 * Before a shell reads the first line of a do-file, its start has cost a millisecond: exec, the dynamic linker, the C library.
 * So where the system allows it the forkserver lives in a process that has all this behind it: /bin/sh is started with this
 * file as a library (LD_PRELOAD), is stopped just before its `main`, and becomes the forkserver. Whoever wants that very
 * program gets a fork of it, which goes on into `main` with arguments and environment of its own, as if just started.
 * Where the library is not loaded, the shell does what its command line says: it starts the forkserver.
 */
#ifdef WARM_SHELL
typedef int (*Main)(int, char **, char **);
static Main shell_main;
/* Of the warm shell's own command line, for `ps` to show what a child runs. */
static char *title;
static size_t title_room;

static int forkserver_main(void);
static void set_title(char **argv);

static int main_of_shell(int argc, char **argv, char **env)
{
    /* Only as warmShell of src/make/forkserver.ts has it: sh -c SCRIPT PROGRAM --forkserver PADDING. */
    if (argc != 6 || strcmp(argv[1], "-c") != 0 || strcmp(argv[4], "--forkserver") != 0) return shell_main(argc, argv, env);
    title = argv[0];
    title_room = (size_t)(argv[5] + strlen(argv[5]) - argv[0]);
    char *own[] = {strdup(argv[3]), "--forkserver", NULL};
    if (own[0] != NULL) set_title(own);
    return forkserver_main();
}

__attribute__((visibility("default")))
int __libc_start_main(Main, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
int __libc_start_main(Main m, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*end)(void), void *stack)
{
    int (*start)(Main, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    shell_main = m;
    return start(main_of_shell, argc, argv, init, fini, end, stack);
}

/* The last byte of a command line that is not NUL tells Linux that it is one string, up to the first NUL. */
static void set_title(char **argv)
{
    size_t size = 0;
    memset(title, 0, title_room);
    for (; *argv != NULL && size < title_room; argv++) {
        size_t n = strlen(*argv);
        if (size > 0) title[size++] = ' ';
        if (n > title_room - size) n = title_room - size;
        memcpy(title + size, *argv, n);
        size += n;
    }
    title[title_room] = ' ';
}

/* Variables that the linker and the C library read before `main`: who sets one wants a shell that was started with it. */
static int is_read_before_main(const char *variable)
{
    static const char *const names[] = {"LD_", "MALLOC_", "GLIBC_TUNABLES="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0) return 1;
    return 0;
}

/* A shell by its name; which one it really is, the child sees. */
static int may_be_warm(const char *program, char **env)
{
    const char *slash = strrchr(program, '/');
    if (strcmp(slash ? slash + 1 : program, "sh") != 0) return 0;
    for (; *env != NULL; env++)
        if (is_read_before_main(*env)) return 0;
    return 1;
}

/* Where exec_in_path would find the program first, left in `candidate`. */
static int find_in_path(const char *path, char *candidate, const char *program)
{
    if (strchr(program, '/') != NULL) return access(strcpy(candidate, program), X_OK) == 0;
    for (const char *folder = path;; folder++) {
        size_t size = strcspn(folder, ":");
        memcpy(candidate, folder, size);
        if (size > 0) candidate[size++] = '/';
        strcpy(candidate + size, program);
        if (access(candidate, X_OK) == 0) return 1;
        folder += strcspn(folder, ":");
        if (*folder == 0) return 0;
    }
}
#else
#define may_be_warm(program, env) 0
#endif

/* What a child needs, prepared by the parent: after vfork nothing may be allocated. */
typedef struct {
    char **argv, **env;
    const char *cwd, *stdout_path, *stderr_path, *path;
    char *candidate; /* room for a folder of PATH, a slash and the program */
    int report[2];   /* a pipe, of which the child's end, the second, closes by exec */
    int go[2];       /* of one that stands by, a pipe: at its byte the child goes on, at its end it ends; else -1 */
    int is_warm;     /* the child may be this process's own program, without exec */
    mode_t umask;
} Start;

/* What the child could not do, as it is told to the daemon; the index travels over the pipe. */
static const char *const steps[] = {"setpgid", "/dev/null", "stdout", "stderr", "cwd", "exec"};
enum { STEP_GROUP, STEP_NULL, STEP_STDOUT, STEP_STDERR, STEP_CWD, STEP_EXEC };

static void give_up(const Start *start, int step)
{
    int what[2] = {step, errno};
    if (write(start->report[1], what, sizeof what) < 0) _exit(126);
    _exit(127);
}

static void open_as(const Start *start, int step, int fd, const char *path, int flags, mode_t mode)
{
    int opened = *path == 0 ? open("/dev/null", O_RDWR) : open(path, flags, mode);
    if (opened < 0 || dup2(opened, fd) < 0) give_up(start, step);
    close(opened);
}

#ifdef WARM_SHELL
/* Whether the program that PATH leads to is the one we are. */
static int is_own_program(const Start *start)
{
    struct stat own, wanted;
    return start->is_warm && stat("/proc/self/exe", &own) == 0 && find_in_path(start->path, start->candidate, start->argv[0]) &&
           stat(start->candidate, &wanted) == 0 && wanted.st_ino == own.st_ino && wanted.st_dev == own.st_dev;
}

/* Goes on into the shell's `main`. What exec would close is closed already, but for what wakes the forkserver. */
static void be_shell(const Start *start)
{
    int argc = 0;
    while (start->argv[argc] != NULL) argc++;
    set_title(start->argv);
    for (int i = 0; i < 2; i++) {
        close(wake_pipe[i]);
    }
    if (notes_fd >= 0) close(notes_fd);
    environ = start->env;
    exit(shell_main(argc, start->argv, start->env));
}
#else
#define is_own_program(start) 0
#define be_shell(start) (void)0
#endif

static void wait_for_go(const Start *start)
{
    char byte;
    ssize_t n;
    close(start->go[1]);
    do n = read(start->go[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1) _exit(127);
    close(start->go[0]);
}

static void be_child(const Start *start)
{
    sigset_t none;
    /* Of those that stand by: a shell would keep them, since it does without exec. */
    for (size_t i = 0; i < standby_count; i++)
        if (standbys[i].pid != 0) close(standbys[i].go), close(standbys[i].report);
    if (setpgid(0, 0) != 0) give_up(start, STEP_GROUP);
    open_as(start, STEP_STDERR, 2, start->stderr_path, O_WRONLY | O_CREAT | O_APPEND, STDERR_MODE);
    umask(start->umask);
    open_as(start, STEP_STDOUT, 1, start->stdout_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    open_as(start, STEP_NULL, 0, "", 0, 0);
    if (chdir(start->cwd) != 0) give_up(start, STEP_CWD);
    /* All others are at their default since prepare_signals. */
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int is_shell = is_own_program(start);
    /* Nothing can fail any more. */
    if (is_shell)
        for (int i = 0; i < 2; i++) close(start->report[i]);
    if (start->go[0] >= 0) wait_for_go(start);
    if (is_shell) be_shell(start);
    exec_in_path(start->path, start->candidate, start->argv, start->env);
    give_up(start, STEP_EXEC);
}

/* On its own, so that no local variable lives across vfork. Signals are blocked, or the child would run our handlers. */
static pid_t fork_child(const Start *start)
{
    pid_t pid = start->is_warm ? fork() : quick_fork();
    if (pid == 0) be_child(start);
    return pid;
}

static void add_failure(uint32_t id, int error, const char *what)
{
    const char *text = strerror(error);
    size_t start = begin_frame(&replies, 'F');
    add_u32(&replies, id);
    add_u32(&replies, (uint32_t)error);
    add(&replies, what, strlen(what));
    add(&replies, ": ", 2);
    add(&replies, text, strlen(text));
    end_frame(&replies, start);
    is_urgent = 1;
}

/* Starts the child. Returns its number, or -1, which is told. */
static pid_t launch(uint32_t id, Start *start)
{
    int error;
    sigset_t all, old;
    if (pipe(start->report) != 0) {
        add_failure(id, errno, "pipe");
        return -1;
    }
    for (int i = 0; i < 2; i++) close_on_exec(start->report[i]);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    pid_t pid = fork_child(start);
    error = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(start->report[1]);
    if (pid >= 0) return pid;
    close(start->report[0]);
    add_failure(id, error, "fork");
    return -1;
}

/* Waits until the child runs the program or has failed to. */
static void see_started(uint32_t id, const Start *start, pid_t pid)
{
    int what[2] = {STEP_EXEC, 0};
    ssize_t n;
    do n = read(start->report[0], what, sizeof what);
    while (n < 0 && errno == EINTR);
    close(start->report[0]);
    if (n == (ssize_t)sizeof what) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
        add_failure(id, what[1], steps[what[0]]);
        return;
    }
    if (run_count == run_room) runs = grab(runs, (run_room = run_room * 2 + 64) * sizeof *runs);
    size_t out_size = strlen(start->stdout_path) + 1, err_size = strlen(start->stderr_path) + 1;
    Run run = {id, pid, 0, 0666 & ~start->umask, grab(NULL, out_size + err_size)};
    memcpy(run.files, start->stdout_path, out_size);
    memcpy(run.files + out_size, start->stderr_path, err_size);
    runs[run_count++] = run;
    size_t frame = begin_frame(&replies, 'P');
    add_u32(&replies, id);
    add_u32(&replies, (uint32_t)pid);
    end_frame(&replies, frame);
}

/* What is to be started, and what has to be freed afterwards. `start.env` is NULL where its environment is not known. */
typedef struct {
    uint32_t id;
    Start start;
    char **strings;
} Job;

static int read_job(Job *job, const char *payload, size_t size)
{
    char **strings, *end;
    size_t count;
    if (size < 12 || !split(payload + 12, size - 12, &strings, &count)) return 0;
    const Env *env = find_env(get_u32(payload + 4));
    unsigned long extra_count = count > 4 ? strtoul(strings[3], &end, 10) : 0;
    if (count < 5 || *end != 0 || extra_count >= count - 4) return 0;
    Start start = {NULL, NULL, strings[0], strings[1], strings[2], DEFAULT_PATH, NULL, {-1, -1}, {-1, -1}, 0, (mode_t)get_u32(payload + 8)};
    if (env != NULL) {
        start.argv = strings + 4 + extra_count;
        start.env = merge_env(env, strings + 4, extra_count);
        for (char **e = start.env; *e != NULL; e++)
            if (strncmp(*e, "PATH=", 5) == 0) start.path = *e + 5;
        start.candidate = grab(NULL, strlen(start.path) + strlen(start.argv[0]) + 2);
        start.is_warm = may_be_warm(start.argv[0], start.env);
    }
    Job read = {get_u32(payload), start, strings};
    *job = read;
    return 1;
}

static void free_job(Job *job)
{
    free(job->start.candidate);
    free(job->start.env);
    free(job->strings);
}

static void start_job(Job *job)
{
    pid_t pid;
    if (job->start.env == NULL) add_failure(job->id, EINVAL, "environment");
    else if ((pid = launch(job->id, &job->start)) > 0) see_started(job->id, &job->start, pid);
}

static int start_run(const char *payload, size_t size)
{
    Job job;
    if (!read_job(&job, payload, size)) return 0;
    start_job(&job);
    free_job(&job);
    return 1;
}

/* Where it stands by; `standby_count`: it does not. */
static size_t place_of(uint32_t id)
{
    size_t i = 0;
    while (i < standby_count && get_u32(standbys[i].payload) != id) i++;
    return i;
}

/* The i-th of them, which stands by no more. */
static Standby take_standby(size_t i)
{
    Standby taken = standbys[i];
    memmove(standbys + i, standbys + i + 1, (--standby_count - i) * sizeof *standbys);
    return taken;
}

static void start_standby(size_t i)
{
    if (i >= standby_count) return;
    Job job;
    Standby standby = take_standby(i);
    if (!read_job(&job, standby.payload, standby.size)) die("what stood by makes no sense");
    if (standby.pid == 0) start_job(&job);
    else {
        /* Where it has died, that is told as the end of a run. */
        if (write(standby.go, "", 1) < 0) complain("redford --forkserver", "what stood by is gone", NULL);
        close(standby.go);
        job.start.report[0] = standby.report;
        see_started(job.id, &job.start, standby.pid);
    }
    free_job(&job);
    free(standby.payload);
}

/*
 * A shell is forked at once, and goes on when it is to start: to fork takes as long as a small do-file, and now there may be a processor
 * with nothing to do. Anything else is only written down: after vfork its parent, which is us, would wait.
 */
static int stand_by(const char *payload, size_t size)
{
    Job job;
    if (standby_count == STANDBY_MAX || !read_job(&job, payload, size)) return 0;
    Standby standby = {grab(NULL, size), size, 0, -1, -1};
    memcpy(standby.payload, payload, size);
    int *go = job.start.go;
    if (job.start.env != NULL && job.start.is_warm && pipe(go) == 0) {
        for (int i = 0; i < 2; i++) close_on_exec(go[i]);
        size_t told = replies.size;
        pid_t pid = launch(job.id, &job.start);
        close(go[0]);
        if (pid > 0) {
            standby.go = go[1];
            standby.report = job.start.report[0];
            standby.pid = pid;
        } else {
            /* Tried again when it is to start. */
            close(go[1]);
            replies.size = told;
        }
    }
    free_job(&job);
    standbys[standby_count++] = standby;
    return 1;
}

static void end_standby(size_t i)
{
    Standby standby = take_standby(i);
    pid_t pid = standby.pid;
    free(standby.payload);
    if (pid == 0) return;
    kill(pid, SIGKILL);
    forget_process(&standby);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

static void kill_run(uint32_t id, int number)
{
    for (size_t i = 0; i < run_count; i++)
        if (runs[i].id == id) kill(-runs[i].pid, number);
    size_t i = place_of(id);
    if (i == standby_count) return;
    end_standby(i);
    add_exit(id, (uint32_t)-1, (uint32_t)number, 0);
}

static int obey(char type, const char *payload, size_t size)
{
    switch (type) {
    case 'V': return define_env(payload, size);
    case 'R': return start_run(payload, size);
    case 'N': return stand_by(payload, size);
    case 'G':
        if (size != 4) return 0;
        start_standby(place_of(get_u32(payload)));
        return 1;
    case 'K':
        if (size != 8) return 0;
        kill_run(get_u32(payload), (int)get_u32(payload + 4));
        return 1;
    case 'Q':
        begin_notes();
        return size == 0;
    case 'S': {
        if (size < 4 || (size > 4 && payload[size - 1] != 0)) return 0;
        size_t start = begin_frame(&replies, 'S');
        add(&replies, payload, 4);
        add_looks(&replies, payload + 4, size - 4);
        end_frame(&replies, start);
        is_urgent = 1;
        return 1;
    }
    default: return 0;
    }
}

/* Obeys the whole frames among the commands read so far; 0 when they make no sense. */
static int obey_all(Buffer *b)
{
    size_t at = 0;
    while (b->size - at >= 4) {
        uint32_t length = get_u32(b->data + at);
        if (length == 0 || length > FRAME_SIZE_MAX) return 0;
        if (b->size - at < 4 + (size_t)length) break;
        if (!obey(b->data[at + 4], b->data + at + 5, length - 1)) return 0;
        at += 4 + (size_t)length;
        /* Between two starts: an exit must not wait for the end of a long queue. */
        if (child_ended) reap();
        if (is_urgent) flush_replies();
    }
    if (at > 0) memmove(b->data, b->data + at, b->size -= at);
    return 1;
}

static void kill_groups(int number)
{
    for (size_t i = 0; i < run_count; i++) kill(-runs[i].pid, number);
}

#define GRACE_MS 200
#define GRACE_STEP_MS 5

/* Nobody is left to tell of: the groups get their chance to clean up, then they are ended. */
static void end_groups(void)
{
    struct timespec step = {0, GRACE_STEP_MS * 1000000L};
    while (standby_count > 0) end_standby(0);
    kill_groups(SIGTERM);
    for (int ms = 0; ms < GRACE_MS; ms += GRACE_STEP_MS) {
        reap();
        if (run_count == 0) return;
        nanosleep(&step, NULL);
    }
    kill_groups(SIGKILL);
}

static void prepare_signals(void)
{
    struct sigaction action;
    sigset_t none;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    /* What the daemon's caller ignored, our children would ignore too; SIGKILL and SIGSTOP just refuse. */
    for (int number = 1; number < 32; number++) sigaction(number, &action, NULL);
    action.sa_handler = on_child;
    sigaction(SIGCHLD, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Longest that a reply nobody waits for is kept for the next one. */
#define REPLY_MS 10

static int forkserver_main(void)
{
    Buffer commands = {NULL, 0, 0};
    char drained[256];
    open_standard_files();
    setsid();
#ifdef PR_SET_CHILD_SUBREAPER
    /* Orphans of our groups become our children: in a container, process 1 may never reap them. */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
    /* What a shell left open belongs to nobody here; a pipe kept open would make its reader wait for ever. */
    long fd_max = sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < (fd_max > 1024 || fd_max < 0 ? 1024 : (int)fd_max); fd++) close(fd);
    if (pipe(wake_pipe) != 0) die("no pipe");
    for (int i = 0; i < 2; i++) {
        close_on_exec(wake_pipe[i]);
        fcntl(wake_pipe[i], F_SETFL, O_NONBLOCK);
    }
    prepare_signals();
    while (!asked_to_end) {
        struct pollfd ready[3] = {{0, POLLIN, 0}, {wake_pipe[0], POLLIN, 0}, {notes_fd, POLLIN, 0}};
        int count = poll(ready, 3, replies.size > 0 ? REPLY_MS : -1);
        if (count < 0) continue;
        if (ready[2].revents != 0) {
            take_notes();
            flush_replies();
        }
        if (count == 0) flush_replies();
        if (ready[1].revents != 0) {
            while (read(wake_pipe[0], drained, sizeof drained) == (ssize_t)sizeof drained) continue;
            reap();
            if (is_urgent) flush_replies();
        }
        if (ready[0].revents == 0) continue;
        reserve(&commands, 64 * 1024);
        ssize_t n = read(0, commands.data + commands.size, commands.room - commands.size);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n <= 0) break;
        commands.size += (size_t)n;
        if (!obey_all(&commands)) {
            complain("redford --forkserver", "the daemon said something that makes no sense", NULL);
            break;
        }
    }
    end_notes();
    end_groups();
    return 0;
}

/* ---------------------------------------------------------------- main */

int main(int argc, char **argv)
{
    const char *face = argc > 1 ? argv[1] : "";
    if (argc == 2 && strcmp(face, "--forkserver") == 0) return forkserver_main();
    if (argc == 2 && strcmp(face, "--stat") == 0) return stat_main();
    if (argc > 2 && strcmp(face, "--fresh") == 0) return fresh_main(argv + 2);
    /* More arguments do not matter: src/redo/native.ts lets the client fall back to this, to try both. */
    if (strcmp(face, "--version") == 0)
        return write_all(1, "redford " REDFORD_VERSION "\n", sizeof "redford " REDFORD_VERSION) == 0 ? 0 : 1;
    complain("redford", "this program is run by Redford itself", "--forkserver, --stat, --fresh or --version");
    return 2;
}
