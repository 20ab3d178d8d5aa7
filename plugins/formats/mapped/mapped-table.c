/* mapped-table.c - what formats that are only read share: tables, and runs of their entries
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tables come into memory in slices, as they are needed. Who asks how far a run goes may mean a
 * whole disk, whose table has gigabytes: what is behind the slice that it begins in is read in
 * large pieces and looked at, not kept, and not all of it at once. */

#include "mapped.h"

/* Bits of a slice's key that tell where in the child it is. */
#define PLACE_BITS 51

#define PIECE_SIZE (256u << 10)
/* So many entries are looked at for one answer, which takes some milliseconds. */
#define MAX_SCANNED (1u << 20)

/* -- Slices. -- */

typedef struct
{
  Mapped *self;
  BanyanChild *child;
} Source;

/* Of the file as it should be: beyond its end are zeroes, and the driver has its say. */
static gboolean BANYAN_COROUTINE
load_slices (Mapped *self, BanyanChild *child, guint64 offset, guint8 *bytes, gsize length,
             GError **error)
{
  guint64 end = banyan_child_get_length (child);
  gsize there = offset < end ? MIN (length, end - offset) : 0;

  memset (bytes + there, 0, length - there);
  if (there > 0 && !banyan_child_pread (child, offset, bytes, there, error))
    return FALSE;
  if (self->driver->mend == NULL || child != self->file)
    return TRUE;

  for (gsize done = 0; done < length; done += MAPPED_SLICE_SIZE)
    if (!self->driver->mend (self, offset + done, bytes + done, error))
      return FALSE;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
load_slice (gpointer data, guint64 key, guint8 *bytes, GError **error)
{
  const Source *source = data;
  guint64 offset = (key & ((G_GUINT64_CONSTANT (1) << PLACE_BITS) - 1)) * MAPPED_SLICE_SIZE;

  return load_slices (source->self, source->child, offset, bytes, MAPPED_SLICE_SIZE, error);
}

static guint64
find_key (guint number, guint64 offset)
{
  return offset / MAPPED_SLICE_SIZE | (guint64) number << PLACE_BITS;
}

static gboolean BANYAN_COROUTINE
read_slice (Mapped *self, BanyanChild *child, guint64 key, gsize skip, gpointer bytes, gsize length,
            gboolean at_once, GError **error)
{
  Source source = { self, child };
  MappedSlot *slot;

  if (at_once)
    return mapped_cache_peek (&self->tables, key, skip, bytes, length);

  slot = mapped_cache_get (&self->tables, key, load_slice, &source, error);
  if (slot == NULL)
    return FALSE;

  memcpy (bytes, mapped_slot_get_bytes (slot) + skip, length);
  mapped_cache_put (&self->tables, slot);
  return TRUE;
}

gboolean BANYAN_COROUTINE
mapped_read_table (Mapped *self, BanyanChild *child, guint number, guint64 offset, gpointer bytes,
                   gsize length, const Mapping *mapping, GError **error)
{
  gboolean at_once = mapping != NULL && mapping->at_once;

  for (gsize done = 0; done < length;)
    {
      guint64 at = offset + done;
      gsize skip = at % MAPPED_SLICE_SIZE, here = MIN (length - done, MAPPED_SLICE_SIZE - skip);

      if (!read_slice (self, child, find_key (number, at), skip, (guint8 *) bytes + done, here,
                       at_once, error))
        return FALSE;
      done += here;
    }
  return TRUE;
}

/* -- Entries. -- */

static gsize
get_width (const MappedTable *table)
{
  return table->entries == MAPPED_LE64 || table->entries == MAPPED_BE64 ? 8 : 4;
}

static guint64
get_entry (const MappedTable *table, const guint8 *bytes)
{
  switch (table->entries)
    {
    case MAPPED_LE32:
      return banyan_get_le32 (bytes);
    case MAPPED_LE64:
      return banyan_get_le64 (bytes);
    case MAPPED_BE32:
      return banyan_get_be32 (bytes);
    default:
      return banyan_get_be64 (bytes);
    }
}

static guint64
get_place (const MappedTable *table, guint64 index)
{
  return table->offset + index * get_width (table);
}

/* FALSE: it is not in memory, or lies across two slices. */
static gboolean
peek_entry (Mapped *self, const MappedTable *table, guint64 index, guint64 *entry)
{
  guint64 at = get_place (table, index);
  gsize skip = at % MAPPED_SLICE_SIZE, width = get_width (table);
  guint8 bytes[8];

  if (skip + width > MAPPED_SLICE_SIZE
      || !mapped_cache_peek (&self->tables, find_key (table->number, at), skip, bytes, width))
    return FALSE;

  *entry = get_entry (table, bytes);
  return TRUE;
}

gboolean BANYAN_COROUTINE
mapped_read_entry (Mapped *self, const MappedTable *table, guint64 offset, const Mapping *mapping,
                   guint64 *entry, GError **error)
{
  guint64 index = offset / table->unit;
  guint8 bytes[8];

  if (G_LIKELY (peek_entry (self, table, index, entry)))
    return TRUE;
  if (!mapped_read_table (self, table->child, table->number, get_place (table, index), bytes,
                          get_width (table), mapping, error))
    return FALSE;

  *entry = get_entry (table, bytes);
  return TRUE;
}

/* -- Runs. -- */

/* Of @n entries, how many are what they should be: @expected, and each @step more than the one
 * before. */
static guint64
count_right (const MappedTable *table, const guint8 *bytes, guint64 n, guint64 expected,
             guint64 step)
{
  gsize width = get_width (table);
  guint64 i = 0;

  while (i < n && get_entry (table, bytes + i * width) == expected + i * step)
    i++;
  return i;
}

static guint64 BANYAN_COROUTINE
count_ahead (Mapped *self, const MappedTable *table, guint64 index, guint64 expected, guint64 step,
             guint64 most)
{
  g_autoptr (BanyanBuffer) piece = NULL;
  gsize width = get_width (table), per_slice = MAPPED_SLICE_SIZE / width;
  guint64 n = 0;

  while (most - n >= per_slice && get_place (table, index + n) % MAPPED_SLICE_SIZE == 0)
    {
      guint64 here = MIN (most - n, PIECE_SIZE / width) / per_slice * per_slice, right;

      if (piece == NULL && (piece = banyan_buffer_new (PIECE_SIZE)) == NULL)
        break;
      /* What is wrong there is told when it is asked for. */
      if (!load_slices (self, table->child, get_place (table, index + n), piece->data, here * width,
                        NULL))
        break;
      right = count_right (table, piece->data, here, expected + n * step, step);
      n += right;
      if (right < here)
        break;
    }
  return n;
}

/* How many units, the first included, can be one run. */
static guint64
limit_run (const MappedTable *table, guint64 offset, guint64 length, const Mapping *mapping)
{
  guint64 index = offset / table->unit, skip = offset % table->unit;
  guint64 most = (skip + length - 1) / table->unit + 1;

  if (index < table->n_entries)
    most = MIN (most, table->n_entries - index);
  /* What begins behind the end of the file fails for itself. */
  if (mapping->kind == MAPPED_DATA)
    {
      guint64 end = banyan_child_get_length (mapping->child), start = mapping->place - skip;

      most = MIN (most, start < end ? (end - start - 1) / table->unit + 1 : 1);
    }
  return MIN (most, MAX_SCANNED);
}

void BANYAN_COROUTINE
mapped_set_run (Mapped *self, const MappedTable *table, guint64 offset, guint64 length,
                guint64 entry, guint64 step, Mapping *mapping)
{
  guint64 index = offset / table->unit, most = limit_run (table, offset, length, mapping), n = 1;
  guint64 next;

  while (n < most && peek_entry (self, table, index + n, &next) && next == entry + n * step)
    n++;
  if (n < most && !mapping->at_once && get_place (table, index + n) % MAPPED_SLICE_SIZE == 0)
    n += count_ahead (self, table, index + n, entry + n * step, step, most - n);

  mapping->skip = offset % table->unit;
  mapping->length = n * table->unit - mapping->skip;
  mapping->n_looked_at = n;
}
