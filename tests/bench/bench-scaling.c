/* bench-scaling.c - one node on two iothreads
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A coroutine on each iothread makes request after request, through a channel of its own, to blocks
 * at random. Runs are short, and with one iothread and with two by turns, so that the best of each
 * had the processors for themselves even beside others. Each thread has a processor of its own: in
 * runs as short as these the kernel does not get to moving one away that shares with the other.
 *
 * Beside them the same copies of blocks without any node: memory has its own limit of what two
 * processors can have of it. */

#include <banyan/banyan.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ROUNDS 40
#define REQUESTS 40000
#define BLOCK 4096
#define DISK_BYTES (256u << 20)
#define GOAL 1.6

static const char document[] = "version: 1\n"
                               "nodes:\n"
                               "  null: { driver: null-co, size: 256MiB }\n"
                               "  memory: { driver: memory, size: 256MiB }\n";

static guint8 *bare_disk;

/* Each is written to with every request: two in one cache line, or in one pair of lines, would
 * measure that. */
typedef struct
{
  BanyanBackend *backend; /* (nullable): copy by ourselves */
  gboolean is_write;
  guint64 random; /* xorshift's state */
  guint8 *block;
  guint cpu;
  guint n_threads;
  gint *n_ready;
  gint64 took_ns;
  GAsyncQueue *done; /* (unowned): told when the work is done */
} __attribute__ ((aligned (128))) Worker;

static void
must (gboolean succeeded, GError **error)
{
  if (succeeded)
    return;

  fprintf (stderr, "bench-scaling: %s\n", (*error)->message);
  exit (1);
}

static guint64
choose_offset (Worker *self)
{
  self->random ^= self->random << 13;
  self->random ^= self->random >> 7;
  self->random ^= self->random << 17;
  return self->random % (DISK_BYTES / BLOCK) * BLOCK;
}

static void
transfer (Worker *self, BanyanChannel *channel)
{
  struct iovec iov = { self->block, BLOCK };

  for (guint i = 0; i < REQUESTS; i++)
    {
      BanyanRequest request = BANYAN_REQUEST (choose_offset (self), BLOCK, &iov, 1);
      GError *error = NULL;

      must (self->is_write ? banyan_channel_write (channel, &request, &error)
                           : banyan_channel_read (channel, &request, &error),
            &error);
    }
}

static void
copy (Worker *self)
{
  for (guint i = 0; i < REQUESTS; i++)
    {
      guint8 *place = bare_disk + choose_offset (self);

      if (self->is_write)
        memcpy (place, self->block, BLOCK);
      else
        memcpy (self->block, place, BLOCK);
      __asm__ volatile("" ::: "memory"); /* each of them */
    }
}

static void
stay_on (guint cpu)
{
  cpu_set_t one;

  CPU_ZERO (&one);
  CPU_SET (cpu, &one);
  if (pthread_setaffinity_np (pthread_self (), sizeof one, &one) != 0)
    fprintf (stderr, "bench-scaling: processor %u is not ours to use\n", cpu);
}

/* Begins when all are there. */
static void
work (gpointer data)
{
  Worker *self = data;
  BanyanChannel *channel
      = self->backend != NULL ? banyan_backend_open_channel (self->backend) : NULL;
  BanyanLoop *loop = banyan_loop_current ();
  gint64 begun_ns;

  stay_on (self->cpu);
  __atomic_add_fetch (self->n_ready, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n (self->n_ready, __ATOMIC_ACQUIRE) < (gint) self->n_threads)
    ;
  begun_ns = banyan_loop_now_ns (loop);
  if (channel != NULL)
    transfer (self, channel);
  else
    copy (self);
  self->took_ns = banyan_loop_now_ns (loop) - begun_ns;
  g_clear_pointer (&channel, banyan_channel_close);
  g_async_queue_push (self->done, self);
}

