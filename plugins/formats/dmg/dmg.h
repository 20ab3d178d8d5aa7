/* dmg.h - Apple's disk images: what the driver's files share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "dmg-chunks.h"
#include "mapped-inflate.h"
#include "mapped.h"

G_DECLARE_FINAL_TYPE (BanyanDmg, banyan_dmg, BANYAN, DMG, BanyanFormat)

struct _BanyanDmg
{
  Mapped mapped;

  DmgChunks *chunks;        /* (owned) */
  MappedInflater *inflater; /* (owned) */
  gboolean has_list;        /* the tables are in a property list, in their order */

  /* What the trailer says, for a check. */
  guint64 data_offset; /* bytes */
  guint64 data_length; /* bytes */
  DmgSum data_sum;
  DmgSum tables_sum;
};

/* Where @chunk lies, from @skip on. */
void dmg_map_chunk (BanyanDmg *self, const DmgChunk *chunk, guint64 skip, Mapping *mapping);
/* What @packed has, into @unit; FALSE: it is damaged. */
gboolean BANYAN_COROUTINE dmg_unpack (BanyanDmg *self, const Mapping *mapping, const guint8 *packed,
                                      guint8 *unit);

void dmg_checkable_init (gpointer iface, gpointer data);
