/* nbd-connection.c - who keeps a connection, and who waits for it
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A keeper is a coroutine without a pass, so that no change of the graph waits for it. It makes a
 * link, serves it until it ends, and makes another, for as long as the connection is wanted. */

#include "nbd-client.h"

#include <errno.h>

#define NS_PER_S G_GUINT64_CONSTANT (1000000000)
/* What connecting and negotiating may take, where nothing else was said. */
#define NEGOTIATION_NS (30 * NS_PER_S)
#define FIRST_PAUSE_NS (NS_PER_S / 20)
#define LONGEST_PAUSE_NS (5 * NS_PER_S)

/* On the stack of the request that waits. */
struct _NbdWaiter
{
  BanyanCoroutine *coroutine;
  NbdWaiter *next;
  NbdWaiter **link;
};

/* -- Making a link. -- */

/* The node may be longer than it was; whatever else has changed is no better than no server. */
static gboolean
accept_info (NbdClient *client, const NbdInfo *later, GError **error)
{
  const NbdInfo info = nbd_client_get_info (client);

  if (!nbd_info_allows (&info, later, error))
    return FALSE;

  nbd_client_note_length (client, later->length);
  return TRUE;
}

static NbdLink *BANYAN_COROUTINE
try_link (NbdClient *client, GError **error)
{
  NbdInfo info = { 0 };
  NbdLink *link = nbd_link_open (&client->target, NEGOTIATION_NS, &info, error);

  if (link == NULL || accept_info (client, &info, error))
    return link;

  nbd_link_close (link);
  return NULL;
}

/* Longer each time, until a server answers something again. */
static void BANYAN_COROUTINE
wait_before_next (NbdConnection *self)
{
  self->pause_ns
      = self->pause_ns == 0 ? FIRST_PAUSE_NS : MIN (self->pause_ns * 2, LONGEST_PAUSE_NS);
  banyan_co_sleep_ns (self->pause_ns, NULL);
}

/* NULL when the connection is not wanted any more. */
static NbdLink *BANYAN_COROUTINE
make_link (NbdConnection *self)
{
  while (!self->is_stopping)
    {
      g_autoptr (GError) error = NULL;
      NbdLink *link = try_link (self->client, &error);

      if (link != NULL)
        return link;
      if (self->is_stopping)
        break;
      nbd_client_note_error (self->client, error);
      wait_before_next (self);
    }
  return NULL;
}

/* -- Keeping it. -- */

gboolean
nbd_connection_has_link (const NbdConnection *self)
{
  return self->link != NULL && nbd_link_is_usable (self->link);
}

void
nbd_connection_wake_waiters (NbdConnection *self)
{
  for (NbdWaiter *i = self->waiters; i != NULL; i = i->next)
    banyan_coroutine_wake (i->coroutine);
}

/* Whether the server has answered anything. */
static gboolean BANYAN_COROUTINE
serve (NbdConnection *self, NbdLink *link)
{
  NbdClient *client = self->client;
  gboolean has_answered;
  g_autoptr (GError) error = NULL;

  self->link = link;
  __atomic_fetch_add (&client->n_connected, 1, __ATOMIC_RELAXED);
  nbd_connection_wake_waiters (self);

  if (!nbd_link_serve (link, &error))
    nbd_client_note_error (client, error);

  self->link = NULL;
  self->lost_ns = banyan_loop_now_ns (self->loop);
  has_answered = link->n_answers > 0;
  __atomic_fetch_sub (&client->n_connected, 1, __ATOMIC_RELAXED);
  /* Who is told that his command has failed asks next what that flush covered. */
  if (error != NULL)
    nbd_client_lose_writes (client, self->loop);
  nbd_link_close (link);
  return has_answered;
}

static void BANYAN_COROUTINE
keep (gpointer data)
{
  NbdConnection *self = data;
  NbdClient *client = self->client;
  NbdLink *link = self->link;
  gboolean is_first = TRUE;
  gboolean is_useless = FALSE;
  BanyanCoroutine *closer;

  self->keeper = banyan_coroutine_self ();
  while (!self->is_stopping)
    {
      if (is_useless)
        wait_before_next (self);
      else
        self->pause_ns = 0;
      if (link == NULL && (is_first || client->can_reconnect))
        link = make_link (self);
      if (link != NULL && !is_first)
        __atomic_fetch_add (&client->n_reconnects, 1, __ATOMIC_RELAXED);
      is_first = FALSE;
      if (link != NULL)
        is_useless = !serve (self, g_steal_pointer (&link));
      else if (!self->is_stopping)
        banyan_co_suspend ();
    }
  if (link != NULL)
    nbd_link_close (link);

  g_free (self);
  closer = __atomic_load_n (&client->closer, __ATOMIC_ACQUIRE);
  if (__atomic_sub_fetch (&client->n_keepers, 1, __ATOMIC_ACQ_REL) == 0 && closer != NULL)
    banyan_coroutine_wake (closer);
}

NbdConnection *
nbd_connection_start (NbdClient *client, NbdLink *link)
{
  NbdConnection *self = g_new0 (NbdConnection, 1);

  self->client = client;
  self->loop = banyan_loop_current ();
  self->link = link;
  __atomic_fetch_add (&client->n_keepers, 1, __ATOMIC_RELAXED);
  banyan_coroutine_start_on (self->loop, keep, self);
  return self;
}

void
nbd_connection_stop (NbdConnection *self)
{
  self->is_stopping = TRUE;
  if (self->keeper != NULL)
    banyan_coroutine_cancel (self->keeper);
  nbd_connection_wake_waiters (self);
}

/* -- Waiting for it. -- */

static void
enlist (NbdConnection *self, NbdWaiter *waiter)
{
  waiter->coroutine = banyan_coroutine_self ();
  waiter->next = self->waiters;
  waiter->link = &self->waiters;
  if (waiter->next != NULL)
    waiter->next->link = &waiter->next;
  self->waiters = waiter;
}

static void
delist (NbdWaiter *waiter)
{
  *waiter->link = waiter->next;
  if (waiter->next != NULL)
    waiter->next->link = waiter->link;
}

static gboolean
throw_away (NbdConnection *self, GError **error)
{
  g_autofree char *why = nbd_client_dup_last_error (self->client);

  return banyan_throw_errno (error, EIO, "%s: the server is away (%s)",
                             banyan_object_get_id (BANYAN_OBJECT (self->client->node)),
                             why != NULL ? why : "not connected");
}

/* A drain ends the wait, as the time does: no change of the graph waits for a server. */
gboolean
nbd_connection_wait (NbdConnection *self, GError **error)
{
  while (!nbd_connection_has_link (self))
    {
      gint64 now_ns = banyan_loop_now_ns (self->loop);
      gint64 delay_ns = BANYAN_LIVE (self->client->reconnect_delay_s) * NS_PER_S;
      /* The keeper may yet have to see that it is over. */
      gint64 left_ns = (self->link != NULL ? now_ns : self->lost_ns) + delay_ns - now_ns;
      NbdWaiter waiter = { 0 };
      BanyanWaitResult result;

      if (self->is_stopping || left_ns <= 0 || !self->client->can_reconnect
          || __atomic_load_n (&self->client->n_drains, __ATOMIC_SEQ_CST) > 0
          || banyan_element_is_leaving (BANYAN_ELEMENT (self->client->node)))
        return throw_away (self, error);

      enlist (self, &waiter);
      result = banyan_co_wait_ns (left_ns);
      delist (&waiter);
      if (!nbd_connection_has_link (self) && result != BANYAN_WAIT_WOKEN)
        return throw_away (self, error);
    }
  return TRUE;
}
