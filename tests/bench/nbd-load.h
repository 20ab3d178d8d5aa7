/* nbd-load.h - what the parts of the load generator share
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One thread drives all connections. A connection owns DEPTH slots, a slot is one request in
 * flight.
 *
 *   nbd-load.c             options, the loop over all connections, the report
 *   nbd-load-connect.c     connecting and the handshake
 *   nbd-load-connection.c  requests out and replies in, many with one system call
 *   nbd-load-workload.c    which request comes next, what it carries, whether a read is right */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "nbd-wire.h"

#define LOAD_MAX_CONNECTIONS 256u
#define LOAD_MAX_DEPTH 4096u
#define LOAD_MAX_BLOCK (32u << 20)

/* Who waits longer than this for a reply gives up. After the handshake it is waited a second at a
 * time, so that a machine that stands still, however long, takes no more than one of them. A busy
 * one has been seen to keep a thread that could run from running for 20 s. */
#define LOAD_STALL_SECONDS 60

typedef enum
{
  LOAD_RANDOM_READ,
  LOAD_RANDOM_WRITE,
  LOAD_SEQUENTIAL_READ,
  LOAD_SEQUENTIAL_WRITE,
  LOAD_MIX,
} LoadPattern;

typedef struct
{
  const char *unix_path;
  const char *tcp_address; /* HOST:PORT */
  const char *export_name;
  LoadPattern pattern;
  unsigned connections;
  unsigned depth;
  uint32_t block_bytes;
  uint32_t longest_bytes; /* of one request in the mix */
  bool interleave;        /* the mix's connections have every Nth block, not a part each */
  uint64_t size_bytes;    /* 0: the whole export */
  uint64_t limit_requests;
  bool until_eof;
  double seconds;
  uint64_t poll_ns; /* how long one connection's client looks for a reply before it sleeps */
  uint64_t seed;
  int server_pid;
  bool verify;
  bool starts_zeroed;
  bool structured;
  bool json;
} LoadOptions;

typedef struct
{
  uint64_t cookie; /* 0: free */
  uint64_t offset;
  uint64_t start_ns;
  uint32_t length;
  uint32_t received; /* bytes of a read that have arrived */
  uint16_t type;
  uint16_t flags;
  uint8_t *buffer; /* (owned): of longest_bytes, or NULL where nobody looks at the data */
} LoadSlot;

typedef struct
{
  unsigned number;
  int fd;
  uint16_t export_flags;
  uint64_t export_bytes;
  uint32_t minimum_block;
  bool structured;

  LoadSlot *slots; /* (owned) */
  uint16_t *free;  /* (owned): a stack of the numbers of free slots */
  unsigned n_free;
  uint64_t last_sequence;

  /* One batch on its way out; the next is made when it has left. */
  NbdRequest *headers; /* (owned) */
  struct iovec *out;   /* (owned) */
  unsigned n_out, out_sent;
  bool wants_write;

  /* What was received of a header that has not arrived completely. */
  uint8_t partial[8192];
  size_t n_partial;

  /* The payload being received. */
  LoadSlot *payload_slot;
  uint32_t payload_left;
  uint8_t *payload_to; /* NULL: into nowhere */
  bool payload_ends_request;

  /* The part of the export that only this connection touches. */
  uint64_t first_block, n_blocks;
  uint64_t stride;   /* from a block to the next of ours: the mix's, interleaved */
  uint64_t position; /* in blocks, of sequential patterns and of the last sweep */
  uint64_t random;
  uint64_t *content; /* (owned): in the mix, what each block holds */
  int16_t *claims;   /* (owned): in the mix, readers in flight, or -1 for a writer */
} LoadConnection;

#define LOAD_HISTOGRAM_BUCKETS (64 * 32)

typedef struct
{
  uint64_t requests;
  uint64_t bytes;
  uint64_t by_type[8];
  uint64_t longest_ns;
  uint64_t histogram[LOAD_HISTOGRAM_BUCKETS];
} LoadStatistics;

typedef enum
{
  LOAD_RUNNING,
  LOAD_DRAINING, /* no new requests */
  LOAD_SWEEPING, /* the mix reads everything back, once */
} LoadPhase;

extern LoadOptions load_options;
extern LoadStatistics load_statistics;
extern LoadPhase load_phase;

void load_fail (const char *format, ...) __attribute__ ((format (printf, 1, 2), noreturn));
uint64_t load_now_ns (void);
void load_note_reply (void);
void load_note_silence (void); /* for a second; fails when there were too many */
void load_request_ended (const LoadSlot *slot, uint64_t now_ns);
bool load_may_start_request (void);

void load_connection_connect (LoadConnection *connection);

void load_connection_prepare (LoadConnection *connection);
void load_connection_free (LoadConnection *connection);
bool load_connection_is_idle (const LoadConnection *connection);
/* NULL when nothing is in flight. */
const LoadSlot *load_connection_find_oldest (const LoadConnection *connection);
const char *load_type_name (unsigned type);
void load_connection_send (LoadConnection *connection);
void load_connection_receive (LoadConnection *connection, bool wait);
void load_connection_disconnect (LoadConnection *connection);

void load_workload_prepare (LoadConnection *connection);
bool load_workload_next (LoadConnection *connection, LoadSlot *slot);
void load_workload_ended (LoadConnection *connection, LoadSlot *slot);
