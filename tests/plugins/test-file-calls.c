/* test-file-calls.c - which system calls are made for requests, and what comes of their answers
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * With aio: threads all calls go through the C library, and this program's own functions of the
 * same names come before the library's: they count, and answer as they are told. */

#include "image.h"

#include "../../plugins/protocols/file/file-cache.h"
#include "../../plugins/protocols/file/file-folios.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* What the next calls do; atomic. */
static gint interrupts; /* so many fail with EINTR */
static gint shorts;     /* so many move only one byte */
static gint refuses;    /* errno of all fallocates and copies; 0: none */
static gint sync_fails; /* errno of the next fdatasync */
static gint write_us;   /* how long each write takes at least */
static gint kick_fails; /* errno of all sync_file_ranges; 0: none */

static gint n_reads, n_writes, n_fua_writes, n_syncs, n_range_syncs, n_punches, n_zero_ranges,
    n_copies;

static gboolean
take (gint *counter)
{
  gint left = g_atomic_int_get (counter);

  while (left > 0)
    if (g_atomic_int_compare_and_exchange (counter, left, left - 1))
      return TRUE;
    else
      left = g_atomic_int_get (counter);
  return FALSE;
}

static gpointer
real (const char *name)
{
  gpointer function = dlsym (RTLD_NEXT, name);

  g_assert_nonnull (function);
  return function;
}

#define OURS __attribute__ ((visibility ("default")))

OURS ssize_t
preadv2 (int fd, const struct iovec *iov, int n_iov, off_t offset, int flags)
{
  ssize_t (*next) (int, const struct iovec *, int, off_t, int) = real ("preadv2");
  struct iovec one = { iov[0].iov_base, 1 };

  g_atomic_int_inc (&n_reads);
  if (take (&interrupts))
    return errno = EINTR, -1;
  return take (&shorts) ? next (fd, &one, 1, offset, flags) : next (fd, iov, n_iov, offset, flags);
}

/* The processor's time, as the kernel's ways through a folio: no rest. */
static void
be_slow (gint us)
{
  gint64 end = g_get_monotonic_time () + us;

  while (us > 0 && g_get_monotonic_time () < end)
    ;
}

OURS ssize_t
pwritev2 (int fd, const struct iovec *iov, int n_iov, off_t offset, int flags)
{
  ssize_t (*next) (int, const struct iovec *, int, off_t, int) = real ("pwritev2");
  struct iovec one = { iov[0].iov_base, 1 };

  g_atomic_int_inc (flags & RWF_DSYNC ? &n_fua_writes : &n_writes);
  be_slow (g_atomic_int_get (&write_us));
  if (take (&interrupts))
    return errno = EINTR, -1;
  return take (&shorts) ? next (fd, &one, 1, offset, flags) : next (fd, iov, n_iov, offset, flags);
}

OURS int
fdatasync (int fd)
{
  int (*next) (int) = real ("fdatasync");
  gint number = g_atomic_int_get (&sync_fails);

  g_atomic_int_inc (&n_syncs);
  if (take (&interrupts))
    return errno = EINTR, -1;
  g_atomic_int_set (&sync_fails, 0);
  return number != 0 ? (errno = number, -1) : next (fd);
}

/* To wait would take errors from the next flush. */
OURS int
sync_file_range (int fd, off_t offset, off_t length, unsigned int flags)
{
  int (*next) (int, off_t, off_t, unsigned int) = real ("sync_file_range");

  g_assert_cmpuint (flags, ==, SYNC_FILE_RANGE_WRITE);
  g_atomic_int_inc (&n_range_syncs);
  return g_atomic_int_get (&kick_fails) != 0 ? (errno = g_atomic_int_get (&kick_fails), -1)
                                             : next (fd, offset, length, flags);
}

OURS int
fallocate (int fd, int mode, off_t offset, off_t length)
{
  int (*next) (int, int, off_t, off_t) = real ("fallocate");

  g_assert_true (mode & FALLOC_FL_KEEP_SIZE);
  g_atomic_int_inc (mode & FALLOC_FL_PUNCH_HOLE ? &n_punches : &n_zero_ranges);
  if (take (&interrupts))
    return errno = EINTR, -1;
  return g_atomic_int_get (&refuses) != 0 ? (errno = g_atomic_int_get (&refuses), -1)
                                          : next (fd, mode, offset, length);
}

