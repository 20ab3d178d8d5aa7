/* test-gate.c - drains: who waits for whom, and who does not
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "graph-fixture.h"

#include <errno.h>

#define HOUR_MS (3600 * 1000)

/* A leaf, a backend on it, and a channel on a loop. */
typedef struct
{
  TestLeaf *leaf;
  BanyanLoop *loop;
  BanyanBackend *backend;
  GPtrArray *backends;
  BanyanChannel *channel;
  BanyanCoSemaphore stop;

  guint done;     /* atomic: requests that ended */
  guint order[8]; /* who, in the order of ending */
} Fixture;

static void
open_channel (gpointer data)
{
  Fixture *fixture = data;

  fixture->channel = banyan_backend_open_channel (fixture->backend);
  g_assert_nonnull (fixture->channel);
}

static void
close_channel (gpointer data)
{
  Fixture *fixture = data;

  banyan_channel_close (fixture->channel);
}

static void
set_up (Fixture *fixture)
{
  *fixture = (Fixture){ .leaf = test_leaf_new (65536), .loop = start_loop (NULL) };
  fixture->backend = test_backend_new (fixture->leaf, fixture->loop);
  fixture->backends = g_ptr_array_new ();
  g_ptr_array_add (fixture->backends, fixture->backend);
  banyan_co_semaphore_init (&fixture->stop, 0);
  run_on (fixture->loop, open_channel, fixture);
}

static void
tear_down (Fixture *fixture)
{
  run_on (fixture->loop, close_channel, fixture);
  g_assert_cmpuint (fixture->leaf->attached, ==, 0);
  banyan_loop_stop (fixture->loop);
  g_ptr_array_unref (fixture->backends);
  test_backend_free (fixture->backend);
  test_node_free (fixture->leaf);
}

/* Runs @func on the main loop, where drains are. */
static void
run (BanyanCoroutineFunc func)
{
  Fixture fixture;

  set_up (&fixture);
  test_run_main (func, &fixture);
  tear_down (&fixture);
}

static guint
get (guint *counter)
{
  return __atomic_load_n (counter, __ATOMIC_ACQUIRE);
}

static void
wait_for (guint *counter, guint value)
{
  while (get (counter) < value)
    banyan_co_yield ();
}

typedef struct
{
  Fixture *fixture;
  guint number;
} Reader;

static void
read_main (gpointer data)
{
  Reader *reader = data;
  Fixture *fixture = reader->fixture;
  guint8 bytes[16];
  struct iovec iov = { bytes, sizeof bytes };
  BanyanRequest request = BANYAN_REQUEST (0, sizeof bytes, &iov, 1);
  g_autoptr (GError) error = NULL;

  banyan_channel_read (fixture->channel, &request, &error);
  g_assert_no_error (error);
  fixture->order[fixture->done % G_N_ELEMENTS (fixture->order)] = reader->number;
  __atomic_add_fetch (&fixture->done, 1, __ATOMIC_RELEASE);
}

/* @reader lives until the request has ended. */
static void
start_reading (Fixture *fixture, Reader *reader, guint number)
{
  *reader = (Reader){ fixture, number };
  banyan_coroutine_start_on (fixture->loop, read_main, reader);
}

static gboolean
visit_branch (gpointer data, GError **error)
{
  return TRUE;
}

/* Whatever was posted to the loop before has been seen. */
static void
settle (Fixture *fixture)
{
  for (guint i = 0; i < 4; i++)
    banyan_co_run_on (fixture->loop, visit_branch, NULL, NULL);
}

static void
close_gates (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  banyan_co_close_gates (fixture->backends, NULL, 0, &error);
  g_assert_no_error (error);
}

/* -- Waiting for what is in flight. -- */

static gboolean
release_later (gpointer data, GError **error)
{
  Fixture *fixture = data;

  while (!fixture->channel->is_closed)
    banyan_co_yield ();
  g_assert_cmpuint (get (&fixture->done), ==, 0);
  banyan_co_semaphore_release (&fixture->stop);
  return TRUE;
}

static void
release_main (gpointer data)
{
  release_later (data, NULL);
}

static void
drain_with_one_inside (gpointer data)
{
  Fixture *fixture = data;
  Reader reader;

  fixture->leaf->stop = &fixture->stop;
  start_reading (fixture, &reader, 0);
  wait_for (&fixture->leaf->inside, 1);
  banyan_coroutine_start_on (fixture->loop, release_main, fixture);

  close_gates (fixture);
  g_assert_cmpuint (get (&fixture->leaf->inside), ==, 0);
  g_assert_cmpuint (fixture->channel->in_flight, ==, 0);
  banyan_co_open_gates (fixture->backends, NULL);
  wait_for (&fixture->done, 1);
}

