/* banyan-channel-private.h - how backends, channels and gates hang together
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A channel belongs to one loop, and only that loop's thread touches it, but for its counters,
 * which others read. What the main thread and the loops agree about, who has channels where and
 * which gates are closed, lies in the backend and is protected by one lock for all. It is held for
 * moments, and while messages to loops are posted: a loop with channels thereby cannot end between
 * being found and being written to. */

#pragma once

#include "banyan-failures.h"
#include "banyan-node-private.h"

#include <banyan/banyan-backend.h>

G_BEGIN_DECLS

typedef struct _BanyanDrainMessage BanyanDrainMessage;
typedef struct _BanyanGateWaiter BanyanGateWaiter;

/* A coroutine's pass points to the level at which it has entered the channel it came in by. */
typedef struct
{
  BanyanChannel *channel; /* (nullable): none for a transaction's */
} BanyanPass;

#define BANYAN_PASS_LEVELS 16

struct _BanyanGateWaiter
{
  BanyanCoroutine *coroutine;
  BanyanGateWaiter *next;
};

struct _BanyanChannel
{
  BanyanChild *edge;
  BanyanLoop *loop;
  BanyanBackend *backend; /* (owned) */
  gboolean is_blocked;    /* the gate is closed, or others wait at it */
  gboolean is_closed;
  guint in_flight; /* read by others */
  guint outward;   /* times that work with this channel's pass is inside others of this loop */
  guint8 ticks[BANYAN_N_STATISTICS];

  BanyanGateWaiter *first_waiter;
  BanyanGateWaiter *last_waiter;
  BanyanChannel *next; /* on this loop */
  BanyanChannel *previous;
  GHashTable *nodes; /* (owned) (nullable): those that it has attached; NULL: not yet */

  BanyanPass levels[BANYAN_PASS_LEVELS];
  BanyanStatistics statistics; /* read by others */
};

/* What one loop's thread knows about its channels. */
typedef struct
{
  BanyanChannel *first;
  guint n_closed;
  BanyanDrainMessage *waiting; /* drains that wait until channels here are empty */
  GHashTable *attached;        /* (owned) (nullable): nodes, and how many attached them */
} BanyanPresence;

BanyanPresence *banyan_presence_here (void);

struct _BanyanBackend
{
  GObject parent_instance;

  BanyanElement *owner; /* (unowned) (nullable) */
  BanyanChild *edge;    /* (owned) if is_program's, else (unowned) */
  gboolean is_programs;
  BanyanGraph *graph;  /* (owned) (nullable): of a program's, until it is closed */
  guint64 length;      /* atomic: what it was when the main thread last looked */
  gboolean is_hurried; /* live: what is inside sleeps no longer */
  BanyanFailures failures;

  /* Under the lock. */
  BanyanLoop *home;
  GPtrArray *channels; /* (owned) (element-type BanyanChannel) */
  guint n_here[BANYAN_LOOP_MAX];
  BanyanLoop *loops[BANYAN_LOOP_MAX]; /* (nullable): where it has channels */
  guint gates;                        /* times closed */
  gint64 closed_since_us;
  gboolean is_shut;
  BanyanCoroutine *shutter; /* (nullable): waits for the last channel */
  BanyanStatistics past;    /* of channels that were closed */
};

void banyan_backends_lock (void);
void banyan_backends_unlock (void);
/* (element-type BanyanBackend): all there are; under the lock */
GPtrArray *banyan_backends_get_all (void);
/* Under the lock. */
guint64 banyan_backend_count_in_flight (BanyanBackend *self);

/* A channel's part of gates (banyan-gate.c), on its loop. */
void banyan_channel_close_gate (BanyanChannel *self);
/* The last request has left, and the gate is closed. */
void banyan_channel_report_idle (BanyanChannel *self);

/* Nodes' presence on loops (banyan-presence.c), on that loop. */
void banyan_channel_attach (BanyanChannel *self);
void banyan_channel_detach (BanyanChannel *self);

/* Failures (banyan-failures.c). @request: (nullable): a flush has none */
void banyan_channel_note_failure (BanyanChannel *self, gboolean is_write,
                                  const BanyanRequest *request, const GError *error);

/* Statistics (banyan-statistics.c). */
void banyan_statistics_add (BanyanStatistics *sum, const BanyanStatistics *other);
guint banyan_latency_bucket (guint64 ns);

/* Main thread: the node has another length. */
void banyan_backend_note_length (BanyanBackend *self, guint64 length);

/* A message to each loop on which any of a set of backends has channels, and the wait for the
 * answers. */
typedef struct _BanyanDrain BanyanDrain;
struct _BanyanDrain
{
  GPtrArray *backends;     /* (element-type BanyanBackend) */
  GHashTable *set;         /* (owned): the same; loops only look things up */
  guint pending;           /* atomic: messages that are not answered */
  guint busy;              /* atomic: channels that had requests in flight */
  BanyanCoroutine *waiter; /* on the main loop */
  BanyanDrain *given_up;   /* (nullable): the one that shall not wait any longer */
};

struct _BanyanDrainMessage
{
  BanyanTask task;
  BanyanDrain *drain;
  BanyanDrainMessage *next; /* in the presence's list */
};

void banyan_drain_init (BanyanDrain *self, GPtrArray *backends);
void banyan_drain_clear (BanyanDrain *self);
/* (transfer full): the messages, to be freed once all are answered */
BanyanDrainMessage *banyan_drain_post (BanyanDrain *self, void (*func) (BanyanTask *task));
void banyan_drain_answer (BanyanDrainMessage *message);
/* Posts, waits for all answers, and frees the messages. */
void BANYAN_COROUTINE banyan_co_drain_round (BanyanDrain *self, void (*func) (BanyanTask *task));
/* Calls @func for the channels of @self's backends on the calling loop. */
void banyan_drain_foreach_here (BanyanDrain *self, void (*func) (BanyanChannel *));

G_END_DECLS
