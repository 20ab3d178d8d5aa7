/* vmdk-extent.h - a part of a disk, in a file of its own or in the only one
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mapped-inflate.h"
#include "mapped.h"

#define VMDK_SECTOR 512

/* "KDMV", "COWD" and what a seSparse extent begins with, as numbers. */
#define VMDK_MAGIC_SPARSE 0x564d444bu
#define VMDK_MAGIC_COWD 0x44574f43u
#define VMDK_MAGIC_SESPARSE 0xcafebabeu

typedef enum
{
  VMDK_FLAT,     /* as it is */
  VMDK_ZERO,     /* nothing but zeroes */
  VMDK_SPARSE,   /* a header, and tables of two levels */
  VMDK_SESPARSE, /* likewise, with numbers of 64 bits */
} VmdkKind;

typedef struct
{
  VmdkKind kind;
  guint64 start;       /* bytes, in the disk */
  guint64 length;      /* bytes */
  guint64 flat_offset; /* bytes: FLAT: where in the file it begins */
  guint number;        /* of the file, for the cache of tables; 0: the one with the header */

  /* What the header of a sparse one says. */
  guint64 grain_size;       /* bytes: in what units there is space */
  guint32 table_entries;    /* in a table of the second level */
  guint64 directory_offset; /* bytes: the first level */
  guint64 directory_length; /* bytes */
  guint64 tables_offset;    /* bytes: SESPARSE */
  guint64 grains_offset;    /* bytes: SESPARSE */
  gboolean is_packed;
  gboolean has_markers;     /* before each packed grain, its size */
  gboolean has_zero_grains; /* 1 stands for zeroes */
} VmdkExtent;

/* A sparse one's header, in @child. @length: what the descriptor says, or 0. */
gboolean BANYAN_COROUTINE vmdk_extent_open (VmdkExtent *self, Mapped *mapped, BanyanChild *child,
                                            GError **error);
/* Where @offset of the disk, which is in this extent, lies. */
gboolean BANYAN_COROUTINE vmdk_extent_map (const VmdkExtent *self, Mapped *mapped,
                                           BanyanChild *child, guint64 offset, guint64 length,
                                           Mapping *mapping, GError **error);
gboolean BANYAN_COROUTINE vmdk_extent_unpack (const VmdkExtent *self, Mapped *mapped,
                                              MappedInflater *inflater, const Mapping *mapping,
                                              guint8 *unit, GError **error);
