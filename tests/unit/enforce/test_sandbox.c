/* SPDX-License-Identifier: Apache-2.0 */
/* Sandboxes as promised by enforce/sandbox.h: what a hostile root inside cannot do (attacks.c), and how
 * commands, signals, terminals and services behave. Needs root; makes one network namespace and one directory
 * under /var/lib, both named with this process's number. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"
#include "enforce/confine.h"
#include "enforce/hosttree.h"
#include "enforce/mounts.h"
#include "enforce/netns.h"
#include "enforce/process.h"
#include "enforce/sandbox.h"
#include "promise.h"

/* After failure.h: cmocka has a macro named fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct stage {
    char netns[64], directory[128], program[PATH_MAX], tmp_socket[128];
    char env_directory[256], env_socket[256], env_pid[64];
    int sockets[3], fifo;
    pid_t owner;
};

static struct stage stage;

/* ---- the stage ---- */

static void in_stage(char path[PATH_MAX], const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", stage.directory, name);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    assert_true(length < sizeof address.sun_path);
    memcpy(address.sun_path, path, length);
    return address;
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static int copy_self(const char *to)
{
    char buffer[65536];
    int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    ssize_t length;
    while ((length = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)length) != length)
            return -1;
    close(in);
    close(out);
    return 0;
}

static void stage_clear(void)
{
    if (getpid() != stage.owner)
        return;
    static const char *const names[] = {"socket", "later", "fifo", "program", "log", "mark"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        in_stage(path, names[i]);
        unlink(path);
    }
    rmdir(stage.directory);
    unlink(stage.tmp_socket);
    struct failure f;
    if (!netns_delete(stage.netns, &f))
        fprintf(stderr, "%s\n", f.text);
}

