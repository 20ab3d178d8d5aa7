/* made.h - images of formats that are only read, made without anybody's help
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-test.h"

G_BEGIN_DECLS

/* Every second piece of a made disk has data, beginning with the first; the others are zero. */
#define MADE_PIECE 65536

/* What the disk has from @offset on. */
void made_fill (guint8 *bytes, guint64 offset, gsize length);
/* Sectors are the least that such formats know. */
#define MADE_LENGTH(size) (((size) + 511) / 512 * 512)

/* The file @path, with a disk of MADE_LENGTH (@size) bytes in it. */
void make_bochs (const char *path, guint64 size);
void make_cloop (const char *path, guint64 size);
void make_dmg (const char *path, guint64 size);
/* One chunk of any type, in a property list or a resource fork. */
void make_dmg_chunk (const char *path, gboolean in_fork, guint32 type, gconstpointer packed,
                     gsize length, guint64 n_sectors);
/* Its passphrase; and a disk of zeroes. */
#define MADE_PASSPHRASE "open-sesame"
void make_luks (const char *path, guint64 size);
void make_qcow2_luks (const char *path, guint64 size);
void make_parallels (const char *path, guint64 size);
void make_qcow (const char *path, guint64 size);
void make_qed (const char *path, guint64 size);
void make_vdi (const char *path, guint64 size);
void make_vhdx (const char *path, guint64 size);
void make_vmdk (const char *path, guint64 size);
/* With its tables at the end; ESX's; and an extent, for a descriptor. */
void make_vmdk_stream (const char *path, guint64 size);
void make_vmdk_cowd (const char *path, guint64 size);
void make_vmdk_sesparse (const char *path, guint64 size);
void make_vpc (const char *path, guint64 size);

G_END_DECLS