OURS ssize_t
copy_file_range (int from, off_t *from_offset, int to, off_t *to_offset, size_t length,
                 unsigned int flags)
{
  ssize_t (*next) (int, off_t *, int, off_t *, size_t, unsigned int) = real ("copy_file_range");

  g_atomic_int_inc (&n_copies);
  if (take (&interrupts))
    return errno = EINTR, -1;
  return g_atomic_int_get (&refuses) != 0
             ? (errno = g_atomic_int_get (&refuses), -1)
             : next (from, from_offset, to, to_offset, take (&shorts) ? 1 : length, flags);
}

static Image *
open_counted (void)
{
  Image *image = image_new ();

  image_open (image, ", aio: threads, discard: unmap");
  n_reads = n_writes = n_fua_writes = n_syncs = n_punches = n_zero_ranges = n_copies = 0;
  return image;
}

static void
zero (Image *image, guint flags)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (banyan_test_zeroes (image->graph, "disk", 4096, 65536, flags, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
}

static void
write_fua (Image *image)
{
  g_autoptr (GError) error = NULL;
  guint8 bytes[4096];

  banyan_test_fill (bytes, 0, sizeof bytes, 2);
  banyan_test_write_flags (image->graph, "disk", 0, bytes, sizeof bytes, BANYAN_REQUEST_FUA,
                           &error);
  g_assert_no_error (error);
}

static void
test_fua (void)
{
  g_autoptr (Image) image = open_counted ();

  g_test_summary (
      "A write with FUA is one call that ends on the disk; zeroes with FUA are flushed");

  image_must_write (image, "disk", 0, 4096, 1);
  g_assert_cmpint (n_fua_writes + n_syncs, ==, 0);
  write_fua (image);
  g_assert_cmpint (n_fua_writes, ==, 1);
  g_assert_cmpint (n_syncs, ==, 0);
  g_assert_cmpint (n_writes, ==, 1);

  zero (image, BANYAN_REQUEST_FUA);
  g_assert_cmpint (n_syncs, ==, 1);
}

static void
test_no_flush (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("cache.no-flush leaves out flushes, the one at the end too, and FUA with them");

  image_open (image, ", aio: threads, cache: { no-flush: true }");
  n_syncs = n_fua_writes = 0;
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);
  write_fua (image);
  banyan_test_graph_free (g_steal_pointer (&image->graph));
  g_assert_cmpint (n_syncs + n_fua_writes, ==, 0);
}

static void
test_failed_flush (void)
{
  g_autoptr (Image) image = open_counted ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) second = NULL;
  BanyanObject *disk = BANYAN_OBJECT (banyan_test_get_node (image->graph, "disk"));

  g_test_summary ("After a flush that failed all others do, until the image is opened anew");

  g_atomic_int_set (&sync_fails, EIO);
  g_assert_false (banyan_test_flush (image->graph, "disk", &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);
  g_assert_false (banyan_test_flush (image->graph, "disk", &second));
  g_assert_error (second, BANYAN_ERRNO, EIO);
  g_assert_nonnull (strstr (second->message, "reopen"));
  g_assert_cmpint (n_syncs, ==, 1);

  g_clear_error (&error);
  banyan_object_set (disk, "locking", "off", &error);
  g_assert_no_error (error);
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);
}

/* -- Folios: what writes of a few microseconds more are taken for. -- */

/* Whether the image begins with a large folio: a write makes all of it dirty. */
static gboolean
is_in_large_folios (Image *image)
{
  int fd = open (image->path, O_RDWR | O_CLOEXEC);
  FileCacheState state = { 0 };
  guint8 byte;

  g_assert_cmpint (fsync (fd), ==, 0);
  g_assert_cmpint (pread (fd, &byte, 1, 0), ==, 1);
  g_assert_cmpint (pwrite (fd, &byte, 1, 0), ==, 1);
  if (file_folios_can_split (fd))
    file_cache_look (fd, 0, IMAGE_SIZE, &state);
  close (fd);
  return state.n_dirty * sysconf (_SC_PAGESIZE) >= 256 << 10;
}

/* Written in one piece, as a copy of an image is. FALSE: skipped. */
static gboolean
open_in_large_folios (Image *image, const char *more)
{
  g_autofree guint8 *bytes = g_malloc (IMAGE_SIZE);
  int fd = open (image->path, O_RDWR | O_CLOEXEC);

  banyan_test_fill (bytes, 0, IMAGE_SIZE, 1);
  g_assert_cmpint (pwrite (fd, bytes, IMAGE_SIZE, 0), ==, IMAGE_SIZE);
  close (fd);
  if (!is_in_large_folios (image))
    {
      g_test_skip ("no large folios here (ext4, Linux 6.16)");
      return FALSE;
    }

  image_open (image, more);
  n_range_syncs = 0;
  return TRUE;
}

