/* cloop.c - compressed loop images, as Knoppix has them, read
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * 128 bytes of a shell script; the size and number of blocks, big-endian; where each block begins,
 * and where the last one ends; and the blocks, packed by zlib. */

#include "mapped-inflate.h"
#include "mapped.h"

#include <errno.h>

#define SCRIPT "#!/bin/sh\n#V2.0 Format\n"
#define AT_VERSION 12
#define AT_BLOCK_SIZE 128
#define AT_N_BLOCKS 132
#define OFFSETS 136

#define SECTOR 512
#define MAX_BLOCK_SIZE (64u << 20)

G_DECLARE_FINAL_TYPE (BanyanCloop, banyan_cloop, BANYAN, CLOOP, BanyanFormat)

struct _BanyanCloop
{
  Mapped mapped;

  MappedInflater *inflater; /* (owned) */
  guint32 block_size;       /* bytes */
};

BANYAN_DEFINE_DRIVER (BanyanCloop, banyan_cloop, BANYAN_TYPE_FORMAT)

static gboolean
is_script (const guint8 *head)
{
  return memcmp (head, SCRIPT, strlen (SCRIPT)) == 0;
}

/* Others pack by other methods, and have the table at the end. */
static gboolean
throw_kind (Mapped *self, const guint8 *header, GError **error)
{
  const char *version = (const char *) header + AT_VERSION;

  if (memcmp (header, SCRIPT, AT_VERSION) == 0 && g_ascii_isdigit (version[0]) && version[1] == '.'
      && g_ascii_isdigit (version[2]))
    return mapped_throw_unsupported (self, error,
                                     "the image has version %.3s of the format; only 2.0 is read. "
                                     "extract_compressed_fs unpacks it",
                                     version);
  return mapped_throw_field (self, error, "signature", banyan_get_be64 (header), 0,
                             "this is no compressed loop, which begins with \"#V2.0 Format\" in a "
                             "script");
}

static gboolean BANYAN_COROUTINE
banyan_cloop_open (Mapped *mapped, GError **error)
{
  BanyanCloop *self = BANYAN_NODE_SELF (BanyanCloop, mapped);
  guint8 header[OFFSETS];
  guint32 n_blocks;

  self->inflater = mapped_inflater_new (FALSE);
  if (!mapped_read_bytes (mapped, mapped->file, 0, header, sizeof header, "header", error))
    return FALSE;
  if (!is_script (header))
    return throw_kind (mapped, header, error);

  self->block_size = banyan_get_be32 (header + AT_BLOCK_SIZE);
  n_blocks = banyan_get_be32 (header + AT_N_BLOCKS);
  if (self->block_size == 0 || self->block_size % SECTOR != 0 || self->block_size > MAX_BLOCK_SIZE)
    return mapped_throw_field (mapped, error, "block size", self->block_size, AT_BLOCK_SIZE,
                               "it can be a multiple of %d up to %u", SECTOR, MAX_BLOCK_SIZE);
  if (!mapped_check_inside (mapped, mapped->file, OFFSETS, ((guint64) n_blocks + 1) * 8,
                            "table of blocks", error))
    return FALSE;

  mapped->cluster_size = self->block_size;
  return mapped_set_unit_size (mapped, self->block_size, error)
         && mapped_set_length (mapped, (guint64) n_blocks * self->block_size, AT_N_BLOCKS, error);
}

static void
banyan_cloop_close (Mapped *mapped)
{
  g_clear_pointer (&BANYAN_NODE_SELF (BanyanCloop, mapped)->inflater, mapped_inflater_free);
}

static gboolean BANYAN_COROUTINE
banyan_cloop_map (Mapped *mapped, guint64 offset, guint64 length, Mapping *mapping, GError **error)
{
  BanyanCloop *self = BANYAN_NODE_SELF (BanyanCloop, mapped);
  guint64 at = OFFSETS + offset / self->block_size * 8;
  guint8 bytes[16];
  guint64 end;

  if (!mapped_read_table (mapped, mapped->file, 0, at, bytes, sizeof bytes, mapping, error))
    return FALSE;

  end = banyan_get_be64 (bytes + 8);
  mapping->kind = MAPPED_PACKED;
  mapping->child = mapped->file;
  mapping->place = banyan_get_be64 (bytes);
  mapping->packed_size = end - mapping->place;
  mapping->unit_size = self->block_size;
  mapping->skip = offset % self->block_size;
  mapping->length = self->block_size - mapping->skip;
  /* What cannot be packed becomes a little longer. */
  if (end <= mapping->place || mapping->packed_size > 2 * (guint64) self->block_size)
    return banyan_throw_errno (error, EIO,
                               "%s: the block at byte %" G_GUINT64_FORMAT
                               " of the disk is in the image from byte %" G_GUINT64_FORMAT
                               " to byte %" G_GUINT64_FORMAT ", by its table, at byte "
                               "%" G_GUINT64_FORMAT ", which cannot be",
                               mapped->name, offset - mapping->skip, mapping->place, end, at);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
banyan_cloop_unpack (Mapped *mapped, guint64 offset, const Mapping *mapping, guint8 *unit,
                     GError **error)
{
  g_autoptr (BanyanBuffer) packed = mapped_read_packed (mapped, mapping, error);

  if (packed == NULL)
    return FALSE;

  return mapped_inflate (BANYAN_NODE_SELF (BanyanCloop, mapped)->inflater, packed->data,
                         mapping->packed_size, unit, mapping->unit_size)
             == (gssize) mapping->unit_size
         || mapped_throw_damaged (mapped, mapping, error);
}

/* Anything may begin with a script, but with hardly any other of two such lines. */
static guint
banyan_cloop_probe (const guint8 *head, gsize length)
{
  return length >= OFFSETS && is_script (head) ? 60 : 0;
}

static const MappedDriver driver = {
  .probe = banyan_cloop_probe,
  .open = banyan_cloop_open,
  .close = banyan_cloop_close,
  .map = banyan_cloop_map,
  .unpack = banyan_cloop_unpack,
};

static void
banyan_cloop_class_init (BanyanCloopClass *klass)
{
  mapped_class_init (BANYAN_FORMAT_CLASS (klass), &driver);
}

static void
banyan_cloop_init (BanyanCloop *self)
{
  mapped_init (&self->mapped, &driver);
}

BANYAN_PLUGIN_DEFINE (cloop, .kind = BANYAN_PLUGIN_FORMAT,
                      .register_type = banyan_cloop_register_type,
                      .summary = "Compressed loop images, read")
