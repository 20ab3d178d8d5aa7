/* dmg-check.c - whether what is in one of Apple's disk images is what was put there
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A table has the checksum of what its chunks unpack to, without those that nobody uses; the
 * trailer has that of the packed data, and that of the tables' checksums. */

#include "dmg.h"

#include <zlib.h>

#define PIECE_SIZE (1u << 20)

/* What is known of a table so far. */
typedef struct
{
  guint32 crc;
  gboolean is_lost; /* one of its chunks could not be read */
} Sum;

typedef struct
{
  BanyanDmg *dmg;
  BanyanCheck *report;
  Sum *sums;        /* (owned): one for each table */
  guint8 *bytes;    /* (owned): a chunk, unpacked, or a piece */
  guint64 expected; /* bytes that are looked at in all */
  guint64 done;
} Check;

/* -- Sums. -- */

typedef struct
{
  guint32 crc;
  const guint8 *bytes;
  gsize length;
} Work;

static gssize
add_up (gpointer data)
{
  Work *work = data;

  work->crc = crc32_z (work->crc, work->bytes, work->length);
  return 0;
}

static guint32 BANYAN_COROUTINE
add_bytes (guint32 crc, const guint8 *bytes, gsize length)
{
  Work work = { crc, bytes, length };

  banyan_co_compute (add_up, &work);
  return work.crc;
}

/* As if they were there: twice as many zeroes at each step. */
static guint32
add_zeroes (guint32 crc, guint64 length)
{
  const guint8 zero = 0;
  guint32 zeroes = crc32_z (0, &zero, 1);

  for (guint bit = 0; bit < 63 && length >> bit != 0; bit++)
    {
      const z_off_t n = (z_off_t) 1 << bit;

      if (length >> bit & 1)
        crc = crc32_combine (crc, zeroes, n);
      zeroes = crc32_combine (zeroes, zeroes, n);
    }
  return crc;
}

/* -- Reading. -- */

static void
tell_progress (Check *self, guint64 length)
{
  self->done += length;
  banyan_check_tell_progress (self->report, (double) self->done / MAX (self->expected, 1));
}

