/* SPDX-License-Identifier: MIT */
#ifndef NESTED_H
#define NESTED_H
/*
 * nested: recursions whose every call above a cut-off makes tasks and waits for them. `kind` is one of
 *
 * fib      the Fibonacci number of n by the book: two tasks in every call, serial from `cutoff` down.
 * queens   in how many ways n queens stand on a board: a task for each free place in each of the
 *          first `cutoff` rows, serial below.
 * tree     an unbalanced tree of at most n levels, in the manner of UTS: its nodes work `body` each
 *          and are counted, each has 0 to 16 children by a geometric law of mean 2 and its own hash,
 *          and each child is a task.
 */
#include "bench.h"

#include <string.h>

enum { NESTED_MOST = 16 };

/** A node of queens or tree. */
typedef struct nested_node {
    uint32_t columns; /**< queens: taken */
    uint32_t left;    /**< queens: diagonals that are taken in this row */
    uint32_t right;
    uint32_t hash; /**< tree: what this node is */
    size_t levels; /**< below this node that make tasks */
} nested_node;

static int nested_is_tree;
static uint32_t nested_columns;
static uint64_t nested_loops;

/** Computes the Fibonacci number from serial code. Defined by each program. */
static uint64_t nested_fib(size_t n, size_t cutoff);

/** Sums what nested_visit() answers for all nodes, from serial code. Defined by each program. */
static uint64_t nested_sum(const nested_node *root);

__attribute__((noinline)) static uint64_t nested_serial(size_t n)
{
    return n < 2 ? n : nested_serial(n - 1) + nested_serial(n - 2);
}

static inline nested_node nested_place(const nested_node *above, uint32_t bit)
{
    nested_node node = *above;
    node.columns |= bit;
    node.left = (above->left | bit) << 1;
    node.right = (above->right | bit) >> 1;
    node.levels--;
    return node;
}

static inline uint32_t nested_free(const nested_node *node)
{
    return nested_columns & ~(node->columns | node->left | node->right);
}

__attribute__((noinline)) static uint64_t nested_queens_serial(
    uint32_t columns, uint32_t left, uint32_t right)
{
    if (columns == nested_columns)
        return 1;
    uint64_t sum = 0;
    for (uint32_t rest = nested_columns & ~(columns | left | right); rest; rest &= rest - 1) {
        const uint32_t bit = rest & (0 - rest);
        sum += nested_queens_serial(columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return sum;
}

static inline uint32_t nested_hash(uint32_t x)
{
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

/* One more child with a probability of two thirds, again and again. */
static inline size_t nested_children(const nested_node *node, nested_node *below)
{
    size_t count = 0;
    uint32_t draw = node->hash;
    while (node->levels > 0 && count < NESTED_MOST) {
        draw = nested_hash(draw + 0x9e3779b9u);
        if (draw >= UINT32_MAX / 3 * 2)
            break;
        below[count].hash = nested_hash(draw ^ node->hash);
        below[count++].levels = node->levels - 1;
    }
    return count;
}

/** Works on one node: answers what it counts, and which nodes are `below` it. */
static inline uint64_t nested_visit(const nested_node *node, nested_node *below, size_t *count)
{
    *count = 0;
    if (nested_is_tree) {
        (void)bench_work(node->hash, nested_loops);
        *count = nested_children(node, below);
        return 1;
    }
    if (node->levels == 0 || node->columns == nested_columns)
        return nested_queens_serial(node->columns, node->left, node->right);
    for (uint32_t rest = nested_free(node); rest; rest &= rest - 1)
        below[(*count)++] = nested_place(node, rest & (0 - rest));
    return 0;
}

static uint64_t nested_count(const nested_node *node)
{
    nested_node below[NESTED_MOST];
    const size_t count = nested_children(node, below);
    uint64_t sum = 1;
    for (size_t i = 0; i < count; i++)
        sum += nested_count(&below[i]);
    return sum;
}

static inline void nested_check(const bench_args *args, uint64_t answer, uint64_t right)
{
    if (answer != right)
        bench_wrong(
            "%s(%zu) is %ju, not %ju", args->kind, args->n, (uintmax_t)right, (uintmax_t)answer);
}

static inline void nested_run_fib(const bench_args *args)
{
    const double start = bench_now();
    const uint64_t answer = nested_fib(args->n, args->cutoff);
    bench_report("seconds", bench_now() - start);
    uint64_t a = 0;
    uint64_t b = 1;
    for (size_t i = 0; i < args->n; i++) {
        const uint64_t sum = a + b;
        a = b;
        b = sum;
    }
    nested_check(args, answer, a);
}

static inline void nested_run_nodes(const bench_args *args)
{
    static const uint64_t queens[] = {
        1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596, 2279184};
    const size_t most = sizeof queens / sizeof *queens - 1;
    nested_is_tree = strcmp(args->kind, "tree") == 0;
    if (!nested_is_tree && args->n > most)
        bench_wrong("%zu queens are too many", args->n);
    nested_columns = nested_is_tree ? 0 : (1u << args->n) - 1;
    nested_loops = bench_loops(args);
    const nested_node root = {0, 0, 0, 1, nested_is_tree ? args->n : args->cutoff};
    const double start = bench_now();
    const uint64_t answer = nested_sum(&root);
    bench_report("seconds", bench_now() - start);
    nested_check(args, answer, nested_is_tree ? nested_count(&root) : queens[args->n]);
}

static inline void nested_run(const bench_args *args)
{
    if (strcmp(args->kind, "queens") == 0 || strcmp(args->kind, "tree") == 0)
        nested_run_nodes(args);
    else if (strcmp(args->kind, "fib") == 0 || *args->kind == 0)
        nested_run_fib(args);
    else
        bench_wrong("there is no kind %s", args->kind);
}

#endif
