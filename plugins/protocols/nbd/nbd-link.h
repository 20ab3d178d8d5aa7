/* nbd-link.h - one connection to a server, from its greeting to its end
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A link lives on one loop, and everything here is used on that loop's thread only.
 *
 *     commands -> queue -> sender -> socket -> receive buffer -> receiver -> commands
 *
 * A command is on the stack of the coroutine that waits for it. The *sender* is a coroutine that
 * is started by the first command in the queue, runs once all who are runnable now have had their
 * turn, sends with one system call what they have queued, and ends. A command gets a slot when its
 * turn to be sent comes; there are so many, and who comes beyond waits in the queue. The *receiver*
 * is the coroutine that keeps the connection: it takes replies out of the receive buffer, many of
 * which come with one system call. What of a read's data is not yet in the buffer then goes
 * straight to where the reader wants it. */

#pragma once

#include "nbd-info.h"

#include <banyan/banyan-buffer.h>
#include <banyan/banyan-socket-connect.h>

G_BEGIN_DECLS

/* Commands under way at once. */
#define NBD_LINK_SLOTS 256
/* In how many separate places the data of a read may have arrived. */
#define NBD_COMMAND_PIECES 16

/* How many commands a server has ended, by whichever connection: each loop counts for itself, and
 * in a cache line of its own. */
#define NBD_ANSWERS_STRIDE (64 / sizeof (guint64))
typedef guint64 NbdAnswers[BANYAN_LOOP_MAX * NBD_ANSWERS_STRIDE];

/* What to connect to; does not change while the node is open. */
typedef struct
{
  BanyanSocketAddress *server; /* (owned) */
  char *export;                /* (owned) */
  char *context;               /* (owned): what block status asks of */
  BanyanNode *node;            /* (unowned): that it is for */
  const guint64 *silence_s; /* live: after how long a server that says nothing is gone; 0: never */
  guint64 *answers;         /* NbdAnswers (atomic) */
} NbdTarget;

/* Bytes of a read, from its offset on. */
typedef struct
{
  guint32 start;
  guint32 end;
} NbdPiece;

typedef struct _NbdCommand NbdCommand;
struct _NbdCommand
{
  /* What is asked. */
  guint16 type;
  guint16 flags;
  guint64 offset;
  guint64 length;
  const BanyanRequest *data; /* (nullable): what is read into, or written */
  gint *dirties;             /* (nullable) (atomic): to be set when it succeeds */

  /* How far it is. */
  BanyanCoroutine *coroutine;
  NbdCommand *next; /* in the queue */
  guint64 cookie;
  gboolean is_queued; /* not yet sent as a whole */
  gboolean is_done;
  guint8 header[NBD_EXTENDED_REQUEST_SIZE];

  /* What has been answered. */
  int error;     /* an errno; ENOTCONN: the link ended first */
  char *message; /* (owned) (nullable): the server's words about that */
  guint n_pieces;
  gboolean has_data;     /* of a read, some */
  gboolean is_scattered; /* it came in more places than are kept, and has to be asked for whole */
  gboolean has_extent;   /* of a block status */
  guint64 extent_length; /* the first extent's */
  guint64 extent_flags;  /* likewise */
  NbdPiece pieces[NBD_COMMAND_PIECES]; /* sorted, apart from each other */
};

typedef struct
{
  BanyanLoop *loop;
  int fd; /* (owned) */
  NbdInfo info;
  BanyanNode *node;         /* as the target's */
  const guint64 *silence_s; /* likewise */
  gboolean is_over;         /* nothing more comes or goes */
  GError *why;              /* (owned) (nullable) */

  /* Sending. */
  NbdCommand *queue_first;
  NbdCommand **queue_last;
  gsize sent_of_first; /* bytes */
  gboolean has_sender;
  gboolean cannot_send; /* the server has gone; what it said before is still taken in */

  /* Under way. */
  NbdCommand *slots[NBD_LINK_SLOTS];
  guint8 free_slots[NBD_LINK_SLOTS];
  guint n_free;
  guint n_large; /* reads whose data had better not go through the buffer */
  guint64 serial;
  guint64 n_answers;  /* commands that the server has ended */
  guint64 *n_counted; /* (atomic): of all links on this loop */

  /* Receiving. */
  BanyanBuffer *in; /* (owned) */
  gsize in_start;
  gsize in_end;
  guint64 n_received; /* bytes */

  gboolean has_watcher;     /* who looks whether the server is silent */
  BanyanCoroutine *watcher; /* (nullable): once it runs */
  BanyanCoroutine *ender;   /* (nullable): waits for sender and watcher to end */
} NbdLink;

/* Connects and negotiates within @timeout_ns; cancellable. */
NbdLink *BANYAN_COROUTINE nbd_link_open (const NbdTarget *target, guint64 timeout_ns, NbdInfo *info,
                                         GError **error);
/* Takes in what comes until the link is over, FALSE with @error, or the coroutine is cancelled. */
gboolean BANYAN_COROUTINE nbd_link_serve (NbdLink *self, GError **error);
/* Whether commands can be sent. */
gboolean nbd_link_is_usable (const NbdLink *self);
/* Sends a command and waits for its end. */
void BANYAN_COROUTINE nbd_link_call (NbdLink *self, NbdCommand *command);
/* Makes it over, and says why: commands under way end soon. */
void nbd_link_break (NbdLink *self, GError *why);
/* Says goodbye where the server may yet hear it. Commands end with ENOTCONN. */
void BANYAN_COROUTINE nbd_link_close (NbdLink *self);

/* -- Parts. -- */

/* nbd-send.c: what there is to send is sent soon. */
void nbd_link_kick (NbdLink *self);
void nbd_link_free_slot (NbdLink *self, const NbdCommand *command);
/* nbd-link.c: the server has answered; its slot is free. */
void nbd_link_finish (NbdLink *self, NbdCommand *command);
/* Whoever waits for the link's end looks again. */
void nbd_link_wake_ender (NbdLink *self);

/* nbd-receive.c: makes @n bytes, which are few, available at nbd_link_peek(). */
gboolean BANYAN_COROUTINE nbd_link_need (NbdLink *self, gsize n, GError **error);
const guint8 *nbd_link_peek (NbdLink *self);
void nbd_link_skip (NbdLink *self, gsize n);
/* The next @length bytes go into the window of @data, from @start on. */
gboolean BANYAN_COROUTINE nbd_link_receive (NbdLink *self, const BanyanRequest *data, guint64 start,
                                            guint64 length, GError **error);
/* Forgets the next @n bytes. */
gboolean BANYAN_COROUTINE nbd_link_drop (NbdLink *self, guint64 n, GError **error);

/* nbd-reply.c: takes one reply, or chunk of one, in. FALSE: the link is at its end. */
gboolean BANYAN_COROUTINE nbd_link_take_reply (NbdLink *self, GError **error);

G_END_DECLS
