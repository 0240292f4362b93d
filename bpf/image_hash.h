/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where a key may stand in an image's hash tables: computed alike by the compiler and the kernel programs. */
#ifndef BULKHEAD_IMAGE_HASH_H
#define BULKHEAD_IMAGE_HASH_H

#include <linux/types.h>

/* The two lines a key may stand in. */
struct image_hash_place {
    __u32 line[2];
};

/* Finalizer of MurmurHash3 (Appleby, public domain): every bit of the input changes every bit of the output. */
static __attribute__((always_inline)) inline __u64 image_hash_mix(__u64 x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    x ^= x >> 33;
    return x;
}

static __attribute__((always_inline)) inline struct image_hash_place image_hash_split(__u32 first, __u32 mask, __u64 hash)
{
    return (struct image_hash_place){{first + ((__u32)hash & mask), first + ((__u32)(hash >> 32) & mask)}};
}

static __attribute__((always_inline)) inline struct image_hash_place image_hash_v4(__u32 first, __u32 mask, __u32 seed, __u32 a, __u32 b)
{
    return image_hash_split(first, mask, image_hash_mix(((__u64)a << 32 | b) ^ (__u64)seed * 0x9e3779b97f4a7c15ull));
}

static __attribute__((always_inline)) inline struct image_hash_place image_hash_v6(__u32 first, __u32 mask, __u32 seed, const __u32 *a, __u32 b)
{
    __u64 high = image_hash_mix(((__u64)a[0] << 32 | a[1]) ^ (__u64)seed * 0x9e3779b97f4a7c15ull);
    __u64 low = ((__u64)a[2] << 32 | a[3]) + (__u64)b * 0xd6e8feb86659fd93ull;
    return image_hash_split(first, mask, image_hash_mix(high ^ low));
}

#endif
