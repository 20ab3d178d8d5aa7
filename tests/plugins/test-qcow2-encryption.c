/* test-qcow2-encryption.c - qcow2 images whose data is encrypted
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "encrypted.h"

#include <errno.h>
#include <string.h>

#define KIB 1024
#define MIB (1024 * KIB)

#define LUKS "\"encrypt\": { \"format\": \"luks\", \"key-secret\": \"one\", \"iter-time\": 1 }"
#define ENCRYPT "encrypt: { format: luks, key-secret: one }, "
#define IMAGE(encrypt) \
  "driver: qcow2, discard: unmap, " encrypt \
  "file: { driver: file, discard: unmap, filename: DIR/a.qcow2 }"
#define DISK(encrypt) ENCRYPTED ("disk: { " IMAGE (encrypt) " }")

static void
must_hold_nothing (Images *images, guint seed)
{
  g_autofree char *path = g_build_filename (images->folder, "a.qcow2", NULL);
  g_autofree char *bytes = NULL;
  guint8 wanted[64];
  gsize length;

  banyan_test_fill (wanted, 0, sizeof wanted, seed);
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  g_assert_null (memmem (bytes, length, wanted, sizeof wanted));
}

static void
must_check (Images *images)
{
  g_autofree char *found = g_find_program_in_path ("qemu-img");

  if (found == NULL)
    return;
  images_run (images, "qemu-img check -q --object secret,id=one,data=secret-one --image-opts "
                      "driver=qcow2,encrypt.format=luks,encrypt.key-secret=one,"
                      "file.filename=a.qcow2");
}

static void
keep_data (const char *way)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *json = g_strdup_printf ("{ \"size\": 4194304, " LUKS "%s }", way);
  g_autoptr (GError) error = NULL;

  g_test_message ("%s", json);
  encrypted_must_make (images, "qcow2", "a.qcow2", json);
  must_check (images);
  images_load (images, DISK (ENCRYPT));
  images_must_be_zero (images, "disk", 0, 4 * MIB);
  images_must_write (images, "disk", 0, MIB, 1);
  images_must_write (images, "disk", 2 * MIB + 512, 700, 2);
  g_assert_cmpint (banyan_test_zeroes (images->graph, "disk", 512 * KIB, 100 * KIB, 0, &error), ==,
                   BANYAN_DONE);
  images_must_be_zero (images, "disk", 512 * KIB, 100 * KIB);
  images_must_write (images, "disk", 520 * KIB, 5000, 3);
  images_close (images);
  must_hold_nothing (images, 1);
  must_check (images);

  images_load (images, DISK (ENCRYPT));
  images_must_read (images, "disk", 0, 512 * KIB, 1);
  images_must_be_zero (images, "disk", 512 * KIB, 8 * KIB);
  images_must_read (images, "disk", 520 * KIB, 5000, 3);
  images_must_read (images, "disk", 612 * KIB, MIB - 612 * KIB, 1);
  images_must_be_zero (images, "disk", MIB, MIB + 512);
  images_must_read (images, "disk", 2 * MIB + 512, 700, 2);
  images_must_be_zero (images, "disk", 2 * MIB + 512 + 700, MIB);
}

static void
test_keeps_data (void)
{
  static const char *const ways[] = {
    "",
    ", \"cluster-size\": 512",
    ", \"cluster-size\": 2097152, \"refcount-bits\": 1",
    ", \"extended-l2\": true",
    ", \"version\": \"v2\", \"cluster-size\": 4096",
  };

  g_test_summary ("An encrypted image holds what was written, and its file does not");

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    keep_data (ways[i]);
}

static void
test_overlay (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("What is copied from below is encrypted as what is written beside it");

  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 1048576, " LUKS " }");
  images_load (images, ENCRYPTED ("base: { driver: memory, size: 1M }, disk: { " IMAGE (
                           ENCRYPT) ", backing: base }"));
  images_must_write (images, "base", 0, MIB, 4);
  images_must_write (images, "disk", 100000, 1000, 5);
  images_must_read (images, "disk", 0, 100000, 4);
  images_must_read (images, "disk", 100000, 1000, 5);
  images_must_read (images, "disk", 101000, MIB - 101000, 4);
  images_close (images);
  must_hold_nothing (images, 4);
}

static gboolean BANYAN_COROUTINE
take_snapshot (BanyanChannel *channel, gpointer data, GError **error)
{
  g_autoptr (BanyanSnapshotInfo) info = banyan_snapshot_info_new ();

  info->name = g_strdup ("before");
  return banyan_snapshots_create (BANYAN_SNAPSHOTS (banyan_channel_get_node (channel)), info,
                                  error);
}

static gboolean BANYAN_COROUTINE
apply_snapshot (BanyanChannel *channel, gpointer data, GError **error)
{
  return banyan_snapshots_apply (BANYAN_SNAPSHOTS (banyan_channel_get_node (channel)), "before",
                                 error);
}

static void
test_snapshot (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("A snapshot has what was there, wherever it lies now");

  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 1048576, " LUKS " }");
  images_load (images, DISK (ENCRYPT));
  images_must_write (images, "disk", 0, MIB, 6);
  banyan_test_run (images->graph, "disk", take_snapshot, NULL, &error);
  g_assert_no_error (error);
  images_must_write (images, "disk", 70000, 3000, 7);
  images_must_read (images, "disk", 0, 70000, 6);
  images_must_read (images, "disk", 70000, 3000, 7);
  images_must_read (images, "disk", 73000, MIB - 73000, 6);
  banyan_test_run (images->graph, "disk", apply_snapshot, NULL, &error);
  g_assert_no_error (error);
  images_must_read (images, "disk", 0, MIB, 6);
  images_close (images);
  must_check (images);
}

static void
test_data_file_zeroes (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree guint8 *before = g_malloc (MIB);
  g_autofree guint8 *behind = g_malloc (MIB);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Zeroes leave alone what a data file holds, which is noise without the key");

  encrypted_must_make (images, "qcow2", "a.qcow2",
                       "{ \"size\": 1048576, \"data-file\": \"a.data\", " LUKS " }");
  images_load (images,
               ENCRYPTED ("data: { driver: memory, size: 1M, discard: unmap }, disk: { " IMAGE (
                   ENCRYPT) ", data-file: data }"));
  images_must_write (images, "disk", 0, MIB, 5);
  g_assert_true (banyan_test_read (images->graph, "data", 0, before, MIB, &error));
  banyan_test_zeroes (images->graph, "disk", 0, 512 * KIB, BANYAN_REQUEST_MAY_UNMAP, &error);
  g_assert_no_error (error);
  images_must_be_zero (images, "disk", 0, 512 * KIB);
  images_must_read (images, "disk", 512 * KIB, 512 * KIB, 5);
  g_assert_true (banyan_test_read (images->graph, "data", 0, behind, MIB, &error));
  g_assert_cmpmem (before, MIB, behind, MIB);
}

static void
test_older_snapshot (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Zeroes of a snapshot stay zeroes where version 2 has no entry that says so");

  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 1048576, " LUKS " }");
  images_load (images, ENCRYPTED ("base: { driver: memory, size: 1M }, disk: { " IMAGE (
                           ENCRYPT) ", backing: base }"));
  images_must_write (images, "base", 0, MIB, 4);
  banyan_test_zeroes (images->graph, "disk", 128 * KIB, 192 * KIB, 0, &error);
  g_assert_no_error (error);
  banyan_test_run (images->graph, "disk", take_snapshot, NULL, &error);
  g_assert_no_error (error);
  images_must_write (images, "disk", 128 * KIB, 64 * KIB, 5);
  encrypted_amend (images, "qcow2", "{ \"version\": \"v2\" }", FALSE, &error);
  g_assert_no_error (error);
  images_must_read (images, "disk", 128 * KIB, 64 * KIB, 5);
  images_must_be_zero (images, "disk", 192 * KIB, 128 * KIB);
  banyan_test_run (images->graph, "disk", apply_snapshot, NULL, &error);
  g_assert_no_error (error);
  images_must_read (images, "disk", 0, 128 * KIB, 4);
  images_must_be_zero (images, "disk", 128 * KIB, 192 * KIB);
  images_must_read (images, "disk", 320 * KIB, MIB - 320 * KIB, 4);
}

static void
test_growth (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("What comes with growth is zero, in the last cluster, too");

  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 10240, " LUKS " }");
  images_load (images, DISK (ENCRYPT));
  images_must_write (images, "disk", 0, 10240, 8);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", MIB, &error), ==, BANYAN_DONE);
  images_must_read (images, "disk", 0, 10240, 8);
  images_must_be_zero (images, "disk", 10240, MIB - 10240);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", MIB + 1, &error), ==, BANYAN_FAILED);
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
}

static void
test_compressed (void)
{
  const guint64 mask = G_GUINT64_CONSTANT (0x00fffffffffffe00);
  g_autoptr (Images) images = images_new ();
  g_autofree guint8 *bytes = g_malloc0 (64 * KIB);
  g_autoptr (GError) error = NULL;
  guint64 l1, entry;

  g_test_summary ("What is to be compressed is encrypted, and nothing else");

  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 1048576, " LUKS " }");
  images_load (images, DISK (ENCRYPT));
  bytes[0] = 1;
  banyan_test_write_flags (images->graph, "disk", 0, bytes, 64 * KIB, BANYAN_REQUEST_COMPRESSED,
                           &error);
  g_assert_no_error (error);
  images_must_be_zero (images, "disk", 1, 64 * KIB - 1);
  images_close (images);
  l1 = images_get64 (images, "a.qcow2", 40);
  entry = images_get64 (images, "a.qcow2", images_get64 (images, "a.qcow2", l1) & mask);
  g_assert_cmphex (entry & ~mask, ==, G_GUINT64_CONSTANT (1) << 63);
}

static void
test_status (void)
{
  g_autoptr (Images) images = images_new ();
  BanyanBlockStatus status = { .size = sizeof status };
  g_autoptr (GError) error = NULL;

  g_test_summary ("What lies in the file is nobody's to take as it is");

  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 1048576, " LUKS " }");
  images_load (images, DISK (ENCRYPT));
  images_must_write (images, "disk", 0, 65536, 9);
  g_assert_cmpint (banyan_test_block_status (images->graph, "disk", 0, MIB, &status, &error), ==,
                   BANYAN_DONE);
  g_assert_cmphex (status.flags, ==, BANYAN_BLOCK_DATA | BANYAN_BLOCK_ALLOCATED);
}

static void
test_passphrases (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) refused = NULL;

  g_test_summary ("Passphrases are added and removed, and the image stays in order");

  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 1048576, " LUKS " }");
  images_load (images, DISK (ENCRYPT));
  images_must_write (images, "disk", 0, MIB, 3);
  encrypted_amend (images, "qcow2",
                   "{ \"encrypt\": { \"state\": \"active\", \"new-secret\": \"two\", "
                   "\"iter-time\": 1 } }",
                   FALSE, &error);
  g_assert_no_error (error);
  images_load (images, DISK ("encrypt: { key-secret: two }, "));
  images_must_read (images, "disk", 0, MIB, 3);
  encrypted_amend (images, "qcow2",
                   "{ \"encrypt\": { \"state\": \"inactive\", \"old-secret\": \"one\" } }", FALSE,
                   &error);
  g_assert_no_error (error);
  g_assert_false (encrypted_amend (
      images, "qcow2", "{ \"encrypt\": { \"state\": \"inactive\", \"old-secret\": \"two\" } }",
      FALSE, &refused));
  g_assert_error (refused, BANYAN_ERRNO, EPERM);
  images_must_refuse (images, DISK (ENCRYPT), "of none of the 1 key slots");
  images_load (images, DISK ("encrypt: { key-secret: two }, "));
  images_must_read (images, "disk", 0, MIB, 3);
}

static void
test_refuses (void)
{
  static const struct
  {
    const char *json;
    const char *says;
  } bad[] = {
    { "{ \"size\": 512, \"encrypt\": { \"format\": \"luks\" } }", "-o encrypt.key-secret=sec0" },
    { "{ \"size\": 512, \"encrypt\": { \"format\": \"aes\" } }", "make it luks" },
    { "{ \"size\": 512, \"encrypt\": { \"key-secret\": \"one\" } }", "encrypt.format=luks" },
    { "{ \"size\": 513, " LUKS " }", "whole sectors" },
  };
  g_autoptr (Images) images = images_new ();

  g_test_summary ("What cannot be is refused, with what to do about it");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (encrypted_try_make (images, "qcow2", "a.qcow2", bad[i].json, &error));
      if (strstr (error->message, bad[i].says) == NULL)
        g_error ("not \"%s\" but: %s", bad[i].says, error->message);
    }

  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 1048576, " LUKS " }");
  images_must_refuse (images, DISK ("encrypt: { format: aes, key-secret: one }, "),
                      "encrypted by luks; encrypt.format wants it encrypted by aes");
  images_must_refuse (images, DISK ("encrypt: { key-secret: two }, "),
                      "of none of the 1 key slots");
  images_must_refuse (images,
                      ENCRYPTED ("up: { driver: qcow2, file: disk }, disk: { " IMAGE ("") " }"),
                      "set encrypt.key-secret");
  encrypted_must_make (images, "qcow2", "a.qcow2", "{ \"size\": 1048576 }");
  images_must_refuse (images, DISK ("encrypt: { key-secret: two }, "), "is not encrypted");
}

static void
test_hostile (void)
{
  g_autoptr (Images) images = images_new ();
  guint64 place;

  g_test_summary ("A header of encryption that lies nowhere, or is too large, is refused");

  encrypted_must_make (images, "qcow2", "a.qcow2",
                       "{ \"size\": 1048576, \"cluster-size\": 512, " LUKS " }");
  g_assert_cmphex (images_get64 (images, "a.qcow2", 104) >> 32, ==, 0x0537be77);
  place = images_get64 (images, "a.qcow2", 112);
  images_patch64 (images, "a.qcow2", 112, place + 1);
  images_must_refuse (images, DISK (ENCRYPT), "encryption header's offset");
  images_patch64 (images, "a.qcow2", 112, place + MIB * 1024);
  images_must_refuse (images, DISK (ENCRYPT), "the file ends at byte");
  images_patch64 (images, "a.qcow2", 112, 0);
  images_must_refuse (images, DISK (ENCRYPT), "encryption header's offset");
  images_patch64 (images, "a.qcow2", 112, place);
  images_patch64 (images, "a.qcow2", 120, G_MAXUINT64);
  images_must_refuse (images, DISK (ENCRYPT), "encryption header's size");
  images_patch64 (images, "a.qcow2", 120, 4096);
  images_must_refuse (images, DISK (ENCRYPT), "key slot 0 has its material");
  images_patch (images, "a.qcow2", 32, "\0\0\0\7", 4);
  images_must_refuse (images, DISK (ENCRYPT), "way number 7");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/qcow2/encryption/keeps-data", test_keeps_data);
  g_test_add_func ("/qcow2/encryption/copies-from-below", test_overlay);
  g_test_add_func ("/qcow2/encryption/keeps-snapshots", test_snapshot);
  g_test_add_func ("/qcow2/encryption/keeps-zeroes-in-version-2", test_older_snapshot);
  g_test_add_func ("/qcow2/encryption/leaves-data-files-alone", test_data_file_zeroes);
  g_test_add_func ("/qcow2/encryption/grows-with-zeroes", test_growth);
  g_test_add_func ("/qcow2/encryption/stores-nothing-compressed", test_compressed);
  g_test_add_func ("/qcow2/encryption/tells-no-place", test_status);
  g_test_add_func ("/qcow2/encryption/changes-passphrases", test_passphrases);
  g_test_add_func ("/qcow2/encryption/refuses", test_refuses);
  g_test_add_func ("/qcow2/encryption/trusts-no-header", test_hostile);
  return g_test_run ();
}