static guint64
count_splits (Image *image)
{
  guint64 n_splits;

  g_object_get (banyan_test_get_node (image->graph, "disk"), "folio-splits", &n_splits, NULL);
  return n_splits;
}

#define N_SLOW 64

/* Up to @n_most writes, until folios were to be split; then reads them, and what lies
 * behind. */
static void
write_slowly (Image *image, guint n_most)
{
  guint n, n_blocks;

  g_atomic_int_set (&write_us, 40);
  for (n = 0; n < n_most && n_range_syncs == 0; n++)
    image_must_write (image, "disk", n % N_SLOW * 4096, 4096, 2);
  g_atomic_int_set (&write_us, 0);

  n_blocks = MIN (n, N_SLOW);
  image_must_read (image, "disk", 0, n_blocks * 4096, 2);
  image_must_read (image, "disk", N_SLOW * 4096, IMAGE_SIZE - N_SLOW * 4096, 1);
}

static void
test_slow_writes_split_folios (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Small writes that are slow have the folios split, which the node counts, and "
                  "all that was written is there");

  if (!open_in_large_folios (image, ", aio: threads"))
    return;

  for (guint i = 0; i < 100 && count_splits (image) == 0; i++)
    {
      n_range_syncs = 0;
      write_slowly (image, 100 * 1000);
      g_assert_cmpint (n_range_syncs, >, 0);
    }
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);
  if (count_splits (image) == 0)
    {
      g_assert_true (is_in_large_folios (image));
      g_test_skip ("the disk is too slow now");
    }
}

static void
test_failed_writing_back (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  BanyanObject *disk;

  g_test_summary ("What could not be written back before folios are split fails the next flush, "
                  "even if the image is opened anew before that");

  if (!open_in_large_folios (image, ", aio: threads"))
    return;

  g_atomic_int_set (&kick_fails, EIO);
  write_slowly (image, 100 * 1000);
  g_atomic_int_set (&kick_fails, 0);
  g_assert_cmpint (n_range_syncs, ==, 1);
  g_assert_cmpuint (count_splits (image), ==, 0);

  disk = BANYAN_OBJECT (banyan_test_get_node (image->graph, "disk"));
  banyan_object_set (disk, "split-folios", "false", &error);
  g_assert_no_error (error);
  g_assert_false (banyan_test_flush (image->graph, "disk", &error));
  g_assert_error (error, BANYAN_ERRNO, EIO);

  g_clear_error (&error);
  banyan_object_set (disk, "locking", "off", &error);
  g_assert_no_error (error);
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);
}

static void
check_left_alone (const char *more)
{
  g_autoptr (Image) image = image_new ();

  if (!open_in_large_folios (image, more))
    return;

  write_slowly (image, 200);
  g_assert_cmpint (n_range_syncs, ==, 0);
  g_assert_cmpuint (count_splits (image), ==, 0);
}

static void
test_folios_can_be_left (void)
{
  g_test_summary ("split-folios: false leaves folios alone, and so does cache.no-flush");

  check_left_alone (", aio: threads, split-folios: false");
  check_left_alone (", aio: threads, cache: { no-flush: true }");
}

static void
test_interrupted (void)
{
  g_autoptr (Image) image = open_counted ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Calls that a signal interrupts are made again");

  g_atomic_int_set (&interrupts, 3);
  image_must_write (image, "disk", 0, 65536, 1);
  g_atomic_int_set (&interrupts, 3);
  image_must_read (image, "disk", 0, 65536, 1);
  g_atomic_int_set (&interrupts, 3);
  banyan_test_flush (image->graph, "disk", &error);
  g_assert_no_error (error);
  g_atomic_int_set (&interrupts, 3);
  zero (image, 0);
  g_assert_cmpint (g_atomic_int_get (&interrupts), ==, 0);
}

static void
test_short (void)
{
  g_autoptr (Image) image = open_counted ();

  g_test_summary ("Calls that did a part only are followed by others for the rest");

  g_atomic_int_set (&shorts, 3);
  image_must_write (image, "disk", 0, 65536, 1);
  g_assert_cmpint (n_writes, ==, 4);
  g_atomic_int_set (&shorts, 3);
  image_must_read (image, "disk", 0, 65536, 1);
  g_assert_cmpint (n_reads, >=, 4);
}

