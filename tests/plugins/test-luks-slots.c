/* test-luks-slots.c - passphrases of encrypted disks come and go
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cuts.h"
#include "encrypted.h"

#include <errno.h>
#include <string.h>

#define QUICK "\"key-secret\": \"one\", \"iter-time\": 1"
#define FILE_OF_DISK "file: { driver: file, filename: DIR/a.luks } }"
#define DISK(key) ENCRYPTED ("disk: { driver: luks, key-secret: " key ", " FILE_OF_DISK)
#define DISK_SIZE 4096

static Images *
new_image (void)
{
  Images *images = images_new ();

  encrypted_must_make (images, "luks", "a.luks", "{ \"size\": 4096, " QUICK " }");
  images_load (images, DISK ("one"));
  images_must_write (images, "disk", 0, DISK_SIZE, 1);
  return images;
}

static void
must_amend (Images *images, const char *json)
{
  g_autoptr (GError) error = NULL;

  encrypted_amend (images, "luks", json, FALSE, &error);
  g_assert_no_error (error);
}

static void
test_adds_and_removes (void)
{
  g_autoptr (Images) images = new_image ();

  g_test_summary ("A second passphrase opens the same disk, and goes on when the first is gone");

  must_amend (images, "{ \"state\": \"active\", \"new-secret\": \"two\", \"iter-time\": 1 }");
  images_load (images, DISK ("two"));
  images_must_read (images, "disk", 0, DISK_SIZE, 1);
  must_amend (images, "{ \"state\": \"inactive\", \"old-secret\": \"one\" }");
  images_must_read (images, "disk", 0, DISK_SIZE, 1);
  images_must_refuse (images, DISK ("one"), "of none of the 1 key slots in use");
  images_load (images, DISK ("two"));
  images_must_read (images, "disk", 0, DISK_SIZE, 1);
}

static void
test_all_slots (void)
{
  g_autoptr (Images) images = new_image ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("There are eight slots; a passphrase that has several loses all of them at once");

  for (guint i = 1; i < 8; i++)
    must_amend (images, "{ \"state\": \"active\", \"new-secret\": \"two\", \"iter-time\": 1 }");
  g_assert_false (encrypted_amend (
      images, "luks", "{ \"state\": \"active\", \"new-secret\": \"three\" }", FALSE, &error));
  g_assert_nonnull (strstr (error->message, "all key slots are in use"));
  must_amend (images, "{ \"state\": \"inactive\", \"old-secret\": \"two\" }");
  images_must_refuse (images, DISK ("two"), "of none of the 1 key slots in use");
}

static void
test_refuses (void)
{
  static const struct
  {
    const char *json;
    const char *says;
  } bad[] = {
    { "{ \"new-secret\": \"two\" }", "say what a key slot is to become" },
    { "{ \"state\": \"active\" }", "needs new-secret" },
    { "{ \"state\": \"active\", \"new-secret\": \"two\", \"old-secret\": \"one\" }",
      "old-secret is for state=inactive" },
    { "{ \"state\": \"active\", \"new-secret\": \"two\", \"keyslot\": 0 }", "slot 0 is in use" },
    { "{ \"state\": \"active\", \"new-secret\": \"two\", \"keyslot\": 8 }", "8" },
    { "{ \"state\": \"active\", \"new-secret\": \"two\", \"secret\": \"three\" }",
      "of none of the 1 key slots" },
    { "{ \"state\": \"active\", \"new-secret\": \"four\" }", "no secret is called" },
    { "{ \"state\": \"inactive\" }", "needs keyslot, or old-secret" },
    { "{ \"state\": \"inactive\", \"keyslot\": 3 }", "slot 3 is not in use" },
    { "{ \"state\": \"inactive\", \"keyslot\": 0 }", "never be read again" },
    { "{ \"state\": \"inactive\", \"old-secret\": \"one\" }", "never be read again" },
    { "{ \"state\": \"inactive\", \"old-secret\": \"two\" }", "of no key slot that is meant" },
    { "{ \"state\": \"inactive\", \"keyslot\": 0, \"new-secret\": \"two\" }",
      "new-secret is for state=active" },
    { "{ \"state\": \"inactive\", \"keyslot\": 0, \"iter-time\": 5 }",
      "iter-time is for state=active" },
    { "{ \"cipher-alg\": \"aes-128\" }", "cannot be changed" },
    { "{ \"size\": 8192 }", "banyan img resize" },
  };
  g_autoptr (Images) images = new_image ();

  g_test_summary ("What makes no sense, or loses the disk, is refused, and nothing is changed");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (encrypted_amend (images, "luks", bad[i].json, FALSE, &error));
      if (strstr (error->message, bad[i].says) == NULL)
        g_error ("not \"%s\" but: %s", bad[i].says, error->message);
    }
  images_load (images, DISK ("one"));
  images_must_read (images, "disk", 0, DISK_SIZE, 1);
}

static void
test_forced (void)
{
  g_autoptr (Images) images = new_image ();
  g_autoptr (GError) error = NULL;
  guint8 before[DISK_SIZE], after[DISK_SIZE] = { 0 };
  g_autofree char *path = g_build_filename (images->folder, "a.luks", NULL);
  g_autofree char *file = NULL;

  g_test_summary ("With force the last passphrase goes, and its material is no more in the file");

  g_assert_true (g_file_get_contents (path, &file, NULL, NULL));
  memcpy (before, file + 4096, sizeof before);
  g_clear_pointer (&file, g_free);
  encrypted_amend (images, "luks", "{ \"state\": \"inactive\", \"keyslot\": 0 }", TRUE, &error);
  g_assert_no_error (error);
  images_must_refuse (images, DISK ("one"), "of none of the 0 key slots in use");
  g_assert_true (g_file_get_contents (path, &file, NULL, NULL));
  memcpy (after, file + 4096, sizeof after);
  for (gsize i = 0; i < sizeof before; i += 16)
    g_assert_cmpint (memcmp (before + i, after + i, 16), !=, 0);
}

/* -- Power cuts, and failures. -- */

