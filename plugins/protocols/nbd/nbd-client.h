/* nbd-client.h - a node's connections to its server, and what they share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "nbd-link.h"
#include "nbd-options.h"

G_BEGIN_DECLS

typedef struct _NbdClient NbdClient;
typedef struct _NbdConnection NbdConnection;
typedef struct _NbdWaiter NbdWaiter;

/* A place for a link on one loop; it is that loop's, but for the count of keepers. */
struct _NbdConnection
{
  NbdClient *client;
  BanyanLoop *loop;
  NbdLink *link;           /* (owned) (nullable): while there is one */
  BanyanCoroutine *keeper; /* (nullable) */
  NbdWaiter *waiters;      /* (nullable): requests that a link is awaited by */
  gint64 lost_ns;          /* when the last link was */
  guint64 pause_ns;        /* before the next is made */
  gboolean is_stopping;
};

struct _NbdClient
{
  BanyanNode *node;

  /* Set in open. */
  NbdTarget target;
  NbdInfo info; /* under the mutex; requests, and who holds the gates, need none */
  guint max_connections;
  gboolean can_reconnect;

  /* The home's is the graph's own loop, which outlives all others; only where several connections
   * are allowed has another loop one of its own. */
  NbdConnection *home;                    /* (nullable) */
  NbdConnection *places[BANYAN_LOOP_MAX]; /* (nullable): each its loop's */

  /* Any thread, atomically. */
  gint n_places;
  gint n_keepers;
  BanyanCoroutine *closer; /* (nullable): waits for the keepers to end */
  gint n_connected;
  guint64 n_reconnects;
  guint64 length;              /* as published */
  gint dirty[BANYAN_LOOP_MAX]; /* writes have been answered, and no flush since */
  NbdAnswers answers;
  gint n_drains;
  guint64 flush_serial;
  gint n_flushes;               /* in flight */
  gint lost_writes;             /* some of those were on a connection that was lost */
  guint64 reconnect_delay_s;    /* live */
  guint64 silence_s;            /* live */
  NbdLostWrites on_lost_writes; /* live */

  GMutex mutex;
  char *last_error; /* (owned) (nullable): under the mutex */
};

void nbd_client_init (NbdClient *self, BanyanNode *node);
void nbd_client_clear (NbdClient *self);

/* Connects, and tries again until @open_timeout_ns has passed. */
gboolean BANYAN_COROUTINE nbd_client_open (NbdClient *self, guint64 open_timeout_ns,
                                           GError **error);
void BANYAN_COROUTINE nbd_client_close (NbdClient *self);
/* On @loop's thread. */
void nbd_client_attach (NbdClient *self, BanyanLoop *loop);
void nbd_client_detach (NbdClient *self, BanyanLoop *loop);

void nbd_client_note_error (NbdClient *self, const GError *error);
char *nbd_client_dup_last_error (NbdClient *self);
NbdInfo nbd_client_get_info (NbdClient *self);

guint64 nbd_client_count_answers (NbdClient *self);

/* Writes that were answered are gone, or may be, with the connection of @loop. */
void nbd_client_lose_writes (NbdClient *self, BanyanLoop *loop);
/* What a flush that begins now covers: whether there is anything. */
gboolean nbd_client_take_dirty (NbdClient *self);

/* The server has made the export that long. */
void nbd_client_note_length (NbdClient *self, guint64 length);
/* Whether writes have been answered that no flush has covered, or is about to. */
gboolean nbd_client_needs_flush (NbdClient *self);

/* Main thread. In between nobody waits for a connection. */
void nbd_client_drain_begin (NbdClient *self);
void nbd_client_drain_end (NbdClient *self);

/* -- Connections. -- */

/* @link: (transfer full) (nullable): where there is one already. */
NbdConnection *nbd_connection_start (NbdClient *client, NbdLink *link);
/* On its loop's thread; it frees itself. */
void nbd_connection_stop (NbdConnection *self);
void nbd_connection_wake_waiters (NbdConnection *self);
gboolean nbd_connection_has_link (const NbdConnection *self);
/* FALSE with @error when there is no link within what reconnect-delay allows. */
gboolean BANYAN_COROUTINE nbd_connection_wait (NbdConnection *self, GError **error);

G_END_DECLS