static void
test_remembers_what_is_missing (void)
{
  g_autoptr (Image) image = open_counted ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("What the file system has not got is asked for once, and zeroes are written");

  image_must_write (image, "disk", 0, 131072, 1);
  g_atomic_int_set (&refuses, EOPNOTSUPP);
  for (guint i = 0; i < 3; i++)
    {
      zero (image, BANYAN_REQUEST_MAY_UNMAP);
      g_assert_cmpint (banyan_test_discard (image->graph, "disk", 0, 4096, &error), ==,
                       BANYAN_UNSUPPORTED);
      g_assert_no_error (error);
    }
  g_atomic_int_set (&refuses, 0);

  g_assert_cmpint (n_punches, ==, 1);
  g_assert_cmpint (n_zero_ranges, ==, 1);
  image_must_read (image, "disk", 0, 4096, 1);
  image_must_read (image, "disk", 69632, 4096, 1);
}

static void
test_forgets_single_refusals (void)
{
  g_autoptr (Image) image = open_counted ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A range that the file system refuses by EINVAL says nothing about the next one");

  g_atomic_int_set (&refuses, EINVAL);
  zero (image, 0);
  g_atomic_int_set (&refuses, 0);
  zero (image, 0);
  g_assert_cmpint (n_zero_ranges, ==, 2);

  g_atomic_int_set (&refuses, EIO);
  g_assert_cmpint (banyan_test_zeroes (image->graph, "disk", 0, 4096, 0, &error), ==,
                   BANYAN_FAILED);
  g_atomic_int_set (&refuses, 0);
  g_assert_error (error, BANYAN_ERRNO, EIO);
}

/* -- Copies: a filter that copies instead of writing. -- */

#define TEST_TYPE_COPIER (test_copier_get_type ())
G_DECLARE_FINAL_TYPE (TestCopier, test_copier, TEST, COPIER, BanyanFilter)

struct _TestCopier
{
  BanyanFilter parent_instance;
  BanyanChild *file;
  BanyanChild *source;
};

G_DEFINE_FINAL_TYPE (TestCopier, test_copier, BANYAN_TYPE_FILTER)

static guint64 copy_from;
static BanyanAnswer copy_answer;

static gboolean
test_copier_write (BanyanNode *node, const BanyanRequest *request, GError **error)
{
  TestCopier *self = BANYAN_NODE_SELF (TestCopier, node);
  BanyanRequest target = BANYAN_REQUEST (request->offset, request->length, NULL, 0);

  copy_answer = banyan_child_copy_range (self->file, &target, banyan_child_get_node (self->source),
                                         copy_from, error);
  return copy_answer != BANYAN_FAILED;
}

static const BanyanNodeOps test_copier_ops
    = { .size = sizeof test_copier_ops, .write = test_copier_write };

static void
test_copier_class_init (TestCopierClass *klass)
{
  BanyanNodeClass *node_class = BANYAN_NODE_CLASS (klass);

  banyan_node_class_set_ops (node_class, &test_copier_ops);
  banyan_node_class_add_child_role (node_class, "file", BANYAN_CHILD_FILTERED, "Copied to",
                                    G_STRUCT_OFFSET (TestCopier, file));
  banyan_node_class_add_child_role (node_class, "source", BANYAN_CHILD_DATA, "Copied from",
                                    G_STRUCT_OFFSET (TestCopier, source));
}

static void
test_copier_init (TestCopier *self)
{
}

#define BETWEEN_FILES \
  "top: { driver: test-copier, file: disk, source: other }\n" \
  "disk: { driver: file, filename: IMAGE, aio: threads }\n" \
  "other: { driver: file, filename: OTHER, aio: threads }\n"

static BanyanAnswer
copy (Image *image, guint64 from, guint64 to, gsize length)
{
  g_autofree guint8 *bytes = g_malloc0 (length);
  g_autoptr (GError) error = NULL;

  copy_from = from;
  copy_answer = BANYAN_FAILED;
  banyan_test_write (image->graph, "top", to, bytes, length, &error);
  g_assert_no_error (error);
  return copy_answer;
}

static void
test_copies_between_files (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree guint8 *bytes = g_malloc (200000);
  g_autoptr (GError) error = NULL;

  g_test_summary ("A copy from one file to another is left to the kernel, interrupted or in parts");

  image_load (image, BETWEEN_FILES);
  image_must_write (image, "other", 0, 200000, 4);
  g_atomic_int_set (&interrupts, 2);
  g_atomic_int_set (&shorts, 2);
  n_copies = 0;
  if (copy (image, 0, 0, 100000) == BANYAN_UNSUPPORTED)
    {
      g_test_skip ("the file system of the temporary folder does not copy");
      return;
    }
  g_assert_cmpint (n_copies, >=, 5);
  g_assert_cmpint (copy (image, 100001, 100001, 99999), ==, BANYAN_DONE);
  banyan_test_read (image->graph, "disk", 0, bytes, 100000, &error);
  g_assert_no_error (error);
  banyan_test_assert_filled (bytes, 0, 100000, 4);
  image_must_read (image, "disk", 100001, 99999, 4);
}

