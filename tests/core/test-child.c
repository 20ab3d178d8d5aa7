/* test-child.c - what an edge makes of requests: routes, flags, fallbacks, answers
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "graph-fixture.h"

#include <errno.h>

/* A leaf, something on top of it, and an edge to that. */
typedef struct
{
  TestLeaf *leaf;
  gpointer top;
  BanyanChild *edge;
} Stack;

static Stack
stack_new (gpointer (*above) (TestLeaf *leaf))
{
  Stack stack = { .leaf = test_leaf_new (1 << 22) };

  stack.top = above != NULL ? above (stack.leaf) : stack.leaf;
  stack.edge = test_connect (NULL, stack.top);
  return stack;
}

static void
stack_free (Stack *stack)
{
  test_lead (stack->edge, NULL);
  banyan_child_unref (stack->edge);
  test_node_free (stack->top);
}

static void
restack (Stack *stack)
{
  banyan_node_update_limits (BANYAN_NODE (stack->leaf));
  banyan_child_update_route (stack->edge);
}

/* Runs @func in a coroutine with a plain leaf. */
static void
with_leaf (BanyanCoroutineFunc func)
{
  Stack stack = stack_new (NULL);

  run_alone (NULL, func, &stack);
  stack_free (&stack);
}

static gboolean
write_bytes (Stack *stack, guint64 offset, guint8 byte, gsize length, guint flags)
{
  g_autofree guint8 *data = g_malloc (length);
  g_autoptr (GError) error = NULL;
  gboolean succeeded;

  memset (data, byte, length);
  succeeded = banyan_child_pwrite (stack->edge, offset, data, length, flags, &error);
  g_assert_cmpint (succeeded, ==, error == NULL);
  return succeeded;
}

static BanyanAnswer
zero (Stack *stack, guint64 offset, guint64 length, guint flags)
{
  BanyanRequest request = BANYAN_REQUEST (offset, length, NULL, 0);
  g_autoptr (GError) error = NULL;
  BanyanAnswer answer;

  request.flags = flags;
  answer = banyan_child_write_zeroes (stack->edge, &request, &error);
  g_assert_cmpint (answer == BANYAN_FAILED, ==, error != NULL);
  return answer;
}

/* -- Routes. -- */

static gpointer
put_hollow_pass_hollow (TestLeaf *leaf)
{
  return test_hollow_new (test_pass_new (test_hollow_new (leaf)));
}

static void
read_once (gpointer data)
{
  guint8 byte = 1;

  g_assert_true (banyan_child_pread (((Stack *) data)->edge, 0, &byte, 1, NULL));
  g_assert_cmpuint (byte, ==, 0);
}

static void
test_routes (void)
{
  Stack stack = stack_new (put_hollow_pass_hollow);
  TestPass *pass
      = (TestPass *) ((BanyanChild *) banyan_element_get_edges (stack.top)->pdata[0])->node;

  g_test_summary ("An edge goes straight to the next node that implements an operation");

  g_assert_true (stack.edge->route[BANYAN_OP_READ].node == BANYAN_NODE (pass));
  g_assert_true (pass->file->route[BANYAN_OP_READ].node == BANYAN_NODE (stack.leaf));
  g_assert_true (stack.edge->route[BANYAN_OP_FLUSH].node == BANYAN_NODE (stack.leaf));
  g_assert_true (stack.edge->route[BANYAN_OP_DISCARD].node == BANYAN_NODE (stack.leaf));
  run_alone (NULL, read_once, &stack);
  g_assert_cmpuint (pass->calls, ==, 1);
  g_assert_cmpuint (stack.leaf->reads, ==, 1);
  stack_free (&stack);
}

/* -- Ranges. -- */

