/* banyan-loop.h - a thread's home for coroutines
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-coroutine.h>
#include <banyan/banyan-error.h>
#include <sys/socket.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* Three loops stand behind one interface: io_uring, epoll with a thread pool, and one that lives on
 * GLib's default main context for the main thread (control path: no descriptors, only posts,
 * coroutines and timers). BANYAN_LOOP=uring|epoll forces the kind of all iothreads. */

/* A message to a loop. The memory is the sender's, until @func runs on the loop's thread; so a post
 * needs no memory of its own. Posts from one thread arrive in order. */
typedef struct _BanyanTask BanyanTask;
struct _BanyanTask
{
  BanyanTask *next; /* private */
  void (*func) (BanyanTask *task);
};

/* The calling thread's loop, or NULL. The main thread's is made by banyan_loop_get_main(). */
BANYAN_API
BanyanLoop *banyan_loop_current (void);
BANYAN_API
BanyanLoop *banyan_loop_get_main (void);
BANYAN_API
void banyan_loop_post (BanyanLoop *loop, BanyanTask *task);

/* "uring", "epoll" or "main". */
BANYAN_API
const char *banyan_loop_get_backend (BanyanLoop *loop);

/* Index of this loop among those alive, small and dense: drivers keep per-thread state in arrays of
 * BANYAN_LOOP_MAX slots. */
#define BANYAN_LOOP_MAX 64
BANYAN_API
guint banyan_loop_get_index (BanyanLoop *loop);

/* Nanoseconds on the loop's clock: CLOCK_MONOTONIC, or its virtual clock. */
BANYAN_API
gint64 banyan_loop_now_ns (BanyanLoop *loop);

/* For tests: the loop's clock stands still while there is something to do, and jumps to the next
 * timer when nothing is runnable and nothing is in flight. Starts at 0. */
BANYAN_API
void banyan_loop_set_virtual_clock (BanyanLoop *loop, gboolean is_virtual);

/* Ends early, with success, the sleeps on this loop for which @cut returns TRUE; it is given the
 * sleeper's pass. A drain calls it so that no long timer delays a change. */
BANYAN_API
void banyan_loop_cut_sleeps (BanyanLoop *loop, gboolean (*cut) (gpointer pass, gpointer data),
                             gpointer data);

/* -- What coroutines wait for. Results are counts or 0, or a negative errno. -- */

/* FALSE with G_IO_ERROR_CANCELLED when the coroutine was cancelled. */
BANYAN_API
gboolean BANYAN_COROUTINE banyan_co_sleep_ms (guint64 ms, GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_co_sleep_ns (guint64 ns, GError **error);

/* A suspend that lasts @ns at most, and that a drain cuts short as it does a sleep: for work that
 * waits for its turn rather than for storage. */
typedef enum
{
  BANYAN_WAIT_WOKEN, /* as by banyan_coroutine_wake(), or for nothing */
  BANYAN_WAIT_OVER,  /* the time has passed, or a drain wants the request to end */
  BANYAN_WAIT_CANCELLED,
} BanyanWaitResult;
BANYAN_API
BanyanWaitResult BANYAN_COROUTINE banyan_co_wait_ns (guint64 ns);

/* File I/O. @rwf_flags as for preadv2(2) (RWF_DSYNC...). With BANYAN_IO_NO_WAIT the call is made on
 * the spot with RWF_NOWAIT, which for a buffered file in the page cache is the cheaper way; -EAGAIN
 * says that it would have to wait, or might. */
#define BANYAN_IO_NO_WAIT (1u << 0)
/* On a thread of the pool, even if the loop has a better way. */
#define BANYAN_IO_OFFLOAD (1u << 1)

BANYAN_API
gssize BANYAN_COROUTINE banyan_co_preadv (int fd, const struct iovec *iov, guint n_iov,
                                          guint64 offset, int rwf_flags, guint flags);
BANYAN_API
gssize BANYAN_COROUTINE banyan_co_pwritev (int fd, const struct iovec *iov, guint n_iov,
                                           guint64 offset, int rwf_flags, guint flags);
BANYAN_API
int BANYAN_COROUTINE banyan_co_fsync (int fd, gboolean data_only, guint flags);
BANYAN_API
int BANYAN_COROUTINE banyan_co_fallocate (int fd, int mode, guint64 offset, guint64 length,
                                          guint flags);

/* For what was done on the spot by a call of the caller's own: lets others go first once that was
 * often enough, or enough bytes. */
BANYAN_API
void BANYAN_COROUTINE banyan_co_charge (gsize bytes);

/* Sockets, non-blocking ones: tried on the spot first, then waited for. Cancellable: -ECANCELED. */
BANYAN_API
gssize BANYAN_COROUTINE banyan_co_recv (int fd, gpointer buffer, gsize length, int flags);
BANYAN_API
gssize BANYAN_COROUTINE banyan_co_sendmsg (int fd, const struct msghdr *message, int flags);
BANYAN_API
int BANYAN_COROUTINE banyan_co_accept (int fd);
BANYAN_API
int BANYAN_COROUTINE banyan_co_connect (int fd, const struct sockaddr *address, socklen_t length);

/* Waits for poll(2) @events on @fd, at most @timeout_ns (G_MAXUINT64: no limit). Returns the
 * events, 0 on time-out, -ECANCELED. */
BANYAN_API
int BANYAN_COROUTINE banyan_co_poll (int fd, short events, guint64 timeout_ns);

/* Runs @func on a thread of the pool while the coroutine waits. Returns what @func returned. The
 * first is for what may wait, and keeps a thread for as long: limit such calls for each thing that
 * is waited for. The second is for what computes; it takes its turn where there is much of it. */
typedef gssize (*BanyanOffloadFunc) (gpointer data);
BANYAN_API
gssize BANYAN_COROUTINE banyan_co_offload (BanyanOffloadFunc func, gpointer data);
BANYAN_API
gssize BANYAN_COROUTINE banyan_co_compute (BanyanOffloadFunc func, gpointer data);

/* Runs @func as a coroutine on @loop while the calling one waits at home. The pass goes with it. */
BANYAN_API
gboolean BANYAN_COROUTINE banyan_co_run_on (BanyanLoop *loop, BanyanGatherFunc func, gpointer data,
                                            GError **error);

G_END_DECLS
