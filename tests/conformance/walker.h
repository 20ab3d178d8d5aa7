/* walker.h - random requests to a part of a disk, compared with an array of bytes
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "conformance.h"

G_BEGIN_DECLS

/* Several may walk on one node at once, from any iothread, as long as their parts are disjoint. */
typedef struct
{
  BanyanBackend *backend; /* (unowned) */
  BanyanLoop *loop;       /* (unowned): where it walks in the background */
  guint64 base;           /* of its part */
  guint64 length;         /* of its part */
  const Recipe *recipe;   /* (unowned) */
  GRand *rand;            /* (owned) */
  guint8 *model;          /* (owned): the bytes of the part */
  guint8 *known;          /* (owned): which of them are defined */
  guint64 n_started;
  guint64 n_ended;
  gint stop;    /* atomic */
  gint is_done; /* atomic */
} Walker;

/* All of the part is known to be zero, or what made_fill() says. */
void walker_init (Walker *self, BanyanBackend *backend, guint64 base, guint64 length,
                  const Recipe *recipe);
void walker_clear (Walker *self);

/* @n_steps random requests; blocks. */
void walker_walk (Walker *self, guint n_steps);
/* Reads everything and compares; blocks. */
void walker_compare (Walker *self);

/* Walks on its loop until it is stopped, then compares. */
void walker_start (Walker *self);
void walker_stop (Walker *self);

G_END_DECLS
