/* nbd-offers.c - the table of what a server offers, and who uses it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-server-private.h"

void
nbd_server_add_export (NbdServer *self, NbdExport *export)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  g_ptr_array_add (self->offered, g_object_ref (export));
}

/* Two of a name: clients reach one of them only. One that is about to close does not count.
 * (nullable) */
static char *
describe_clash (NbdExport *one, NbdExport *other)
{
  const char *id = banyan_object_get_id (BANYAN_OBJECT (other));

  if (banyan_element_is_leaving (BANYAN_ELEMENT (other)))
    return NULL;
  if (strcmp (nbd_export_get_name (one), nbd_export_get_name (other)) == 0)
    return g_strdup_printf ("clients know %s as \"%s\" already; give one of them another name", id,
                            nbd_export_get_name (other));
  if (nbd_export_is_default (one) && nbd_export_is_default (other))
    return g_strdup_printf ("%s is the default already; there is one only", id);
  return NULL;
}

gboolean
nbd_server_check_export (NbdServer *self, NbdExport *export, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  for (guint i = 0; i < self->offered->len; i++)
    {
      g_autofree char *clash = describe_clash (export, self->offered->pdata[i]);

      if (clash == NULL)
        continue;
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_DUPLICATE, "%s: %s",
                   banyan_object_get_id (BANYAN_OBJECT (export)), clash);
      return FALSE;
    }
  return TRUE;
}

GPtrArray *
nbd_server_list_exports (NbdServer *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  GPtrArray *list = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->offered->len; i++)
    g_ptr_array_add (list, g_object_ref (self->offered->pdata[i]));
  return list;
}

static gboolean
is_meant (NbdServer *self, NbdExport *export, const char *name)
{
  if (strcmp (nbd_export_get_name (export), name) == 0)
    return TRUE;

  return name[0] == '\0' && (self->offered->len == 1 || nbd_export_is_default (export));
}

/* Under the mutex. */
static NbdExport *
find_offered (NbdServer *self, const char *name)
{
  for (guint i = 0; i < self->offered->len; i++)
    if (is_meant (self, self->offered->pdata[i], name))
      return self->offered->pdata[i];
  return NULL;
}

NbdExport *
nbd_server_find_export (NbdServer *self, const char *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  NbdExport *export = find_offered (self, name);

  return export != NULL ? g_object_ref (export) : NULL;
}

static guint
count_clients (NbdServer *self, NbdExport *export)
{
  guint n = 0;

  for (NbdConnection *each = self->first; each != NULL; each = each->next)
    n += each->stays && each->export == export;
  return n;
}

/* In one step with the search: who takes an export out of the table finds all its users. */
NbdTaken
nbd_server_take_export (NbdServer *self, NbdConnection *connection, const char *name,
                        gboolean stays)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);
  NbdExport *export = find_offered (self, name);
  guint max = export != NULL ? nbd_export_get_max_connections (export) : 0;

  if (export == NULL)
    return NBD_IS_UNKNOWN;
  if (stays && max != 0 && count_clients (self, export) >= max)
    return NBD_IS_FULL;

  connection->stays = stays;
  g_set_object (&connection->export, export);
  return NBD_TAKEN;
}

void
nbd_server_release_export (NbdServer *self, NbdConnection *connection)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->mutex);

  connection->stays = FALSE;
  g_clear_object (&connection->export);
  if (self->closer != NULL)
    banyan_coroutine_wake (self->closer);
}
