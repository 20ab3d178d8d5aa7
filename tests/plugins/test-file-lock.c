/* test-file-lock.c - one image is written by one at a time, here and in QEMU
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* Bytes that QEMU locks: 100 and up for what is taken, 200 and up for what is not shared. */
#define BYTE_WRITES 101
#define BYTE_KEEPS_WRITERS_OUT 201
#define BYTE_KEEPS_LENGTH 203

static void
take_byte (int fd, guint byte, guint length, int type)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = length };

  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);
}

static gboolean
is_held (int fd, guint byte)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

  g_assert_cmpint (fcntl (fd, F_OFD_GETLK, &lock), ==, 0);
  return lock.l_type != F_UNLCK;
}

static void
assert_busy (Image *image, const char *node, guint used, const char *names)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (image_hold (image, node, used, &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY);
  if (strstr (error->message, names) == NULL)
    g_error ("\"%s\" does not name %s", error->message, names);
}

/* -- Against QEMU. -- */

static void
test_keeps_qemu_out (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *said = NULL;
  g_autofree char *info = NULL;
  g_autofree char *grow = NULL;
  g_autofree char *later = NULL;
  BanyanBackend *writer;

  g_test_summary ("While we write an image qemu-io and qemu-img cannot, and afterwards they can");

  if (!image_has_qemu ())
    return;

  image_open (image, "");
  writer = image_hold (image, "disk", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  g_assert_false (image_qemu_io (image->path, "write 0 512", FALSE, &said));
  g_assert_nonnull (strstr (said, "lock"));
  g_assert_false (image_run_qemu (
      (const char *const[]){ "qemu-img", "resize", "-f", "raw", image->path, "2M", NULL }, &grow));
  g_assert_nonnull (strstr (grow, "lock"));
  g_assert_true (image_run_qemu (
      (const char *const[]){ "qemu-img", "info", "-U", "-f", "raw", image->path, NULL }, &info));

  image_let_go (writer);
  g_assert_true (image_qemu_io (image->path, "write 0 512", FALSE, &later));
}

static void
test_reads_with_qemu (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *said = NULL;
  BanyanBackend *reader;

  g_test_summary ("We and qemu-io read one image at the same time");

  if (!image_has_qemu ())
    return;

  image_open (image, ", read-only: true");
  reader = image_hold (image, "disk", BANYAN_PERMISSION_CONSISTENT_READ, &error);
  g_assert_no_error (error);
  g_assert_true (image_qemu_io (image->path, "read -P 0 0 512", TRUE, &said));
  image_let_go (reader);
}

/* qemu-io, its image open, and waiting for commands until its input ends. */
typedef struct
{
  GSubprocess *process;
  GDataInputStream *output;
} OtherWriter;

static OtherWriter
other_writer_start (const char *path, const char *option)
{
  OtherWriter self = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;

  self.process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                   &error, "qemu-io", "-f", "raw", path, option, NULL);
  g_assert_no_error (error);
  self.output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self.process));

  /* Its answer tells that the image is open. */
  g_output_stream_write_all (g_subprocess_get_stdin_pipe (self.process), "length\n", 7, NULL, NULL,
                             &error);
  g_assert_no_error (error);
  g_output_stream_flush (g_subprocess_get_stdin_pipe (self.process), NULL, NULL);
  line = g_data_input_stream_read_line (self.output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (line);
  return self;
}

static void
other_writer_stop (OtherWriter *self)
{
  g_autoptr (GError) error = NULL;

  g_output_stream_close (g_subprocess_get_stdin_pipe (self->process), NULL, &error);
  g_assert_no_error (error);
  g_subprocess_wait (self->process, NULL, &error);
  g_assert_no_error (error);
  g_clear_object (&self->output);
  g_clear_object (&self->process);
}

