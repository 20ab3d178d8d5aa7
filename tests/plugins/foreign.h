/* foreign.h - images of formats that are only read: what all of them are tried with
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "images.h"

G_BEGIN_DECLS

/* An image is a.img in the folder, and this is the node that shows it. */
char *foreign_dup_disk (const char *driver);
void foreign_load (Images *images, const char *driver);

/* src.raw, a disk of @size bytes: a piece at the beginning, one at the end, some between them, and
 * zeroes. */
void foreign_make_source (Images *images, guint64 size);

/* Reads a.img by QEMU, to expected.raw, and by us in pieces of any kind: the same. */
void foreign_must_equal_qemu (Images *images, const char *driver);
/* Likewise, with what is in @name. */
void foreign_must_equal (Images *images, const char *driver, const char *name);
/* What QEMU says is zero or data is that here, too, and in the same place; where we know of a hole
 * in the file, and QEMU does not ask, the bytes have to be zero. */
void foreign_must_map_as_qemu (Images *images, const char *driver);

/* All of that, for an image that QEMU has made @way ("-o subformat=..."), by convert and by writing
 * to it. */
void foreign_compare_with_qemu (const char *driver, const char *way, guint64 size);

/* One number of an image that is wrong, and what has to be said. */
typedef struct
{
  guint64 offset;
  guint width;     /* bytes */
  gboolean is_big; /* big-endian */
  guint64 value;
  const char *says;
} ForeignRefusal;

void foreign_put (guint8 *bytes, guint width, gboolean is_big, guint64 value);
/* a.img is whole; each refusal is tried alone. @mend (nullable) is called on the bytes after the
 * change, to make checksums right again. */
void foreign_must_refuse (Images *images, const char *driver, const ForeignRefusal *refusals,
                          gsize n, void (*mend) (guint8 *bytes, gsize size));

/* a.img is whole; it is damaged again and again, between the bytes @first and @reach, and used. */
void foreign_damage (Images *images, const char *driver, gsize first, gsize header, gsize reach,
                     void (*mend) (guint8 *bytes, gsize size));

/* Whether the image's format is told from how it begins, and from nothing else: not from half of
 * the header, nor from what is no image. */
void foreign_must_be_probed (Images *images, const char *driver);
/* Likewise from its end, less surely; a guest that writes the same to a longer disk is not enough.
 */
void foreign_must_be_probed_by_end (Images *images, const char *driver);
/* Who wants to write is refused, and told what to do. */
void foreign_must_refuse_writers (Images *images, const char *driver);

G_END_DECLS