/* Requests a second of @n iothreads together. */
static double
run (BanyanBackend *backend, gboolean is_write, BanyanIOThread **threads, guint n)
{
  static guint8 blocks[2][BLOCK] __attribute__ ((aligned (BLOCK)));
  g_autoptr (GAsyncQueue) done = g_async_queue_new ();
  Worker workers[2];
  gint n_ready = 0;
  double rate = 0;

  for (guint i = 0; i < n; i++)
    {
      workers[i] = (Worker){ .backend = backend,
                             .is_write = is_write,
                             .random = 88172645463325252 + i,
                             .block = blocks[i],
                             .cpu = i,
                             .n_threads = n,
                             .n_ready = &n_ready,
                             .done = done };
      banyan_coroutine_start_on (banyan_iothread_get_loop (threads[i]), work, &workers[i]);
    }
  for (guint i = 0; i < n; i++)
    rate += 1e9 * REQUESTS / (double) ((Worker *) g_async_queue_pop (done))->took_ns;
  return rate;
}

static gboolean
fill (BanyanChannel *channel, gpointer data, GError **error)
{
  static guint8 megabyte[1 << 20] = { 1 };
  struct iovec iov = { megabyte, sizeof megabyte };

  for (guint64 offset = 0; offset < DISK_BYTES; offset += sizeof megabyte)
    {
      BanyanRequest request = BANYAN_REQUEST (offset, sizeof megabyte, &iov, 1);

      if (!banyan_channel_write (channel, &request, error))
        return FALSE;
    }
  return TRUE;
}

static void
compare (BanyanBackend *backend, const char *name, BanyanIOThread **threads)
{
  for (guint is_write = 0; is_write < 2; is_write++)
    {
      double rates[2] = { 0, 0 };

      for (guint round = 0; round < ROUNDS; round++)
        for (guint i = 0; i < 2; i++)
          {
            double rate = run (backend, is_write, threads, i + 1);

            rates[i] = MAX (rates[i], rate);
          }
      printf ("%-8s %-6s %14.0f %14.0f %6.2f", name, is_write ? "write" : "read", rates[0],
              rates[1], rates[1] / rates[0]);
      if (backend != NULL)
        printf ("  goal >= %.1f: %s", GOAL, rates[1] >= GOAL * rates[0] ? "met" : "not met");
      printf ("\n");
    }
}

static void
measure (BanyanGraph *graph, const char *node, BanyanIOThread **threads)
{
  g_autoptr (BanyanBackend) backend = NULL;
  GError *error = NULL;

  backend = banyan_backend_new (banyan_graph_get_node (graph, node), "bench",
                                BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE,
                                BANYAN_PERMISSIONS_ALL, &error);
  must (backend != NULL, &error);
  must (banyan_backend_run (backend, fill, NULL, &error), &error);
  compare (backend, node, threads);
  banyan_backend_close (backend);
}

static void
measure_bare (BanyanIOThread **threads)
{
  bare_disk = mmap (NULL, DISK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bare_disk == MAP_FAILED)
    {
      fprintf (stderr, "bench-scaling: no memory to copy to\n");
      exit (1);
    }
  madvise (bare_disk, DISK_BYTES, MADV_HUGEPAGE);
  memset (bare_disk, 1, DISK_BYTES);
  compare (NULL, "bare", threads);
  munmap (bare_disk, DISK_BYTES);
}

int
main (int argc, char **argv)
{
  g_autoptr (BanyanGraph) graph = banyan_graph_new ();
  BanyanIOThread *threads[2];
  GError *error = NULL;

  for (guint i = 0; i < 2; i++)
    {
      threads[i] = g_object_new (BANYAN_TYPE_IOTHREAD, "id", i == 0 ? "io0" : "io1", NULL);
      must (banyan_object_open (BANYAN_OBJECT (threads[i]), &error), &error);
    }
  must (banyan_graph_load (graph, document, -1, "bench-scaling", NULL, &error), &error);

  printf ("%-8s %-6s %14s %14s %6s\n", "node", "", "one iothread/s", "two/s", "ratio");
  measure (graph, "null", threads);
  measure (graph, "memory", threads);
  measure_bare (threads);

  must (banyan_graph_close (graph, &error), &error);
  for (guint i = 0; i < 2; i++)
    {
      must (banyan_object_close (BANYAN_OBJECT (threads[i]), &error), &error);
      g_object_unref (threads[i]);
    }
  return 0;
}
