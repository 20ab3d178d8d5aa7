/* banyan-registry-cache.c - what was known when plugins were scanned last
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One file for each search path: a header, then a GVariant with the library's build and a record
 * for each plugin file. Whatever is wrong with it, it is as if it were not there. It is read rather
 * than mapped: a mapping of a file that someone cuts short kills the process, and a read of 100 KiB
 * takes 20 us. */

#include "banyan-registry-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1
#define PAYLOAD "(sa" BANYAN_PLUGIN_RECORD ")"
#define MAX_BYTES (64 * 1024 * 1024)

/* In the machine's byte order, as the payload is: a cache from elsewhere has another magic. */
typedef struct
{
  guint64 magic;
  guint64 format;
  guint64 length;
  guint64 checksum;
} Header;

#define MAGIC G_GUINT64_CONSTANT (0x42616e79616e5243)

/* A power cut can leave a file of the right length and full of zeroes; that is what this is for. */
static guint64
sum_up (const guint8 *bytes, gsize length)
{
  guint64 sum = length;

  for (gsize i = 0; i < length; i += sizeof (guint64))
    {
      guint64 word = 0;

      memcpy (&word, bytes + i, MIN (sizeof word, length - i));
      sum = (sum ^ word) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
      sum ^= sum >> 29;
    }

  return sum;
}

/* (transfer full) (nullable) (type filename): NULL where there is to be none. */
char *
banyan_registry_cache_get_path (void)
{
  const char *asked = secure_getenv ("BANYAN_REGISTRY_CACHE");
  g_autoptr (GPtrArray) folders = NULL;
  g_autofree char *joined = NULL;
  g_autofree char *hash = NULL;
  g_autofree char *name = NULL;

  if (asked != NULL)
    return asked[0] != '\0' ? g_strdup (asked) : NULL;

  folders = banyan_search_path_get ();
  g_ptr_array_add (folders, NULL);
  joined = g_strjoinv (G_SEARCHPATH_SEPARATOR_S, (char **) folders->pdata);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, joined, -1);
  name = g_strdup_printf ("registry-%d-%.16s.cache", FORMAT, hash);
  return g_build_filename (g_get_user_cache_dir (), "banyan", name, NULL);
}

static gboolean
read_all (int fd, gpointer buffer, gsize length)
{
  gsize done = 0;

  while (done < length)
    {
      gssize n = read (fd, (guint8 *) buffer + done, length - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      done += (gsize) n;
    }

  return TRUE;
}

static GBytes *
read_payload (int fd)
{
  Header header;
  struct stat status;
  g_autofree guint8 *payload = NULL;

  if (fstat (fd, &status) != 0 || !S_ISREG (status.st_mode)
      || !read_all (fd, &header, sizeof header) || header.magic != MAGIC || header.format != FORMAT
      || header.length > MAX_BYTES || (guint64) status.st_size != sizeof header + header.length)
    return NULL;

  payload = g_malloc (header.length);
  if (!read_all (fd, payload, header.length) || sum_up (payload, header.length) != header.checksum)
    return NULL;

  return g_bytes_new_take (g_steal_pointer (&payload), header.length);
}

static GVariant *
load_payload (const char *path)
{
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  g_autoptr (GBytes) bytes = NULL;

  if (fd < 0)
    return NULL;

  bytes = read_payload (fd);
  close (fd);
  return bytes != NULL ? g_variant_ref_sink (
             g_variant_new_from_bytes (G_VARIANT_TYPE (PAYLOAD), bytes, FALSE))
                       : NULL;
}

static void
free_record (gpointer record)
{
  g_variant_unref (record);
}

/* (transfer full): records by path; none where there is no cache of this library's. @path:
 * (nullable). */
GHashTable *
banyan_registry_cache_load (const char *path)
{
  GHashTable *records = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, free_record);
  g_autoptr (GVariant) payload = path != NULL ? load_payload (path) : NULL;
  g_autoptr (GVariant) list = NULL;
  const char *library;

  if (payload == NULL)
    return records;

  g_variant_get (payload, "(&s@a" BANYAN_PLUGIN_RECORD ")", &library, &list);
  if (!g_str_equal (library, banyan_build_id_get_own ()))
    return records;

  for (gsize i = 0; i < g_variant_n_children (list); i++)
    {
      GVariant *record = g_variant_get_child_value (list, i);
      const char *key;

      g_variant_get_child (record, 0, "^&ay", &key);
      g_hash_table_replace (records, (gpointer) key, record);
    }

  return records;
}

static GVariant *
make_payload (GPtrArray *plugins)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a" BANYAN_PLUGIN_RECORD));
  for (guint i = 0; i < plugins->len; i++)
    {
      BanyanPluginInfo *info = plugins->pdata[i];

      if (info->shadowed_by == NULL && !info->unscanned)
        g_variant_builder_add_value (&list, banyan_plugin_info_to_record (info));
    }

  return g_variant_ref_sink (g_variant_new (
      "(s@a" BANYAN_PLUGIN_RECORD ")", banyan_build_id_get_own (), g_variant_builder_end (&list)));
}

/* Written under another name first, so that a reader sees the old one or the new one. That it
 * cannot be written is no error: the next start scans again. */
void
banyan_registry_cache_save (const char *path, GPtrArray *plugins)
{
  g_autoptr (GVariant) payload = make_payload (plugins);
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL);
  gsize length = g_variant_get_size (payload);
  const guint8 *bytes = g_variant_get_data (payload);
  Header header = { MAGIC, FORMAT, length, sum_up (bytes, length) };
  gboolean written;
  int fd;

  g_mkdir_with_parents (folder, 0700);
  fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    {
      g_debug ("no registry cache: %s: %s", path, g_strerror (errno));
      return;
    }

  written = banyan_write_all (fd, &header, sizeof header) && banyan_write_all (fd, bytes, length);
  if (close (fd) != 0 || !written || g_rename (temporary, path) != 0)
    {
      g_debug ("no registry cache: %s: %s", path, g_strerror (errno));
      g_unlink (temporary);
    }
}
