/* banyan-failures.h - requests that failed, told to those who watch the graph
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A broken disk fails millions of requests. A backend keeps one note for each kind of failure, and
 * how often it was seen, until the main thread has heard of it; the main thread tells of each kind
 * once a second at most. What waits is bounded by the number of backends. */

#pragma once

#include <banyan/banyan-graph.h>

G_BEGIN_DECLS

/* Reads and others, for want of space and for other reasons. */
#define BANYAN_FAILURE_KINDS 4
#define BANYAN_FAILURE_WRITE 1
#define BANYAN_FAILURE_NO_SPACE 2

typedef struct
{
  guint64 count; /* 0: nothing to tell */
  char *node;    /* (owned) (nullable): where the last one went */
  char *reason;  /* (owned): of the last one */
} BanyanFailure;

/* A backend's notes. */
typedef struct
{
  GMutex mutex; /* protects what follows */
  BanyanFailure kinds[BANYAN_FAILURE_KINDS];
  gboolean is_posted;
  BanyanTask message;
} BanyanFailures;

void banyan_failures_init (BanyanFailures *self);
void banyan_failures_clear (BanyanFailures *self);

/* -- The graph's: main thread. (element-type utf8 Pace): by the path of the user. -- */

GHashTable *banyan_paces_new (void);
/* Tells what waits for its time. */
void banyan_paces_flush (GHashTable *paces);
/* (transfer none): @graph's */
GHashTable *banyan_graph_get_paces (BanyanGraph *graph);

G_END_DECLS
