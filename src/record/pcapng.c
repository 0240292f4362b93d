/* SPDX-License-Identifier: Apache-2.0 */
#include "record/pcapng.h"

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_ETHERNET 1

#define OPTION_END 0
#define OPTION_COMMENT 1
#define OPTION_SECTION_PROGRAM 4
#define OPTION_INTERFACE_NAME 2
#define OPTION_INTERFACE_RESOLUTION 9 /* of times: 10 to the power of minus that */
#define OPTION_MAX 60000u             /* its length has 16 bits */

static void put16(struct text *t, uint16_t value)
{
    text_append(t, &value, sizeof value);
}

static void put32(struct text *t, uint32_t value)
{
    text_append(t, &value, sizeof value);
}

/* With zeros up to a multiple of 4. */
static void put_padded(struct text *t, const void *bytes, size_t size)
{
    static const uint8_t zeros[4];
    text_append(t, bytes, size);
    text_append(t, zeros, (4 - size % 4) % 4);
}

static void put_option(struct text *t, uint16_t code, const void *value, size_t size)
{
    if (size > OPTION_MAX)
        size = OPTION_MAX;
    put16(t, code);
    put16(t, (uint16_t)size);
    put_padded(t, value, size);
}

/* A block's body comes from a text of its own: its length stands before and behind it. */
static void put_block(struct text *out, uint32_t type, struct text *body)
{
    uint32_t length = (uint32_t)body->len + 12;
    out->failed |= body->failed;
    put32(out, type);
    put32(out, length);
    text_append(out, body->at, body->len);
    put32(out, length);
    text_free(body);
}

void pcapng_begin(const char *program, struct text *out)
{
    struct text body = text_new(1 << 16);
    uint64_t unknown_length = UINT64_MAX;
    put32(&body, BYTE_ORDER_MAGIC);
    put16(&body, 1); /* version 1.0 */
    put16(&body, 0);
    text_append(&body, &unknown_length, sizeof unknown_length);
    put_option(&body, OPTION_SECTION_PROGRAM, program, strlen(program));
    put32(&body, OPTION_END);
    put_block(out, BLOCK_SECTION, &body);
}

void pcapng_interface(const char *name, uint32_t snap_length, struct text *out)
{
    static const uint8_t nanoseconds = 9;
    struct text body = text_new(1 << 16);
    put16(&body, LINKTYPE_ETHERNET);
    put16(&body, 0);
    put32(&body, snap_length);
    put_option(&body, OPTION_INTERFACE_NAME, name, strlen(name));
    put_option(&body, OPTION_INTERFACE_RESOLUTION, &nanoseconds, sizeof nanoseconds);
    put32(&body, OPTION_END);
    put_block(out, BLOCK_INTERFACE, &body);
}

void pcapng_packet(const struct pcapng_packet *p, struct text *out)
{
    struct text body = text_new(1 << 20);
    put32(&body, p->interface);
    put32(&body, (uint32_t)(p->time_ns >> 32));
    put32(&body, (uint32_t)p->time_ns);
    put32(&body, (uint32_t)p->bytes.len);
    put32(&body, p->length);
    put_padded(&body, p->bytes.at, p->bytes.len);
    put_option(&body, OPTION_COMMENT, p->comment, strlen(p->comment));
    put32(&body, OPTION_END);
    put_block(out, BLOCK_PACKET, &body);
}
