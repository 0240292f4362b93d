/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/operator/begins.h"

#include "base/block.h"
#include "waf/pattern/pattern.h"

/* Printable bytes: more of them are so common that what a search takes is not worth its while. */
#define PRINTABLE_MAX 16
/* For the syntax of one expression. */
#define TREE_MAX ((size_t)64 << 20)

/* Bits of the upper halves: controls, what is from 0x80 up, and 2 to 7 one each. */
static uint8_t half_bit(unsigned upper)
{
    return (uint8_t)(upper < 2 ? 1 : upper >= 8 ? 2 : 1 << upper);
}

static bool take_set(struct begins *b, const struct byte_set *set)
{
    unsigned printable = 0;
    for (unsigned c = 0; c < 256; c++) {
        b->high[c >> 4] = half_bit(c >> 4);
        if (byte_set_has(set, (uint8_t)c)) {
            b->low[c & 15] |= half_bit(c >> 4);
            printable += c >= ' ' && c < 0x7f;
        }
    }
    return printable <= PRINTABLE_MAX;
}

void begins_read(struct bytes expression, struct begins *ret)
{
    struct arena *a = arena_create(TREE_MAX);
    const struct pattern_tree *tree = a ? pattern_read(expression, a) : NULL;
    struct byte_set set;
    *ret = (struct begins){0};
    ret->known = tree && pattern_begins(tree, &set, &ret->at_line) && take_set(ret, &set);
    arena_destroy(a);
}

/* Which of sixteen bytes, by bit. */
typedef uint32_t look_at(const struct begins *b, block in);

BLOCK_INLINE uint32_t look_within(const struct begins *b, struct bytes value, size_t i, look_at *look)
{
    size_t left = value.len - i;
    return left < BLOCK ? look(b, block_of_few(value.at + i, left)) & ((UINT32_C(1) << left) - 1) : look(b, block_at(value.at + i));
}

BLOCK_INLINE bool find_next(const struct begins *b, struct bytes value, size_t from, struct places *ret, look_at *look)
{
    uint32_t line = b->at_line && !from;
    bool found = line && !value.len;
    *ret = (struct places){0};
    for (; from < value.len; from += BLOCK, line = 0) {
        uint32_t bits = look_within(b, value, from, look) | line;
        if (bits) {
            if (!found)
                ret->first = from + (size_t)__builtin_ctz(bits);
            ret->last = from + 31 - (size_t)__builtin_clz(bits);
            found = true;
        } else if (found) {
            from += BLOCK;
            break;
        }
    }
    ret->next = from;
    /* A line end is one of the bytes, and the line behind it another place. */
    if (found && b->at_line && ret->last < value.len && value.at[ret->last] == '\n')
        ret->last++;
    return found;
}

static uint32_t look_one_by_one(const struct begins *b, block in)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < BLOCK; i++)
        bits |= (uint32_t)((b->low[in[i] & 15] & b->high[in[i] >> 4]) != 0) << i;
    return bits;
}

#ifdef __x86_64__
#define QUICK __attribute__((target("ssse3")))

QUICK static inline block look_up(const uint8_t table[16], block index)
{
    typedef char vector __attribute__((vector_size(BLOCK)));
    return (block)__builtin_ia32_pshufb128((vector)block_at(table), (vector)index);
}

QUICK static inline uint32_t look_together(const struct begins *b, block in)
{
    block halves = look_up(b->low, in & block_of(15)) & look_up(b->high, (in >> 4) & block_of(15));
    return block_bits((block)(halves == block_of(0))) ^ 0xffff;
}

QUICK static bool find_quickly(const struct begins *b, struct bytes value, size_t from, struct places *ret)
{
    return find_next(b, value, from, ret, look_together);
}
#endif

bool begins_next(const struct begins *b, struct bytes value, size_t from, struct places *ret)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("ssse3"))
        return find_quickly(b, value, from, ret);
#endif
    return find_next(b, value, from, ret, look_one_by_one);
}
