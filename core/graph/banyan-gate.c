/* banyan-gate.c - closing the way into the graph, and waiting until nobody is inside
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The main thread counts in each backend how often its gate was closed; a channel's flag is its
 * loop's copy. Closing goes in two rounds of messages. In the first, each loop closes its channels:
 * nobody enters any more. Then nodes are told, and let go whoever waits for something that is not
 * the graph's work. In the second, each loop cuts short its sleeps and answers when the last
 * request has left. A sleep that begins in a drained channel later on does not last either.
 *
 * Messages from one thread arrive in order, and say what to do rather than by how much, so drains
 * may nest and overlap. A channel that is opened meanwhile takes the flag from the backend's count,
 * under the lock under which that is changed. */

#include "banyan-channel-private.h"

#include "banyan-loop-private.h"

/* -- On a loop. -- */

static BanyanPass hurry;

/* Work that came in through another backend may be inside a drained one, too. */
static gboolean
is_cut (gpointer data)
{
  BanyanPass *pass = data;
  BanyanChannel *channel = pass->channel;

  if (channel == NULL)
    return pass == &hurry;

  if (channel->loop != banyan_loop_current ())
    return FALSE;

  return channel->is_closed || BANYAN_LIVE (channel->backend->is_hurried)
         || (channel->outward > 0 && banyan_presence_here ()->n_closed > 0);
}

static gboolean
is_sleeper_cut (gpointer pass, gpointer data)
{
  return pass != NULL && is_cut (pass);
}

void
banyan_channel_close_gate (BanyanChannel *self)
{
  if (self->is_closed)
    return;

  banyan_loop_set_sleep_cutter (is_cut);
  self->is_closed = TRUE;
  self->is_blocked = TRUE;
  banyan_presence_here ()->n_closed++;
}

static void
open_gate (BanyanChannel *self)
{
  if (!self->is_closed)
    return;

  if (self->nodes == NULL)
    banyan_channel_attach (self);
  self->is_closed = FALSE;
  self->is_blocked = self->first_waiter != NULL;
  banyan_presence_here ()->n_closed--;
  if (self->first_waiter != NULL)
    banyan_coroutine_wake (self->first_waiter->coroutine);
}

static gboolean
is_busy_here (BanyanDrain *drain)
{
  for (BanyanChannel *channel = banyan_presence_here ()->first; channel != NULL;
       channel = channel->next)
    if (channel->in_flight > 0 && g_hash_table_contains (drain->set, channel->backend))
      return TRUE;

  return FALSE;
}

/* Answers the waiting messages for which @is_over says so. */
static void
answer_waiting (gboolean (*is_over) (BanyanDrain *drain, BanyanDrain *only), BanyanDrain *only)
{
  BanyanDrainMessage **link = &banyan_presence_here ()->waiting;

  while (*link != NULL)
    {
      BanyanDrainMessage *message = *link;

      if (is_over (message->drain, only))
        {
          *link = message->next;
          banyan_drain_answer (message);
        }
      else
        link = &message->next;
    }
}

static gboolean
is_idle_here (BanyanDrain *drain, BanyanDrain *only)
{
  return !is_busy_here (drain);
}

static gboolean
is_the_one (BanyanDrain *drain, BanyanDrain *only)
{
  return drain == only;
}

void
banyan_channel_report_idle (BanyanChannel *self)
{
  answer_waiting (is_idle_here, NULL);
}

static void
close_gates_here (BanyanTask *task)
{
  BanyanDrainMessage *message = (BanyanDrainMessage *) task;

  banyan_drain_foreach_here (message->drain, banyan_channel_close_gate);
  if (is_busy_here (message->drain))
    __atomic_fetch_add (&message->drain->busy, 1, __ATOMIC_RELAXED);
  banyan_drain_answer (message);
}

static void
wait_here (BanyanTask *task)
{
  BanyanDrainMessage *message = (BanyanDrainMessage *) task;
  BanyanPresence *presence = banyan_presence_here ();

  if (!is_busy_here (message->drain))
    {
      banyan_drain_answer (message);
      return;
    }

  message->next = presence->waiting;
  presence->waiting = message;
  banyan_loop_cut_sleeps (banyan_loop_current (), is_sleeper_cut, NULL);
}

