/* nbd-connection.h - one client: its socket, what was negotiated, what is on its way
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection lives on one loop, and everything here is used on that loop's thread only. Where the
 * server takes the thread away, it goes to another between two requests, when nothing is on its
 * way.
 *
 * Two roles are played by its coroutines. The *owner* negotiates, then sends what the reader does
 * not, and in the end closes. The *reader* takes requests out of the receive buffer and executes
 * them on the spot; the replies gather in the output queue and go out together when no complete
 * request is left in the buffer. When a request has to wait, the reader's role passes to a new
 * coroutine just before (banyan_co_on_suspend), so a client's requests overtake each other exactly
 * where they wait, and nothing is created where they do not.
 *
 *     socket -> receive buffer -> reader -> channel (the graph) -> output queue -> socket
 *
 * A request is in flight, for the graph, from when its payload is complete until its reply is
 * queued: a client that sends slowly or does not read delays no drain. */

#pragma once

#include "nbd-protocol.h"
#include "nbd-server.h"

G_BEGIN_DECLS

typedef struct _NbdChunk NbdChunk;

/* One piece of output: a header, then data that a buffer holds. */
struct _NbdChunk
{
  NbdChunk *next;
  BanyanBuffer *buffer; /* (owned) (nullable) */
  const guint8 *data;   /* in the buffer */
  gsize length;         /* bytes at data */
  guint header_length;
  guint8 header[52];
};

/* A request as the client sent it. On the stack of the coroutine that executes it. */
typedef struct
{
  guint16 flags;
  guint16 type;
  guint64 cookie;
  guint64 offset;
  guint64 length;               /* bytes on the export */
  guint64 payload_length;       /* bytes after the header */
  BanyanBuffer *payload_buffer; /* (owned) (nullable) */
  const guint8 *payload;
} NbdRequest;

/* A request that has to wait for the graph. On the stack of the coroutine that executes it. */
typedef struct _NbdWaiting NbdWaiting;
struct _NbdWaiting
{
  BanyanCoroutine *coroutine;
  NbdWaiting *previous;
  NbdWaiting *next;
};

struct _NbdConnection
{
  NbdServer *server; /* (owned) */
  BanyanLoop *loop;  /* changed under the server's mutex */
  int fd;            /* (owned): -1 when it has lost its place; changed under the server's mutex */

  /* Settled by the handshake. */
  NbdExport *export;      /* (owned) (nullable): in use; changed under the server's mutex */
  gboolean stays;         /* likewise: for more than to look at it */
  NbdExport *contexts_of; /* (owned) (nullable): what metadata contexts were chosen for */
  BanyanChannel *channel; /* (owned) (nullable): while transmitting */
  gboolean structured;
  gboolean extended;
  gboolean no_zeroes;
  gboolean allocation_context; /* base:allocation was chosen */
  guint transmission_flags;
  gboolean is_writable;

  /* Input. */
  BanyanBuffer *in; /* (owned) */
  gsize in_start;
  gsize in_end;
  guint64 n_received;    /* bytes */
  gboolean in_closed;    /* nothing more will be read: the peer has gone, lied, or said goodbye */
  gboolean has_vanished; /* without goodbye */

  /* Going to another loop. */
  gboolean is_leaving;   /* atomic: as soon as nothing is on its way */
  gboolean is_between;   /* the reader has nothing yet of the next request's header, or not all */
  gboolean has_left;     /* the reader has stopped there */
  gboolean is_late;      /* the client kept us waiting when we last looked */
  guint64 n_moved;       /* how far it had got then */
  BanyanCoroutine *idle; /* (nullable): the reader, while it waits there */

  /* Output. */
  NbdChunk *out_first;
  NbdChunk **out_last;
  NbdChunk *free_chunks;
  gsize out_bytes;
  guint64 n_sent; /* bytes */
  gboolean is_sending;
  gboolean is_asking;           /* who sends waits for the graph to tell what */
  BanyanCoMutex turn;           /* of those who send from the graph */
  BanyanCoroutine *next_sender; /* (nullable): who has it, and waits for others to be through */
  gboolean out_closed;          /* nothing can be sent any more */

  /* Coroutines. */
  guint in_flight;         /* requests being executed, the reader's included */
  guint64 bytes_in_flight; /* of payload, the requests' and that of their answers */
  gboolean has_reader;
  NbdWaiting *waiting;     /* the first of those that execute what had to wait */
  gboolean is_cut_off;     /* atomic: the server has waited long enough */
  BanyanCoroutine *owner;  /* woken for output and for the end; set under the server's mutex */
  BanyanCoroutine *waiter; /* (nullable): a reader that waits for room */

  /* Who sees the peer hang up while nobody reads. */
  BanyanCoroutine *watcher; /* (nullable) */
  gboolean watches_end;     /* since there is nothing more to read */
  gboolean has_hung_up;     /* nobody takes answers any more */

  /* The server's list, under its mutex. */
  NbdConnection *previous;
  NbdConnection *next;
};

/* -- Input (nbd-input.c). FALSE: the connection is at its end. -- */

/* Makes @n bytes (at most a receive buffer's) available at nbd_input_peek(). Sends what is queued
 * before it waits. */