/* Slot 6 is the one whose description lies in two sectors of the header. */
static const struct
{
  const char *json;
  gboolean opens_one; /* whether the passphrase opens the disk before, and afterwards */
  gboolean opens_two;
} script[] = {
  { NULL, TRUE, FALSE },
  { "{ \"state\": \"active\", \"new-secret\": \"two\", \"keyslot\": 6, \"iter-time\": 1 }", TRUE,
    TRUE },
  { "{ \"state\": \"inactive\", \"old-secret\": \"one\" }", FALSE, TRUE },
  { "{ \"state\": \"active\", \"new-secret\": \"one\", \"iter-time\": 1 }", TRUE, TRUE },
  { "{ \"state\": \"inactive\", \"keyslot\": 6 }", TRUE, FALSE },
};

typedef struct
{
  Images *images;
  GRand *rand;
  guint8 *image; /* (owned) */
  gsize image_size;
} Work;

/* As long as nothing fails. Returns how many steps were done. */
static guint
run_script (Work *work)
{
  guint step = 1;

  recorder_prepare (work->image, work->image_size);
  images_load (work->images, ENCRYPTED ("disk: { driver: luks, key-secret: one, "
                                        "file: { driver: recorder } }"));
  for (; step < G_N_ELEMENTS (script); step++)
    {
      recorder_set_step (step);
      if (!encrypted_amend (work->images, "luks", script[step].json, FALSE, NULL))
        break;
    }
  recorder_set_step (step);
  recorder_fail_after (-1);
  images_close (work->images);
  return step - 1;
}

static gboolean
opens (Images *images, const char *secret)
{
  g_autofree char *document
      = g_strdup_printf (ENCRYPTED ("disk: { driver: luks, key-secret: %s, file: { driver: file, "
                                    "filename: %s/b.luks } }"),
                         secret, images->folder);
  g_autoptr (GError) error = NULL;

  images_close (images);
  images->graph = banyan_test_graph_new (document, &error);
  if (images->graph == NULL)
    {
      g_assert_nonnull (strstr (error->message, "of none of the"));
      return FALSE;
    }
  images_must_read (images, "disk", 0, DISK_SIZE, 1);
  images_close (images);
  return TRUE;
}

static gboolean
is_as_after (guint step, gboolean one, gboolean two)
{
  return one == script[step].opens_one && two == script[step].opens_two;
}

/* What is left when power fails before entry @at: the passphrases of before or after the step. */
static void
cut_and_check (Work *work, guint at, guint done)
{
  g_autofree guint8 *bytes = g_malloc0 (RECORDER_MAX_LENGTH);
  g_autofree char *path = g_build_filename (work->images->folder, "b.luks", NULL);
  gsize size = cuts_make (work->rand, work->image, work->image_size, at, bytes);
  guint next = MIN (done + 1, G_N_ELEMENTS (script) - 1);
  gboolean one, two;

  g_assert_true (g_file_set_contents (path, (const char *) bytes, size, NULL));
  one = opens (work->images, "one");
  two = opens (work->images, "two");
  if (!is_as_after (done, one, two) && !is_as_after (next, one, two))
    g_error ("cut at %u, after step %u: one opens %d, two opens %d", at, done, one, two);
}

static void
with_work (void (*func) (Work *work))
{
  g_autoptr (Images) images = new_image ();
  guint32 seed = g_test_rand_int ();
  Work work = { .images = images, .rand = g_rand_new_with_seed (seed) };
  g_autofree char *path = g_build_filename (images->folder, "a.luks", NULL);

  g_test_message ("seed %u", seed);
  images_close (images);
  g_assert_true (g_file_get_contents (path, (char **) &work.image, &work.image_size, NULL));
  g_assert_cmpuint (run_script (&work), ==, G_N_ELEMENTS (script) - 1);
  func (&work);
  g_rand_free (work.rand);
  g_free (work.image);
}

static void
cut_everywhere (Work *work)
{
  GPtrArray *log = recorder_get_log ();
  guint n_tries = g_test_slow () ? 20 : 2;

  for (guint at = 1; at < log->len; at++)
    for (guint i = 0; i < n_tries; i++)
      cut_and_check (work, at, ((RecorderEntry *) log->pdata[at])->step - 1);
}

static void
test_cuts (void)
{
  g_test_summary ("Whenever the power fails, the disk opens by the passphrases that it had, or is "
                  "to have");

  with_work (cut_everywhere);
}

static void
fail_everywhere (Work *work)
{
  guint n = recorder_get_log ()->len;

  for (guint after = 1; after < n; after++)
    {
      guint done;

      recorder_fail_after (after);
      done = run_script (work);
      if (done + 1 < G_N_ELEMENTS (script))
        cut_and_check (work, recorder_get_log ()->len, done);
    }
}

static void
test_failures (void)
{
  g_test_summary ("Where a request below fails, a passphrase is there or not, and the disk opens");

  with_work (fail_everywhere);
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  recorder_register ();
  g_test_add_func ("/luks/slots/add-and-remove", test_adds_and_removes);
  g_test_add_func ("/luks/slots/are-eight", test_all_slots);
  g_test_add_func ("/luks/slots/refuse", test_refuses);
  g_test_add_func ("/luks/slots/lose-all-with-force", test_forced);
  g_test_add_func ("/luks/slots/survive-power-cuts", test_cuts);
  g_test_add_func ("/luks/slots/survive-failures", test_failures);
  return g_test_run ();
}
