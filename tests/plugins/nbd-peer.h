/* nbd-peer.h - an NBD server on a thread that does what a test tells it, wrong things included
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-test-change.h"
#include "banyan-test-io.h"

G_BEGIN_DECLS

#define PEER_READ 0
#define PEER_WRITE 1
#define PEER_FLUSH 3

#define PEER_READ_ONLY 2
#define PEER_MULTI_CONN 256

typedef struct _Peer Peer;

/* Shows @size bytes of zeroes, at @flags beside those of every export. */
Peer *peer_new (guint64 size, guint flags);
void peer_free (Peer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Peer, peer_free)

/* Of its socket. */
const char *peer_get_path (Peer *self);
/* A graph with two iothreads and the node "disk"; @options: ", key: value". */
BanyanTestGraph *peer_load (Peer *self, const char *options, GError **error);
BanyanTestGraph *peer_must_load (Peer *self, const char *options);

/* -- What it does from now on. -- */

/* Hangs up on the next @count clients before it greets them. */
void peer_hang_up (Peer *self, guint count);
/* Greets nobody, and keeps them. */
void peer_be_silent (Peer *self, gboolean is_silent);
/* Hangs up in place of an answer to the next command of a kind. */
void peer_drop_at (Peer *self, guint kind);
/* Hangs up in place of an answer to each @count'th command. */
void peer_drop_each (Peer *self, guint count);
/* Does not answer the next command of a kind, and goes on. */
void peer_ignore (Peer *self, guint kind);
/* Answers the next command of a kind by saying that it is shutting down. */
void peer_leave_at (Peer *self, guint kind);
/* Answers the next command with another's cookie. */
void peer_confuse (Peer *self);
/* Shows that many bytes to those who come. */
void peer_resize (Peer *self, guint64 size);
/* Hangs up on all clients. */
void peer_drop_all (Peer *self);
/* How many commands it has ignored. */
guint peer_count_ignored (Peer *self);
/* How many have come so far. */
guint peer_count_clients (Peer *self);
/* A socket whose other end it serves. */
int peer_connect (Peer *self);

G_END_DECLS
