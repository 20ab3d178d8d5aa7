/* qcow2-bitmap.h - dirty bitmaps that are kept in the image
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-image.h"

typedef struct
{
  char *name; /* (owned) */
  guint64 table_offset;
  guint32 table_size; /* entries */
  guint32 flags;
  guint8 type;
  guint8 granularity_bits;
  GBytes *extra;  /* (owned) (nullable): what nobody knows here */
  gsize flags_at; /* in the directory */
} Qcow2Bitmap;

void qcow2_bitmap_clear (gpointer data);

/* Reads the directory, if the image says that it is up to date. */
gboolean BANYAN_COROUTINE qcow2_bitmaps_read (Qcow2Image *image, GError **error);

/* Within a sector, and so all of them or none; a flush is for the caller. */
gboolean BANYAN_COROUTINE qcow2_bitmap_write_flags (Qcow2Image *image, Qcow2Bitmap *bitmap,
                                                    guint32 flags, GError **error);

/* Before the first write: bitmaps that record writes are marked as being in use, since nobody keeps
 * them here; the others stay right as they are. */
gboolean BANYAN_COROUTINE qcow2_bitmaps_mark_in_use (Qcow2Image *image, GError **error);

/* The one of that name; -1 with @error. */
gint qcow2_bitmaps_find (Qcow2Image *image, const char *name, GError **error);
/* Whether it is in order, and all of it known. */
gboolean qcow2_bitmaps_check_usable (Qcow2Image *image, const Qcow2Bitmap *bitmap, GError **error);
/* How many entries the table of @bitmap has. */
guint64 qcow2_bitmaps_table_size (Qcow2Image *image, BanyanBitmap *bitmap);
/* What is set in it. (transfer full) */
BanyanBitmap *BANYAN_COROUTINE qcow2_bitmaps_load (Qcow2Image *image, guint index, GError **error);

/* Calls @func for each cluster run that bitmaps occupy. */
typedef gboolean (*Qcow2BitmapVisit) (guint64 offset, guint64 length, gpointer data,
                                      GError **error);
gboolean BANYAN_COROUTINE qcow2_bitmap_visit (Qcow2Image *image, const Qcow2Bitmap *bitmap,
                                              Qcow2BitmapVisit func, gpointer data, GError **error);
gboolean BANYAN_COROUTINE qcow2_bitmaps_visit (Qcow2Image *image, Qcow2BitmapVisit func,
                                               gpointer data, GError **error);

/* -- qcow2-bitmap-edit.c -- */

/* Puts a bitmap in the place of the one of that name, or beside the others. @bitmap: (nullable):
 * without it nothing is set. */
gboolean BANYAN_COROUTINE qcow2_bitmaps_store (Qcow2Image *image, const BanyanBitmapInfo *info,
                                               BanyanBitmap *bitmap, GError **error);
gboolean BANYAN_COROUTINE qcow2_bitmaps_remove (Qcow2Image *image, const char *name,
                                                GError **error);
/* Changes a flag, and nothing else. */
gboolean BANYAN_COROUTINE qcow2_bitmaps_set_recording (Qcow2Image *image, const char *name,
                                                       gboolean is_recording, GError **error);