static int stage_set(void **state)
{
    struct failure f = {{0}};
    int fd, pid = getpid();
    stage.owner = pid;
    snprintf(stage.netns, sizeof stage.netns, "bulkhead-test-%d", pid);
    snprintf(stage.directory, sizeof stage.directory, "/var/lib/bulkhead-test-%d", pid);
    snprintf(stage.tmp_socket, sizeof stage.tmp_socket, "/tmp/bulkhead-test-%d.socket", pid);
    snprintf(stage.env_directory, sizeof stage.env_directory, ATTACK_DIRECTORY "=%s", stage.directory);
    snprintf(stage.env_socket, sizeof stage.env_socket, ATTACK_TMP_SOCKET "=%s", stage.tmp_socket);
    snprintf(stage.env_pid, sizeof stage.env_pid, ATTACK_HOST_PID "=%d", pid);
    atexit(stage_clear);
    if (!netns_create(stage.netns, &fd, &f)) {
        fprintf(stderr, "%s\n", f.text);
        return -1;
    }
    close(fd);
    if (mkdir(stage.directory, 0755) < 0)
        return -1;
    char path[PATH_MAX];
    in_stage(path, "socket");
    stage.sockets[0] = listen_at(path);
    stage.sockets[1] = listen_at(stage.tmp_socket);
    in_stage(path, "fifo");
    if (mkfifo(path, 0666) < 0 || (stage.fifo = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
        return -1;
    in_stage(stage.program, "program");
    return copy_self(stage.program);
}

static int stage_unset(void **state)
{
    stage_clear();
    return 0;
}

static struct sandbox sandbox_of(char *const *argv)
{
    /* A leak check needs ptrace of a kind that the sandbox has no use for. */
    static char no_leaks[] = "ASAN_OPTIONS=detect_leaks=0";
    static char *environment[5];
    environment[0] = stage.env_directory;
    environment[1] = stage.env_socket;
    environment[2] = stage.env_pid;
    environment[3] = no_leaks;
    return (struct sandbox){.workload = "ledger",
                            .netns_path = stage.netns,
                            .hosts = "127.0.0.1 localhost\n10.80.3.10 ledger\n",
                            .argv = argv,
                            .env = environment};
}

#define ARGV(...) ((char *const[]){__VA_ARGS__, NULL})

static int shell(char *script, struct failure *f)
{
    struct sandbox sandbox = sandbox_of(ARGV("sh", "-c", script));
    f->text[0] = '\0';
    return sandbox_exec(&sandbox, f);
}

/* Runs in a child of its own, whose standard input is the file and output stays. */
static int attack_with_input(const char *name, int input)
{
    struct failure f = {{0}};
    int before = dup(STDIN_FILENO);
    dup2(input, STDIN_FILENO);
    struct sandbox sandbox = sandbox_of(ARGV(stage.program, "attack", (char *)(uintptr_t)name));
    int status = sandbox_exec(&sandbox, &f);
    dup2(before, STDIN_FILENO);
    close(before);
    close(input);
    if (f.text[0])
        fprintf(stderr, "%s\n", f.text);
    return status;
}

static int attack(const char *name)
{
    return attack_with_input(name, open("/dev/null", O_RDWR));
}

/* Waits until the condition holds, 5 s at most. */
#define EVENTUALLY(condition)                              \
    do {                                                   \
        for (int tries = 0; !(condition) && tries < 500; tries++) \
            usleep(10000);                                 \
        assert_true(condition);                            \
    } while (0)

/* ---- attacks ---- */

static int status_of(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void attack_fails(void **state)
{
    assert_int_equal(attack(*state), 0);
}

static void attack_with_later_socket(void **state)
{
    char path[PATH_MAX];
    in_stage(path, "later");
    pid_t host = fork();
    if (host == 0) {
        usleep(300000);
        int fd = listen_at(path);
        sleep(5);
        _exit(fd >= 0 ? 0 : 1);
    }
    int status = attack(*state);
    kill(host, SIGKILL);
    waitpid(host, NULL, 0);
    assert_int_equal(status, 0);
}

static void kill_of_the_group_stays_inside(void **state)
{
    assert_int_equal(attack("group_is_own"), 128 + SIGTERM);
}

/* The test of the tests: outside the sandbox the same sockets and FIFO do answer. */
static void outside_the_sandbox_the_host_answers(void **state)
{
    char path[PATH_MAX];
    in_stage(path, "socket");
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    in_stage(path, "fifo");
    fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

/* In a process of its own, in whose mount namespace the host has everything that is to be hidden. */
static void what_the_host_may_have_is_hidden(void **state)
{
    fflush(NULL);
    pid_t host = fork();
    if (host == 0) {
        bool hidden = promise_stage(stage.directory) && attack("secrets_of_the_host_cannot_be_read") == 0 &&
                      attack("filesystems_of_the_host_are_not_shown") == 0;
        fflush(NULL);
        _exit(hidden ? 0 : 1);
    }
    assert_int_equal(status_of(host), 0);
}

/* As the host's root with all capabilities: from inside, some of these are refused for want of one too. Without a
 * terminal, which vhangup would hang up. */
static void the_filter_alone_refuses_calls(void **state)
{
    fflush(NULL);
    pid_t confined = fork();
    if (confined == 0) {
        struct failure f = {{0}};
        bool refused = setsid() > 0 && seccomp_confine(&f) && attack_run("dangerous_calls_are_refused") == 0 &&
                       attack_run("dangerous_flags_are_refused") == 0 && attack_run("only_network_and_unix_sockets_exist") == 0;
        fflush(NULL);
        _exit(refused ? 0 : 1);
    }
    assert_int_equal(status_of(confined), 0);
}

static bool is_promised(const char *name, const char *const *promised)
{
    while (*promised && strcmp(*promised, name) != 0)
        promised++;
    if (!*promised)
        print_message("%s is not in promise.c: nothing tries it\n", name);
    return *promised;
}

static bool is_secret(const char *path)
{
    const struct promise_secret *secret = promise_secrets;
    while (secret->path && strcmp(secret->path, path) != 0)
        secret++;
    if (!secret->path)
        print_message("%s is not in promise.c: nothing tries it\n", path);
    return secret->path;
}

static bool is_kind(const char *kind)
{
    const struct promise_filesystem *filesystem = promise_filesystems;
    while (filesystem->kind && strcmp(filesystem->kind, kind) != 0)
        filesystem++;
    if (!filesystem->kind)
        print_message("%s is not in promise.c: nothing tries it\n", kind);
    return filesystem->kind;
}

static bool is_number(uint64_t number, const struct promise_number *promised)
{
    while (promised->name && promised->number != number)
        promised++;
    if (!promised->name)
        print_message("number %llu is not in promise.c: nothing tries it\n", (unsigned long long)number);
    return promised->name;
}

static void every_entry_of_the_tables_is_tried(void **state)
{
    bool all = true;
    for (size_t i = 0; mounts_read_only[i]; i++)
        all &= is_promised(mounts_read_only[i], promise_read_only);
    for (size_t i = 0; mounts_masked[i]; i++)
        all &= is_promised(mounts_masked[i], promise_masked);
    for (size_t i = 0; mounts_secret[i]; i++)
        all &= is_secret(mounts_secret[i]);
    for (size_t i = 0; hosttree_hidden[i]; i++)
        all &= is_kind(hosttree_hidden[i]);
    for (size_t i = 0; i < calls_refused_count; i++)
        all &= calls_refused[i] < 0 || is_number((uint64_t)calls_refused[i], promise_calls);
    for (size_t i = 0; i < ioctls_refused_count; i++)
        all &= is_number(ioctls_refused[i], promise_ioctls);
    assert_true(all);
}

/* ---- commands ---- */

static void exit_statuses_are_those_of_env(void **state)
{
    struct failure f;
    assert_int_equal(shell("exit 0", &f), 0);
    assert_int_equal(shell("exit 7", &f), 7);
    assert_int_equal(shell("kill -9 $$", &f), 128 + SIGKILL);
    struct sandbox missing = sandbox_of(ARGV("no-such-program-here"));
    assert_int_equal(sandbox_exec(&missing, &f), SANDBOX_NOT_FOUND);
    assert_non_null(strstr(f.text, "no-such-program-here"));
    struct sandbox hidden = sandbox_of(ARGV("/home/anna/server"));
    assert_int_equal(sandbox_exec(&hidden, &f), SANDBOX_NOT_FOUND);
    assert_non_null(strstr(f.text, "does not see the host's /home"));
    struct sandbox unexecutable = sandbox_of(ARGV("/etc/passwd"));
    assert_int_equal(sandbox_exec(&unexecutable, &f), SANDBOX_CANNOT_EXECUTE);
    struct sandbox self = sandbox_of(ARGV("/proc/self/exe"));
    assert_int_equal(sandbox_exec(&self, &f), SANDBOX_CANNOT_EXECUTE);
    struct sandbox homeless = sandbox_of(ARGV("true"));
    homeless.netns_path = "bulkhead-test-no-such-namespace";
    assert_int_equal(sandbox_exec(&homeless, &f), SANDBOX_FAILED);
    assert_non_null(strstr(f.text, homeless.netns_path));
}

static void names_and_environment_are_its_own(void **state)
{
    struct failure f;
    assert_int_equal(shell("test \"$(cat /etc/hosts)\" = \"$(printf '127.0.0.1 localhost\\n10.80.3.10 ledger')\"", &f), 0);
    assert_int_equal(shell("test \"$(uname -n)\" = ledger && test \"$HOSTNAME\" = ledger", &f), 0);
    assert_int_equal(shell("test \"$HOME\" = /root && test -n \"$PATH\" && test -z \"$BULKHEAD_TEST_SECRET\"", &f), 0);
    assert_int_equal(shell("test \"$(cat /proc/1/comm)\" = bulkhead-init", &f), 0);
    assert_int_equal(shell("test \"$(pwd)\" = /", &f), 0);
}

static void user_is_as_asked(void **state)
{
    struct failure f = {{0}};
    struct sandbox nobody = sandbox_of(ARGV("sh", "-c", "test $(id -un) = nobody && test $(id -u) = 65534 && "
                                                        "grep -q 'CapEff:.0000000000000000' /proc/self/status"));
    nobody.user = "nobody";
    assert_int_equal(sandbox_exec(&nobody, &f), 0);
    struct sandbox numbers = sandbox_of(ARGV("sh", "-c", "test $(id -u) = 4321 && test \"$(id -G)\" = 8765"));
    numbers.user = "4321:8765";
    assert_int_equal(sandbox_exec(&numbers, &f), 0);
    struct sandbox unknown = sandbox_of(ARGV("true"));
    unknown.user = "nobody-of-that-name";
    assert_int_equal(sandbox_exec(&unknown, &f), SANDBOX_FAILED);
}

static void a_directory_as_standard_input_is_refused(void **state)
{
    struct failure f;
    int before = dup(STDIN_FILENO), root = open("/", O_RDONLY | O_DIRECTORY);
    dup2(root, STDIN_FILENO);
    int status = shell("true", &f);
    dup2(before, STDIN_FILENO);
    close(before);
    close(root);
    assert_int_equal(status, SANDBOX_FAILED);
    assert_non_null(strstr(f.text, "directory"));
}

static void a_file_to_be_read_cannot_be_written(void **state)
{
    char path[PATH_MAX], text[4] = "";
    in_stage(path, "mark");
    int made = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_int_equal(write(made, "abc", 3), 3);
    close(made);
    int input = open(path, O_RDONLY);
    assert_int_equal(lseek(input, 1, SEEK_SET), 1);
    assert_int_equal(attack_with_input("a_file_to_be_read_cannot_be_written", input), 0);
    int after = open(path, O_RDONLY);
    assert_int_equal(read(after, text, sizeof text), 3);
    close(after);
    assert_string_equal(text, "abc");
}

static void inherited_files_are_closed(void **state)
{
    int leak = open("/", O_RDONLY | O_DIRECTORY); /* without CLOEXEC */
    int status = attack("only_standard_files_are_open");
    close(leak);
    assert_int_equal(status, 0);
}

static void caller_stays_where_it_is(void **state)
{
    struct failure f;
    char before[2][64] = {{0}}, after[2][64] = {{0}};
    assert_true(readlink("/proc/self/ns/pid_for_children", before[0], 63) > 0);
    assert_true(readlink("/proc/self/ns/net", before[1], 63) > 0);
    assert_int_equal(shell("true", &f), 0);
    assert_true(readlink("/proc/self/ns/pid_for_children", after[0], 63) > 0);
    assert_true(readlink("/proc/self/ns/net", after[1], 63) > 0);
    assert_string_equal(before[0], after[0]);
    assert_string_equal(before[1], after[1]);
}

/* ---- signals and death ---- */

/* A process that runs the script as `bulkhead exec` would; *ret_output is what it writes. */
static pid_t exec_in_child(char *script, int *ret_output)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        struct failure f;
        dup2(ends[1], STDOUT_FILENO);
        _exit(shell(script, &f));
    }
    close(ends[1]);
    *ret_output = ends[0];
    return child;
}

/* 0 at the end; fails after 10 s. */
static char one_byte(int fd)
{
    char byte = 0;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 10000), 1);
    return read(fd, &byte, 1) == 1 ? byte : '\0';
}

