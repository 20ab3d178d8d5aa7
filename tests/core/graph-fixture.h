/* graph-fixture.h - drivers and wiring for the tests of the request path
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Edges are wired by hand, as a transaction's switch would, so nothing but the request path is
 * under test. */

#pragma once

#include "banyan-child-private.h"
#include "banyan-channel-private.h"
#include "engine-fixture.h"

#include <string.h>

/* -- A leaf in memory, which checks that requests are what its limits ask for. -- */

G_DECLARE_FINAL_TYPE (TestLeaf, test_leaf, TEST, LEAF, BanyanProtocol)

struct _TestLeaf
{
  BanyanProtocol parent_instance;

  guint8 *data; /* (owned) */
  BanyanLimits limits;
  guint capabilities;
  gboolean is_slow;        /* others get a turn in the middle of each request */
  guint64 sleep_ms;        /* how long a read takes */
  BanyanCoSemaphore *stop; /* (unowned) (nullable): a read waits for it */
  guint fails;             /* so many requests */
  guint64 extent;          /* bytes that status tells of at a time */
  BanyanAnswer answer;     /* of discard and write_zeroes; FAILED: carry it out */

  /* Atomic. */
  guint reads, writes, flushes, discards, zeroes, fua_writes, attached;
  guint inside, most_inside;
  guint last_flags;
};

/* What a test that wants only some operations takes away. */
G_DECLARE_FINAL_TYPE (TestBareLeaf, test_bare_leaf, TEST, BARE_LEAF, BanyanProtocol)
struct _TestBareLeaf
{
  BanyanProtocol parent_instance;
};

/* -- Filters: one that hands everything on, one that implements nothing; a format that shifts. --
 */

G_DECLARE_FINAL_TYPE (TestPass, test_pass, TEST, PASS, BanyanFilter)
struct _TestPass
{
  BanyanFilter parent_instance;

  BanyanChild *file;
  guint calls;
  guint32 alignment; /* of its own, or 0 */
};

G_DECLARE_FINAL_TYPE (TestHollow, test_hollow, TEST, HOLLOW, BanyanFilter)
struct _TestHollow
{
  BanyanFilter parent_instance;

  BanyanChild *file;
};

G_DECLARE_FINAL_TYPE (TestShift, test_shift, TEST, SHIFT, BanyanFormat)
struct _TestShift
{
  BanyanFormat parent_instance;

  BanyanChild *file;
  guint64 offset;
};

TestLeaf *test_leaf_new (guint64 length);
void test_leaf_set_limits (TestLeaf *self, const BanyanLimits *limits, guint capabilities);

/* (transfer full): an edge from @node, or a program's */
BanyanChild *test_connect (gpointer parent, gpointer node);
/* Makes @edge lead to @node, and frees what it led to. */
void test_lead (BanyanChild *edge, gpointer node);
BanyanBackend *test_backend_new (gpointer node, BanyanLoop *home);
void test_backend_free (BanyanBackend *backend);
TestPass *test_pass_new (gpointer below);
TestHollow *test_hollow_new (gpointer below);
TestShift *test_shift_new (gpointer below, guint64 offset);
/* Detaches the node and lets go of it; the main loop has nothing more to say about it then. */
void test_node_free (gpointer node);

/* Runs @func in a coroutine on the main loop, and returns when it has ended. */
void test_run_main (BanyanCoroutineFunc func, gpointer data);
void test_settle_main (void);
