/* mapped.h - what formats that are only read share: a map from the guest's bytes to places
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver reads its header in open, and says in map where the bytes from an offset on are, as far
 * as one entry of its tables goes. Reading, block status, backings, refusing to write, and memory
 * that is bounded whatever the image claims are done here, once for all of them. */

#pragma once

#include "mapped-cache.h"

G_BEGIN_DECLS

typedef enum
{
  MAPPED_DATA,   /* in a child, as they are */
  MAPPED_PACKED, /* in a unit that has to be unpacked */
  MAPPED_ZERO,
  MAPPED_BELOW, /* in the backing; zero where there is none */
} MappedKind;

typedef struct
{
  MappedKind kind;
  guint64 length; /* bytes from the offset that was asked for; above 0 */

  BanyanChild *child; /* (unowned): DATA and PACKED: where */
  guint64 place;      /* bytes, in @child */
  gsize skip;         /* bytes in its unit before the offset */

  /* Given: what is not in memory fails, without an error and without waiting. */
  gboolean at_once;
  guint64 n_looked_at; /* entries: what it took to find out; mapped_set_run() */

  /* PACKED: */
  guint64 packed_size; /* bytes at @place */
  gsize unit_size;     /* bytes unpacked, at most what mapped_set_unit_size() was told */
  guint32 codec;       /* the driver's own */
} Mapping;

typedef struct _Mapped Mapped;

/* In what pieces tables are read, each from a multiple of that on. */
#define MAPPED_SLICE_SIZE 4096

/* What images of some formats have, and say of themselves, beyond the cluster size: properties that
 * are declared here, once, and fields of Mapped that open fills. */
typedef enum
{
  MAPPED_HAS_BACKING = 1 << 0,  /* the child "backing"; backing-file, backing-format */
  MAPPED_CAN_BE_FIXED = 1 << 1, /* fixed */
  MAPPED_CAN_BE_DIRTY = 1 << 2, /* dirty */
} MappedFlags;

/* All but the probes and close run in coroutines; map and unpack on several threads at once. */
typedef struct
{
  guint flags; /* MappedFlags */
  /* (nullable): as those of BanyanFormatClass */
  guint (*probe) (const guint8 *head, gsize length);
  guint (*probe_end) (const guint8 *tail, gsize length, guint64 image_length);
  /* Reads and checks the header, publishes the length, implies children; file is open. */
  gboolean (*open) (Mapped *self, GError **error);
  /* (nullable): gives up what open took, after one that failed, too */
  void (*close) (Mapped *self);
  gboolean (*map) (Mapped *self, guint64 offset, guint64 length, Mapping *mapping, GError **error);
  /* (nullable): the unit that @mapping leads to, and that begins at @offset, into @unit */
  gboolean (*unpack) (Mapped *self, guint64 offset, const Mapping *mapping, guint8 *unit,
                      GError **error);
  /* (nullable): makes the piece of a table that was read from @offset of file what it should be */
  gboolean (*mend) (Mapped *self, guint64 offset, guint8 *slice, GError **error);
} MappedDriver;

/* The beginning of an instance. */
struct _Mapped
{
  BanyanFormat parent_instance;

  const MappedDriver *driver;
  BanyanChild *file;    /* (unowned) */
  BanyanChild *backing; /* (unowned) (nullable) */
  const char *name;     /* for messages */
  MappedCache tables;   /* of the files' own bytes */
  MappedCache units;    /* unpacked */

  /* What the image says of itself, for people. */
  guint64 cluster_size; /* bytes */
  gboolean is_fixed;
  gboolean is_dirty;
  char *backing_file;   /* (owned) (nullable): by the property, which frees it */
  char *backing_format; /* (owned) (nullable): likewise */
};

