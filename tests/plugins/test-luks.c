/* test-luks.c - encrypted disks: data, lengths, and headers that nobody should trust
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "encrypted.h"

#include <errno.h>
#include <string.h>

#define KIB 1024
#define MIB (1024 * KIB)

#define QUICK "\"key-secret\": \"one\", \"iter-time\": 1"
#define DISK(key) \
  ENCRYPTED ("disk: { driver: luks, discard: unmap, " key \
             "file: { driver: file, discard: unmap, filename: DIR/a.luks } }")

/* -- Data. -- */

static void
must_hold_nothing (Images *images, const char *name, guint seed)
{
  g_autofree char *path = g_build_filename (images->folder, name, NULL);
  g_autofree char *bytes = NULL;
  guint8 wanted[64];
  gsize length;

  banyan_test_fill (wanted, 0, sizeof wanted, seed);
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  g_assert_null (memmem (bytes, length, wanted, sizeof wanted));
}

static void
keep_data (const char *json)
{
  g_autoptr (Images) images = images_new ();

  g_test_message ("%s", json);
  encrypted_must_make (images, "luks", "a.luks", json);
  images_load (images, DISK ("key-secret: one, "));
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (images->graph, "disk")), ==,
                    3 * MIB);
  images_must_write (images, "disk", 0, 3 * MIB, 1);
  images_must_write (images, "disk", 1000, 77777, 2);
  images_must_read (images, "disk", 0, 1000, 1);
  images_must_read (images, "disk", 1000, 77777, 2);
  images_close (images);
  must_hold_nothing (images, "a.luks", 1);

  images_load (images, DISK ("key-secret: one, "));
  images_must_read (images, "disk", 0, 1000, 1);
  images_must_read (images, "disk", 1000, 77777, 2);
  images_must_read (images, "disk", 78777, 3 * MIB - 78777, 1);
}

static void
test_keeps_data (void)
{
  static const char *const ways[] = {
    "\"cipher-alg\": \"aes-256\"",
    "\"cipher-alg\": \"aes-128\", \"hash-alg\": \"sha1\", \"ivgen-alg\": \"plain\"",
    "\"cipher-alg\": \"aes-192\", \"cipher-mode\": \"cbc\", \"hash-alg\": \"ripemd160\"",
    "\"cipher-alg\": \"aes-256\", \"cipher-mode\": \"cbc\", \"ivgen-alg\": \"essiv\"",
    "\"cipher-alg\": \"serpent-192\", \"hash-alg\": \"sha512\"",
    "\"cipher-alg\": \"twofish-256\", \"ivgen-alg\": \"essiv\", \"hash-alg\": \"sha224\"",
    "\"cipher-alg\": \"cast5-128\", \"cipher-mode\": \"cbc\", \"hash-alg\": \"sha384\"",
  };

  g_test_summary ("A disk that was encrypted in any way holds what was written, and its file does "
                  "not");

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *json = g_strdup_printf ("{ \"size\": 3145728, " QUICK ", %s }", ways[i]);

      keep_data (json);
    }
}

static void
test_same_data_differs (void)
{
  g_autoptr (Images) images = images_new ();
  guint8 bytes[2 * 512] = { 0 };
  g_autofree char *path = g_build_filename (images->folder, "a.luks", NULL);
  g_autofree char *file = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_test_summary ("Two sectors of the same data have nothing in common in the file");

  encrypted_must_make (images, "luks", "a.luks", "{ \"size\": 1024, " QUICK " }");
  images_load (images, DISK ("key-secret: one, "));
  banyan_test_write (images->graph, "disk", 0, bytes, sizeof bytes, &error);
  g_assert_no_error (error);
  images_close (images);
  g_assert_true (g_file_get_contents (path, &file, &length, NULL));
  g_assert_cmpuint (length, ==, 2068480 + sizeof bytes);
  for (gsize i = 0; i < 512; i += 16)
    g_assert_cmpint (memcmp (file + 2068480 + i, file + 2068480 + 512 + i, 16), !=, 0);
}

/* -- Passphrases. -- */

static void
test_wrong_passphrase (void)
{
  g_autoptr (Images) images = images_new ();

  g_test_summary ("Who has another passphrase, or none, is refused, and told what to do");

  encrypted_must_make (images, "luks", "a.luks", "{ \"size\": 1048576, " QUICK " }");
  images_must_refuse (images, DISK ("key-secret: two, "), "of none of the 1 key slots in use");
  images_must_refuse (images,
                      ENCRYPTED ("up: { driver: luks, file: disk }, disk: { driver: luks, "
                                 "file: { driver: file, filename: DIR/a.luks } }"),
                      "set key-secret");
}

static gboolean BANYAN_COROUTINE
look (BanyanChannel *channel, gpointer data, GError **error)
{
  return TRUE;
}

