/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1 of a sandbox: furnishes it, confines itself, starts the command and looks after it. It obeys the
 * starter over a socket that nothing else in the sandbox has, and reports there. */
#ifndef BULKHEAD_ENFORCE_INIT_H
#define BULKHEAD_ENFORCE_INIT_H

#include "enforce/hosttree.h"
#include "enforce/identity.h"
#include "enforce/sandbox.h"

enum report_kind {
    REPORT_PID,     /* value: the init's number on the host */
    REPORT_STARTED, /* the command has been executed */
    REPORT_FAILED,  /* value: 125 to 127; text says why */
    REPORT_STOPPED, /* value: the signal that stopped the command */
    REPORT_ENDED,   /* value: its exit status */
};

struct report {
    enum report_kind kind;
    int value;
    struct failure failure;
};

/* From the starter: deliver `signal` to the command (0: none), after giving it the terminal if `foreground`. */
struct order {
    int signal;
    bool foreground;
};

struct launch {
    const struct sandbox *sandbox;
    const struct identity *identity;
    char *const *environment;
    const struct hosttree_silent *silent;
    int socket;      /* SOCK_SEQPACKET to the starter; its closing ends an attached sandbox */
    int netns;
    int log;         /* detached: where output goes, or -1 */
    bool detached;   /* a service: lives on without the starter */
    bool foreground; /* attached: give the command the terminal at once */
    bool trial;      /* the command is looked for and not executed, and init ends */
};

/* The signals that are passed on to the command. */
#define FORWARDED_SIGNALS \
    {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP}

/* The calling process has just been forked and is PID 1 of a new PID namespace. */
_Noreturn void init_run(const struct launch *launch);

#endif