static void
refuse_ranges (gpointer data)
{
  static const struct
  {
    guint64 offset, length;
  } bad[] = { { 1 << 22, 1 },     { 0, (1 << 22) + 1 },   { (1 << 22) - 1, 2 },
              { G_MAXUINT64, 1 }, { G_MAXUINT64 - 1, 4 }, { 4096, G_MAXUINT64 - 4095 },
              { 1, G_MAXUINT64 } };
  Stack *stack = data;
  struct iovec iov = { NULL, G_MAXUINT64 };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      BanyanRequest request = BANYAN_REQUEST (bad[i].offset, bad[i].length, &iov, 1);
      g_autoptr (GError) read_error = NULL, write_error = NULL, zero_error = NULL,
                         discard_error = NULL;

      g_assert_false (banyan_child_read (stack->edge, &request, &read_error));
      g_assert_error (read_error, BANYAN_ERRNO, EINVAL);
      g_assert_false (banyan_child_write (stack->edge, &request, &write_error));
      g_assert_error (write_error, BANYAN_ERRNO, EINVAL);
      g_assert_cmpint (banyan_child_write_zeroes (stack->edge, &request, &zero_error), ==,
                       BANYAN_FAILED);
      g_assert_error (zero_error, BANYAN_ERRNO, EINVAL);
      g_assert_cmpint (banyan_child_discard (stack->edge, &request, &discard_error), ==,
                       BANYAN_FAILED);
      g_assert_error (discard_error, BANYAN_ERRNO, EINVAL);
    }
  g_assert_cmpuint (stack->leaf->reads + stack->leaf->writes, ==, 0);
}

static void
test_refuses_ranges (void)
{
  g_test_summary ("What begins or ends beyond the node fails with EINVAL, overflows included");

  with_leaf (refuse_ranges);
}

static void
do_nothing_at_end (gpointer data)
{
  Stack *stack = data;
  guint8 byte;

  g_assert_true (banyan_child_pread (stack->edge, 1 << 22, &byte, 0, NULL));
  g_assert_true (banyan_child_pwrite (stack->edge, 0, &byte, 0, 0, NULL));
  g_assert_cmpint (zero (stack, 5, 0, 0), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->reads + stack->leaf->writes + stack->leaf->zeroes, ==, 0);
}

static void
test_empty_requests (void)
{
  g_test_summary ("A request for no bytes succeeds and reaches nobody");

  with_leaf (do_nothing_at_end);
}

/* -- FUA and flushes. -- */

static void
write_fua (gpointer data)
{
  Stack *stack = data;

  g_assert_true (write_bytes (stack, 0, 1, 512, BANYAN_REQUEST_FUA));
  g_assert_cmpuint (stack->leaf->fua_writes, ==, 0);
  g_assert_cmpuint (stack->leaf->flushes, ==, 1);

  stack->leaf->capabilities = BANYAN_CAN_FUA;
  restack (stack);
  g_assert_true (write_bytes (stack, 0, 1, 512, BANYAN_REQUEST_FUA));
  g_assert_cmpuint (stack->leaf->fua_writes, ==, 1);
  g_assert_cmpuint (stack->leaf->flushes, ==, 1);
}

static void
test_fua (void)
{
  g_test_summary ("FUA becomes a flush after the write where the node cannot do it itself");

  with_leaf (write_fua);
}

static void
write_fua_split (gpointer data)
{
  Stack *stack = data;

  stack->leaf->limits.max_transfer = 512;
  restack (stack);
  g_assert_true (write_bytes (stack, 0, 1, 4096, BANYAN_REQUEST_FUA));
  g_assert_cmpuint (stack->leaf->writes, ==, 8);
  g_assert_cmpuint (stack->leaf->flushes, ==, 1);
}

static void
test_fua_split (void)
{
  g_test_summary ("A split write with FUA is flushed once, at its end");

  with_leaf (write_fua_split);
}

static void
write_failing_fua (gpointer data)
{
  Stack *stack = data;

  stack->leaf->fails = 1;
  g_assert_false (write_bytes (stack, 0, 1, 512, BANYAN_REQUEST_FUA));
  g_assert_cmpuint (stack->leaf->flushes, ==, 0);
}

static void
test_failing_fua (void)
{
  g_test_summary ("A write that failed is not flushed, and its error comes back");

  with_leaf (write_failing_fua);
}

static void
drop_flushes (gpointer data)
{
  Stack *stack = data;

  g_assert_true (banyan_child_flush (stack->edge, NULL));
  g_assert_true (write_bytes (stack, 0, 1, 512, BANYAN_REQUEST_FUA));
  g_assert_cmpint (zero (stack, 0, 512, BANYAN_REQUEST_FUA), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->flushes, ==, 0);
  g_assert_cmpuint (stack->leaf->fua_writes, ==, 0);
  g_assert_cmpuint (stack->leaf->last_flags, ==, 0);
}

static void
test_no_flush (void)
{
  Stack stack = stack_new (NULL);
  g_autoptr (BanyanCache) cache = g_object_new (BANYAN_TYPE_CACHE, "no-flush", TRUE, NULL);

  g_test_summary ("cache.no-flush leaves out flushes, and FUA as well");

  g_object_set (stack.leaf, "cache", cache, NULL);
  restack (&stack);
  run_alone (NULL, drop_flushes, &stack);
  stack_free (&stack);
}