static void
cut_here (BanyanTask *task)
{
  banyan_loop_cut_sleeps (banyan_loop_current (), is_sleeper_cut, NULL);
  banyan_drain_answer ((BanyanDrainMessage *) task);
}

static void
give_up_here (BanyanTask *task)
{
  BanyanDrainMessage *message = (BanyanDrainMessage *) task;

  /* The drain that is given up is the one whose messages wait; this one is a message of another. */
  answer_waiting (is_the_one, message->drain->given_up);
  banyan_drain_answer (message);
}

static void
open_gates_here (BanyanTask *task)
{
  BanyanDrainMessage *message = (BanyanDrainMessage *) task;

  banyan_drain_foreach_here (message->drain, open_gate);
  banyan_drain_answer (message);
}

/* -- On the main loop. -- */

typedef struct
{
  BanyanCoroutine *coroutine; /* (nullable): until it has ended */
  BanyanCoroutine *waiter;
  guint64 timeout_ms;
  gboolean is_over;
} Deadline;

static void
deadline_main (gpointer data)
{
  Deadline *deadline = data;

  deadline->coroutine = banyan_coroutine_self ();
  deadline->is_over = banyan_co_sleep_ms (deadline->timeout_ms, NULL);
  deadline->coroutine = NULL;
  banyan_coroutine_wake (deadline->waiter);
}

static void
deadline_begin (Deadline *deadline, guint64 timeout_ms)
{
  *deadline = (Deadline){ .waiter = banyan_coroutine_self (), .timeout_ms = timeout_ms };
  if (timeout_ms > 0)
    banyan_coroutine_start (deadline_main, deadline);
}

static void
deadline_end (Deadline *deadline)
{
  if (deadline->coroutine != NULL)
    banyan_coroutine_cancel (deadline->coroutine);
  while (deadline->coroutine != NULL)
    banyan_co_suspend ();
}

/* Nobody is told to go in before all have been told to stay out. */
static BanyanDrainMessage *
count_up_and_post (BanyanDrain *drain)
{
  BanyanDrainMessage *messages;

  banyan_backends_lock ();
  for (guint i = 0; i < drain->backends->len; i++)
    {
      BanyanBackend *backend = drain->backends->pdata[i];

      if (backend->gates++ == 0)
        backend->closed_since_us = g_get_monotonic_time ();
      banyan_backend_note_length (backend, banyan_child_get_length (backend->edge));
    }
  messages = banyan_drain_post (drain, close_gates_here);
  banyan_backends_unlock ();
  return messages;
}

static void
call_hooks (GPtrArray *elements, gboolean is_beginning)
{
  for (guint i = 0; elements != NULL && i < elements->len; i++)
    {
      BanyanElementClass *klass = BANYAN_ELEMENT_GET_CLASS (elements->pdata[i]);
      void (*hook) (BanyanElement *) = is_beginning ? klass->drain_begin : klass->drain_end;

      if (hook != NULL)
        hook (elements->pdata[i]);
    }
}

static void
wait_for_answers (BanyanDrain *drain)
{
  while (__atomic_load_n (&drain->pending, __ATOMIC_ACQUIRE) > 0)
    banyan_co_suspend ();
}

static char *
describe_in_flight (BanyanBackend *self)
{
  g_autofree char *path = banyan_backend_dup_path (self);

  return g_strdup_printf ("%s (%" G_GUINT64_FORMAT " in flight for more than %" G_GINT64_FORMAT
                          " ms)",
                          path, banyan_backend_count_in_flight (self),
                          (g_get_monotonic_time () - self->closed_since_us) / 1000);
}

static void
throw_timeout (BanyanDrain *drain, guint64 timeout_ms, GError **error)
{
  g_autoptr (GString) busy = g_string_new (NULL);

  banyan_backends_lock ();
  for (guint i = 0; i < drain->backends->len; i++)
    if (banyan_backend_count_in_flight (drain->backends->pdata[i]) > 0)
      {
        g_autofree char *one = describe_in_flight (drain->backends->pdata[i]);

        g_string_append_printf (busy, "%s%s", busy->len > 0 ? ", " : "", one);
      }
  banyan_backends_unlock ();

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_TIMEOUT,
               "requests did not end within %" G_GUINT64_FORMAT
               " ms: %s; try again later, or allow more time",
               timeout_ms, busy->len > 0 ? busy->str : "they just did");
}