gboolean BANYAN_COROUTINE nbd_input_need (NbdConnection *self, gsize n);
const guint8 *nbd_input_peek (NbdConnection *self);
void nbd_input_skip (NbdConnection *self, gsize n);
/* Whether @n bytes are there already. */
gboolean nbd_input_has (NbdConnection *self, gsize n);
/* Reads @n bytes and forgets them. */
gboolean BANYAN_COROUTINE nbd_input_drop (NbdConnection *self, guint64 n);
/* The next @n bytes, in one piece: within the receive buffer where they are there already, else in
 * a buffer of their own. The caller owns a reference to @buffer. */
gboolean BANYAN_COROUTINE nbd_input_take (NbdConnection *self, gsize n, BanyanBuffer **buffer,
                                          const guint8 **data);
void nbd_connection_close_input (NbdConnection *self);
/* On its loop: lets a reader that waits for the next request see that the connection leaves. */
void nbd_connection_hurry (NbdConnection *self);
/* On its loop: whether it is the client, and not the graph, that we wait for. */
gboolean nbd_connection_waits_for_peer (const NbdConnection *self);

/* -- Output (nbd-output.c). -- */

NbdChunk *nbd_output_new_chunk (NbdConnection *self);
void nbd_output_free_chunk (NbdConnection *self, NbdChunk *chunk);
/* Takes @chunk. */
void nbd_output_queue (NbdConnection *self, NbdChunk *chunk);
/* Sends all that is queued, unless somebody is doing so. FALSE: the peer has gone. */
gboolean BANYAN_COROUTINE nbd_output_flush (NbdConnection *self);
/* -- Sending from the graph (nbd-send.c): a large read whose data goes from where it lies to the
 * socket, without a buffer in between. FALSE: it has to be read, and nothing has been sent. -- */
gboolean BANYAN_COROUTINE nbd_send_read (NbdConnection *self, const NbdRequest *request);
/* What nbd_reply_data() puts before the data. */
void nbd_reply_fill_header (NbdConnection *self, const NbdRequest *request, NbdChunk *chunk,
                            guint64 offset, gsize length, gboolean is_last);
/* Somebody who sent is through: what was queued meanwhile goes out, or nothing does any more. */
void nbd_output_end (NbdConnection *self, gboolean success);

/* Tells the owner that there is something to send, or that all is over. */
void nbd_connection_wake_owner (NbdConnection *self);

/* Changes as long as the client sends, or takes what it is sent. */
guint64 nbd_connection_count_moved (const NbdConnection *self);

/* -- Replies (nbd-reply.c): each queues one chunk. -- */

/* Success without data. */
void nbd_reply_done (NbdConnection *self, const NbdRequest *request);
/* @number: an errno; @message: (nullable), for a person. */
void nbd_reply_error (NbdConnection *self, const NbdRequest *request, int number,
                      const char *message);
/* Data of a read; takes @buffer. */
void nbd_reply_data (NbdConnection *self, const NbdRequest *request, guint64 offset,
                     BanyanBuffer *buffer, const guint8 *data, gsize length, gboolean is_last);
void nbd_reply_hole (NbdConnection *self, const NbdRequest *request, guint64 offset, guint32 length,
                     gboolean is_last);
/* Extents of one metadata context; @descriptors are in wire format. Takes @buffer. */
void nbd_reply_block_status (NbdConnection *self, const NbdRequest *request, guint32 context,
                             BanyanBuffer *buffer, guint n_extents);

/* -- Who waits for stacks (nbd-queue.c): requests of all servers, in the order in which they came.
 * -- */

typedef struct
{
  GList link; /* its data: the coroutine that waits */
  gboolean is_queued;
} NbdPlace;

extern guint nbd_queue_length; /* atomic */

/* Again: stays where it is. */
void nbd_queue_join (NbdPlace *self);
void nbd_queue_leave (NbdPlace *self);
/* Lets the first see whether there is room. */
void nbd_queue_wake (void);

/* -- Phases. -- */

/* nbd-handshake.c: TRUE when the client has chosen an export, and transmission begins. */
gboolean BANYAN_COROUTINE nbd_connection_negotiate (NbdConnection *self);
/* nbd-transmit.c: reads and executes requests until the end, or until the connection leaves the
 * loop (has_left); then everything has been answered. */
void BANYAN_COROUTINE nbd_connection_transmit (NbdConnection *self);
/* nbd-watch.c: while requests are in flight and nobody reads, or is going to. May do nothing. */
void nbd_connection_watch (NbdConnection *self);
void BANYAN_COROUTINE nbd_connection_end_watch (NbdConnection *self);
/* nbd-command.c: executes one request and queues its reply. */
void BANYAN_COROUTINE nbd_connection_execute (NbdConnection *self, NbdRequest *request);
/* nbd-metadata.c: the answer to NBD_CMD_BLOCK_STATUS. */
void BANYAN_COROUTINE nbd_command_block_status (NbdConnection *self, NbdRequest *request);

/* The identifier by which base:allocation is known on the wire. */
#define NBD_ALLOCATION_CONTEXT 1

G_END_DECLS
