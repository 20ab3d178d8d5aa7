/* banyan-backend.h - where requests enter the graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-node.h>

G_BEGIN_DECLS

/* A backend is the root edge of a frontend, a job or a program: it counts requests in flight, has
 * the gate at which they wait while the graph changes, and keeps the statistics. */
#define BANYAN_TYPE_BACKEND (banyan_backend_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanBackend, banyan_backend, BANYAN, BACKEND, GObject)

BANYAN_API
BanyanChild *banyan_backend_get_child (BanyanBackend *self);
BANYAN_API
BanyanNode *banyan_backend_get_node (BanyanBackend *self); /* (transfer none); main thread */
BANYAN_API
char *banyan_backend_dup_path (BanyanBackend *self); /* "/frontends/nbd0/disk0:node" */

/* -- Channels: a backend's presence for one connection or queue on one iothread. -- */
typedef struct _BanyanChannel BanyanChannel;

/* On the loop that will use it. The channel holds a reference to its backend. NULL once the backend
 * closes. */
BANYAN_API
BanyanChannel *banyan_backend_open_channel (BanyanBackend *self);
/* Nothing may be in flight. */
BANYAN_API
void banyan_channel_close (BanyanChannel *self);

/* Enter and leave by hand, for several operations as one request; nests. The plain calls below do
 * it themselves. A request that waits at the gate waits in enter. */
BANYAN_API
void BANYAN_COROUTINE banyan_channel_enter (BanyanChannel *self);
BANYAN_API
void banyan_channel_leave (BanyanChannel *self);

/* Requests are checked against the node's length (EINVAL beyond it) and its read-only state
 * (EROFS). */
BANYAN_API
gboolean BANYAN_COROUTINE banyan_channel_read (BanyanChannel *self, const BanyanRequest *request,
                                               GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_channel_write (BanyanChannel *self, const BanyanRequest *request,
                                                GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_channel_flush (BanyanChannel *self, GError **error);
BANYAN_API
BanyanAnswer BANYAN_COROUTINE banyan_channel_discard (BanyanChannel *self,
                                                      const BanyanRequest *request, GError **error);
BANYAN_API
BanyanAnswer BANYAN_COROUTINE
banyan_channel_write_zeroes (BanyanChannel *self, const BanyanRequest *request, GError **error);
BANYAN_API
BanyanAnswer BANYAN_COROUTINE banyan_channel_block_status (BanyanChannel *self, guint64 offset,
                                                           guint64 length,
                                                           BanyanBlockStatus *status,
                                                           GError **error);
/* As banyan_child_send(). Counted as a read where something went. */
BANYAN_API
BanyanAnswer BANYAN_COROUTINE banyan_channel_send (BanyanChannel *self, guint64 offset,
                                                   gsize length, int socket, gsize *sent);
BANYAN_API
BanyanAnswer BANYAN_COROUTINE banyan_channel_resize (BanyanChannel *self,
                                                     const BanyanResize *resize, GError **error);
BANYAN_API
guint64 banyan_channel_get_length (BanyanChannel *self);
BANYAN_API
BanyanNode *banyan_channel_get_node (BanyanChannel *self); /* inside enter/leave */
BANYAN_API
BanyanChild *banyan_channel_get_child (BanyanChannel *self); /* inside enter/leave */

/* -- From the main thread: for bindings, tests and the control path. Buffers are GBytes. -- */

/* For programs: an element-less backend on @node, named @name in refusals. */
BANYAN_API
BanyanBackend *banyan_backend_new (BanyanNode *node, const char *name, guint used, guint shared,
                                   GError **error);
/* Waits for what is in flight, and lets go of the node. */
BANYAN_API
void banyan_backend_close (BanyanBackend *self);

BANYAN_API
void banyan_backend_read_async (BanyanBackend *self, guint64 offset, gsize length,
                                GCancellable *cancellable, GAsyncReadyCallback callback,
                                gpointer user_data);
BANYAN_API
GBytes *banyan_backend_read_finish (BanyanBackend *self, GAsyncResult *result, GError **error);
BANYAN_API
void banyan_backend_write_async (BanyanBackend *self, guint64 offset, GBytes *bytes, guint flags,
                                 GCancellable *cancellable, GAsyncReadyCallback callback,
                                 gpointer user_data);
BANYAN_API
gboolean banyan_backend_write_finish (BanyanBackend *self, GAsyncResult *result, GError **error);
BANYAN_API
void banyan_backend_flush_async (BanyanBackend *self, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer user_data);
BANYAN_API
gboolean banyan_backend_flush_finish (BanyanBackend *self, GAsyncResult *result, GError **error);
BANYAN_API
GBytes *banyan_backend_read (BanyanBackend *self, guint64 offset, gsize length, GError **error);
BANYAN_API
gboolean banyan_backend_write (BanyanBackend *self, guint64 offset, GBytes *bytes, guint flags,
                               GError **error);
BANYAN_API
gboolean banyan_backend_flush (BanyanBackend *self, GError **error);
/* Runs @func as a coroutine on the backend's home iothread with a channel, and blocks as the
 * blocking forms do. */
typedef gboolean (*BanyanChannelFunc) (BanyanChannel *channel, gpointer data, GError **error);
BANYAN_API
gboolean banyan_backend_run (BanyanBackend *self, BanyanChannelFunc func, gpointer data,
                             GError **error);

/* -- Statistics. -- */
typedef enum
{
  BANYAN_STATISTIC_READ,
  BANYAN_STATISTIC_WRITE,
  BANYAN_STATISTIC_FLUSH,
  BANYAN_STATISTIC_DISCARD,
  BANYAN_STATISTIC_WRITE_ZEROES,
  BANYAN_STATISTIC_BLOCK_STATUS,
} BanyanStatisticKind;

#define BANYAN_N_STATISTICS (BANYAN_STATISTIC_BLOCK_STATUS + 1)

/* Latencies fall into 128 buckets, four to a power of two from 256 ns on; sampled. */
#define BANYAN_LATENCY_BUCKETS 128

/**
 * BanyanStatistics:
 * @operations: (array fixed-size=6): requests that ended, by #BanyanStatisticKind
 * @failed: (array fixed-size=6): those of them that failed
 * @bytes: (array fixed-size=6): how much they moved
 * @latency: (array fixed-size=768) (element-type guint64): how long they took: 128 buckets for each
 *   kind, see banyan_latency_bucket_end_ns()
 * @in_flight: requests that have begun and not ended
 *
 * What a backend has counted.
 */
typedef struct
{
  guint64 operations[BANYAN_N_STATISTICS];
  guint64 failed[BANYAN_N_STATISTICS];
  guint64 bytes[BANYAN_N_STATISTICS];
  guint64 latency[BANYAN_N_STATISTICS][BANYAN_LATENCY_BUCKETS];
  guint64 in_flight;
} BanyanStatistics;

/* The sum over all channels, closed ones included; main thread. */
BANYAN_API
void banyan_backend_get_statistics (BanyanBackend *self, BanyanStatistics *statistics);
BANYAN_API
guint64 banyan_latency_bucket_end_ns (guint bucket);

/* What an edge counts, once a transaction told it to; FALSE: nothing. Main thread. */
BANYAN_API
gboolean banyan_child_get_statistics (BanyanChild *self, BanyanStatistics *statistics);

G_END_DECLS