static void
test_only_looking (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *uuid = NULL;
  guint8 byte;

  g_test_summary ("Without a passphrase an image tells what it is, and nothing of what it holds");

  encrypted_must_make (images, "luks", "a.luks", "{ \"size\": 1048576, " QUICK " }");
  images_load (images, DISK (""));
  g_object_get (banyan_test_get_node (images->graph, "disk"), "uuid", &uuid, NULL);
  g_assert_cmpuint (strlen (uuid), ==, 36);
  banyan_test_run_as (images->graph, "disk", 0, look, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (banyan_test_read (images->graph, "disk", 0, &byte, 1, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "set key-secret"));
}

static void
test_needs_passphrase (void)
{
  static const struct
  {
    const char *json;
    const char *says;
  } bad[] = {
    { "{ \"size\": 512 }", "needs a passphrase" },
    { "{ \"size\": 512, \"key-secret\": \"four\" }", "no secret is called \"four\"" },
    { "{ \"size\": 512, \"key-secret\": \"twoo\" }",
      "no secret is called \"twoo\"; did you mean \"two\"?" },
    { "{ \"size\": 512, " QUICK ", \"new-secret\": \"two\" }", "banyan img amend" },
    { "{ \"size\": 512, " QUICK ", \"cipher-alg\": \"cast5-128\" }", "choose cbc" },
    { "{ \"size\": 512, " QUICK ", \"ivgen-alg\": \"essiv\", \"ivgen-hash-alg\": \"sha1\" }",
      "keys of 20 bytes" },
  };
  g_autoptr (Images) images = images_new ();

  g_test_summary ("What an image cannot be made of is told");

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (encrypted_try_make (images, "luks", "a.luks", bad[i].json, &error));
      if (strstr (error->message, bad[i].says) == NULL)
        g_error ("not \"%s\" but: %s", bad[i].says, error->message);
    }
}

/* -- Lengths. -- */

static void
test_growth (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("What comes with growth is zero, and a length that is not whole sectors is "
                  "refused");

  encrypted_must_make (images, "luks", "a.luks", "{ \"size\": 65536, " QUICK " }");
  images_load (images, DISK ("key-secret: one, "));
  images_must_write (images, "disk", 0, 65536, 5);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 2 * MIB + 512, &error), ==,
                   BANYAN_DONE);
  g_assert_no_error (error);
  images_must_read (images, "disk", 0, 65536, 5);
  images_must_be_zero (images, "disk", 65536, 2 * MIB + 512 - 65536);
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 3 * MIB + 1, &error), ==,
                   BANYAN_FAILED);
  g_assert_error (error, BANYAN_ERRNO, EINVAL);
}

static void
test_growth_fails (void)
{
  g_autoptr (Images) images = images_new ();
  g_autoptr (GError) error = NULL;

  g_test_summary ("Where zeroes for growth cannot be written, the disk stays as long as it was");

  encrypted_must_make (images, "luks", "a.luks", "{ \"size\": 65536, " QUICK " }");
  images_load (images,
               ENCRYPTED ("disk: { driver: luks, key-secret: one, file: { driver: blkdebug, "
                          "rules: [{ operations: write, after: 1, error: enospc }], "
                          "image: { driver: file, filename: DIR/a.luks } } }"));
  g_assert_cmpint (banyan_test_resize (images->graph, "disk", 4 * MIB, &error), ==, BANYAN_FAILED);
  g_assert_error (error, BANYAN_ERRNO, ENOSPC);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (images->graph, "disk")), ==,
                    65536);
}

/* -- A header of its own. -- */

static void
test_detached (void)
{
  static const char disk[] = ENCRYPTED (
      "disk: { driver: luks, key-secret: one, header: { driver: file, filename: DIR/a.luks }, "
      "file: { driver: file, filename: DIR/data } }");
  g_autoptr (Images) images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "data", NULL);
  g_autofree char *zeroes = g_malloc0 (MIB);

  g_test_summary (
      "A header that lies beside the data opens it, and all of the data's file is disk");

  encrypted_must_make (images, "luks", "a.luks",
                       "{ \"size\": 1048576, \"detached-header\": true, " QUICK " }");
  g_assert_true (g_file_set_contents (path, zeroes, MIB, NULL));
  images_load (images, disk);
  g_assert_cmpuint (banyan_node_get_length (banyan_test_get_node (images->graph, "disk")), ==, MIB);
  images_must_write (images, "disk", 0, MIB, 9);
  images_close (images);
  must_hold_nothing (images, "data", 9);
  images_load (images, disk);
  images_must_read (images, "disk", 0, MIB, 9);
}

/* -- Headers that are wrong. -- */

typedef struct
{
  guint offset;
  guint width;
  guint64 value;
  const char *says;
} Wrong;