static void
test_is_kept_out (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *names = NULL;
  OtherWriter other;
  BanyanBackend *writer;

  g_test_summary ("While qemu-io writes an image we cannot, are told so with its name and number, "
                  "and afterwards can");

  if (!image_has_qemu ())
    return;

  image_open (image, "");
  other = other_writer_start (image->path, NULL);
  names = g_strdup_printf ("qemu-io (pid %s)", g_subprocess_get_identifier (other.process));
  assert_busy (image, "disk", IMAGE_WRITES, names);

  other_writer_stop (&other);
  writer = image_hold (image, "disk", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  image_let_go (writer);
}

static void
test_length (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *said = NULL;
  g_autofree char *later = NULL;
  const char *const grow[] = { "qemu-img", "resize", "-f", "raw", image->path, "2M", NULL };
  int fd = g_open (image->path, O_RDWR | O_CLOEXEC, 0);
  BanyanBackend *reader;

  g_test_summary ("Who counts on the length of an image keeps qemu-img from changing it, and us");

  if (!image_has_qemu ())
    return;

  image_load (image, "top: { driver: raw, read-only: true, file: disk }\n"
                     "disk: { driver: file, filename: IMAGE }\n");
  reader = image_hold (image, "top", BANYAN_PERMISSION_CONSISTENT_READ, &error);
  g_assert_no_error (error);
  g_assert_false (image_run_qemu (grow, &said));
  g_assert_nonnull (strstr (said, "resize"));

  image_let_go (reader);
  g_clear_pointer (&image->graph, banyan_test_graph_free);
  g_assert_true (image_run_qemu (grow, &later));

  image_open (image, "");
  take_byte (fd, BYTE_KEEPS_LENGTH, 1, F_RDLCK);
  assert_busy (image, "disk", BANYAN_PERMISSION_RESIZE, "does not share \"resize\"");
  close (fd);
}

static void
test_force_share (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (BanyanTestGraph) refused = NULL;
  g_autofree char *nodes = NULL;
  g_autoptr (GError) error = NULL;
  OtherWriter other;
  BanyanBackend *reader;

  g_test_summary ("force-share reads what qemu-io is writing, and is for reading only");

  if (!image_has_qemu ())
    return;

  other = other_writer_start (image->path, NULL);
  image_open (image, ", read-only: true, force-share: true");
  reader = image_hold (image, "disk", BANYAN_PERMISSION_CONSISTENT_READ, &error);
  g_assert_no_error (error);
  image_let_go (reader);
  other_writer_stop (&other);

  nodes
      = g_strdup_printf ("disk: { driver: file, filename: %s, force-share: true }\n", image->path);
  refused = banyan_test_graph_new (nodes, &error);
  g_assert_null (refused);
  g_assert_cmpuint (error->domain, ==, BANYAN_CONFIG_ERROR);
  g_assert_nonnull (strstr (error->message, "read-only"));
}

static void
test_locked_whole (void)
{
  g_autoptr (Image) image = image_new ();
  int fd = g_open (image->path, O_RDWR | O_CLOEXEC, 0);

  g_test_summary ("A program that locks all of the file is somebody who has it, too");

  image_open (image, "");
  take_byte (fd, 0, 0, F_WRLCK);
  assert_busy (image, "disk", IMAGE_WRITES, "locked");
  close (fd);
}

static void
test_locking_off (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  int fd = g_open (image->path, O_RDWR | O_CLOEXEC, 0);
  BanyanObject *disk;
  BanyanBackend *writer;

  g_test_summary ("locking: off neither asks nor tells, and is changed while the node is used");

  image_open (image, ", locking: off");
  disk = BANYAN_OBJECT (banyan_test_get_node (image->graph, "disk"));
  take_byte (fd, BYTE_KEEPS_WRITERS_OUT, 1, F_RDLCK);
  writer = image_hold (image, "disk", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  g_assert_false (is_held (fd, BYTE_WRITES));

  g_assert_false (banyan_object_set (disk, "locking", "on", &error));
  g_assert_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_false (is_held (fd, BYTE_WRITES));

  take_byte (fd, BYTE_KEEPS_WRITERS_OUT, 1, F_UNLCK);
  banyan_object_set (disk, "locking", "on", &error);
  g_assert_no_error (error);
  g_assert_true (is_held (fd, BYTE_WRITES));
  banyan_object_set (disk, "locking", "off", &error);
  g_assert_no_error (error);
  g_assert_false (is_held (fd, BYTE_WRITES));

  image_let_go (writer);
  close (fd);
}

/* -- Among our own nodes. -- */

static void
test_one_writer (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (GError) error = NULL;
  BanyanBackend *first;
  BanyanBackend *second;

  g_test_summary ("Two nodes on one image, by whatever name, do not both write to it");

  g_assert_cmpint (g_unlink (image->other), ==, 0);
  g_assert_cmpint (link (image->path, image->other), ==, 0);
  image_load (image, "a: { driver: file, filename: IMAGE }\n"
                     "b: { driver: file, filename: OTHER }\n");
  first = image_hold (image, "a", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  assert_busy (image, "b", IMAGE_WRITES, "/nodes/a has ");

  image_let_go (first);
  second = image_hold (image, "b", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  image_let_go (second);
}

static void
test_two_graphs (void)
{
  g_autoptr (Image) image = image_new ();
  g_autofree char *nodes = g_strdup_printf ("twin: { driver: file, filename: %s }\n", image->path);
  g_autoptr (BanyanTestGraph) graph = banyan_test_graph_must_load (nodes);
  g_autoptr (GError) error = NULL;
  BanyanBackend *first;

  g_test_summary ("Two graphs in one process are as strange to each other as two processes");

  image_open (image, "");
  first = banyan_backend_new (banyan_test_get_node (graph, "twin"), "first", IMAGE_WRITES,
                              BANYAN_PERMISSIONS_ALL, &error);
  g_assert_no_error (error);
  assert_busy (image, "disk", IMAGE_WRITES, "/nodes/twin has ");
  image_let_go (first);
}

/* -- One node takes the image over from another. -- */

/* A filter whose phases look whether others could get at the image. */
#define TEST_TYPE_WATCH (test_watch_get_type ())
G_DECLARE_FINAL_TYPE (TestWatch, test_watch, TEST, WATCH, BanyanFilter)

struct _TestWatch
{
  BanyanFilter parent_instance;
  BanyanChild *file;
};

G_DEFINE_FINAL_TYPE (TestWatch, test_watch, BANYAN_TYPE_FILTER)

static const char *watched; /* (nullable): path */
static gboolean watches_with_qemu;
static guint n_looks;

static void
look (void)
{
  g_autofree char *said = NULL;
  int fd;

  if (watched == NULL)
    return;

  fd = g_open (watched, O_RDWR | O_CLOEXEC, 0);
  g_assert_true (is_held (fd, BYTE_WRITES));
  g_assert_true (is_held (fd, BYTE_KEEPS_WRITERS_OUT));
  close (fd);
  n_looks++;
  if (watches_with_qemu)
    g_assert_false (image_qemu_io (watched, "write 0 512", FALSE, &said));
}

static gboolean
look_in_phase (BanyanElement *element, BanyanChange *change, GError **error)
{
  look ();
  return TRUE;
}

static void
look_at_end (BanyanElement *element, BanyanChange *change)
{
  look ();
}

static void
test_watch_class_init (TestWatchClass *klass)
{
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);

  element_class->prepare = look_in_phase;
  element_class->settle = look_in_phase;
  element_class->commit = look_at_end;
  element_class->abort = look_at_end;
  element_class->finish = look_at_end;
  banyan_node_class_add_child_role (BANYAN_NODE_CLASS (klass), "file", BANYAN_CHILD_FILTERED,
                                    "Node to hand on to", G_STRUCT_OFFSET (TestWatch, file));
}

static void
test_watch_init (TestWatch *self)
{
}

/* And a thread that looks all the time: a gap of a microsecond between two phases is one. */
typedef struct
{
  const char *path;
  gint stop; /* atomic */
  guint n_gaps;
} Guard;

static gpointer
guard_image (gpointer data)
{
  Guard *self = data;
  int fd = g_open (self->path, O_RDWR | O_CLOEXEC, 0);

  do
    self->n_gaps += !is_held (fd, BYTE_WRITES) || !is_held (fd, BYTE_KEEPS_WRITERS_OUT);
  while (!g_atomic_int_get (&self->stop));
  close (fd);
  return NULL;
}

static void
step_set (BanyanTransaction *transaction, Image *image, const char *node, const char *key,
          const char *text)
{
  BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
  g_autoptr (BanyanSpec) value = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin);

  banyan_transaction_set (transaction, BANYAN_OBJECT (banyan_test_get_node (image->graph, node)),
                          key, value);
}

static void
step_add_file (BanyanTransaction *transaction, const char *id, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) file = banyan_object_new ("file", id, &error);

  g_assert_no_error (error);
  g_object_set (file, "filename", path, NULL);
  banyan_transaction_add (transaction, file, NULL);
}

static BanyanNode *
step_new_node (BanyanTransaction *transaction, Image *image)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) file = banyan_object_new ("file", "new", &error);

  g_assert_no_error (error);
  g_object_set (file, "filename", image->path, NULL);
  banyan_transaction_add (transaction, file, NULL);
  return BANYAN_NODE (file);
}

