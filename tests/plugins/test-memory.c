/* test-memory.c - a disk in memory keeps what is written, and no more than that
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536
#define TIB (G_GUINT64_CONSTANT (1) << 40)

static guint64
get_allocated (BanyanTestGraph *graph)
{
  guint64 allocated;

  g_object_get (banyan_test_get_node (graph, "disk"), "allocated", &allocated, NULL);
  return allocated;
}

static void
must_write (BanyanTestGraph *graph, guint64 offset, gsize length)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autoptr (GError) error = NULL;

  banyan_test_fill (bytes, offset, length, 1);
  banyan_test_write (graph, "disk", offset, bytes, length, &error);
  g_assert_no_error (error);
}

static void
must_read (BanyanTestGraph *graph, guint64 offset, gpointer bytes, gsize length)
{
  g_autoptr (GError) error = NULL;

  banyan_test_read (graph, "disk", offset, bytes, length, &error);
  g_assert_no_error (error);
}

static void
assert_zero (BanyanTestGraph *graph, guint64 offset, gsize length)
{
  g_autofree guint8 *bytes = g_malloc (length);
  g_autofree guint8 *zeroes = g_malloc0 (length);

  must_read (graph, offset, bytes, length);
  g_assert_cmpmem (bytes, length, zeroes, length);
}

static void
test_reads_back (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1MiB }\n");
  guint8 bytes[2 * CHUNK];

  g_test_summary ("What was written across chunks is read back, with zeroes around it");

  must_write (graph, CHUNK / 2 + 1, sizeof bytes);
  must_read (graph, CHUNK / 2 + 1, bytes, sizeof bytes);
  banyan_test_assert_filled (bytes, CHUNK / 2 + 1, sizeof bytes, 1);
  assert_zero (graph, 0, CHUNK / 2 + 1);
  assert_zero (graph, CHUNK / 2 + 1 + sizeof bytes, CHUNK);
}

static void
test_terabyte_costs_nothing (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1TiB }\n");
  g_autoptr (GError) error = NULL;
  BanyanBlockStatus status;

  g_test_summary ("Of a terabyte only the chunk that is written takes memory, and status says so");

  g_assert_cmpuint (get_allocated (graph), ==, 0);
  must_write (graph, TIB - 512, 512);
  g_assert_cmpuint (get_allocated (graph), ==, CHUNK);

  g_assert_cmpint (banyan_test_block_status (graph, "disk", 0, TIB, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (status.flags & BANYAN_BLOCK_ZERO, ==, BANYAN_BLOCK_ZERO);
  g_assert_cmpuint (status.length, >, 0);
  g_assert_cmpuint (status.length, <=, TIB - CHUNK);
}

static void
test_zeroing_gives_memory_back (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1MiB, discard: unmap }\n");
  g_autoptr (GError) error = NULL;
  guint8 bytes[CHUNK];

  g_test_summary ("Zeroing that may unmap gives whole chunks back, clears parts of others, and "
                  "leaves the rest");

  must_write (graph, 0, 4 * CHUNK);
  g_assert_cmpuint (get_allocated (graph), ==, 4 * CHUNK);
  g_assert_cmpint (
      banyan_test_zeroes (graph, "disk", 100, 3 * CHUNK - 100, BANYAN_REQUEST_MAY_UNMAP, &error),
      ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (get_allocated (graph), ==, 2 * CHUNK);

  assert_zero (graph, 100, 3 * CHUNK - 100);
  must_read (graph, 0, bytes, 100);
  banyan_test_assert_filled (bytes, 0, 100, 1);
  must_read (graph, 3 * CHUNK, bytes, CHUNK);
  banyan_test_assert_filled (bytes, 3 * CHUNK, CHUNK, 1);
}

/* What the process has in memory, in bytes. */
static guint64
get_resident (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) words = NULL;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  words = g_strsplit (text, " ", 3);
  return g_ascii_strtoull (words[1], NULL, 10) * sysconf (_SC_PAGESIZE);
}

#define KEPT ((guint64) 256 << 20)

