/* nbd-server-private.h - the server's state, for the files that make it up
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tables of exports and connections are used on all iothreads, and protected by a mutex that
 * nobody holds for more than moments; requests never need it. */

#pragma once

#include "nbd-connection.h"

G_BEGIN_DECLS

typedef struct
{
  NbdServer *server;
  int fd;
  BanyanCoroutine *coroutine;
} Acceptor;

struct _NbdServer
{
  BanyanFrontend parent_instance;

  BanyanSocketAddress *listen;   /* (owned) (nullable) */
  BanyanMap *exports;            /* (owned) */
  BanyanList *iothreads;         /* (owned) */
  guint max_connections;         /* live; 0: any number */
  guint64 handshake_max_seconds; /* live; 0: any time */
  guint64 farewell_max_seconds;  /* live */

  GArray *fds; /* (owned) (element-type int): while open */

  GMutex mutex;
  GPtrArray *loops;     /* (owned) (element-type BanyanLoop): the iothreads' */
  GPtrArray *listening; /* (owned) (element-type utf8): where clients can connect */
  GPtrArray *offered;   /* (owned) (element-type NbdExport) */
  GPtrArray *acceptors; /* (owned) (element-type Acceptor): those at work */
  NbdConnection *first;
  guint n_connections; /* also read without the mutex, atomically */
  guint next_loop;
  gboolean is_closing;
  gboolean is_moving;      /* to other sockets */
  BanyanCoroutine *closer; /* (nullable): waits for connections or acceptors to end */
};

/* -- nbd-accept.c. -- */

/* A coroutine for each socket. */
void nbd_server_start_acceptors (NbdServer *self);
/* Nobody comes in until they are started again. */
void BANYAN_COROUTINE nbd_server_pause_acceptors (NbdServer *self);
/* Nobody comes in any more. */
void BANYAN_COROUTINE nbd_server_end_acceptors (NbdServer *self);
/* Who waits, for room or for the end, looks again. Under the mutex. */
void nbd_server_wake_waiters (NbdServer *self);

/* -- nbd-leave.c. -- */

/* Lets what is in flight end, and its answers go out to those who take them in time; for the
 * connections to @export, or all. */
void BANYAN_COROUTINE nbd_server_end_connections (NbdServer *self, NbdExport *export);
/* New ones go to the iothreads as they are now. */
void nbd_server_note_loops (NbdServer *self);
/* So do those whose thread is none of these any more; who does not let itself be moved in time
 * is cut off. */
void BANYAN_COROUTINE nbd_server_move_connections (NbdServer *self);

G_END_DECLS
