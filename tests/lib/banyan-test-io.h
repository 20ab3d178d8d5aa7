/* banyan-test-io.h - requests from iothreads: single ones to watch, and many that verify
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-test.h"

G_BEGIN_DECLS

/* The loop of an iothread of the graph; NULL for @id: the graph's own. */
BanyanLoop *banyan_test_get_loop (BanyanTestGraph *self, const char *id);

/* A program's backend that may do all that clients do. */
BanyanBackend *banyan_test_open_backend (BanyanTestGraph *self, const char *node);
void banyan_test_close_backend (BanyanBackend *backend);

/* What banyan_test_fill() makes must be there. */
void banyan_test_must_read (BanyanTestGraph *self, const char *node, guint64 offset, gsize length,
                            guint seed);
/* Writes that as who changes nothing that anybody sees: below other layers no other writes are
 * shared. */
void banyan_test_write_unseen (BanyanTestGraph *self, const char *node, guint64 offset,
                               gsize length, guint seed);

/* -- One request, which the test need not wait for. -- */

typedef struct _BanyanTestRequest BanyanTestRequest;

/* A read, or a write of @length bytes that banyan_test_fill() makes with @seed, 0 for a read. */
BanyanTestRequest *banyan_test_request_start (BanyanBackend *backend, BanyanLoop *loop,
                                              guint64 offset, gsize length, guint seed);
gboolean banyan_test_request_is_done (BanyanTestRequest *self);
/* How many requests of the process had ended before this one did. */
guint banyan_test_request_get_order (BanyanTestRequest *self);
void banyan_test_request_cancel (BanyanTestRequest *self);
/* Waits for it, frees it, and returns its error, or NULL. */
GError *banyan_test_request_end (BanyanTestRequest *self);
/* 64 of them at once, reads and writes of four places that overlap, from the iothreads "io0" and
 * "io1". All succeed. */
void banyan_test_contend (BanyanTestGraph *self, const char *node);

/* -- Workers: each writes, zeroes and reads a region of its own, and knows what must be there. --
 */

#define BANYAN_TEST_REGION_BYTES 65536

typedef struct _BanyanTestWorkers BanyanTestWorkers;

/* On the iothreads "io0" and "io1" in turn. Any error of theirs fails the test. */
BanyanTestWorkers *banyan_test_workers_start (BanyanTestGraph *self, BanyanBackend *backend,
                                              guint n_workers);
/* Waits until all of them together have done @count requests more. */
void banyan_test_workers_wait (BanyanTestWorkers *self, guint64 count);
/* They read all that they have written once more, and end. */
void banyan_test_workers_stop (BanyanTestWorkers *self);

/* Iterates the main context until @is_true says so. */
void banyan_test_wait_until (gboolean (*is_true) (gpointer data), gpointer data);

G_END_DECLS
