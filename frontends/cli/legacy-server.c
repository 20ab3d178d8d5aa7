/* legacy-server.c - --nbd-server and --export
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * QEMU has one NBD server, and exports that find it by themselves. Here an export is a part of its
 * server, so servers are declared when all exports are known. The one without an id has the name
 * that nbd-server-start gives it, too. */

#include "legacy-private.h"

#define SERVER_ID "nbd-server"

void
legacy_server_free (LegacyServer *self)
{
  g_free (self->id);
  g_clear_pointer (&self->spec, banyan_spec_unref);
  g_clear_pointer (&self->exports, banyan_spec_builder_free);
  g_ptr_array_unref (self->iothreads);
  g_free (self);
}

static LegacyServer *
find_server (LegacyDocument *self, const char *id)
{
  for (guint i = 0; i < self->servers->len; i++)
    {
      LegacyServer *server = self->servers->pdata[i];

      if (g_str_equal (server->id, id))
        return server;
    }

  return NULL;
}

/* It may be that of an option that comes later, or one of the file's. */
static LegacyServer *
get_server (LegacyDocument *self, LegacyOption *option, const char *id)
{
  LegacyServer *server = find_server (self, id);

  if (server != NULL)
    return server;

  server = g_new0 (LegacyServer, 1);
  server->id = g_strdup (id);
  server->origin = option->origin;
  server->exports = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);
  server->iothreads = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_spec_unref);
  g_ptr_array_add (self->servers, server);
  return server;
}

void
legacy_add_server (LegacyDocument *self, LegacyOption *option)
{
  static const char *const left_out[] = { "addr", "id", NULL };
  static const char *const refused[] = { "tls-creds", "tls-authz", NULL };
  const char *id = legacy_text (self, option, "id");
  LegacyServer *server = get_server (self, option, id != NULL ? id : SERVER_ID);
  BanyanSpec *address = cli_spec_get (option->spec, "addr");
  BanyanSpecBuilder *map;

  for (guint i = 0; refused[i] != NULL; i++)
    if (cli_spec_get (option->spec, refused[i]) != NULL)
      legacy_refuse (self, option, refused[i], "TLS is not there yet");
  if (server->spec != NULL)
    {
      legacy_refuse (self, option, NULL,
                     "there is a server \"%s\" already; give each an id of its own", server->id);
      return;
    }
  if (address == NULL)
    legacy_refuse (self, option, NULL,
                   "needs an address: addr.type=unix,addr.path=PATH, or "
                   "addr.type=inet,addr.host=HOST,addr.port=PORT");

  map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);
  legacy_add_text (option, map, "type", "nbd-server");
  if (address != NULL)
    banyan_spec_builder_add (map, "listen", &option->origin, address);
  legacy_copy (option, map, left_out);
  server->origin = option->origin;
  server->spec = banyan_spec_builder_end (map);
}

/* -- Exports. -- */

static gboolean
check_export (LegacyDocument *self, LegacyOption *option)
{
  static const char *const refused[] = { "bitmap", "bitmaps", NULL };
  const char *type = legacy_require (self, option, "type");

  if (type == NULL)
    return FALSE;
  if (!g_str_equal (type, "nbd"))
    {
      legacy_refuse (self, option, "type", "exports of type %s are not there yet; there is: nbd",
                     type);
      return FALSE;
    }

  for (guint i = 0; refused[i] != NULL; i++)
    if (cli_spec_get (option->spec, refused[i]) != NULL)
      legacy_refuse (self, option, refused[i], "bitmaps are not there yet");
  if (legacy_flag (self, option, "allocation-depth", FALSE))
    legacy_refuse (self, option, "allocation-depth", "clients cannot be told that depth yet");
  if (legacy_flag (self, option, "writethrough", FALSE))
    legacy_refuse (self, option, "writethrough",
                   "caching is the node's matter: set cache.direct of the file, or leave it out");
  return TRUE;
}

static void
add_iothread (LegacyServer *server, LegacyOption *option)
{
  BanyanSpec *thread = cli_spec_get (option->spec, "iothread");

  for (guint i = 0; thread != NULL && i < server->iothreads->len; i++)
    if (banyan_spec_equal (server->iothreads->pdata[i], thread))
      return;
  if (thread != NULL)
    g_ptr_array_add (server->iothreads, banyan_spec_ref (thread));
}