static void
give_up (BanyanDrain *drain)
{
  BanyanDrain other;

  banyan_drain_init (&other, drain->backends);
  other.given_up = drain;
  banyan_co_drain_round (&other, give_up_here);
  banyan_drain_clear (&other);
  wait_for_answers (drain);
}

/* FALSE when it took too long. */
static gboolean
wait_until_empty (BanyanDrain *drain, guint64 timeout_ms, GError **error)
{
  g_autofree BanyanDrainMessage *messages = NULL;
  gboolean in_time;
  Deadline deadline;

  banyan_backends_lock ();
  messages = banyan_drain_post (drain, wait_here);
  banyan_backends_unlock ();

  deadline_begin (&deadline, timeout_ms);
  while (__atomic_load_n (&drain->pending, __ATOMIC_ACQUIRE) > 0 && !deadline.is_over)
    banyan_co_suspend ();

  in_time = __atomic_load_n (&drain->pending, __ATOMIC_ACQUIRE) == 0;
  deadline_end (&deadline);
  if (in_time)
    return TRUE;

  throw_timeout (drain, timeout_ms, error);
  give_up (drain);
  return FALSE;
}

gboolean
banyan_co_close_gates (GPtrArray *backends, GPtrArray *elements, guint64 timeout_ms, GError **error)
{
  g_autofree BanyanDrainMessage *messages = NULL;
  gboolean is_empty = TRUE;
  BanyanDrain drain;

  /* Whoever is inside would wait for itself to leave. */
  g_assert (banyan_co_get_pass () == NULL);
  g_assert (banyan_loop_current () == banyan_loop_get_main ());

  banyan_drain_init (&drain, backends);
  messages = count_up_and_post (&drain);
  wait_for_answers (&drain);
  call_hooks (elements, TRUE);

  if (drain.busy > 0)
    is_empty = wait_until_empty (&drain, timeout_ms, error);

  banyan_drain_clear (&drain);
  if (!is_empty)
    banyan_co_open_gates (backends, elements);
  return is_empty;
}

void
banyan_co_open_gates (GPtrArray *backends, GPtrArray *elements)
{
  g_autoptr (GPtrArray) opening = g_ptr_array_new ();
  g_autofree BanyanDrainMessage *messages = NULL;
  BanyanDrain drain;

  call_hooks (elements, FALSE);

  banyan_backends_lock ();
  for (guint i = 0; i < backends->len; i++)
    {
      BanyanBackend *backend = backends->pdata[i];

      g_assert (backend->gates > 0);
      if (--backend->gates > 0)
        continue;
      g_ptr_array_add (opening, backend);
    }
  banyan_drain_init (&drain, opening);
  messages = banyan_drain_post (&drain, open_gates_here);
  banyan_backends_unlock ();

  wait_for_answers (&drain);
  banyan_drain_clear (&drain);
}

BanyanSpec *
banyan_backend_describe_gate (BanyanBackend *self)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  g_autofree char *path = banyan_backend_dup_path (self);
  guint64 in_flight;
  gint64 age_us;
  guint gates;

  banyan_backends_lock ();
  gates = self->gates;
  in_flight = banyan_backend_count_in_flight (self);
  age_us = gates > 0 ? g_get_monotonic_time () - self->closed_since_us : 0;
  banyan_backends_unlock ();

  banyan_spec_builder_add_string (map, "owner", path);
  banyan_spec_builder_add_uint (map, "closed", gates);
  banyan_spec_builder_add_int (map, "age-ms", age_us / 1000);
  banyan_spec_builder_add_uint (map, "in-flight", in_flight);
  return banyan_spec_builder_end (map);
}

void
banyan_co_backend_hurry (BanyanBackend *self)
{
  g_autoptr (GPtrArray) alone = g_ptr_array_new ();
  BanyanDrain drain;

  if (self->is_hurried)
    return;

  banyan_loop_set_sleep_cutter (is_cut);
  BANYAN_LIVE_SET (self->is_hurried, TRUE);
  g_ptr_array_add (alone, self);
  banyan_drain_init (&drain, alone);
  banyan_co_drain_round (&drain, cut_here);
  banyan_drain_clear (&drain);
}

gpointer
banyan_pass_for_transaction (void)
{
  static BanyanPass pass;

  return &pass;
}

gpointer
banyan_pass_for_hurry (void)
{
  banyan_loop_set_sleep_cutter (is_cut);
  return &hurry;
}
