/* nbd-info.c - what a server says of an export
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-info.h"

#include <errno.h>

#define SECTOR 512u

/* How a connection speaks, not what can be had by it: a later one may speak otherwise. */
#define MANNERS (NBD_CAN_STRUCTURED_REPLIES | NBD_CAN_EXTENDED_HEADERS | NBD_CAN_UNFRAGMENTED)

GType
nbd_abilities_get_type (void)
{
  static const GFlagsValue values[] = {
    { NBD_CAN_WRITE, "BANYAN_NBD_CAN_WRITE", "write" },
    { NBD_CAN_FLUSH, "BANYAN_NBD_CAN_FLUSH", "flush" },
    { NBD_CAN_FUA, "BANYAN_NBD_CAN_FUA", "fua" },
    { NBD_CAN_TRIM, "BANYAN_NBD_CAN_TRIM", "trim" },
    { NBD_CAN_ZERO, "BANYAN_NBD_CAN_ZERO", "write-zeroes" },
    { NBD_CAN_FAST_ZERO, "BANYAN_NBD_CAN_FAST_ZERO", "fast-zero" },
    { NBD_CAN_CACHE, "BANYAN_NBD_CAN_CACHE", "cache" },
    { NBD_CAN_MULTI_CONN, "BANYAN_NBD_CAN_MULTI_CONN", "multi-conn" },
    { NBD_CAN_BLOCK_STATUS, "BANYAN_NBD_CAN_BLOCK_STATUS", "block-status" },
    { NBD_CAN_STRUCTURED_REPLIES, "BANYAN_NBD_CAN_STRUCTURED_REPLIES", "structured-replies" },
    { NBD_CAN_EXTENDED_HEADERS, "BANYAN_NBD_CAN_EXTENDED_HEADERS", "extended-headers" },
    { NBD_CAN_RESIZE, "BANYAN_NBD_CAN_RESIZE", "resize" },
    { NBD_CAN_UNFRAGMENTED, "BANYAN_NBD_CAN_UNFRAGMENTED", "unfragmented" },
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("BanyanNbdAbilities", values));
  return type;
}

/* -- What is said. -- */

void
nbd_info_set_export (NbdInfo *self, guint64 length, guint16 flags)
{
  static const struct
  {
    guint16 flag;
    guint ability;
  } known[] = {
    { NBD_FLAG_SEND_FLUSH, NBD_CAN_FLUSH },
    { NBD_FLAG_SEND_FUA, NBD_CAN_FUA },
    { NBD_FLAG_SEND_TRIM, NBD_CAN_TRIM },
    { NBD_FLAG_SEND_WRITE_ZEROES, NBD_CAN_ZERO },
    { NBD_FLAG_SEND_FAST_ZERO, NBD_CAN_FAST_ZERO },
    { NBD_FLAG_SEND_CACHE, NBD_CAN_CACHE },
    { NBD_FLAG_CAN_MULTI_CONN, NBD_CAN_MULTI_CONN },
    { NBD_FLAG_SEND_RESIZE, NBD_CAN_RESIZE },
    { NBD_FLAG_SEND_DF, NBD_CAN_UNFRAGMENTED },
  };

  self->length = length;
  self->abilities |= flags & NBD_FLAG_READ_ONLY ? 0 : NBD_CAN_WRITE;
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    self->abilities |= flags & known[i].flag ? known[i].ability : 0;
}

void
nbd_info_set_blocks (NbdInfo *self, guint32 minimum, guint32 preferred, guint32 maximum)
{
  self->minimum = minimum;
  self->preferred = preferred;
  self->maximum = maximum;
}

/* -- What is made of it. -- */

static gboolean
is_power_of_two (guint32 n)
{
  return n != 0 && (n & (n - 1)) == 0;
}

/* A server that names no block takes single bytes if its export ends within a sector, or if it can
 * tell about blocks at all; an old one may well want sectors. */
static guint32
guess_minimum (const NbdInfo *self)
{
  return self->length % SECTOR != 0 || (self->abilities & NBD_CAN_BLOCK_STATUS) ? 1 : SECTOR;
}

/* Section "Size constraints". */
static gboolean
check_blocks (const NbdInfo *self, GError **error)
{
  if (!is_power_of_two (self->minimum) || self->minimum > NBD_MAX_MINIMUM_BLOCK)
    return banyan_throw_errno (error, EPROTO,
                               "the server says that its blocks have %u bytes; a power of 2 up to "
                               "%u can be",
                               self->minimum, NBD_MAX_MINIMUM_BLOCK);
  if (!is_power_of_two (self->preferred) || self->preferred < self->minimum)
    return banyan_throw_errno (error, EPROTO,
                               "the server prefers blocks of %u bytes; a power of 2 from %u on can "
                               "be",
                               self->preferred, self->minimum);
  if (self->maximum < self->minimum)
    return banyan_throw_errno (error, EPROTO,
                               "the server takes at most %u bytes at once, and blocks have %u",
                               self->maximum, self->minimum);
  return TRUE;
}

gboolean
nbd_info_settle (NbdInfo *self, GError **error)
{
  if (self->length > G_MAXINT64)
    return banyan_throw_errno (error, EFBIG,
                               "the server says that the export has %" G_GUINT64_FORMAT " bytes",
                               self->length);

  if (self->maximum == 0 && self->minimum == 0 && self->preferred == 0)
    {
      self->minimum = guess_minimum (self);
      self->maximum = NBD_MAX_PAYLOAD;
    }
  else if (!check_blocks (self, error))
    return FALSE;

  self->preferred = MIN (self->preferred, NBD_MAX_PAYLOAD);
  self->maximum = MIN (self->maximum, NBD_MAX_PAYLOAD);
  self->maximum -= self->maximum % self->minimum;
  if (self->length % self->minimum == 0)
    return TRUE;
  return banyan_throw_errno (error, EINVAL,
                             "the export has %" G_GUINT64_FORMAT
                             " bytes, the server's blocks have %u: the last one is not whole",
                             self->length, self->minimum);
}

gboolean
nbd_info_allows (const NbdInfo *self, const NbdInfo *later, GError **error)
{
  guint lost = self->abilities & ~later->abilities & ~MANNERS;

  if (later->length < self->length)
    return banyan_throw_errno (error, EINVAL,
                               "the export has shrunk from %" G_GUINT64_FORMAT
                               " to %" G_GUINT64_FORMAT " bytes",
                               self->length, later->length);
  if (later->minimum > self->minimum || later->maximum < self->maximum)
    return banyan_throw_errno (error, EINVAL,
                               "the server wants blocks of %u to %u bytes, and had %u to %u before",
                               later->minimum, later->maximum, self->minimum, self->maximum);
  if (lost != 0)
    {
      g_autofree char *names = g_flags_to_string (nbd_abilities_get_type (), lost);

      return banyan_throw_errno (error, EINVAL, "the server has lost abilities: %s", names);
    }
  return TRUE;
}