void
legacy_add_export (LegacyDocument *self, LegacyOption *option)
{
  static const char *const left_out[]
      = { "type",         "id",     "node-name", "server",           "iothread", "fixed-iothread",
          "writethrough", "bitmap", "bitmaps",   "allocation-depth", NULL };
  gboolean is_right = check_export (self, option);
  const char *id = is_right ? legacy_require (self, option, "id") : NULL;
  const char *node = is_right ? legacy_require (self, option, "node-name") : NULL;
  const char *wanted = legacy_text (self, option, "server");
  BanyanSpecBuilder *map;
  LegacyServer *server;

  if (id == NULL || node == NULL)
    return;

  server = get_server (self, option, wanted != NULL ? wanted : SERVER_ID);
  map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);
  banyan_spec_builder_add (map, "node", &option->origin,
                           banyan_spec_lookup (option->spec, "node-name"));
  legacy_copy (option, map, left_out);
  legacy_add_text (option, map, "name", node);
  add_iothread (server, option);
  legacy_declare (self, option, server->exports, id, map);
}

/* -- The servers as they will be declared. -- */

static BanyanSpec *
add_all (BanyanSpec *to, const char *key, BanyanSpec *more)
{
  BanyanSpec *old = cli_spec_get (to, key);
  g_autoptr (BanyanSpec) merged = NULL;
  BanyanSpecBuilder *builder;

  if (banyan_spec_get_length (more) == 0)
    return banyan_spec_ref (to);
  if (old == NULL || banyan_spec_get_kind (old) != banyan_spec_get_kind (more))
    return banyan_spec_with (to, key, more);

  builder = banyan_spec_builder_new (banyan_spec_get_kind (more), banyan_spec_get_origin (old));
  for (guint i = 0; i < 2; i++)
    {
      BanyanSpec *from = i == 0 ? old : more;
      gboolean is_map = banyan_spec_get_kind (from) == BANYAN_SPEC_MAP;

      for (guint j = 0; j < banyan_spec_get_length (from); j++)
        banyan_spec_builder_add (builder, is_map ? banyan_spec_get_key (from, j) : NULL,
                                 is_map ? banyan_spec_get_key_origin (from, j) : NULL,
                                 banyan_spec_get_item (from, j));
    }
  merged = banyan_spec_builder_end (builder);
  return banyan_spec_with (to, key, merged);
}

static BanyanSpec *
list_iothreads (LegacyServer *server)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new (BANYAN_SPEC_LIST, &server->origin);

  for (guint i = 0; i < server->iothreads->len; i++)
    banyan_spec_builder_add (list, NULL, NULL, server->iothreads->pdata[i]);
  return banyan_spec_builder_end (list);
}

static void
declare_server (LegacyDocument *self, LegacyServer *server)
{
  BanyanSpec *frontends = self->base != NULL ? cli_spec_get (self->base, "frontends") : NULL;
  BanyanSpec *found = server->spec != NULL ? server->spec : cli_spec_get (frontends, server->id);
  g_autoptr (BanyanSpec) exports = banyan_spec_builder_end (g_steal_pointer (&server->exports));
  g_autoptr (BanyanSpec) iothreads = list_iothreads (server);
  g_autoptr (BanyanSpec) with_threads = NULL;
  g_autoptr (BanyanSpec) whole = NULL;

  if (found == NULL || banyan_spec_get_kind (found) != BANYAN_SPEC_MAP)
    {
      banyan_problems_add (self->problems, BANYAN_CONFIG_ERROR_REFERENCE, &server->origin, NULL,
                           "there is no server \"%s\" to export by; add --nbd-server", server->id);
      return;
    }

  with_threads = add_all (found, "iothreads", iothreads);
  whole = add_all (with_threads, "exports", exports);
  banyan_spec_builder_add (self->frontends, server->id, &server->origin, whole);
}

void
legacy_declare_servers (LegacyDocument *self)
{
  for (guint i = 0; i < self->servers->len; i++)
    declare_server (self, self->servers->pdata[i]);
}