/* What could not be read is a finding, unless nobody wants the check any more. */
static gboolean
pass_over (Check *self, GError *own, GError **error)
{
  if (g_error_matches (own, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (error, own);
      return FALSE;
    }

  self->report->check_errors++;
  banyan_check_found (self->report, "%s", own->message);
  g_error_free (own);
  return TRUE;
}

/* Bytes of the file. FALSE with @own: they could not be read. */
static gboolean BANYAN_COROUTINE
add_range (Check *self, guint64 offset, guint64 length, const char *what, guint32 *crc,
           GError **own)
{
  Mapped *mapped = &self->dmg->mapped;

  if (!mapped_check_there (mapped, mapped->file, offset, length, what, own))
    return FALSE;

  for (guint64 done = 0; done < length; done += PIECE_SIZE)
    {
      gsize here = MIN (PIECE_SIZE, length - done);

      if (!banyan_child_pread (mapped->file, offset + done, self->bytes, here, own))
        return FALSE;
      *crc = add_bytes (*crc, self->bytes, here);
      tell_progress (self, here);
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
add_packed (Check *self, const DmgChunk *chunk, Sum *sum, GError **own)
{
  Mapping mapping = { 0 };
  g_autoptr (BanyanBuffer) packed = NULL;

  dmg_map_chunk (self->dmg, chunk, 0, &mapping);
  packed = mapped_read_packed (&self->dmg->mapped, &mapping, own);
  if (packed == NULL)
    return FALSE;

  tell_progress (self, chunk->packed);
  if (dmg_unpack (self->dmg, &mapping, packed->data, self->bytes))
    {
      sum->crc = add_bytes (sum->crc, self->bytes, chunk->length);
      return TRUE;
    }
  sum->is_lost = TRUE;
  self->report->corruptions++;
  banyan_check_found (self->report,
                      "the %" G_GUINT64_FORMAT " bytes of the disk from byte %" G_GUINT64_FORMAT
                      " on are packed at byte %" G_GUINT64_FORMAT ", and damaged",
                      chunk->length, chunk->start, chunk->place);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
add_chunk (Check *self, const DmgChunk *chunk, GError **error)
{
  Sum *sum = &self->sums[chunk->table];
  GError *own = NULL;

  switch (chunk->kind)
    {
    case DMG_UNUSED:
      return TRUE;
    case DMG_ZERO:
      sum->crc = add_zeroes (sum->crc, chunk->length);
      return TRUE;
    case DMG_RAW:
      if (add_range (self, chunk->place, chunk->length, "chunk", &sum->crc, &own))
        return TRUE;
      break;
    default:
      if (add_packed (self, chunk, sum, &own))
        return TRUE;
    }
  sum->is_lost = TRUE;
  return pass_over (self, own, error);
}

/* -- Comparing. -- */

static void
compare (Check *self, const char *what, guint64 offset, guint32 crc, const DmgSum *sum)
{
  if (!dmg_sum_is_crc (sum) || dmg_sum_get_crc (sum) == crc)
    return;

  self->report->corruptions++;
  banyan_check_found (self->report,
                      "%s from byte %" G_GUINT64_FORMAT
                      " on has the checksum %08x, and should have %08x",
                      what, offset, crc, dmg_sum_get_crc (sum));
}

static void
find_gap (Check *self, guint64 from, guint64 to)
{
  if (from >= to)
    return;

  self->report->corruptions++;
  banyan_check_found (self->report,
                      "no chunk has the bytes of the disk from %" G_GUINT64_FORMAT
                      " up to %" G_GUINT64_FORMAT,
                      from, to);
}

static gboolean BANYAN_COROUTINE
check_chunks (Check *self, GError **error)
{
  const DmgChunks *chunks = self->dmg->chunks;
  guint64 end = 0;

  for (guint i = 0; i < chunks->list->len; i++)
    {
      const DmgChunk *chunk = &g_array_index (chunks->list, DmgChunk, i);

      find_gap (self, end, chunk->start);
      end = chunk->start + chunk->length;
      self->report->allocated_clusters += chunk->kind > DMG_ZERO;
      self->report->compressed_clusters += dmg_chunk_is_packed (chunk);
      if (!add_chunk (self, chunk, error))
        return FALSE;
    }
  find_gap (self, end, banyan_node_get_length (BANYAN_NODE (self->dmg)));

  for (guint i = 0; i < chunks->tables->len; i++)
    {
      const DmgTable *table = &g_array_index (chunks->tables, DmgTable, i);

      if (!self->sums[i].is_lost)
        compare (self, "the part of the disk", table->start, self->sums[i].crc, &table->sum);
    }
  return TRUE;
}

static gboolean BANYAN_COROUTINE
check_data (Check *self, GError **error)
{
  GError *own = NULL;
  guint32 crc = 0;

  if (!dmg_sum_is_crc (&self->dmg->data_sum))
    return TRUE;
  if (!add_range (self, self->dmg->data_offset, self->dmg->data_length, "data", &crc, &own))
    return pass_over (self, own, error);

  compare (self, "the image's data", self->dmg->data_offset, crc, &self->dmg->data_sum);
  return TRUE;
}

/* Of the tables in a resource fork it is not known in what order they were summed up. */
static void
check_tables (Check *self)
{
  const GArray *tables = self->dmg->chunks->tables;
  guint32 crc = 0;

  if (!self->dmg->has_list)
    return;

  for (guint i = 0; i < tables->len; i++)
    {
      const DmgSum *sum = &g_array_index (tables, DmgTable, i).sum;

      crc = crc32_z (crc, sum->bytes, sum->n_bytes);
    }
  if (dmg_sum_is_crc (&self->dmg->tables_sum) && dmg_sum_get_crc (&self->dmg->tables_sum) != crc)
    {
      self->report->corruptions++;
      banyan_check_found (self->report,
                          "the checksums of the image's tables have the checksum %08x, and should "
                          "have %08x",
                          crc, dmg_sum_get_crc (&self->dmg->tables_sum));
    }
}

/* -- The check. -- */

static void
prepare (Check *self)
{
  const GArray *list = self->dmg->chunks->list;
  gsize largest = PIECE_SIZE;

  for (guint i = 0; i < list->len; i++)
    {
      const DmgChunk *chunk = &g_array_index (list, DmgChunk, i);

      if (dmg_chunk_is_packed (chunk))
        largest = MAX (largest, chunk->length);
      self->expected += chunk->packed;
    }
  if (dmg_sum_is_crc (&self->dmg->data_sum))
    self->expected += self->dmg->data_length;
  self->bytes = g_malloc (largest);
  self->sums = g_new0 (Sum, self->dmg->chunks->tables->len);
}

static gboolean BANYAN_COROUTINE
check_image (BanyanCheckable *node, BanyanCheck *report, GError **error)
{
  BanyanDmg *dmg = BANYAN_NODE_SELF (BanyanDmg, node);
  Check check = { .dmg = dmg, .report = report };
  gboolean checked;

  report->total_clusters = dmg->chunks->list->len;
  report->image_end_offset = banyan_child_get_length (dmg->mapped.file);
  prepare (&check);
  checked = check_chunks (&check, error) && check_data (&check, error);
  if (checked)
    check_tables (&check);
  g_free (check.bytes);
  g_free (check.sums);
  return checked;
}

void
dmg_checkable_init (gpointer iface, gpointer data)
{
  ((BanyanCheckableInterface *) iface)->check = check_image;
}