/* -- Zeroes. -- */

static void
zero_by_hand (gpointer data)
{
  Stack *stack = data;
  guint64 length = (1 << 22) - 1000;

  g_assert_true (write_bytes (stack, 0, 0xFF, 1 << 22, 0));
  stack->leaf->writes = 0;
  stack->leaf->answer = BANYAN_UNSUPPORTED;

  g_assert_cmpint (zero (stack, 500, length, BANYAN_REQUEST_NO_FALLBACK), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpuint (stack->leaf->writes, ==, 0);

  g_assert_cmpint (zero (stack, 500, length, BANYAN_REQUEST_FUA), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->writes, ==, 4);
  g_assert_cmpuint (stack->leaf->flushes, ==, 1);
  g_assert_cmpuint (stack->leaf->data[499], ==, 0xFF);
  g_assert_cmpuint (stack->leaf->data[500 + length], ==, 0xFF);
  for (guint64 i = 500; i < 500 + length; i++)
    if (stack->leaf->data[i] != 0)
      g_error ("byte %" G_GUINT64_FORMAT " is not zero", i);
}

static void
test_zeroes_fallback (void)
{
  g_test_summary ("Zeroes that a node cannot make are written in pieces, unless NO_FALLBACK; "
                  "unsupported comes without an error");

  with_leaf (zero_by_hand);
}

static void
zero_around (gpointer data)
{
  Stack *stack = data;

  stack->leaf->limits.zeroes_alignment = 4096;
  stack->leaf->limits.max_zeroes = 8192;
  restack (stack);
  g_assert_true (write_bytes (stack, 0, 0xFF, 65536, 0));
  stack->leaf->writes = 0;

  g_assert_cmpint (zero (stack, 1000, 40000, BANYAN_REQUEST_NO_FALLBACK), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->zeroes, ==, 5);
  g_assert_cmpuint (stack->leaf->writes, ==, 2);
  g_assert_cmpuint (stack->leaf->data[999], ==, 0xFF);
  g_assert_cmpuint (stack->leaf->data[1000], ==, 0);
  g_assert_cmpuint (stack->leaf->data[40999], ==, 0);
  g_assert_cmpuint (stack->leaf->data[41000], ==, 0xFF);

  g_assert_cmpint (zero (stack, 4097, 4095, BANYAN_REQUEST_NO_FALLBACK), ==, BANYAN_UNSUPPORTED);
}

static void
test_zeroes_heads_and_tails (void)
{
  g_test_summary ("What is not aligned around zeroes that a node can make is written");

  with_leaf (zero_around);
}

static void
check_unmap (gpointer data)
{
  Stack *stack = data;
  BanyanRequest request = BANYAN_REQUEST (0, 4096, NULL, 0);

  g_assert_cmpint (zero (stack, 0, 4096, BANYAN_REQUEST_MAY_UNMAP), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->last_flags, ==, BANYAN_REQUEST_MAY_UNMAP);
  g_assert_cmpint (banyan_child_discard (stack->edge, &request, NULL), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->discards, ==, 1);

  g_object_set (stack->leaf, "discard", BANYAN_DISCARD_IGNORE, NULL);
  restack (stack);
  g_assert_cmpint (zero (stack, 0, 4096, BANYAN_REQUEST_MAY_UNMAP), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->last_flags, ==, 0);
  g_assert_cmpint (banyan_child_discard (stack->edge, &request, NULL), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->discards, ==, 1);
}

static void
test_discard_ignored (void)
{
  g_test_summary ("discard=ignore drops discards, and keeps zeroes from giving up space");

  with_leaf (check_unmap);
}

static void
discard_around (gpointer data)
{
  Stack *stack = data;
  BanyanRequest odd = BANYAN_REQUEST (1000, 40000, NULL, 0);
  BanyanRequest small = BANYAN_REQUEST (4097, 4095, NULL, 0);

  stack->leaf->limits.discard_alignment = 4096;
  stack->leaf->limits.max_discard = 16384;
  restack (stack);
  g_assert_cmpint (banyan_child_discard (stack->edge, &odd, NULL), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->discards, ==, 3);
  g_assert_cmpint (banyan_child_discard (stack->edge, &small, NULL), ==, BANYAN_DONE);
  g_assert_cmpuint (stack->leaf->discards, ==, 3);
  stack->leaf->answer = BANYAN_UNSUPPORTED;
  g_assert_cmpint (banyan_child_discard (stack->edge, &odd, NULL), ==, BANYAN_UNSUPPORTED);
}

static void
test_discard_aligned (void)
{
  g_test_summary ("Parts of a discard that are not aligned are dropped, the rest is split");

  with_leaf (discard_around);
}

static void
detect (gpointer data)
{
  Stack *stack = data;

  g_assert_true (write_bytes (stack, 0, 0xFF, 8192, 0));
  g_assert_cmpuint (stack->leaf->writes, ==, 1);
  g_assert_true (write_bytes (stack, 0, 0, 4096, 0));
  g_assert_cmpuint (stack->leaf->writes, ==, 1);
  g_assert_cmpuint (stack->leaf->zeroes, ==, 1);
  g_assert_cmpuint (stack->leaf->last_flags, ==, BANYAN_REQUEST_MAY_UNMAP);
  g_assert_cmpuint (stack->leaf->data[4095], ==, 0);
  g_assert_cmpuint (stack->leaf->data[4096], ==, 0xFF);

  stack->leaf->answer = BANYAN_UNSUPPORTED;
  g_assert_true (write_bytes (stack, 4096, 0, 4096, 0));
  g_assert_cmpuint (stack->leaf->writes, ==, 2);
  g_assert_cmpuint (stack->leaf->data[4096], ==, 0);
}

static gpointer
put_detecting_hollow (TestLeaf *leaf)
{
  TestHollow *hollow = test_hollow_new (leaf);

  g_object_set (hollow, "detect-zeroes", BANYAN_DETECT_ZEROES_UNMAP, NULL);
  return hollow;
}

static void
test_detect_zeroes (void)
{
  Stack stack = stack_new (put_detecting_hollow);

  g_test_summary ("detect-zeroes turns written zeroes into the operation, on a filter as well");

  run_alone (NULL, detect, &stack);
  stack_free (&stack);
}

/* -- Answers. -- */

static void
ask_bare (gpointer data)
{
  BanyanChild *edge = data;
  BanyanRequest request = BANYAN_REQUEST (10, 100, NULL, 0);
  BanyanResize resize = { .size = sizeof resize, .length = 5 };
  g_autoptr (GError) error = NULL;
  BanyanBlockStatus status;
  guint8 byte = 0;

  g_assert_cmpint (banyan_child_discard (edge, &request, &error), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (banyan_child_resize (edge, &resize, &error), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (banyan_child_copy_range (edge, &request, edge->node, 0, &error), ==,
                   BANYAN_UNSUPPORTED);
  g_assert_true (banyan_child_flush (edge, &error));
  g_assert_no_error (error);

  g_assert_cmpint (banyan_child_block_status (edge, 10, 100, &status, &error), ==, BANYAN_DONE);
  g_assert_cmpuint (status.flags, ==,
                    BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED | BANYAN_BLOCK_LOCATED);
  g_assert_cmpuint (status.length, ==, 100);
  g_assert_true (status.leaf == edge->node);
  g_assert_cmpuint (status.leaf_offset, ==, 10);

  g_assert_false (banyan_child_pread (edge, 0, &byte, 1, &error));
  g_assert_error (error, BANYAN_ERRNO, ENOTSUP);
  g_clear_error (&error);
  g_assert_false (banyan_child_pwrite (edge, 0, &byte, 1, 0, &error));
  g_assert_error (error, BANYAN_ERRNO, ENOTSUP);
}

static void
test_third_answer (void)
{
  g_autoptr (BanyanNode) leaf
      = g_object_new (test_bare_leaf_get_type (), "discard", BANYAN_DISCARD_UNMAP, NULL);
  BanyanChild *edge = test_connect (NULL, leaf);

  g_test_summary ("What a driver leaves out is unsupported, without an error, or has its default");

  run_alone (NULL, ask_bare, edge);
  test_lead (edge, NULL);
  banyan_child_unref (edge);
  test_settle_main ();
}

static void
use_empty_edge (gpointer data)
{
  BanyanChild *edge = data;
  BanyanRequest request = BANYAN_REQUEST (0, 1, NULL, 0);
  g_autoptr (GError) read_error = NULL, flush_error = NULL, zero_error = NULL;
  guint8 byte;

  g_assert_false (banyan_child_pread (edge, 0, &byte, 1, &read_error));
  g_assert_error (read_error, BANYAN_ERRNO, ENOMEDIUM);
  g_assert_false (banyan_child_flush (edge, &flush_error));
  g_assert_error (flush_error, BANYAN_ERRNO, ENOMEDIUM);
  g_assert_cmpint (banyan_child_write_zeroes (edge, &request, &zero_error), ==, BANYAN_FAILED);
  g_assert_error (zero_error, BANYAN_ERRNO, ENOMEDIUM);
  g_assert_cmpuint (banyan_child_get_length (edge), ==, 0);
}

static void
test_empty_edge (void)
{
  BanyanChild *edge = banyan_child_new (NULL, "empty", 0);

  g_test_summary ("An edge that leads nowhere fails with ENOMEDIUM");

  run_alone (NULL, use_empty_edge, edge);
  banyan_child_unref (edge);
}

static void
prefetch (gpointer data)
{
  Stack *stack = data;
  BanyanRequest request = BANYAN_REQUEST (100, 5000, NULL, 0);

  request.flags = BANYAN_REQUEST_PREFETCH;
  g_assert_true (banyan_child_read (stack->edge, &request, NULL));
  g_assert_cmpuint (stack->leaf->reads, ==, 0);

  stack->leaf->capabilities = BANYAN_CAN_PREFETCH;
  stack->leaf->limits.request_alignment = 4096;
  restack (stack);
  g_assert_true (banyan_child_read (stack->edge, &request, NULL));
  g_assert_cmpuint (stack->leaf->reads, >, 0);
  g_assert_cmpuint (stack->leaf->last_flags, ==, BANYAN_REQUEST_PREFETCH);
}

static void
test_prefetch (void)
{
  g_test_summary ("A prefetch is dropped by who does not know it, and needs no buffers");

  with_leaf (prefetch);
}

/* -- Lengths. -- */

static gpointer
put_two_hollows (TestLeaf *leaf)
{
  return test_hollow_new (test_pass_new (leaf));
}

static void
grow (gpointer data)
{
  Stack *stack = data;
  BanyanResize resize = { .size = sizeof resize, .length = 1 << 23 };
  guint8 byte = 7;

  g_assert_cmpint (banyan_child_resize (stack->edge, &resize, NULL), ==, BANYAN_DONE);
  g_assert_cmpuint (banyan_child_get_length (stack->edge), ==, 1 << 23);
  g_assert_true (banyan_child_pwrite (stack->edge, (1 << 23) - 1, &byte, 1, 0, NULL));
}

static void
count_notify (GObject *object, GParamSpec *pspec, gpointer data)
{
  ++*(guint *) data;
}

static void
test_length_goes_up (void)
{
  Stack stack = stack_new (put_two_hollows);
  guint64 length;
  guint told = 0;

  g_test_summary ("Filters show their child's length at once, and tell of it on the main thread");

  test_settle_main ();
  g_signal_connect (stack.top, "notify::length", G_CALLBACK (count_notify), &told);
  run_alone (NULL, grow, &stack);
  g_assert_cmpuint (banyan_node_get_length (stack.top), ==, 1 << 23);
  g_assert_cmpuint (told, ==, 0);
  test_settle_main ();
  g_assert_cmpuint (told, ==, 1);
  g_object_get (stack.top, "length", &length, NULL);
  g_assert_cmpuint (length, ==, 1 << 23);
  stack_free (&stack);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/child/goes-straight-to-who-implements-it", test_routes);
  g_test_add_func ("/child/refuses-ranges", test_refuses_ranges);
  g_test_add_func ("/child/empty-requests-reach-nobody", test_empty_requests);
  g_test_add_func ("/child/fua-is-emulated", test_fua);
  g_test_add_func ("/child/fua-flushes-once", test_fua_split);
  g_test_add_func ("/child/failed-write-is-not-flushed", test_failing_fua);
  g_test_add_func ("/child/no-flush-leaves-out-flushes", test_no_flush);
  g_test_add_func ("/child/zeroes-fall-back", test_zeroes_fallback);
  g_test_add_func ("/child/zeroes-heads-and-tails", test_zeroes_heads_and_tails);
  g_test_add_func ("/child/discard-is-ignored", test_discard_ignored);
  g_test_add_func ("/child/discard-is-aligned", test_discard_aligned);
  g_test_add_func ("/child/detects-zeroes", test_detect_zeroes);
  g_test_add_func ("/child/left-out-is-unsupported", test_third_answer);
  g_test_add_func ("/child/leads-nowhere", test_empty_edge);
  g_test_add_func ("/child/prefetch-is-dropped", test_prefetch);
  g_test_add_func ("/child/length-goes-up", test_length_goes_up);
  return g_test_run ();
}
