/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"
#include "models.h"

#include <stdlib.h>

void put16(struct frame *f, size_t at, uint16_t v)
{
    f->at[at] = (uint8_t)(v >> 8);
    f->at[at + 1] = (uint8_t)v;
}

void put32(struct frame *f, size_t at, uint32_t v)
{
    put16(f, at, (uint16_t)(v >> 16));
    put16(f, at + 2, (uint16_t)v);
}

static bool is_v4(const struct frame *f)
{
    return f->at[12] == 0x08;
}

struct frame ip(const char *from, const char *to, uint8_t protocol, const void *payload, size_t len)
{
    struct frame f = {0};
    struct address a = address_of(from), b = address_of(to);
    if (a.family == 4) {
        put16(&f, 12, 0x0800);
        f.at[IP] = 0x45;
        put16(&f, IP + 2, (uint16_t)(20 + len));
        f.at[IP + 8] = 64;
        f.at[IP + 9] = protocol;
        memcpy(f.at + IP + 12, a.octets, 4);
        memcpy(f.at + IP + 16, b.octets, 4);
        f.len = L4_V4;
    } else {
        put16(&f, 12, 0x86dd);
        f.at[IP] = 0x60;
        put16(&f, IP + 4, (uint16_t)len);
        f.at[IP + 6] = protocol;
        f.at[IP + 7] = 64;
        memcpy(f.at + IP + 8, a.octets, 16);
        memcpy(f.at + IP + 24, b.octets, 16);
        f.len = L4_V6;
    }
    if (len > sizeof f.at - f.len)
        abort();
    if (len)
        memcpy(f.at + f.len, payload, len);
    f.len += len;
    return f;
}

struct frame tcp(const char *from, uint16_t from_port, const char *to, uint16_t to_port, uint8_t flags,
                 uint32_t seq, uint32_t ack)
{
    struct frame h = {.len = 20};
    put16(&h, 0, from_port);
    put16(&h, 2, to_port);
    put32(&h, 4, seq);
    put32(&h, 8, ack);
    h.at[12] = 5 << 4;
    h.at[13] = flags;
    return ip(from, to, 6, h.at, h.len);
}

struct frame udp(const char *from, uint16_t from_port, const char *to, uint16_t to_port, size_t data)
{
    struct frame h = {.len = 8 + data};
    put16(&h, 0, from_port);
    put16(&h, 2, to_port);
    put16(&h, 4, (uint16_t)h.len);
    return ip(from, to, 17, h.at, h.len);
}

struct frame sctp(const char *from, uint16_t from_port, const char *to, uint16_t to_port)
{
    struct frame h = {.len = 16};
    put16(&h, 0, from_port);
    put16(&h, 2, to_port);
    return ip(from, to, 132, h.at, h.len);
}

static uint8_t icmp_of(const char *address)
{
    return address_of(address).family == 4 ? 1 : 58;
}

struct frame icmp(const char *from, const char *to, uint8_t type, uint8_t code, uint16_t identifier)
{
    struct frame h = {.len = 16};
    h.at[0] = type;
    h.at[1] = code;
    put16(&h, 4, identifier);
    return ip(from, to, icmp_of(from), h.at, h.len);
}

struct frame icmp_error(const char *from, const char *to, uint8_t type, const struct frame *about, size_t most)
{
    struct frame h = {.len = 8};
    size_t len = about->len - IP;
    if (len > most)
        len = most;
    h.at[0] = type;
    memcpy(h.at + 8, about->at + IP, len);
    return ip(from, to, icmp_of(from), h.at, 8 + len);
}

struct frame fragment_of(const struct frame *whole, uint32_t identification, size_t offset, size_t len,
                         bool more)
{
    struct frame f = *whole;
    if (is_v4(whole)) {
        put16(&f, IP + 2, (uint16_t)(20 + len));
        put16(&f, IP + 4, (uint16_t)identification);
        put16(&f, IP + 6, (uint16_t)(offset / 8 | (more ? 0x2000 : 0)));
        memmove(f.at + L4_V4, whole->at + L4_V4 + offset, len);
        f.len = L4_V4 + len;
        return f;
    }
    put16(&f, IP + 4, (uint16_t)(8 + len));
    f.at[L4_V6] = whole->at[IP + 6];
    f.at[L4_V6 + 1] = 0;
    put16(&f, L4_V6 + 2, (uint16_t)(offset | more));
    put32(&f, L4_V6 + 4, identification);
    f.at[IP + 6] = 44;
    memcpy(f.at + L4_V6 + 8, whole->at + L4_V6 + offset, len);
    f.len = L4_V6 + 8 + len;
    return f;
}

struct frame with_extension(const struct frame *f, uint8_t kind, const void *header, size_t len)
{
    struct frame g = *f;
    memmove(g.at + L4_V6 + len, f->at + L4_V6, f->len - L4_V6);
    memcpy(g.at + L4_V6, header, len);
    g.at[L4_V6] = f->at[IP + 6];
    g.at[IP + 6] = kind;
    g.len += len;
    put16(&g, IP + 4, (uint16_t)(g.len - L4_V6));
    return g;
}
