/* file-cache.c - what the page cache holds of an image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "file-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 6.5; its numbers are the same on every machine. */
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

/* As much is mapped at a time to look at it. */
#define WINDOW_SIZE (128 << 20)

gboolean
file_cache_look (int fd, guint64 offset, guint64 length, FileCacheState *state)
{
  guint64 range[2] = { offset, length };

  return syscall (__NR_cachestat, fd, range, state, 0) == 0;
}

/* How many of the pages of a mapping are in memory. The kernel tells only who may write to the
 * file; to others all of them are. */
static guint64
count_resident (gpointer memory, gsize length)
{
  gsize page_size = sysconf (_SC_PAGESIZE);
  gsize n_pages = (length + page_size - 1) / page_size;
  g_autofree guchar *pages = g_malloc0 (n_pages);
  guint64 n_resident = 0;

  if (mincore (memory, length, pages) < 0)
    return 0;
  for (gsize i = 0; i < n_pages; i++)
    n_resident += pages[i] & 1;
  return n_resident;
}

static gboolean
check_dropped (int fd, const char *path, GError **error)
{
  off_t length = lseek (fd, 0, SEEK_END);
  guint64 n_resident = 0;

  for (off_t offset = 0; offset < length; offset += WINDOW_SIZE)
    {
      gsize size = MIN (length - offset, WINDOW_SIZE);
      gpointer memory = mmap (NULL, size, PROT_READ, MAP_SHARED, fd, offset);

      if (memory == MAP_FAILED)
        return banyan_throw_errno (error, errno, "looking for %s in the page cache", path);
      n_resident += count_resident (memory, size);
      munmap (memory, size);
    }

  return n_resident == 0
         || banyan_throw_errno (error, EBUSY,
                                "%" G_GUINT64_FORMAT " pages of %s are still in the page cache, "
                                "so somebody else uses it",
                                n_resident, path);
}

gboolean
file_cache_drop (int fd, const char *path, gboolean check, GError **error)
{
  g_autofree char *name = file_path_for_message (path);
  int result;

  /* Dirty pages stay. */
  if (fdatasync (fd) < 0 && errno != EROFS && errno != EINVAL)
    return banyan_throw_errno (error, errno, "flushing %s", name);

  result = posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  if (result != 0)
    return banyan_throw_errno (error, result, "dropping %s from the page cache", name);
  return !check || check_dropped (fd, name, error);
}

static gboolean
is_one_line (const char *path)
{
  for (const char *p = path; *p != '\0'; p++)
    if (g_ascii_iscntrl (*p))
      return FALSE;
  return g_utf8_validate (path, -1, NULL);
}

char *
file_path_for_message (const char *path)
{
  g_autofree char *escaped = NULL;

  if (is_one_line (path))
    return g_strdup (path);

  escaped = g_strescape (path, NULL);
  return g_strdup_printf ("\"%s\"", escaped);
}
