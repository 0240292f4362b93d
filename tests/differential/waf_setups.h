/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Core Rule Set as its users set it up: at a paranoia level, with limits, for an application, against bots. All of it is
 * loaded at once, and a request says by its client's port which of them holds for it. No rule of the set looks at the port.
 */
#pragma once

#include "base/text.h"
#include "tests/differential/random.h"

enum setup {
    SETUP_PLAIN,
    SETUP_LIMITS,      /* of arguments and files, and all bodies are looked at as forms */
    SETUP_STRICT,      /* every setting is given, and each is another than the set's own */
    SETUP_DRUPAL,
    SETUP_WORDPRESS,
    SETUP_NEXTCLOUD,
    SETUP_DOKUWIKI,
    SETUP_CPANEL,
    SETUP_XENFORO,
    SETUP_RANDOM_COUNT, /* those before it are drawn for random requests: what they say depends on no request before */
    SETUP_FLOOD = SETUP_RANDOM_COUNT, /* three requests are a burst */
    SETUP_PLACES,      /* who comes from Canada is kept out, and remembered */
    SETUP_LISTED,      /* who is on a list is kept out, and no list says anything */
    SETUP_SEARCH,      /* the four kinds of what Project Honey Pot's list says of an address, as ModSecurity 2 told it */
    SETUP_SPAMMER,
    SETUP_SUSPICIOUS,
    SETUP_HARVESTER,
    SETUP_SAMPLED,     /* no request is looked at */
    SETUP_MONITORED,   /* low scores are told too */
    SETUP_LEAKED,      /* an error, and an attack, as rules of version 2 of the set remembered them */
    SETUP_UNAVAILABLE,
    SETUP_FAILED,      /* the engine itself has met a limit */
    SETUP_NO_LEVEL,    /* rules of no level run */
    SETUP_NONE,        /* crs-setup.conf was forgotten */
    SETUP_COUNT,
};

/* The port of a client whose requests have that setup at paranoia level 1 to 4; level 0: none is given. */
uint16_t setup_port(enum setup s, int level);
const char *setup_name(enum setup s);
/* "METHOD PATH" that the application knows; NULL: there are no more, or the setup is for none. */
const char *setup_start_at(enum setup s, size_t index);
/* Any of them. */
const char *setup_start(enum setup s, struct random *random);
/* All that is loaded: the base configuration, the set-ups, and the rules of that folder. Places are from the file. */
void setups_print(const char *folder, const char *places, struct text *out);