static void
test_copy_is_refused (void)
{
  g_autoptr (Image) image = image_new ();

  g_test_summary ("Where the kernel cannot copy that is no error, and it is not asked again");

  image_load (image, BETWEEN_FILES);
  n_copies = 0;
  g_atomic_int_set (&refuses, EXDEV);
  g_assert_cmpint (copy (image, 0, 0, 4096), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (copy (image, 0, 0, 4096), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (n_copies, ==, 2);
  g_atomic_int_set (&refuses, EOPNOTSUPP);
  g_assert_cmpint (copy (image, 0, 0, 4096), ==, BANYAN_UNSUPPORTED);
  g_atomic_int_set (&refuses, 0);
  g_assert_cmpint (copy (image, 0, 0, 4096), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (n_copies, ==, 3);
}

static void
test_copy_from_elsewhere (void)
{
  g_autoptr (Image) image = image_new ();

  g_test_summary ("A source that is no file, or ends too early, is for the caller to read");

  image_load (image, "top: { driver: test-copier, file: disk, source: other }\n"
                     "disk: { driver: file, filename: IMAGE, aio: threads }\n"
                     "other: { driver: memory, size: 1M }\n");
  n_copies = 0;
  g_assert_cmpint (copy (image, 0, 0, 4096), ==, BANYAN_UNSUPPORTED);
  g_clear_pointer (&image->graph, banyan_test_graph_free);

  image_load (image, BETWEEN_FILES);
  g_assert_cmpint (copy (image, IMAGE_SIZE - 100, 0, 4096), ==, BANYAN_UNSUPPORTED);
  g_assert_cmpint (n_copies, ==, 0);
  g_assert_cmpint (truncate (image->other, 1000), ==, 0);
  g_assert_cmpint (copy (image, 0, 0, 4096), ==, BANYAN_UNSUPPORTED);
}

static void
test_copy_overlaps (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree guint8 *bytes = g_malloc (65536);
  g_autoptr (GError) error = NULL;
  BanyanAnswer answer;

  g_test_summary ("In one file a copy beside the source is one, and one that overlaps it is none");

  image_load (image, "top: { driver: test-copier, file: disk, source: disk }\n"
                     "disk: { driver: file, filename: IMAGE, aio: threads }\n");
  g_assert_cmpint (truncate (image->path, IMAGE_SIZE), ==, 0);
  answer = copy (image, 0, 65536, 65536);
  g_assert_cmpint (answer, !=, BANYAN_FAILED);
  g_assert_cmpint (copy (image, 0, 4096, 65536), ==, BANYAN_UNSUPPORTED);
  banyan_test_read (image->graph, "disk", 0, bytes, 65536, &error);
  g_assert_no_error (error);
  image_assert_zero (bytes, 65536);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  banyan_registry_add_builtin (banyan_registry_get_default (), "test-copier", BANYAN_PLUGIN_FILTER,
                               TEST_TYPE_COPIER, "Copies instead of writing");
  g_test_add_func ("/protocol/file/calls/fua-ends-on-the-disk", test_fua);
  g_test_add_func ("/protocol/file/calls/no-flush", test_no_flush);
  g_test_add_func ("/protocol/file/calls/failed-flush", test_failed_flush);
  g_test_add_func ("/protocol/file/calls/slow-writes-split-folios", test_slow_writes_split_folios);
  g_test_add_func ("/protocol/file/calls/failed-writing-back", test_failed_writing_back);
  g_test_add_func ("/protocol/file/calls/folios-can-be-left", test_folios_can_be_left);
  g_test_add_func ("/protocol/file/calls/interrupted-ones-are-repeated", test_interrupted);
  g_test_add_func ("/protocol/file/calls/short-ones-go-on", test_short);
  g_test_add_func ("/protocol/file/calls/remembers-what-is-missing",
                   test_remembers_what_is_missing);
  g_test_add_func ("/protocol/file/calls/forgets-single-refusals", test_forgets_single_refusals);
  g_test_add_func ("/protocol/file/copy/between-files", test_copies_between_files);
  g_test_add_func ("/protocol/file/copy/refused", test_copy_is_refused);
  g_test_add_func ("/protocol/file/copy/from-elsewhere", test_copy_from_elsewhere);
  g_test_add_func ("/protocol/file/copy/overlaps", test_copy_overlaps);
  return g_test_run ();
}
