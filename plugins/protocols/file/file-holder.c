/* file-holder.c - who holds a lock
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The kernel names the holder of a lock of the old kind, but an OFD lock belongs to an open file
 * and not to a process. Which processes have that file open can be seen in /proc, though, and the
 * fdinfo of each descriptor lists its locks. */

#include "file-holder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A line is "lock:\t1: OFDLCK ADVISORY READ -1 fe:00:1234 100 100": the last two words are the
 * first byte and the last, which may be EOF. */
static gboolean
line_covers (char *line, guint byte)
{
  g_auto (GStrv) words = NULL;
  guint n;

  if (!g_str_has_prefix (line, "lock:"))
    return FALSE;

  words = g_strsplit (g_strchomp (line), " ", -1);
  n = g_strv_length (words);
  return n >= 2 && g_ascii_strtoull (words[n - 2], NULL, 10) <= byte
         && (strcmp (words[n - 1], "EOF") == 0
             || g_ascii_strtoull (words[n - 1], NULL, 10) >= byte);
}

static gboolean
descriptor_holds (const char *process, const char *number, guint byte)
{
  g_autofree char *path = g_build_filename (process, "fdinfo", number, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;

  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (line_covers (lines[i], byte))
      return TRUE;
  return FALSE;
}

/* What others have open may lie on storage that hangs, which is not asked. */
static gboolean
is_same_file (const char *process, const char *number, const struct stat *image)
{
  g_autofree char *path = g_build_filename (process, "fd", number, NULL);
  struct statx status;

  return statx (AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &status) == 0
         && makedev (status.stx_dev_major, status.stx_dev_minor) == image->st_dev
         && status.stx_ino == image->st_ino;
}

static gboolean
process_holds (const char *process, const struct stat *image, guint byte)
{
  g_autofree char *folder = g_build_filename (process, "fd", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *number;

  while (dir != NULL && (number = g_dir_read_name (dir)) != NULL)
    if (descriptor_holds (process, number, byte) && is_same_file (process, number, image))
      return TRUE;
  return FALSE;
}

static char *
describe_process (const char *process, const char *pid)
{
  g_autofree char *path = g_build_filename (process, "comm", NULL);
  g_autofree char *command = NULL;

  if (!g_file_get_contents (path, &command, NULL, NULL))
    return g_strdup_printf ("the process %s", pid);
  return g_strdup_printf ("%s (pid %s)", g_strchomp (command), pid);
}

static char *
search_processes (const struct stat *image, guint byte)
{
  g_autofree char *own = g_strdup_printf ("%d", getpid ());
  g_autoptr (GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *pid;

  while (proc != NULL && (pid = g_dir_read_name (proc)) != NULL)
    {
      g_autofree char *process = g_build_filename ("/proc", pid, NULL);

      if (g_ascii_isdigit (pid[0]) && strcmp (pid, own) != 0
          && process_holds (process, image, byte))
        return describe_process (process, pid);
    }
  return NULL;
}

char *
file_holder_describe (int fd, guint byte)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
  struct stat image;
  char *found = NULL;

  if (fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
    {
      g_autofree char *pid = g_strdup_printf ("%d", lock.l_pid);
      g_autofree char *process = g_build_filename ("/proc", pid, NULL);

      return describe_process (process, pid);
    }

  if (fstat (fd, &image) == 0)
    found = search_processes (&image, byte);
  return found != NULL ? found : g_strdup ("a process that /proc does not show");
}