static void
replace_removed (BanyanTransaction *transaction, Image *image)
{
  BanyanNode *new_node = step_new_node (transaction, image);

  banyan_transaction_replace_child (transaction, banyan_test_get_edge (image->graph, "top:file"),
                                    new_node);
  banyan_transaction_remove (transaction,
                             BANYAN_OBJECT (banyan_test_get_node (image->graph, "old")));
}

/* Under one and the same name. */
static void
replace_by_namesake (BanyanTransaction *transaction, Image *image)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) file = banyan_object_new ("file", "old", &error);

  g_assert_no_error (error);
  g_object_set (file, "filename", image->path, NULL);
  banyan_transaction_remove (transaction,
                             BANYAN_OBJECT (banyan_test_get_node (image->graph, "old")));
  banyan_transaction_add (transaction, file, NULL);
  banyan_transaction_replace_child (transaction, banyan_test_get_edge (image->graph, "top:file"),
                                    BANYAN_NODE (file));
}

/* A format over one node makes way for a format over the other. */
static void
replace_with_format (BanyanTransaction *transaction, Image *image)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BanyanObject) raw = banyan_object_new ("raw", "new-raw", &error);

  g_assert_no_error (error);
  g_object_set (raw, "file", step_new_node (transaction, image), NULL);
  banyan_transaction_add (transaction, raw, NULL);
  banyan_transaction_replace_child (transaction, banyan_test_get_edge (image->graph, "top:file"),
                                    BANYAN_NODE (raw));
}