static void signals_reach_the_command(void **state)
{
    int output;
    pid_t child = exec_in_child("trap 'exit 42' TERM; trap 'printf u' USR1; printf r; while :; do sleep 0.05; done", &output);
    assert_int_equal(one_byte(output), 'r');
    kill(child, SIGUSR1);
    assert_int_equal(one_byte(output), 'u');
    kill(child, SIGTERM);
    assert_int_equal(status_of(child), 42);
    close(output);
    child = exec_in_child("printf r; exec sleep 100", &output);
    assert_int_equal(one_byte(output), 'r');
    kill(child, SIGINT);
    assert_int_equal(status_of(child), 128 + SIGINT);
    close(output);
}

/* The pipe ends only when the last process of the sandbox is gone, daemons of its own included. */
static void death_of_the_caller_ends_the_command(void **state)
{
    int output;
    pid_t child = exec_in_child("trap '' TERM HUP; setsid sleep 1000 & printf r; sleep 1000", &output);
    assert_int_equal(one_byte(output), 'r');
    kill(child, SIGKILL);
    assert_int_equal(status_of(child), -SIGKILL);
    assert_int_equal(one_byte(output), '\0');
    close(output);
}

static void end_of_the_command_ends_the_rest(void **state)
{
    int output;
    pid_t child = exec_in_child("setsid sleep 1000 & printf r", &output);
    assert_int_equal(one_byte(output), 'r');
    assert_int_equal(status_of(child), 0);
    assert_int_equal(one_byte(output), '\0');
    close(output);
}