#define SLOT(i, field) (208 + 48 * (i) + (field))

static const Wrong wrong[] = {
  { 0, 4, 0x4c554b54, "does not begin as a LUKS volume does" },
  { 6, 2, 2, "cryptsetup convert --type luks1" },
  { 6, 2, 3, "version 3" },
  { 8, 4, 0x61657400, "cipher is \"aet\" with a key of 64 bytes" },
  { 40, 4, 0x78747500, "cipher mode is \"xtu\"" },
  { 40, 4, 0x6563622d, "cipher mode is \"ecb-plain64\"" },
  { 44, 4, 0x65737369, "cipher mode is \"xts-essin64\"" },
  { 72, 4, 0x6d643500, "hash is \"md5\"" },
  { 104, 4, 0, "where the payload is, at byte 248" },
  { 104, 4, 0xffffffff, "payload begins at byte 2199023255040" },
  { 108, 4, 63, "with a key of 63 bytes" },
  { 108, 4, 0xffffffff, "with a key of 4294967295 bytes" },
  { 164, 4, 0, "digest has 0 iterations, at byte 164" },
  { 164, 4, 0xffffffff, "are the limit" },
  { SLOT (0, 0), 4, 7, "key slot 0 is neither active nor inactive, but 0x7" },
  { SLOT (0, 4), 4, 0, "key slot 0 has 0 iterations" },
  { SLOT (0, 4), 4, 0x40000000, "are the limit" },
  { SLOT (3, 40), 4, 0, "key slot 3 has its material in bytes 0" },
  { SLOT (3, 40), 4, 1, "over the header" },
  { SLOT (3, 40), 4, 0xffffffff, "outside of the file" },
  { SLOT (3, 40), 4, 3600, "where the payload is" },
  { SLOT (3, 40), 4, 9, "key slots 0 and 3 share bytes" },
  { SLOT (7, 44), 4, 3999, "key slot 7 has 3999 stripes" },
  { SLOT (7, 44), 4, 0xffffffff, "key slot 7 has 4294967295 stripes" },
};

static void
put (guint8 *bytes, guint width, guint64 value)
{
  for (guint i = 0; i < width; i++)
    bytes[i] = value >> 8 * (width - 1 - i) & 0xff;
}

static void
test_refuses (void)
{
  g_autoptr (Images) images = images_new ();
  g_autofree char *path = g_build_filename (images->folder, "a.luks", NULL);
  g_autofree char *whole = NULL;
  gsize length;

  g_test_summary ("Each field of a header that is wrong is told, and no number makes one wait");

  encrypted_must_make (images, "luks", "a.luks", "{ \"size\": 65536, " QUICK " }");
  g_assert_true (g_file_get_contents (path, &whole, &length, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autofree char *bytes = g_memdup2 (whole, length);

      g_test_message ("byte %u: %s", wrong[i].offset, wrong[i].says);
      put ((guint8 *) bytes + wrong[i].offset, wrong[i].width, wrong[i].value);
      g_assert_true (g_file_set_contents (path, bytes, length, NULL));
      images_must_refuse (images, DISK ("key-secret: one, "), wrong[i].says);
    }
  g_assert_true (g_file_set_contents (path, whole, 500, NULL));
  images_must_refuse (images, DISK ("key-secret: one, "), "less than the header");
  g_assert_true (g_file_set_contents (path, whole, 100000, NULL));
  images_must_refuse (images, DISK ("key-secret: one, "), "outside of the file");
}

static void
test_probe (void)
{
  guint8 head[BANYAN_PROBE_BYTES] = "LUKS\xba\xbe";
  guint confidence;

  g_test_summary ("The format is told by how it begins, whatever its version");

  g_assert_cmpstr (banyan_format_probe (head, sizeof head, &confidence), ==, "luks");
  g_assert_cmpuint (confidence, ==, 100);
  head[5] = 0;
  g_assert_cmpstr (banyan_format_probe (head, sizeof head, &confidence), ==, "raw");
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/luks/keeps-data", test_keeps_data);
  g_test_add_func ("/luks/same-data-differs", test_same_data_differs);
  g_test_add_func ("/luks/refuses-another-passphrase", test_wrong_passphrase);
  g_test_add_func ("/luks/opens-for-who-only-looks", test_only_looking);
  g_test_add_func ("/luks/refuses-to-be-made", test_needs_passphrase);
  g_test_add_func ("/luks/grows-with-zeroes", test_growth);
  g_test_add_func ("/luks/growth-fails-whole", test_growth_fails);
  g_test_add_func ("/luks/has-a-header-elsewhere", test_detached);
  g_test_add_func ("/luks/refuses-bad-headers", test_refuses);
  g_test_add_func ("/luks/is-probed", test_probe);
  return g_test_run ();
}
