/* banyan-build-id.c - what tells two builds of a file apart
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Size and time do not: image-based systems set all times alike. The linker's build-id note does.
 * The file may be anything, so nothing that it says is believed before it is checked. */

#include "banyan-registry-private.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files of linkers have about ten segments, notes of some hundred bytes, and ids of 20. */
#define MAX_SEGMENTS 128
#define MAX_NOTES 65536
#define MAX_ID 64

static const unsigned char our_ident[]
    = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, sizeof (void *) == 8 ? ELFCLASS64 : ELFCLASS32 };

static char *
to_hex (const guint8 *bytes, gsize length)
{
  static const char digits[] = "0123456789abcdef";
  char *hex = g_malloc (2 * length + 1);

  for (gsize i = 0; i < length; i++)
    {
      hex[2 * i] = digits[bytes[i] >> 4];
      hex[2 * i + 1] = digits[bytes[i] & 15];
    }
  hex[2 * length] = '\0';
  return hex;
}

/* The build-id among the notes that fill @notes, or NULL. Names and contents are padded to 4 bytes.
 */
static char *
find_in_notes (const guint8 *notes, gsize length)
{
  while (length >= sizeof (ElfW (Nhdr)))
    {
      ElfW (Nhdr) note;
      gsize name_length, id_length;

      memcpy (&note, notes, sizeof note);
      notes += sizeof note;
      length -= sizeof note;

      name_length = ((gsize) note.n_namesz + 3) & ~(gsize) 3;
      id_length = ((gsize) note.n_descsz + 3) & ~(gsize) 3;
      if (name_length > length || id_length > length - name_length)
        return NULL;

      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp (notes, "GNU", 4) == 0
          && note.n_descsz <= MAX_ID)
        return to_hex (notes + name_length, note.n_descsz);

      notes += name_length + id_length;
      length -= name_length + id_length;
    }

  return NULL;
}

static gboolean
read_exactly (int fd, gpointer buffer, gsize length, guint64 offset)
{
  return offset <= G_MAXINT64 && pread (fd, buffer, length, (off_t) offset) == (gssize) length;
}

static char *
read_notes (int fd, const ElfW (Phdr) * segment)
{
  g_autofree guint8 *notes = NULL;

  if (segment->p_type != PT_NOTE || segment->p_filesz > MAX_NOTES)
    return NULL;

  notes = g_malloc (segment->p_filesz);
  return read_exactly (fd, notes, segment->p_filesz, segment->p_offset)
             ? find_in_notes (notes, segment->p_filesz)
             : NULL;
}

/* (transfer full) (nullable): of the file that is open as @fd. */
char *
banyan_build_id_read (int fd)
{
  ElfW (Ehdr) header;
  ElfW (Phdr) segments[MAX_SEGMENTS];
  char *id = NULL;

  if (!read_exactly (fd, &header, sizeof header, 0)
      || memcmp (header.e_ident, our_ident, sizeof our_ident) != 0
      || header.e_phentsize != sizeof (ElfW (Phdr)) || header.e_phnum > MAX_SEGMENTS
      || !read_exactly (fd, segments, header.e_phnum * sizeof (ElfW (Phdr)), header.e_phoff))
    return NULL;

  for (guint i = 0; id == NULL && i < header.e_phnum; i++)
    id = read_notes (fd, &segments[i]);

  return id;
}

/* What the file at @path is now. One that cannot be read has a key too: it changes once it can. */
void
banyan_file_key_read (BanyanFileKey *self, const char *path)
{
  /* Without O_NONBLOCK a FIFO in the folder would hold us up for ever. */
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  struct stat status;
  char *id = NULL;

  self->size = 0;
  self->mtime_ns = 0;
  g_clear_pointer (&self->build_id, g_free);

  if ((fd >= 0 ? fstat (fd, &status) : stat (path, &status)) == 0)
    {
      self->size = (guint64) status.st_size;
      self->mtime_ns = (gint64) status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
      if (fd >= 0 && S_ISREG (status.st_mode))
        id = banyan_build_id_read (fd);
    }
  if (fd >= 0)
    close (fd);

  self->build_id = id != NULL ? id : g_strdup (fd >= 0 ? "none" : "unreadable");
}

gboolean
banyan_file_key_equal (const BanyanFileKey *self, const BanyanFileKey *other)
{
  return self->size == other->size && self->mtime_ns == other->mtime_ns
         && g_strcmp0 (self->build_id, other->build_id) == 0;
}

/* -- The library's own. -- */

/* The loaded object that has this code: the library, or a test that is linked with its parts. */
static int
find_own_id (struct dl_phdr_info *object, size_t size, gpointer data)
{
  guintptr here = (guintptr) find_own_id;
  gboolean is_ours = FALSE;
  char **id = data;

  for (guint i = 0; i < object->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *segment = &object->dlpi_phdr[i];
      guintptr start = object->dlpi_addr + segment->p_vaddr;

      if (segment->p_type == PT_LOAD && here >= start && here - start < segment->p_memsz)
        is_ours = TRUE;
    }

  for (guint i = 0; is_ours && *id == NULL && i < object->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *segment = &object->dlpi_phdr[i];

      if (segment->p_type == PT_NOTE)
        *id = find_in_notes ((const guint8 *) (object->dlpi_addr + segment->p_vaddr),
                             segment->p_memsz);
    }

  return is_ours;
}

static char *
make_own_id (void)
{
  char *id = NULL;
  Dl_info info;
  BanyanFileKey key = { 0 };

  dl_iterate_phdr (find_own_id, &id);
  if (id != NULL || dladdr ((gpointer) find_own_id, &info) == 0)
    return id != NULL ? id : g_strdup ("none");

  /* Linked without an id: the file's size and time have to do. */
  banyan_file_key_read (&key, info.dli_fname);
  id = g_strdup_printf ("%s-%" G_GUINT64_FORMAT "-%" G_GINT64_FORMAT, key.build_id, key.size,
                        key.mtime_ns);
  g_free (key.build_id);
  return id;
}

/* (transfer none): one a process. */
const char *
banyan_build_id_get_own (void)
{
  static char *id;

  if (id == NULL)
    id = make_own_id ();

  return id;
}
