/* nbd-link.c - one connection to a server, from its greeting to its end
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-link.h"

#include "nbd-handshake.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS_PER_S G_GUINT64_CONSTANT (1000000000)

/* Holds two rounds of 32 small reads. */
#define RECEIVE_SIZE (256 * 1024)

/* A machine that is gone answers nothing; one that is slow still answers the kernel's questions. */
#define PROBE_AFTER_S 30
#define PROBE_EACH_S 10
#define N_PROBES 3
#define UNHEARD_MS (60 * 1000)

/* In so many parts a silence is looked at, so that it counts once it has lasted between the limit
 * and a quarter more. */
#define SILENCE_PARTS 4
/* Without a limit: how often to look whether there is one now. */
#define LOOK_NS NS_PER_S
/* The limit where none was set and the node is about to close: nobody waits for the answers any
 * more, but others may wait for their turn to close. */
#define LEAVING_S 30

/* -- Beginning. -- */

/* Only TCP knows these; elsewhere they fail, and a peer's machine is ours. */
static void
set_probes (int fd)
{
  static const struct
  {
    int name;
    int value;
  } options[] = {
    { TCP_KEEPIDLE, PROBE_AFTER_S },
    { TCP_KEEPINTVL, PROBE_EACH_S },
    { TCP_KEEPCNT, N_PROBES },
    { TCP_USER_TIMEOUT, UNHEARD_MS },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++)
    setsockopt (fd, IPPROTO_TCP, options[i].name, &options[i].value, sizeof options[i].value);
}

static NbdLink *
new_link (const NbdTarget *target, int fd, const NbdInfo *info)
{
  NbdLink *self = g_new0 (NbdLink, 1);

  self->loop = banyan_loop_current ();
  self->fd = fd;
  self->info = *info;
  self->node = target->node;
  self->silence_s = target->silence_s;
  self->n_counted = &target->answers[banyan_loop_get_index (self->loop) * NBD_ANSWERS_STRIDE];
  self->queue_last = &self->queue_first;
  self->serial = 1;
  self->n_free = NBD_LINK_SLOTS;
  for (guint i = 0; i < NBD_LINK_SLOTS; i++)
    self->free_slots[i] = i;
  return self;
}

NbdLink *
nbd_link_open (const NbdTarget *target, guint64 timeout_ns, NbdInfo *info, GError **error)
{
  gint64 until_ns = banyan_loop_now_ns (banyan_loop_current ()) + timeout_ns;
  int fd = banyan_co_socket_address_connect (target->server, timeout_ns, error);
  BanyanBuffer *in;
  NbdLink *self;

  if (fd < 0)
    return NULL;

  if (banyan_socket_address_can_reconnect (target->server))
    set_probes (fd);
  if (!nbd_handshake (fd, until_ns, target->export, target->context, info, error))
    {
      close (fd);
      return NULL;
    }
  in = banyan_buffer_new (RECEIVE_SIZE);
  if (in == NULL)
    {
      close (fd);
      banyan_throw_errno (error, ENOMEM, "no memory to receive replies");
      return NULL;
    }

  self = new_link (target, fd, info);
  self->in = in;
  return self;
}

/* -- A server that is silent. -- */

static guint
count_under_way (const NbdLink *self)
{
  return NBD_LINK_SLOTS - self->n_free;
}

static void
give_up (NbdLink *self, guint64 limit_s)
{
  GError *why = NULL;

  banyan_throw_errno (&why, ETIMEDOUT,
                      "the server owes %u answers and has said nothing for %" G_GUINT64_FORMAT " s",
                      count_under_way (self), limit_s);
  nbd_link_break (self, why);
}

static guint64
get_limit_s (const NbdLink *self)
{
  guint64 limit_s = BANYAN_LIVE (*self->silence_s);

  return limit_s == 0 && banyan_element_is_leaving (BANYAN_ELEMENT (self->node)) ? LEAVING_S
                                                                                 : limit_s;
}

static void BANYAN_COROUTINE
watch (gpointer data)
{
  NbdLink *self = data;
  guint64 seen = self->n_received;
  guint n_silent = 0;

  self->watcher = banyan_coroutine_self ();
  while (!self->is_over && count_under_way (self) > 0)
    {
      guint64 limit_s = get_limit_s (self);

      if (!banyan_co_sleep_ns (limit_s > 0 ? limit_s * NS_PER_S / SILENCE_PARTS : LOOK_NS, NULL))
        break;
      n_silent = limit_s > 0 && seen == self->n_received ? n_silent + 1 : 0;
      seen = self->n_received;
      if (n_silent == SILENCE_PARTS && count_under_way (self) > 0)
        give_up (self, limit_s);
    }

  self->watcher = NULL;
  self->has_watcher = FALSE;
  nbd_link_wake_ender (self);
}