static void
assert_status (BanyanTestGraph *graph, guint64 offset, guint64 length, guint flags)
{
  g_autoptr (GError) error = NULL;
  BanyanBlockStatus status;

  banyan_test_block_status (graph, "disk", offset, TIB - offset, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (status.length, ==, length);
  g_assert_cmpuint (status.flags & (BANYAN_BLOCK_DATA | BANYAN_BLOCK_ZERO), ==, flags);
}

static void
test_zeroing_keeps_memory (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1TiB, discard: unmap }\n");
  g_autoptr (GError) error = NULL;
  guint64 resident;

  g_test_summary ("Zeroing that may not unmap keeps what there is, as data, and allocates the rest "
                  "of its range, without touching it");

  must_write (graph, 0, 2 * CHUNK);
  resident = get_resident ();
  g_assert_cmpint (banyan_test_zeroes (graph, "disk", 512, KEPT, 0, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (get_resident (), <, resident + KEPT / 2);
  g_assert_cmpuint (get_allocated (graph), ==, KEPT + CHUNK);
  assert_zero (graph, 512, 3 * CHUNK);
  assert_status (graph, 0, 2 * CHUNK, BANYAN_BLOCK_DATA);
  assert_status (graph, 2 * CHUNK, KEPT - CHUNK, BANYAN_BLOCK_DATA | BANYAN_BLOCK_ZERO);
}

static void
test_kept_chunks_are_used (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1TiB, discard: unmap }\n");
  g_autoptr (GError) error = NULL;
  guint8 bytes[CHUNK];

  g_test_summary ("What is allocated as zeroes takes data, is not counted twice, and is given back "
                  "like all else");

  g_assert_cmpint (banyan_test_zeroes (graph, "disk", 0, 4 * CHUNK, 0, &error), ==, BANYAN_DONE);
  must_write (graph, CHUNK, CHUNK);
  must_read (graph, CHUNK, bytes, CHUNK);
  banyan_test_assert_filled (bytes, CHUNK, CHUNK, 1);
  g_assert_cmpuint (get_allocated (graph), ==, 4 * CHUNK);
  assert_status (graph, 0, CHUNK, BANYAN_BLOCK_DATA | BANYAN_BLOCK_ZERO);
  assert_status (graph, CHUNK, CHUNK, BANYAN_BLOCK_DATA);

  g_assert_cmpint (banyan_test_discard (graph, "disk", 0, 3 * CHUNK, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (get_allocated (graph), ==, CHUNK);
  assert_status (graph, 0, 3 * CHUNK, BANYAN_BLOCK_ZERO);
  assert_zero (graph, CHUNK, CHUNK);
}

/* How many mappings the process has. */
static guint
count_mappings (void)
{
  g_autofree char *text = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &text, NULL, NULL));
  for (const char *at = text; (at = strchr (at, '\n')) != NULL; at++)
    n++;
  return n;
}

static void
test_mappings_are_few (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1TiB, discard: unmap }\n");
  g_autoptr (GError) error = NULL;
  guint before = count_mappings ();

  g_test_summary ("Memory for much of a disk, with holes, takes few of the mappings that a process "
                  "may have");

#if defined(__SANITIZE_THREAD__)
  g_test_skip ("the sanitizer has mappings of its own for each of ours");
  return;
#endif
  g_assert_cmpint (banyan_test_zeroes (graph, "disk", 0, 16 * KEPT, 0, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (count_mappings (), <, before + 64);

  for (guint64 offset = 0; offset < 16 * KEPT; offset += 8 << 20)
    {
      g_assert_cmpint (banyan_test_discard (graph, "disk", offset, CHUNK, &error), ==, BANYAN_DONE);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (count_mappings (), <, before + 64);
}

static gint slabs_left = -1; /* above 0: so many mappings for chunks go well; 0: none does */

/* Ours goes before the C library's, for the plugin too. */
__attribute__ ((visibility ("default"))) void *
mmap (void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
  void *(*next) (void *, size_t, int, int, int, off_t) = dlsym (RTLD_NEXT, "mmap");

  if ((flags & (MAP_NORESERVE | MAP_STACK)) == MAP_NORESERVE && slabs_left >= 0
      && slabs_left-- <= 0)
    {
      slabs_left = 0;
      errno = ENOMEM;
      return MAP_FAILED;
    }
  return next (address, length, protection, flags, fd, offset);
}

static void
test_no_memory_to_keep (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1TiB }\n");
  g_autoptr (GError) error = NULL;
  guint8 bytes[CHUNK];

  g_test_summary ("Where the system gives no memory, to zero a range fails, and the disk goes on");

  must_write (graph, TIB - CHUNK, CHUNK);
  slabs_left = 2;
  g_assert_cmpint (banyan_test_zeroes (graph, "disk", 0, TIB, 0, &error), ==, BANYAN_FAILED);
  slabs_left = -1;
  g_assert_cmpint (banyan_error_get_errno (error), ==, ENOMEM);
  g_clear_error (&error);
  must_read (graph, TIB - CHUNK, bytes, CHUNK);
  banyan_test_assert_filled (bytes, TIB - CHUNK, CHUNK, 1);

  g_assert_cmpint (banyan_test_zeroes (graph, "disk", TIB - KEPT, KEPT, 0, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  assert_zero (graph, TIB - CHUNK, CHUNK);
}

typedef struct
{
  gboolean is_done;
  guint turns;
} Turns;

static void
take_turns (gpointer data)
{
  Turns *self = data;

  for (; !self->is_done; self->turns++)
    banyan_co_yield ();
}

static gboolean BANYAN_COROUTINE
zero_beside (BanyanChannel *channel, gpointer data, GError **error)
{
  BanyanRequest request = BANYAN_REQUEST (0, 16 * KEPT, NULL, 0);
  Turns turns = { FALSE, 0 };
  BanyanAnswer answer;

  banyan_coroutine_start (take_turns, &turns);
  answer = banyan_channel_write_zeroes (channel, &request, error);
  g_assert_cmpuint (turns.turns, >, 64);

  turns.is_done = TRUE;
  banyan_co_yield ();
  return answer == BANYAN_DONE;
}

static void
test_others_have_turns (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1TiB }\n");
  g_autoptr (GError) error = NULL;

  g_test_summary ("While much of a disk is zeroed, others on the same thread have their turns");

  banyan_test_run (graph, "disk", zero_beside, NULL, &error);
  g_assert_no_error (error);
}

/* Pages that are locked cannot be given back. */
static void
test_zeroes_locked_memory (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1MiB, discard: unmap }\n");
  g_autoptr (GError) error = NULL;

  g_test_summary ("What was zeroed stays zero in a process that locks its memory");

  if (mlockall (MCL_FUTURE | MCL_ONFAULT) != 0)
    {
      g_test_skip ("memory cannot be locked here");
      return;
    }

  must_write (graph, 0, CHUNK);
  g_assert_cmpint (banyan_test_zeroes (graph, "disk", 0, CHUNK, BANYAN_REQUEST_MAY_UNMAP, &error),
                   ==, BANYAN_DONE);
  g_assert_no_error (error);
  must_write (graph, 0, 512);
  assert_zero (graph, 512, CHUNK - 512);
  munlockall ();
}

static void
test_cut_is_forgotten (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1MiB }\n");
  g_autoptr (GError) error = NULL;
  guint8 bytes[CHUNK];

  g_test_summary ("What a shorter disk cut off is zero when the disk grows again");

  must_write (graph, 0, 3 * CHUNK);
  g_assert_cmpint (banyan_test_resize (graph, "disk", CHUNK / 2, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (graph, "disk")), ==, CHUNK / 2);
  g_assert_false (banyan_test_read (graph, "disk", CHUNK / 2, bytes, 512, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);

  g_assert_cmpint (banyan_test_resize (graph, "disk", TIB, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  must_read (graph, 0, bytes, CHUNK / 2);
  banyan_test_assert_filled (bytes, 0, CHUNK / 2, 1);
  assert_zero (graph, CHUNK / 2, 3 * CHUNK);
}

static void
test_refuses_bad_size (void)
{
  static const struct
  {
    const char *nodes;
    int code;
  } bad[] = {
    { "disk: { driver: memory }\n", BANYAN_CONFIG_ERROR_MISSING },
    { "disk: { driver: memory, size: -1 }\n", BANYAN_CONFIG_ERROR_RANGE },
    { "disk: { driver: memory, size: 4PiB }\n", BANYAN_CONFIG_ERROR_RANGE },
  };

  g_test_summary ("A disk without a size, or with an impossible one, is refused");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (banyan_test_graph_new (bad[i].nodes, &error));
      g_assert_error (error, BANYAN_CONFIG_ERROR, bad[i].code);
    }
}

/* -- Several threads. -- */

#define N_WRITERS 4
#define BLOCK 512
#define ROUND (N_WRITERS * BLOCK)
#define SHARED_SIZE (4 * CHUNK)

/* Each writes every fourth block, so that all of them are in every chunk. */
typedef struct
{
  BanyanBackend *backend;
  guint index;
  gint is_done; /* atomic */
} Writer;

static void
write_blocks (gpointer data)
{
  Writer *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);

  for (guint seed = 1; seed <= 3; seed++)
    for (guint64 offset = self->index * BLOCK; offset < SHARED_SIZE; offset += ROUND)
      {
        guint8 bytes[BLOCK];
        struct iovec iov = { bytes, sizeof bytes };
        BanyanRequest request = BANYAN_REQUEST (offset, sizeof bytes, &iov, 1);
        g_autoptr (GError) error = NULL;

        banyan_test_fill (bytes, offset, sizeof bytes, seed);
        banyan_channel_write (channel, &request, &error);
        g_assert_no_error (error);
        banyan_channel_read (channel, &request, &error);
        g_assert_no_error (error);
        banyan_test_assert_filled (bytes, offset, sizeof bytes, seed);
      }

  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

#define THREADED \
  "version: 1\n" \
  "objects:\n" \
  "  io0: { type: iothread }\n" \
  "  io1: { type: iothread }\n" \
  "  io2: { type: iothread }\n" \
  "  io3: { type: iothread }\n" \
  "nodes:\n" \
  "  disk: { driver: memory, size: 1TiB }\n"

static void
test_threads (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (THREADED);
  BanyanObject *objects
      = banyan_object_get_child (BANYAN_OBJECT (banyan_test_graph_get (graph)), "objects");
  g_autofree guint8 *bytes = g_malloc (SHARED_SIZE);
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanBackend) backend = banyan_backend_new (
      banyan_test_get_node (graph, "disk"), "writers",
      BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, &error);
  Writer writers[N_WRITERS] = { 0 };

  g_test_summary ("Four threads write into the same chunks, which nobody made before, and lose "
                  "nothing");

  g_assert_no_error (error);
  for (guint i = 0; i < N_WRITERS; i++)
    {
      g_autofree char *id = g_strdup_printf ("io%u", i);

      writers[i] = (Writer){ backend, i, FALSE };
      banyan_coroutine_start_on (
          banyan_iothread_get_loop (BANYAN_IOTHREAD (banyan_object_get_child (objects, id))),
          write_blocks, &writers[i]);
    }
  for (guint i = 0; i < N_WRITERS; i++)
    while (!g_atomic_int_get (&writers[i].is_done))
      g_main_context_iteration (NULL, TRUE);

  must_read (graph, 0, bytes, SHARED_SIZE);
  banyan_test_assert_filled (bytes, 0, SHARED_SIZE, 3);
  g_assert_cmpuint (get_allocated (graph), ==, SHARED_SIZE);
  banyan_backend_close (backend);
}

/* -- One thread empties a chunk while another goes on with it. -- */

/* Long enough for the other one to do all it wants, if nothing stops it. */
#define EMPTYING_MS 200

static gint stops_emptying; /* atomic */
static sem_t emptying, gone_on;

static void
wait_for_the_other (void)
{
  struct timespec until;

  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_nsec += EMPTYING_MS * 1000000;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  while (sem_timedwait (&gone_on, &until) < 0 && errno == EINTR)
    ;
}

/* Ours goes before the C library's, for the plugin too. */
__attribute__ ((visibility ("default"))) int
madvise (void *address, size_t length, int advice)
{
  int (*next) (void *, size_t, int) = dlsym (RTLD_NEXT, "madvise");

  if (advice == MADV_DONTNEED && g_atomic_int_compare_and_exchange (&stops_emptying, TRUE, FALSE))
    {
      sem_post (&emptying);
      wait_for_the_other ();
    }
  return next (address, length, advice);
}

typedef struct
{
  BanyanBackend *backend;
  BanyanCoroutineFunc func;
  gsize length; /* bytes of the first chunk to zero */
  gint is_done; /* atomic */
} Zeroer;

static void
zero_first_bytes (BanyanChannel *channel, gsize length)
{
  BanyanRequest request = BANYAN_REQUEST (0, length, NULL, 0);
  g_autoptr (GError) error = NULL;

  request.flags = BANYAN_REQUEST_MAY_UNMAP;
  g_assert_cmpint (banyan_channel_write_zeroes (channel, &request, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
}

static void
end_zeroer (Zeroer *self, BanyanChannel *channel)
{
  banyan_channel_close (channel);
  g_atomic_int_set (&self->is_done, TRUE);
  g_main_context_wakeup (NULL);
}

static void
empty_first_chunk (gpointer data)
{
  Zeroer *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);

  zero_first_bytes (channel, CHUNK);
  end_zeroer (self, channel);
}

/* Zeroes, and then makes the chunk one with data again. */
static void
go_on_beside (gpointer data)
{
  static const guint8 zeroes[CHUNK / 2];
  Zeroer *self = data;
  BanyanChannel *channel = banyan_backend_open_channel (self->backend);
  guint8 bytes[CHUNK / 2];
  gsize length = MIN (self->length, sizeof bytes);
  struct iovec iov = { bytes, length };
  BanyanRequest write = BANYAN_REQUEST (CHUNK / 2, BLOCK, &iov, 1);
  BanyanRequest read = BANYAN_REQUEST (0, length, &iov, 1);

  while (sem_wait (&emptying) < 0)
    ;
  zero_first_bytes (channel, self->length);
  memset (bytes, 'w', BLOCK);
  g_assert_true (banyan_channel_write (channel, &write, NULL));
  g_assert_true (banyan_channel_read (channel, &read, NULL));
  g_assert_cmpmem (bytes, length, zeroes, length);

  sem_post (&gone_on);
  end_zeroer (self, channel);
}

static void
zero_while_emptying (BanyanTestGraph *graph, BanyanBackend *backend, gsize length)
{
  Zeroer zeroers[]
      = { { backend, empty_first_chunk, CHUNK, FALSE }, { backend, go_on_beside, length, FALSE } };
  BanyanObject *objects
      = banyan_object_get_child (BANYAN_OBJECT (banyan_test_graph_get (graph)), "objects");

  must_write (graph, 0, CHUNK);
  sem_init (&emptying, 0, 0);
  sem_init (&gone_on, 0, 0);
  g_atomic_int_set (&stops_emptying, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (zeroers); i++)
    {
      g_autofree char *id = g_strdup_printf ("io%u", i);

      banyan_coroutine_start_on (
          banyan_iothread_get_loop (BANYAN_IOTHREAD (banyan_object_get_child (objects, id))),
          zeroers[i].func, &zeroers[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (zeroers); i++)
    while (!g_atomic_int_get (&zeroers[i].is_done))
      g_main_context_iteration (NULL, TRUE);

  assert_zero (graph, 0, CHUNK / 2);
}

#define EMPTYING \
  "version: 1\n" \
  "objects: { io0: { type: iothread }, io1: { type: iothread } }\n" \
  "nodes:\n" \
  "  disk: { driver: memory, size: 1MiB, discard: unmap }\n"

static void
test_emptying_shows_nothing (void)
{
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (EMPTYING);
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanBackend) backend = banyan_backend_new (
      banyan_test_get_node (graph, "disk"), "emptier",
      BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE, BANYAN_PERMISSIONS_ALL, &error);

  g_test_summary ("What was zeroed stays zero when the chunk is written to while another thread "
                  "has not given its pages back yet");

  g_assert_no_error (error);
  zero_while_emptying (graph, backend, CHUNK);
  zero_while_emptying (graph, backend, BLOCK);
  banyan_backend_close (backend);
}

static void
test_process_shrinks (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1TiB, discard: unmap }\n");
  const guint64 size = 64 << 20;
  g_autoptr (GError) error = NULL;
  guint64 full;

  g_test_summary ("A discard makes the process itself smaller by what it gave up");

  must_write (graph, 0, size);
  full = get_resident ();
  g_assert_cmpint (banyan_test_discard (graph, "disk", 0, TIB, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (get_allocated (graph), ==, 0);
  g_assert_cmpuint (get_resident () + size * 3 / 4, <, full);
}

static void
test_kept_shrinks (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1TiB, discard: unmap }\n");
  const guint64 size = 64 << 20;
  guint64 before = get_resident ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A discard gives back what kept chunks have of a huge page that was used");

  g_assert_cmpint (banyan_test_zeroes (graph, "disk", 0, size, 0, &error), ==, BANYAN_DONE);
  for (guint64 offset = 0; offset < size; offset += 2 << 20)
    must_write (graph, offset, 512);
  g_assert_cmpint (banyan_test_discard (graph, "disk", 0, TIB, &error), ==, BANYAN_DONE);
  g_assert_no_error (error);
  g_assert_cmpuint (get_allocated (graph), ==, 0);
  g_assert_cmpuint (get_resident (), <, before + size / 2);
}

static void
test_sends_from_where_it_lies (void)
{
  g_autoptr (BanyanTestGraph) graph
      = banyan_test_graph_must_load ("disk: { driver: memory, size: 1MiB }\n");
  static const guint8 zeroes[CHUNK];
  guint8 bytes[2 * CHUNK];
  BanyanAnswer answer;
  gsize sent;
  int pair[2];

  g_test_summary ("A range of data and of nothing goes to a socket until that is full");

  must_write (graph, CHUNK, CHUNK);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  answer = banyan_test_send (graph, "disk", CHUNK, sizeof bytes, pair[0], &sent);
  g_assert_cmpint (answer, ==, BANYAN_DONE);
  g_assert_cmpuint (sent, >, CHUNK);
  g_assert_cmpint (recv (pair[1], bytes, sent, MSG_WAITALL), ==, sent);
  banyan_test_assert_filled (bytes, CHUNK, CHUNK, 1);
  g_assert_cmpmem (bytes + CHUNK, sent - CHUNK, zeroes, sent - CHUNK);

  do
    answer = banyan_test_send (graph, "disk", CHUNK, sizeof bytes, pair[0], &sent);
  while (sent > 0);
  g_assert_cmpint (answer, ==, BANYAN_DONE);
  close (pair[1]);
  answer = banyan_test_send (graph, "disk", CHUNK, sizeof bytes, pair[0], &sent);
  g_assert_cmpint (answer, ==, BANYAN_UNSUPPORTED);
  close (pair[0]);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/memory/reads-back", test_reads_back);
  g_test_add_func ("/protocol/memory/terabyte-costs-nothing", test_terabyte_costs_nothing);
  g_test_add_func ("/protocol/memory/zeroing-gives-memory-back", test_zeroing_gives_memory_back);
  g_test_add_func ("/protocol/memory/zeroing-keeps-memory", test_zeroing_keeps_memory);
  g_test_add_func ("/protocol/memory/kept-chunks-are-used", test_kept_chunks_are_used);
  g_test_add_func ("/protocol/memory/mappings-are-few", test_mappings_are_few);
  g_test_add_func ("/protocol/memory/no-memory-to-keep", test_no_memory_to_keep);
  g_test_add_func ("/protocol/memory/others-have-turns", test_others_have_turns);
  g_test_add_func ("/protocol/memory/zeroes-locked-memory", test_zeroes_locked_memory);
  g_test_add_func ("/protocol/memory/cut-is-forgotten", test_cut_is_forgotten);
  g_test_add_func ("/protocol/memory/refuses-bad-size", test_refuses_bad_size);
  g_test_add_func ("/protocol/memory/threads-lose-nothing", test_threads);
  g_test_add_func ("/protocol/memory/emptying-shows-nothing", test_emptying_shows_nothing);
  g_test_add_func ("/protocol/memory/process-shrinks", test_process_shrinks);
  g_test_add_func ("/protocol/memory/kept-shrinks", test_kept_shrinks);
  g_test_add_func ("/protocol/memory/sends-from-where-it-lies", test_sends_from_where_it_lies);
  return g_test_run ();
}