static void
test_waits_for_in_flight (void)
{
  g_test_summary ("A drain ends when the last request has left, not before");

  run (drain_with_one_inside);
}

static void
drain_with_crowd (gpointer data)
{
  Fixture *fixture = data;
  Reader readers[6];

  close_gates (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    start_reading (fixture, &readers[i], i);
  settle (fixture);
  g_assert_cmpuint (fixture->leaf->reads, ==, 0);

  banyan_co_open_gates (fixture->backends, NULL);
  wait_for (&fixture->done, G_N_ELEMENTS (readers));
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    g_assert_cmpuint (fixture->order[i], ==, i);
  g_assert_false (fixture->channel->is_blocked);
}

static void
test_first_come (void)
{
  g_test_summary ("Who waits at a gate goes in in the order of coming");

  run (drain_with_crowd);
}

static void
drain_twice (gpointer data)
{
  Fixture *fixture = data;
  Reader reader;

  close_gates (fixture);
  close_gates (fixture);
  start_reading (fixture, &reader, 0);
  banyan_co_open_gates (fixture->backends, NULL);
  settle (fixture);
  g_assert_cmpuint (fixture->leaf->reads, ==, 0);

  banyan_co_open_gates (fixture->backends, NULL);
  wait_for (&fixture->done, 1);
}

static void
test_nests (void)
{
  g_test_summary ("A gate that was closed twice opens when it was opened twice");

  run (drain_twice);
}

/* A waiter is not in flight: a drain on top of another one does not wait for it. */
static void
drain_over_waiters (gpointer data)
{
  Fixture *fixture = data;
  Reader reader;

  close_gates (fixture);
  start_reading (fixture, &reader, 0);
  settle (fixture);
  close_gates (fixture);
  banyan_co_open_gates (fixture->backends, NULL);
  close_gates (fixture);
  banyan_co_open_gates (fixture->backends, NULL);
  banyan_co_open_gates (fixture->backends, NULL);
  wait_for (&fixture->done, 1);
}

static void
test_waiters_hold_up_nobody (void)
{
  g_test_summary ("A request that waits at the gate holds up no drain");

  run (drain_over_waiters);
}

/* -- Passes. -- */

static gboolean
read_inside (gpointer data, GError **error)
{
  Reader reader = { data, 7 };

  read_main (&reader);
  read_main (&reader);
  return TRUE;
}

static void
enter_then_gather (gpointer data)
{
  Fixture *fixture = data;
  BanyanGather gather = BANYAN_GATHER_INIT;

  banyan_channel_enter (fixture->channel);
  __atomic_store_n (&fixture->order[7], 1, __ATOMIC_RELEASE);
  while (!fixture->channel->is_closed)
    banyan_co_yield ();

  banyan_gather_start (&gather, read_inside, fixture);
  banyan_gather_start (&gather, read_inside, fixture);
  g_assert_true (read_inside (fixture, NULL));
  g_assert_true (banyan_co_gather (&gather, NULL));
  g_assert_nonnull (banyan_co_get_pass ());
  banyan_channel_leave (fixture->channel);
  g_assert_null (banyan_co_get_pass ());
}

static void
drain_with_branches (gpointer data)
{
  Fixture *fixture = data;

  fixture->leaf->is_slow = TRUE;
  banyan_coroutine_start_on (fixture->loop, enter_then_gather, fixture);
  wait_for (&fixture->order[7], 1);
  close_gates (fixture);
  g_assert_cmpuint (get (&fixture->done), ==, 6);
  banyan_co_open_gates (fixture->backends, NULL);
}

static void
test_pass_is_inherited (void)
{
  g_test_summary ("What a request starts has its pass, meets no gate, and is waited for");

  run (drain_with_branches);
}

static void
drain_with_transaction_pass (gpointer data)
{
  Fixture *fixture = data;
  gpointer pass;

  close_gates (fixture);
  pass = banyan_co_swap_pass (banyan_pass_for_transaction ());
  g_assert_true (banyan_co_run_on (fixture->loop, read_inside, fixture, NULL));
  banyan_co_swap_pass (pass);
  g_assert_cmpuint (fixture->leaf->reads, ==, 2);
  banyan_co_open_gates (fixture->backends, NULL);
}

static void
test_transaction_pass (void)
{
  g_test_summary ("A transaction's pass leads through closed gates");

  run (drain_with_transaction_pass);
}

/* -- Time. -- */

static void
drain_past_timeout (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanSpec) gate = NULL;
  Reader readers[2];

  fixture->leaf->stop = &fixture->stop;
  start_reading (fixture, &readers[0], 0);
  wait_for (&fixture->leaf->inside, 1);

  g_assert_false (banyan_co_close_gates (fixture->backends, NULL, 10, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_TIMEOUT);
  g_assert_nonnull (strstr (error->message, "test (1 in flight"));

  gate = banyan_backend_describe_gate (fixture->backend);
  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (gate, "closed")), ==, "0");
  g_assert_cmpstr (banyan_spec_get_text (banyan_spec_lookup (gate, "in-flight")), ==, "1");

  start_reading (fixture, &readers[1], 1);
  wait_for (&fixture->leaf->inside, 2);
  banyan_co_semaphore_release (&fixture->stop);
  banyan_co_semaphore_release (&fixture->stop);
  wait_for (&fixture->done, 2);

  /* And it still works. */
  close_gates (fixture);
  banyan_co_open_gates (fixture->backends, NULL);
}