static void
replace_implicit (BanyanTransaction *transaction, Image *image)
{
  banyan_transaction_replace_child (transaction, banyan_test_get_edge (image->graph, "top:file"),
                                    step_new_node (transaction, image));
}

static void
replace_moved (BanyanTransaction *transaction, Image *image)
{
  replace_implicit (transaction, image);
  step_set (transaction, image, "old", "filename", image->other);
}

static void
swap_names (BanyanTransaction *transaction, Image *image)
{
  step_set (transaction, image, "old", "filename", image->other);
  step_set (transaction, image, "spare", "filename", image->path);
  step_set (transaction, image, "top", "file", "spare");
  step_set (transaction, image, "side", "file", "old");
}

static void
use_the_other (BanyanTransaction *transaction, Image *image)
{
  step_set (transaction, image, "top", "file", "spare");
}

static void
reopen (BanyanTransaction *transaction, Image *image)
{
  step_set (transaction, image, "old", "aio", "threads");
}

typedef struct
{
  const char *name;
  const char *nodes;
  void (*build) (BanyanTransaction *transaction, Image *image);
  gboolean is_below; /* the node above takes no part in it, and cannot look */
} Takeover;

#define TOP "top: { driver: test-watch, file: old }\n"
#define OLD "old: { driver: file, filename: IMAGE }\n"

