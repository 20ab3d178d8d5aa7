/* nbd-info.c - what a server says of an export
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-info.h"

#include <errno.h>
#include <string.h>

/* What every server takes that says nothing else. */
#define USUAL_MAXIMUM (32u << 20)
#define SECTOR 512u

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
    { 0 },
  };
  static GType type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_flags_register_static ("BanyanNbdAbilities", values));
  return type;
}

/* "nbd_aio_notify_read: handshake: ...": which function it was says nothing to people. */
gboolean
nbd_throw (GError **error, const char *what)
{
  const char *message = nbd_get_error ();
  int number = nbd_get_errno ();
  const char *colon = message != NULL ? strstr (message, ": ") : NULL;

  if (colon != NULL && g_str_has_prefix (message, "nbd_"))
    message = colon + 2;
  g_set_error (error, BANYAN_ERRNO, number != 0 ? number : EIO, "%s: %s", what,
               message != NULL ? message : "the server is not understood");
  return FALSE;
}

static guint
read_abilities (struct nbd_handle *handle, const char *context)
{
  guint abilities = 0;

  abilities |= nbd_is_read_only (handle) == 0 ? NBD_CAN_WRITE : 0;
  abilities |= nbd_can_flush (handle) == 1 ? NBD_CAN_FLUSH : 0;
  abilities |= nbd_can_fua (handle) == 1 ? NBD_CAN_FUA : 0;
  abilities |= nbd_can_trim (handle) == 1 ? NBD_CAN_TRIM : 0;
  abilities |= nbd_can_zero (handle) == 1 ? NBD_CAN_ZERO : 0;
  abilities |= nbd_can_fast_zero (handle) == 1 ? NBD_CAN_FAST_ZERO : 0;
  abilities |= nbd_can_cache (handle) == 1 ? NBD_CAN_CACHE : 0;
  abilities |= nbd_can_multi_conn (handle) == 1 ? NBD_CAN_MULTI_CONN : 0;
  abilities |= nbd_can_meta_context (handle, context) == 1 ? NBD_CAN_BLOCK_STATUS : 0;
  abilities |= nbd_get_structured_replies_negotiated (handle) == 1 ? NBD_CAN_STRUCTURED_REPLIES : 0;
#ifdef LIBNBD_HAVE_NBD_GET_EXTENDED_HEADERS_NEGOTIATED
  abilities |= nbd_get_extended_headers_negotiated (handle) == 1 ? NBD_CAN_EXTENDED_HEADERS : 0;
#endif
  return abilities;
}

/* A server that names no block takes single bytes if its export ends within a sector, or if it can
 * tell about blocks at all; an old one may well want sectors. */
static guint32
guess_minimum (const NbdInfo *self)
{
  return self->length % SECTOR != 0 || (self->abilities & NBD_CAN_BLOCK_STATUS) ? 1 : SECTOR;
}

static gboolean
read_blocks (NbdInfo *self, struct nbd_handle *handle, GError **error)
{
  gint64 minimum = nbd_get_block_size (handle, LIBNBD_SIZE_MINIMUM);
  gint64 preferred = nbd_get_block_size (handle, LIBNBD_SIZE_PREFERRED);
  gint64 maximum = nbd_get_block_size (handle, LIBNBD_SIZE_MAXIMUM);

  self->minimum = minimum > 0 ? minimum : guess_minimum (self);
  self->preferred = CLAMP (preferred, 0, USUAL_MAXIMUM);
  self->maximum = maximum > 0 ? MIN (maximum, USUAL_MAXIMUM) : USUAL_MAXIMUM;
  self->maximum -= self->maximum % MAX (self->minimum, 1);

  if ((self->minimum & (self->minimum - 1)) == 0 && self->maximum > 0
      && self->length % self->minimum == 0)
    return TRUE;
  return banyan_throw_errno (error, EINVAL,
                             "the server has blocks of %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                             " bytes for an export of %" G_GUINT64_FORMAT,
                             minimum, maximum, self->length);
}

gboolean
nbd_info_read (NbdInfo *self, struct nbd_handle *handle, const char *context, GError **error)
{
  gint64 length = nbd_get_size (handle);

  if (length < 0)
    return nbd_throw (error, "the export's size");

  self->length = length;
  self->abilities = read_abilities (handle, context);
  return read_blocks (self, handle, error);
}

gboolean
nbd_info_allows (const NbdInfo *self, const NbdInfo *later, GError **error)
{
  guint lost = self->abilities & ~later->abilities
               & ~(NBD_CAN_STRUCTURED_REPLIES | NBD_CAN_EXTENDED_HEADERS);

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
