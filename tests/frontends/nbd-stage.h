/* nbd-stage.h - an NBD server in a folder of its own, and sockets to talk to it by hand
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The numbers of the protocol are written out in the tests once more: a mistake shared with the
 * server would not show. */

#pragma once

#include "banyan-test.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

G_BEGIN_DECLS

#define CLIENT_TIMEOUT_S 10
#define DISK_SIZE (4u << 20)
#define HUGE_SIZE (1ull << 40)

typedef struct
{
  BanyanGraph *graph;
  char *folder;
  char *socket_path;
  GMainLoop *loop;
} Stage;

#define SCRATCH "  scratch: { node: disk0, writable: true, description: a scratch disk }\n"
#define FIXED "  fixed: { node: disk1 }\n"

/* @exports: lines of the server's `exports:`. There are two disks, disk0 and disk1, and
 * a larger one, huge. */
Stage *stage_new (const char *exports);
/* The same on two iothreads. */
Stage *stage_new_threaded (const char *exports);
/* What check says of such a server. */
guint stage_count_problems (const char *exports);
void stage_close (Stage *stage);
void stage_free (Stage *stage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Stage, stage_free)
char *stage_uri (const Stage *stage, const char *export);

/* -- Raw sockets: blocking, on a thread, so that the server runs meanwhile. -- */

typedef void (*RawFunc) (Stage *stage);
void run_raw (const char *exports, RawFunc func);
void run_raw_on (Stage *stage, RawFunc func);
int raw_connect (const Stage *stage);
void raw_send (int fd, gconstpointer data, gsize length);
void raw_receive (int fd, gpointer data, gsize length);
void raw_assert_hung_up (int fd);
void send_numbers (int fd, const char *widths, ...);
guint64 receive_number (int fd, guint width);
int raw_greet (const Stage *stage);
guint32 receive_option_reply (int fd, guint32 option);
int raw_export (const Stage *stage, const char *name, guint64 *size, guint *flags);
guint32 receive_simple (int fd);
/* With extended headers, and base:allocation, which has the identifier 1. */
int raw_extended (const Stage *stage);
/* Of a final chunk for a request at @offset; how much payload follows. */
guint64 receive_extended (int fd, guint type, guint64 offset);
void send_option (int fd, guint option, const char *name, const char *rest, gsize length);
void assert_alive (const Stage *stage);

#define NUMBER(n) ((guint64) (n))
/* What LIST_ and SET_META_CONTEXT have behind the name to ask for base:allocation. */
#define ONE_CONTEXT "\0\0\0\1\0\0\0\17base:allocation"

#define SEND_OPTION_HEADER(fd, option, length) \
  send_numbers (fd, "844", 0x49484156454f5054ull, NUMBER (option), NUMBER (length))
#define SEND_REQUEST(fd, type, offset, length) \
  send_numbers (fd, "422884", 0x25609513ull, NUMBER (0), NUMBER (type), 0xc00c1eull, \
                NUMBER (offset), NUMBER (length))
#define SEND_EXTENDED(fd, flags, type, offset, length) \
  send_numbers (fd, "422888", 0x21e41c71ull, NUMBER (flags), NUMBER (type), 0xc00c1eull, \
                NUMBER (offset), NUMBER (length))

G_END_DECLS