static const Takeover takeovers[] = {
  { "removed", TOP OLD, replace_removed },
  { "implicit", "top: { driver: test-watch, file: { driver: file, filename: IMAGE } }\n",
    replace_implicit },
  { "namesake", TOP OLD, replace_by_namesake },
  { "format",
    "top: { driver: test-watch, file: { driver: raw, file: { driver: file, filename: IMAGE } } }\n",
    replace_with_format },
  { "re-pointed", TOP OLD, replace_moved },
  { "unused-afterwards", TOP OLD, replace_implicit },
  { "used-afterwards", TOP OLD "spare: { driver: file, filename: IMAGE }\n", use_the_other },
  { "swapped",
    TOP OLD "side: { driver: test-watch, file: spare }\n"
            "spare: { driver: file, filename: OTHER }\n",
    swap_names },
  { "reopened", TOP OLD, reopen, TRUE },
};

/* TRUE: there was no @nth step to fail, and the change was made. */
static gboolean
take_over_failing (Image *image, const Takeover *takeover, BanyanTransactionPhase phase, guint nth)
{
  g_autoptr (BanyanTransaction) transaction
      = banyan_transaction_new (banyan_test_graph_get (image->graph));
  g_autoptr (GError) error = NULL;

  takeover->build (transaction, image);
  if (phase != BANYAN_PHASE_DONE)
    banyan_transaction_fail_at (transaction, phase, nth);
  if (banyan_transaction_commit (transaction, &error))
    return TRUE;

  g_assert_error (error, BANYAN_ERRNO, EIO);
  image_must_write (image, "top", 0, 512, nth);
  return FALSE;
}