/* ---- terminal ---- */

static pid_t exec_on_terminal(char *const *argv, int *ret_master)
{
    pid_t child = forkpty(ret_master, NULL, NULL, NULL);
    assert_true(child >= 0);
    if (child == 0) {
        struct failure f;
        struct sandbox sandbox = sandbox_of(argv);
        int status = sandbox_exec(&sandbox, &f);
        _exit(status == 0 && tcgetpgrp(STDIN_FILENO) != getpgrp() ? 99 : status);
    }
    return child;
}

static void read_until(int master, char wanted)
{
    char byte;
    while ((byte = one_byte(master)) != wanted)
        assert_int_not_equal(byte, '\0');
}

static void command_has_the_terminal_and_gives_it_back(void **state)
{
    int master;
    pid_t child = exec_on_terminal(ARGV(stage.program, "attack", "terminal_is_held"), &master);
    assert_int_equal(status_of(child), 0);
    close(master);
}

static void interrupt_key_ends_the_command(void **state)
{
    int master;
    pid_t child = exec_on_terminal(ARGV("sh", "-c", "printf R; exec sleep 100"), &master);
    read_until(master, 'R');
    assert_int_equal(write(master, "\003", 1), 1);
    assert_int_equal(status_of(child), 128 + SIGINT);
    close(master);
}