static void
test_timeout (void)
{
  g_test_summary ("A drain past its timeout names who is busy, and leaves things as they were");

  run (drain_past_timeout);
}

static void
sleep_twice (gpointer data)
{
  Fixture *fixture = data;

  banyan_channel_enter (fixture->channel);
  __atomic_store_n (&fixture->order[7], 1, __ATOMIC_RELEASE);
  g_assert_true (banyan_co_sleep_ms (HOUR_MS, NULL));
  g_assert_true (banyan_co_sleep_ms (HOUR_MS, NULL));
  banyan_channel_leave (fixture->channel);
  __atomic_add_fetch (&fixture->done, 1, __ATOMIC_RELEASE);
}

static void
drain_sleepers (gpointer data)
{
  Fixture *fixture = data;

  banyan_coroutine_start_on (fixture->loop, sleep_twice, fixture);
  wait_for (&fixture->order[7], 1);
  close_gates (fixture);
  wait_for (&fixture->done, 1);
  banyan_co_open_gates (fixture->backends, NULL);
}

static void
test_sleepers_are_cut (void)
{
  g_test_summary ("A drain cuts short the sleeps of requests inside, those to come included");

  run (drain_sleepers);
}

/* -- Channels that come and go. -- */

typedef struct
{
  Fixture *fixture;
  BanyanChannel *channel;
  guint done; /* atomic */
} Late;

static void
open_late (gpointer data)
{
  Late *late = data;
  guint8 byte;
  struct iovec iov = { &byte, 1 };
  BanyanRequest request = BANYAN_REQUEST (0, 1, &iov, 1);

  late->channel = banyan_backend_open_channel (late->fixture->backend);
  g_assert_true (late->channel->is_closed);
  g_assert_cmpuint (banyan_channel_get_length (late->channel), ==, 65536);
  __atomic_store_n (&late->done, 1, __ATOMIC_RELEASE);
  g_assert_true (banyan_channel_read (late->channel, &request, NULL));
  g_assert_cmpuint (banyan_channel_get_length (late->channel), ==, 65536);
  banyan_channel_close (late->channel);
  __atomic_store_n (&late->done, 2, __ATOMIC_RELEASE);
}

static void
open_during_drain (gpointer data)
{
  Fixture *fixture = data;
  BanyanLoop *loop = start_loop (NULL);
  Late late = { .fixture = fixture };

  close_gates (fixture);
  banyan_coroutine_start_on (loop, open_late, &late);
  wait_for (&late.done, 1);
  g_assert_cmpuint (get (&fixture->leaf->reads), ==, 0);
  g_assert_cmpuint (get (&fixture->leaf->attached), ==, 1);

  banyan_co_open_gates (fixture->backends, NULL);
  wait_for (&late.done, 2);
  g_assert_cmpuint (get (&fixture->leaf->reads), ==, 1);
  g_assert_cmpuint (get (&fixture->leaf->attached), ==, 1);
  banyan_loop_stop (loop);
}

static void
test_opened_while_closed (void)
{
  g_test_summary ("A channel that is opened while the gate is closed starts closed");

  run (open_during_drain);
}

/* Opens and closes channels as fast as it can until told to stop. */
typedef struct
{
  BanyanBackend *backend;
  guint *stop;
  guint rounds;
  guint ended; /* atomic */
} Churn;

static void
churn (gpointer data)
{
  Churn *self = data;
  guint8 byte;
  struct iovec iov = { &byte, 1 };
  BanyanRequest request = BANYAN_REQUEST (0, 1, &iov, 1);

  while (!get (self->stop))
    {
      BanyanChannel *channel = banyan_backend_open_channel (self->backend);

      g_assert_true (banyan_channel_read (channel, &request, NULL));
      banyan_co_yield ();
      banyan_channel_close (channel);
      self->rounds++;
    }
  __atomic_store_n (&self->ended, 1, __ATOMIC_RELEASE);
}