/* Properties that all have; a driver's own are numbered from MAPPED_N_PROPS on. */
enum
{
  MAPPED_PROP_0,
  MAPPED_PROP_CLUSTER_SIZE,
  MAPPED_PROP_FIXED,
  MAPPED_PROP_DIRTY,
  MAPPED_PROP_BACKING_FILE,
  MAPPED_PROP_BACKING_FORMAT,
  MAPPED_N_PROPS
};

/* In class_init and init. */
void mapped_class_init (BanyanFormatClass *klass, const MappedDriver *driver);
void mapped_init (Mapped *self, const MappedDriver *driver);

/* -- In open. -- */

/* @length bytes at @offset of @child: @what, for a message where the file is too short. */
gboolean BANYAN_COROUTINE mapped_read_bytes (Mapped *self, BanyanChild *child, guint64 offset,
                                             gpointer bytes, gsize length, const char *what,
                                             GError **error);
/* Whether @what, which the header puts there, is inside the file. */
gboolean mapped_check_inside (Mapped *self, BanyanChild *child, guint64 offset, guint64 length,
                              const char *what, GError **error);
/* Publishes what the guest sees. FALSE: it is too much. @offset: where the image says so. */
gboolean mapped_set_length (Mapped *self, guint64 length, guint64 offset, GError **error);
void mapped_set_backing (Mapped *self, const char *name, const char *format);
/* What units have at most when they are unpacked. */
gboolean mapped_set_unit_size (Mapped *self, gsize size, GError **error);

/* -- In map and unpack. -- */

/* As mapped_check_inside(), of what a table has: not a bad image, but a failed request. */
gboolean mapped_check_there (Mapped *self, BanyanChild *child, guint64 offset, guint64 length,
                             const char *what, GError **error);
/* What @mapping leads to, still packed. NULL with @error. */
BanyanBuffer *BANYAN_COROUTINE mapped_read_packed (Mapped *self, const Mapping *mapping,
                                                   GError **error);
/* FALSE, with a message that names the unit. */
gboolean mapped_throw_damaged (Mapped *self, const Mapping *mapping, GError **error);

/* -- Tables, which open has found inside their file: from memory if they are there. -- */

/* How the entries are written. */
typedef enum
{
  MAPPED_LE32,
  MAPPED_LE64,
  MAPPED_BE32,
  MAPPED_BE64,
} MappedEntries;

typedef struct
{
  BanyanChild *child; /* (unowned) */
  guint number;       /* tells the children apart that tables are in */
  MappedEntries entries;
  guint64 offset; /* bytes, in @child */
  guint64 n_entries;
  guint64 unit; /* bytes of the disk that each of them is for */
} MappedTable;

/* The entry for what is @offset bytes behind what the first one is for. */
gboolean BANYAN_COROUTINE mapped_read_entry (Mapped *self, const MappedTable *table, guint64 offset,
                                             const Mapping *mapping, guint64 *entry,
                                             GError **error);
/* Sets how far @mapping, whose kind and place are set, goes from there: to the end of the unit that
 * @entry is for, and of those that follow, up to @length bytes, while each entry is @step more than
 * the one before. */
void BANYAN_COROUTINE mapped_set_run (Mapped *self, const MappedTable *table, guint64 offset,
                                      guint64 length, guint64 entry, guint64 step,
                                      Mapping *mapping);
/* Any bytes of a table. @mapping: (nullable): what they are for */
gboolean BANYAN_COROUTINE mapped_read_table (Mapped *self, BanyanChild *child, guint number,
                                             guint64 offset, gpointer bytes, gsize length,
                                             const Mapping *mapping, GError **error);

/* -- Errors: FALSE always. "NAME: FIELD is VALUE, at byte OFFSET; RULE". -- */
gboolean mapped_throw_field (Mapped *self, GError **error, const char *field, guint64 value,
                             guint64 offset, const char *rule, ...) G_GNUC_PRINTF (6, 7);
gboolean mapped_throw_unsupported (Mapped *self, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

G_END_DECLS
