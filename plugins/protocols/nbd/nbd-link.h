/* nbd-link.h - one connection to a server, from its greeting to its end
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "nbd-info.h"

G_BEGIN_DECLS

/* What to connect to; does not change while the node is open. */
typedef struct
{
  BanyanSocketAddress *server; /* (owned) */
  char *export;                /* (owned) */
  char *context;               /* (owned): what block status asks of */
} NbdTarget;

/* Of the loop's thread it was made on. */
typedef struct
{
  struct nbd_handle *handle; /* (owned) */
  BanyanLoop *loop;
  int fd;                 /* (owned): another for the handle's socket */
  gboolean is_over;       /* nothing more comes or goes */
  gboolean has_writer;    /* a coroutine waits for room in the socket */
  BanyanCoroutine *ender; /* (nullable): waits for the writer to end */
} NbdLink;

/* A command in flight, on the stack of the coroutine that waits for it. */
typedef struct
{
  BanyanCoroutine *coroutine;
  gint *dirties; /* (nullable) (atomic): to be set when it succeeds */
  gboolean is_done;
  int error; /* ENOTCONN: the link ended first */
} NbdCommand;

/* Connects and negotiates within @timeout_ns; cancellable. */
NbdLink *BANYAN_COROUTINE nbd_link_open (const NbdTarget *target, guint64 timeout_ns, NbdInfo *info,
                                         GError **error);
/* Takes in what comes until the link is over, FALSE with @error, or the coroutine is cancelled. */
gboolean BANYAN_COROUTINE nbd_link_serve (NbdLink *self, GError **error);
/* After a call that may have sent something. */
void nbd_link_kick (NbdLink *self);
/* Makes it over: commands in flight end soon. */
void nbd_link_break (NbdLink *self);
/* Says goodbye where it is not over. Commands in flight end with ENOTCONN. */
void BANYAN_COROUTINE nbd_link_close (NbdLink *self);

/* For libnbd's completion callback; @data is a NbdCommand. */
int nbd_command_completed (gpointer data, int *error);

G_END_DECLS