/* Every switch goes to another leaf, and everything must be off the old one by then. */
static void
switch_under_churn (gpointer data)
{
  Fixture *fixture = data;
  TestLeaf *leaves[2] = { fixture->leaf, test_leaf_new (65536) };
  BanyanChild *edge = banyan_backend_get_child (fixture->backend);
  BanyanLoop *loops[2] = { start_loop (NULL), start_loop (NULL) };
  Churn churns[2];
  guint stop = 0;

  leaves[0]->is_slow = leaves[1]->is_slow = TRUE;
  for (guint i = 0; i < 2; i++)
    {
      churns[i] = (Churn){ fixture->backend, &stop };
      banyan_coroutine_start_on (loops[i], churn, &churns[i]);
    }

  for (guint i = 1; i < 200; i++)
    {
      guint reads;

      close_gates (fixture);
      g_assert_cmpuint (get (&leaves[0]->inside) + get (&leaves[1]->inside), ==, 0);
      test_lead (edge, leaves[i % 2]);
      banyan_co_update_attachments (NULL);
      g_assert_cmpuint (get (&leaves[(i + 1) % 2]->attached), ==, 0);
      g_assert_cmpuint (get (&leaves[i % 2]->attached), >=, 1);
      reads = get (&leaves[i % 2]->reads);
      banyan_co_open_gates (fixture->backends, NULL);
      if (i % 10 == 0)
        wait_for (&leaves[i % 2]->reads, reads + 1);
    }

  __atomic_store_n (&stop, 1, __ATOMIC_RELEASE);
  for (guint i = 0; i < 2; i++)
    {
      wait_for (&churns[i].ended, 1);
      banyan_loop_stop (loops[i]);
      g_assert_cmpuint (churns[i].rounds, >, 0);
    }
  close_gates (fixture);
  test_lead (edge, leaves[0]);
  banyan_co_update_attachments (NULL);
  banyan_co_open_gates (fixture->backends, NULL);
  g_assert_cmpuint (leaves[1]->attached, ==, 0);
  g_object_unref (leaves[1]);
}

static void
test_switches_under_churn (void)
{
  g_test_summary ("While channels come and go on two loops, no request is inside during a switch, "
                  "and attachments follow");

  run (switch_under_churn);
}

/* -- Hooks. -- */

static guint hooks_begun, hooks_ended;

static void
note_begin (BanyanElement *element)
{
  hooks_begun++;
}

static void
note_end (BanyanElement *element)
{
  hooks_ended++;
}

static void
drain_with_hooks (gpointer data)
{
  Fixture *fixture = data;
  BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (fixture->leaf);
  g_autoptr (GPtrArray) elements = g_ptr_array_new ();

  klass->drain_begin = note_begin;
  klass->drain_end = note_end;
  g_ptr_array_add (elements, fixture->leaf);
  g_assert_true (banyan_co_close_gates (fixture->backends, elements, 0, NULL));
  g_assert_cmpuint (hooks_begun, ==, 1);
  g_assert_cmpuint (hooks_ended, ==, 0);
  banyan_co_open_gates (fixture->backends, elements);
  g_assert_cmpuint (hooks_ended, ==, 1);
  klass->drain_begin = klass->drain_end = NULL;
}

static void
test_hooks (void)
{
  g_test_summary ("Nodes are told that a drain begins, and that it has ended");

  run (drain_with_hooks);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gate/waits-for-in-flight", test_waits_for_in_flight);
  g_test_add_func ("/gate/first-come-first-served", test_first_come);
  g_test_add_func ("/gate/nests", test_nests);
  g_test_add_func ("/gate/waiters-hold-up-nobody", test_waiters_hold_up_nobody);
  g_test_add_func ("/gate/pass-is-inherited", test_pass_is_inherited);
  g_test_add_func ("/gate/transaction-has-a-pass", test_transaction_pass);
  g_test_add_func ("/gate/timeout-changes-nothing", test_timeout);
  g_test_add_func ("/gate/sleepers-are-cut", test_sleepers_are_cut);
  g_test_add_func ("/gate/opened-while-closed", test_opened_while_closed);
  g_test_add_func ("/gate/switches-under-churn", test_switches_under_churn);
  g_test_add_func ("/gate/hooks-tell-begin-and-end", test_hooks);
  return g_test_run ();
}