/* ^Z stops command and caller, as a shell expects; continuing the caller continues the command. */
static void suspend_key_stops_both(void **state)
{
    int master, status;
    pid_t shell_pid = forkpty(&master, NULL, NULL, NULL);
    assert_true(shell_pid >= 0);
    if (shell_pid == 0) { /* a session leader with a job, as a shell is */
        struct failure f;
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            signal(SIGTTOU, SIG_IGN);
            tcsetpgrp(STDIN_FILENO, getpgrp());
            signal(SIGTTOU, SIG_DFL);
            _exit(shell("printf R; read line; exit 5", &f));
        }
        if (waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status))
            _exit(90);
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(STDIN_FILENO, job);
        kill(-job, SIGCONT);
        if (write(STDOUT_FILENO, "C", 1) != 1)
            _exit(91);
        if (waitpid(job, &status, WUNTRACED) != job || !WIFEXITED(status))
            _exit(92);
        _exit(WEXITSTATUS(status));
    }
    read_until(master, 'R');
    usleep(100000);
    assert_int_equal(write(master, "\032", 1), 1);
    read_until(master, 'C');
    assert_int_equal(write(master, "x\n", 2), 2);
    assert_int_equal(status_of(shell_pid), 5);
    close(master);
}

/* ---- services ---- */

static size_t log_length(void)
{
    char path[PATH_MAX];
    struct stat there;
    in_stage(path, "log");
    return stat(path, &there) == 0 ? (size_t)there.st_size : 0;
}

static struct sandbox service_of(char *const *argv, char log[PATH_MAX])
{
    struct sandbox sandbox = sandbox_of(argv);
    in_stage(log, "log");
    unlink(log);
    sandbox.log_path = log;
    return sandbox;
}

static void service_survives_its_starter_and_stops(void **state)
{
    char log[PATH_MAX];
    struct sandbox service = service_of(ARGV("sh", "-c", "echo started; exec sleep 1000"), log);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t starter = fork();
    if (starter == 0) {
        struct failure f;
        pid_t init = -1;
        bool started = sandbox_start(&service, &init, &f);
        _exit(started && write(ends[1], &init, sizeof init) == sizeof init ? 0 : 1);
    }
    assert_int_equal(status_of(starter), 0);
    pid_t init;
    assert_int_equal(read(ends[0], &init, sizeof init), sizeof init);
    close(ends[0]);
    close(ends[1]);
    uint64_t start = process_start_time(init);
    assert_true(start > 0);
    EVENTUALLY(log_length() == 8);
    assert_true(process_is(init, start));
    assert_false(process_is(init, start + 1));
    struct failure f = {{0}};
    assert_true(process_stop(init, start + 1, 100, &f)); /* another process of that number: not touched */
    assert_true(process_is(init, start));
    assert_true(process_stop(init, start, 5000, &f));
    assert_false(process_is(init, start));
    assert_true(process_stop(init, start, 100, &f));
}

static void service_that_ignores_term_is_killed(void **state)
{
    char log[PATH_MAX];
    struct failure f = {{0}};
    pid_t init;
    struct sandbox service = service_of(ARGV("sh", "-c", "trap '' TERM; echo r; while :; do sleep 1; done"), log);
    assert_true(sandbox_start(&service, &init, &f));
    EVENTUALLY(log_length() == 2);
    uint64_t start = process_start_time(init);
    assert_true(process_stop(init, start, 200, &f));
    assert_false(process_is(init, start));
}