static BanyanBackend *
hold_users (Image *image, const Takeover *takeover, BanyanBackend **side)
{
  g_autoptr (GError) error = NULL;
  BanyanBackend *top = image_hold (image, "top", IMAGE_WRITES, &error);

  g_assert_no_error (error);
  *side = NULL;
  if (strstr (takeover->nodes, "side:") == NULL)
    return top;

  *side = image_hold (image, "side", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  return top;
}

/* Fails at each step of @phase in turn, and then succeeds. */
static void
take_over (const Takeover *takeover, BanyanTransactionPhase phase, guint least)
{
  g_autoptr (Image) image = image_new ();
  Guard guard = { image->path };
  GThread *thread;
  BanyanBackend *side;
  BanyanBackend *top;
  guint n = 0;
  int fd;

  image_load (image, takeover->nodes);
  top = hold_users (image, takeover, &side);
  watched = image->path;
  thread = g_thread_new ("guard", guard_image, &guard);
  while (!take_over_failing (image, takeover, phase, n))
    n++;
  g_atomic_int_set (&guard.stop, TRUE);
  g_thread_join (thread);
  watched = NULL;

  g_assert_cmpuint (n, >=, least);
  g_assert_cmpuint (guard.n_gaps, ==, 0);
  image_must_write (image, "top", 0, 4096, 7);
  image_let_go (top);
  if (side != NULL)
    image_let_go (side);
  fd = g_open (image->path, O_RDWR | O_CLOEXEC, 0);
  g_assert_false (is_held (fd, BYTE_WRITES));
  g_assert_false (is_held (fd, BYTE_KEEPS_WRITERS_OUT));
  close (fd);
}

static void
test_takeover (gconstpointer data)
{
  g_test_summary ("A node takes an image over from another in one change, with no gap in the lock, "
                  "and leaves all as it was wherever the change fails");

  watches_with_qemu = FALSE;
  take_over (data, BANYAN_PHASE_PREPARE, 1);
  take_over (data, BANYAN_PHASE_CLOSE_GATES, 1);
  take_over (data, BANYAN_PHASE_SETTLE, 1);
  take_over (data, BANYAN_PHASE_SWITCH, 1);
}

static void
test_takeover_with_qemu (gconstpointer data)
{
  g_autoptr (Image) image = image_new ();
  const Takeover *takeover = data;
  g_autofree char *said = NULL;
  BanyanBackend *side;
  BanyanBackend *top;

  g_test_summary (
      "qemu-io gets at the image in no phase of the takeover, and does when it is free");

  if (!image_has_qemu ())
    return;

  image_load (image, takeover->nodes);
  top = hold_users (image, takeover, &side);
  watched = image->path;
  watches_with_qemu = TRUE;
  n_looks = 0;
  g_assert_true (take_over_failing (image, takeover, BANYAN_PHASE_DONE, 0));
  g_assert_cmpuint (n_looks, >=, 4);
  watched = NULL;

  image_let_go (top);
  if (side != NULL)
    image_let_go (side);
  g_assert_true (image_qemu_io (image->path, "write 0 512", FALSE, &said));
}

static void
test_no_takeover (void)
{
  g_autoptr (Image) image = image_new ();
  g_autoptr (BanyanTransaction) transaction = NULL;
  g_autoptr (GError) error = NULL;
  BanyanBackend *holder;

  g_test_summary ("A change that leaves two writers on one image is refused by both their names");

  image_load (image, "a: { driver: file, filename: IMAGE }\n"
                     "b: { driver: file, filename: OTHER }\n");
  holder = image_hold (image, "a", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  transaction = banyan_transaction_new (banyan_test_graph_get (image->graph));
  step_add_file (transaction, "c", image->path);
  g_assert_true (banyan_transaction_commit (transaction, &error));
  g_assert_no_error (error);
  assert_busy (image, "c", IMAGE_WRITES, "/nodes/c");
  image_let_go (holder);

  holder = image_hold (image, "b", IMAGE_WRITES, &error);
  g_assert_no_error (error);
  g_clear_object (&transaction);
  transaction = banyan_transaction_new (banyan_test_graph_get (image->graph));
  step_set (transaction, image, "a", "filename", image->other);
  g_assert_true (banyan_transaction_commit (transaction, &error));
  g_assert_no_error (error);
  assert_busy (image, "a", IMAGE_WRITES, "/nodes/b has ");
  image_let_go (holder);
}

static void
add_takeovers (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (takeovers); i++)
    {
      g_autofree char *path
          = g_strconcat ("/protocol/file/lock/takeover/", takeovers[i].name, NULL);
      g_autofree char *with_qemu = g_strconcat (path, "-with-qemu", NULL);

      g_test_add_data_func (path, &takeovers[i], test_takeover);
      if (!takeovers[i].is_below)
        g_test_add_data_func (with_qemu, &takeovers[i], test_takeover_with_qemu);
    }
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  banyan_registry_add_builtin (banyan_registry_get_default (), "test-watch", BANYAN_PLUGIN_FILTER,
                               TEST_TYPE_WATCH, "Looks at the locks of an image");
  g_test_add_func ("/protocol/file/lock/keeps-qemu-out", test_keeps_qemu_out);
  g_test_add_func ("/protocol/file/lock/reads-with-qemu", test_reads_with_qemu);
  g_test_add_func ("/protocol/file/lock/is-kept-out", test_is_kept_out);
  g_test_add_func ("/protocol/file/lock/length", test_length);
  g_test_add_func ("/protocol/file/lock/force-share", test_force_share);
  g_test_add_func ("/protocol/file/lock/locked-as-a-whole", test_locked_whole);
  g_test_add_func ("/protocol/file/lock/locking-off", test_locking_off);
  g_test_add_func ("/protocol/file/lock/one-writer", test_one_writer);
  g_test_add_func ("/protocol/file/lock/two-graphs", test_two_graphs);
  g_test_add_func ("/protocol/file/lock/no-takeover", test_no_takeover);
  add_takeovers ();
  return g_test_run ();
}
