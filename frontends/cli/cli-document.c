/* cli-document.c - files that declare graphs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* No graph that a person or a program writes comes near it; what does is not a document. */
#define MAX_BYTES (64 * 1024 * 1024)

/* People try it. Text has no bytes that are zero. */
static gboolean
check_is_text (const GByteArray *head, const char *name, GError **error)
{
  const char *format;
  guint confidence;

  if (memchr (head->data, 0, head->len) == NULL)
    return TRUE;

  format = banyan_format_probe (head->data, head->len, &confidence);
  return format == NULL || confidence <= BANYAN_PROBE_ANYTHING
         || banyan_throw_errno (
             error, EINVAL,
             "%s is an image, of the format %s, and no document: a document "
             "names it as the filename of a node; banyan img info tells about it",
             name, format);
}

static gboolean
read_all (int descriptor, const char *name, GByteArray *bytes, GError **error)
{
  guint8 piece[16384];
  gssize n;

  while ((n = read (descriptor, piece, sizeof piece)) != 0)
    {
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return banyan_throw_errno (error, errno, "reading %s", name);
      g_byte_array_append (bytes, piece, n);
      if (bytes->len == n && !check_is_text (bytes, name, error))
        return FALSE;
      if (bytes->len > MAX_BYTES)
        return banyan_throw_errno (error, EFBIG, "%s is larger than %d MiB", name, MAX_BYTES >> 20);
    }

  return TRUE;
}

static gboolean
read_file (int folder, const char *path, GByteArray *bytes, GError **error)
{
  g_autofree char *base = g_path_get_basename (path);
  int descriptor = openat (folder, folder == AT_FDCWD ? path : base, O_RDONLY | O_CLOEXEC);
  gboolean is_read;

  if (descriptor < 0)
    return banyan_throw_errno (error, errno, "opening %s", path);

  is_read = read_all (descriptor, path, bytes, error);
  close (descriptor);
  return is_read;
}

/* Absolute, so that it stays right whatever becomes of the working directory. */
static char *
get_directory (const char *path)
{
  g_autofree char *absolute = path != NULL ? g_canonicalize_filename (path, NULL) : NULL;

  return absolute != NULL ? g_path_get_dirname (absolute) : g_get_current_dir ();
}

CliDocument *
cli_document_read (const char *path, GError **error)
{
  return cli_document_read_in (AT_FDCWD, path, error);
}

CliDocument *
cli_document_read_in (int folder, const char *path, GError **error)
{
  gboolean is_stdin = g_str_equal (path, "-");
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  CliDocument *self;

  if (is_stdin ? !read_all (STDIN_FILENO, "standard input", bytes, error)
               : !read_file (folder, path, bytes, error))
    return NULL;

  self = g_new0 (CliDocument, 1);
  self->name = g_strdup (is_stdin ? "standard input" : path);
  self->directory = get_directory (is_stdin ? NULL : path);
  self->length = bytes->len;
  g_byte_array_append (bytes, (const guint8 *) "", 1);
  self->text = (char *) g_byte_array_free (g_steal_pointer (&bytes), FALSE);
  return self;
}

void
cli_document_free (CliDocument *self)
{
  g_free (self->name);
  g_free (self->directory);
  g_free (self->text);
  g_free (self);
}