static void service_is_restarted_as_asked(void **state)
{
    char log[PATH_MAX];
    struct failure f = {{0}};
    pid_t init;
    struct sandbox always = service_of(ARGV("sh", "-c", "echo x"), log);
    always.restart = RESTART_ALWAYS;
    assert_true(sandbox_start(&always, &init, &f));
    uint64_t start = process_start_time(init);
    EVENTUALLY(log_length() >= 6); /* after 0, 0.1 and 0.3 s */
    assert_true(process_stop(init, start, 5000, &f));

    struct sandbox on_failure = service_of(ARGV("sh", "-c", "test -e /tmp/once && exit 0; touch /tmp/once; echo x; exit 1"), log);
    on_failure.restart = RESTART_ON_FAILURE;
    assert_true(sandbox_start(&on_failure, &init, &f));
    start = process_start_time(init);
    EVENTUALLY(!process_is(init, start));
    assert_int_equal(log_length(), 2);

    struct sandbox never = service_of(ARGV("sh", "-c", "echo x; exit 1"), log);
    assert_true(sandbox_start(&never, &init, &f));
    start = process_start_time(init);
    EVENTUALLY(!process_is(init, start));
    assert_int_equal(log_length(), 2);
}

static void service_that_cannot_start_says_so(void **state)
{
    char log[PATH_MAX];
    struct failure f = {{0}};
    pid_t init = -1;
    struct sandbox service = service_of(ARGV("no-such-program-here"), log);
    service.restart = RESTART_ALWAYS;
    assert_false(sandbox_start(&service, &init, &f));
    assert_non_null(strstr(f.text, "no-such-program-here"));
    assert_int_equal(init, -1);
}

static void service_cannot_reach_its_log_file(void **state)
{
    char log[PATH_MAX];
    struct failure f = {{0}};
    pid_t init;
    /* Its output is a pipe: nothing of the host's to reopen or to change. */
    struct sandbox service = service_of(ARGV("sh", "-c", "test -p /proc/self/fd/1 && test -p /proc/self/fd/2 && echo pipes"), log);
    assert_true(sandbox_start(&service, &init, &f));
    EVENTUALLY(log_length() == 6);
}

/* ---- main ---- */

#define FIXED(test) {#test, test, NULL, NULL, NULL}

static size_t attacks_fill(struct CMUnitTest *tests)
{
    size_t count = 0;
    for (size_t i = 0; i < attack_count - ATTACKS_BY_NAME_ONLY; i++) {
        bool later = strcmp(attacks[i].name, "a_host_socket_made_later_refuses") == 0;
        tests[count++] = (struct CMUnitTest){attacks[i].name, later ? attack_with_later_socket : attack_fails, NULL, NULL,
                                             (void *)(uintptr_t)attacks[i].name};
    }
    return count;
}

int main(int argc, char **argv)
{
    /* A shell's `&` ignores these for whatever it starts, and commands inherit that. */
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGQUIT, SIG_DFL);
    if (argc == 3 && strcmp(argv[1], "attack") == 0)
        return attack_run(argv[2]);
    if (geteuid() != 0) {
        printf("skipped: sandboxes need root\n");
        return 77;
    }
    setenv("BULKHEAD_TEST_SECRET", "1", 1);
    struct CMUnitTest tests[64];
    memset(tests, 0, sizeof tests);
    size_t count = attacks_fill(tests);
    const struct CMUnitTest fixed[] = {
        FIXED(what_the_host_may_have_is_hidden), FIXED(the_filter_alone_refuses_calls), FIXED(every_entry_of_the_tables_is_tried),
        FIXED(outside_the_sandbox_the_host_answers), FIXED(kill_of_the_group_stays_inside),
        FIXED(exit_statuses_are_those_of_env), FIXED(names_and_environment_are_its_own), FIXED(user_is_as_asked),
        FIXED(a_directory_as_standard_input_is_refused), FIXED(a_file_to_be_read_cannot_be_written),
        FIXED(inherited_files_are_closed),
        FIXED(caller_stays_where_it_is), FIXED(signals_reach_the_command), FIXED(death_of_the_caller_ends_the_command),
        FIXED(end_of_the_command_ends_the_rest), FIXED(command_has_the_terminal_and_gives_it_back),
        FIXED(interrupt_key_ends_the_command), FIXED(suspend_key_stops_both),
        FIXED(service_survives_its_starter_and_stops), FIXED(service_that_ignores_term_is_killed),
        FIXED(service_is_restarted_as_asked), FIXED(service_that_cannot_start_says_so),
        FIXED(service_cannot_reach_its_log_file),
    };
    memcpy(tests + count, fixed, sizeof fixed);
    count += sizeof fixed / sizeof fixed[0];
    return _cmocka_run_group_tests("sandbox", tests, count, stage_set, stage_unset);
}
