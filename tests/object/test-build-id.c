/* test-build-id.c - the linker's id is read from a file, whatever the file says about itself
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-registry-private.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A shared object of which there is nothing but what leads to the id. */
typedef struct
{
  ElfW (Ehdr) header;
  ElfW (Phdr) segment;
  ElfW (Nhdr) note;
  char name[4];
  guint8 id[8];
} Image;

static void
make_image (Image *image)
{
  memset (image, 0, sizeof *image);
  memcpy (image->header.e_ident, ELFMAG, SELFMAG);
  image->header.e_ident[EI_CLASS] = sizeof (void *) == 8 ? ELFCLASS64 : ELFCLASS32;
  image->header.e_phoff = G_STRUCT_OFFSET (Image, segment);
  image->header.e_phentsize = sizeof image->segment;
  image->header.e_phnum = 1;
  image->segment.p_type = PT_NOTE;
  image->segment.p_offset = G_STRUCT_OFFSET (Image, note);
  image->segment.p_filesz = sizeof *image - G_STRUCT_OFFSET (Image, note);
  image->note = (ElfW (Nhdr)){ sizeof image->name, sizeof image->id, NT_GNU_BUILD_ID };
  memcpy (image->name, "GNU", 4);
  memcpy (image->id, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
}

static char *
read_image (const Image *image, gsize length)
{
  int fd = memfd_create ("image", MFD_CLOEXEC);
  char *id;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, image, length), ==, (gssize) length);
  id = banyan_build_id_read (fd);
  close (fd);
  return id;
}

static void
test_reads_id (void)
{
  g_autofree char *id = NULL;
  Image image;

  g_test_summary ("The id is read from the note that has it");

  make_image (&image);
  id = read_image (&image, sizeof image);
  g_assert_cmpstr (id, ==, "0123456789abcdef");
}

static void
test_cut_short (void)
{
  Image image;

  g_test_summary ("A file that ends anywhere before its id has none");

  make_image (&image);
  for (gsize length = 0; length < sizeof image; length++)
    g_assert_null (read_image (&image, length));
}

static void
test_lies (void)
{
  static const struct
  {
    gsize offset;
    guint64 value;
    gsize width;
  } lies[] = {
#define LIE(field, value) { G_STRUCT_OFFSET (Image, field), value, sizeof ((Image *) NULL)->field }
    LIE (header.e_phoff, G_MAXUINT64),
    LIE (header.e_phoff, (guint64) G_MAXINT64 + 1),
    LIE (header.e_phentsize, 1),
    LIE (header.e_phnum, 0xffff),
    LIE (header.e_phnum, 0),
    LIE (segment.p_offset, G_MAXUINT64 - 8),
    LIE (segment.p_filesz, G_MAXUINT64),
    LIE (segment.p_filesz, 11),
    LIE (note.n_namesz, G_MAXUINT32),
    LIE (note.n_namesz, G_MAXUINT32 - 3),
    LIE (note.n_descsz, G_MAXUINT32),
    LIE (note.n_descsz, 9),
    LIE (note.n_type, NT_GNU_ABI_TAG),
#undef LIE
  };

  g_test_summary ("A file whose header, segments or notes lie has no id, and does no harm");

  for (gsize i = 0; i < G_N_ELEMENTS (lies); i++)
    {
      Image image;

      make_image (&image);
      memcpy ((char *) &image + lies[i].offset, &lies[i].value, lies[i].width);
      g_assert_null (read_image (&image, sizeof image));
    }
}

static void
test_second_note (void)
{
  struct
  {
    Image first;
    ElfW (Nhdr) note;
    char name[4];
    guint8 id[4];
  } images;
  g_autofree char *id = NULL;

  g_test_summary ("Notes before the one that has the id are passed over");

  make_image (&images.first);
  images.first.note.n_type = NT_GNU_PROPERTY_TYPE_0;
  images.first.segment.p_filesz = sizeof images - G_STRUCT_OFFSET (Image, note);
  images.note = (ElfW (Nhdr)){ 4, 4, NT_GNU_BUILD_ID };
  memcpy (images.name, "GNU", 4);
  memcpy (images.id, "\xca\xfe\xba\xbe", 4);
  id = read_image (&images.first, sizeof images);
  g_assert_cmpstr (id, ==, "cafebabe");
}

static void
test_own (void)
{
  g_test_summary ("The running code has an id, the same each time");

  g_assert_cmpstr (banyan_build_id_get_own (), !=, "none");
  g_assert_cmpstr (banyan_build_id_get_own (), ==, banyan_build_id_get_own ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/build-id/reads-id", test_reads_id);
  g_test_add_func ("/build-id/cut-short-is-none", test_cut_short);
  g_test_add_func ("/build-id/lies-do-no-harm", test_lies);
  g_test_add_func ("/build-id/passes-over-other-notes", test_second_note);
  g_test_add_func ("/build-id/own-is-the-same-each-time", test_own);
  return g_test_run ();
}