static void
start_watcher (NbdLink *self)
{
  if (self->has_watcher)
    return;

  self->has_watcher = TRUE;
  banyan_coroutine_start_on (self->loop, watch, self);
}

/* -- Commands. -- */

void
nbd_link_call (NbdLink *self, NbdCommand *command)
{
  command->coroutine = banyan_coroutine_self ();
  if (!nbd_link_is_usable (self))
    {
      command->error = ENOTCONN;
      return;
    }

  command->is_queued = TRUE;
  *self->queue_last = command;
  self->queue_last = &command->next;
  nbd_link_kick (self);
  start_watcher (self);

  /* From here on the link may have gone. */
  while (!command->is_done || command->is_queued)
    banyan_co_suspend ();
}

static void
count_answer (NbdLink *self)
{
  self->n_answers++;
  __atomic_store_n (self->n_counted, *self->n_counted + 1, __ATOMIC_RELAXED);
}

void
nbd_link_finish (NbdLink *self, NbdCommand *command)
{
  if (command->error == 0 && command->dirties != NULL
      && !__atomic_load_n (command->dirties, __ATOMIC_RELAXED))
    __atomic_store_n (command->dirties, TRUE, __ATOMIC_RELEASE);

  nbd_link_free_slot (self, command);
  /* One that only says goodbye serves nobody. */
  if (command->error != ESHUTDOWN)
    count_answer (self);
  command->is_done = TRUE;
  if (!command->is_queued)
    banyan_coroutine_wake (command->coroutine);
  nbd_link_kick (self);
}

/* -- Serving. -- */

gboolean
nbd_link_is_usable (const NbdLink *self)
{
  return !self->is_over && !self->cannot_send;
}

gboolean
nbd_link_serve (NbdLink *self, GError **error)
{
  g_autoptr (GError) failed = NULL;

  while (!self->is_over && nbd_link_take_reply (self, &failed))
    ;
  if (g_error_matches (failed, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return TRUE;

  if (failed == NULL || self->why != NULL)
    {
      g_clear_error (&failed);
      failed = g_steal_pointer (&self->why);
    }
  /* Who violates the protocol, or is gone, is told nothing. */
  if (!g_error_matches (failed, BANYAN_ERRNO, ESHUTDOWN))
    nbd_link_break (self, NULL);
  g_propagate_error (error, g_steal_pointer (&failed));
  return FALSE;
}

void
nbd_link_break (NbdLink *self, GError *why)
{
  if (self->is_over || self->why != NULL)
    g_clear_error (&why);
  else
    self->why = why;
  self->is_over = TRUE;
  shutdown (self->fd, SHUT_RDWR);
}

/* -- Ending. -- */

void
nbd_link_wake_ender (NbdLink *self)
{
  if (self->ender != NULL)
    banyan_coroutine_wake (self->ender);
}

/* One that does not fit into the socket is not waited for. */
static void
say_goodbye (NbdLink *self)
{
  gboolean is_extended = (self->info.abilities & NBD_CAN_EXTENDED_HEADERS) != 0;
  const NbdRequestHeader header = { .type = NBD_CMD_DISC };
  guint8 bytes[NBD_EXTENDED_REQUEST_SIZE];
  gsize length = nbd_put_request_header (bytes, is_extended, &header) - bytes;

  if (!self->is_over && !self->has_sender && self->sent_of_first == 0
      && send (self->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (gssize) length)
    g_debug ("the server hears no goodbye");
}

static void
end_command (NbdCommand *command)
{
  command->error = ENOTCONN;
  g_clear_pointer (&command->message, g_free);
  command->is_queued = FALSE;
  command->is_done = TRUE;
  banyan_coroutine_wake (command->coroutine);
}

/* The sender uses commands as long as it runs. One in the queue may have a slot, too, and have been
 * answered even so. */
static void
end_commands (NbdLink *self)
{
  while (self->queue_first != NULL)
    {
      NbdCommand *command = self->queue_first;

      self->queue_first = command->next;
      if (command->cookie != 0 && !command->is_done)
        self->slots[command->cookie >> 56] = NULL;
      end_command (command);
    }
  for (guint i = 0; i < NBD_LINK_SLOTS; i++)
    if (self->slots[i] != NULL)
      end_command (self->slots[i]);
}

void
nbd_link_close (NbdLink *self)
{
  say_goodbye (self);
  nbd_link_break (self, NULL);
  self->ender = banyan_coroutine_self ();
  if (self->watcher != NULL)
    banyan_coroutine_cancel (self->watcher);
  while (self->has_sender || self->has_watcher)
    banyan_co_suspend ();

  end_commands (self);
  banyan_buffer_unref (self->in);
  close (self->fd);
  g_clear_error (&self->why);
  g_free (self);
}
