/* legacy-filename.c - file names that say more than a name, as QEMU's -drive has them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "nbd:localhost:10809", "json:{...}", "file:disk.img": only --drive's file= is read so. Everywhere
 * else a file name is a file name, and a colon in it is a colon. */

#include "legacy-private.h"

#include <string.h>

/* What reading a name needs to tell about it. */
typedef struct
{
  LegacyDocument *document;
  LegacyOption *option;
  const char *name; /* as written, for messages */
} Reader;

static BanyanSpec *read_any (Reader *self, const char *name);

static BanyanSpecBuilder *
node_new (Reader *self, const char *driver)
{
  BanyanSpecBuilder *node = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);

  legacy_add_text (self->option, node, "driver", driver);
  return node;
}

static void
refuse (Reader *self, const char *what)
{
  legacy_refuse (self->document, self->option, NULL, "file=%s: %s", self->name, what);
}

static BanyanSpec *
read_path (Reader *self, const char *driver, const char *path)
{
  BanyanSpecBuilder *node = node_new (self, driver);

  legacy_add_text (self->option, node, "filename", path);
  return banyan_spec_builder_end (node);
}

static BanyanSpec *
read_file (Reader *self, const char *rest)
{
  return read_path (self, "file", rest);
}

static BanyanSpec *
read_device (Reader *self, const char *rest)
{
  return read_path (self, "host_device", rest);
}

static BanyanSpec *
read_descriptor (Reader *self, const char *rest)
{
  g_autofree char *path = g_strconcat ("/dev/fd/", rest, NULL);

  if (*rest != '\0' && rest[strspn (rest, "0123456789")] == '\0')
    return read_path (self, "file", path);

  refuse (self, "the number of a descriptor is wanted after fd:");
  return NULL;
}

static BanyanSpec *
read_null (Reader *self, const char *rest)
{
  return banyan_spec_builder_end (node_new (self, "null-co"));
}

/* -- NBD: its old form, and addresses. -- */

static BanyanSpec *
make_nbd (Reader *self, const char *path, const char *host, const char *port, const char *export)
{
  BanyanSpecBuilder *server = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);
  BanyanSpecBuilder *node = node_new (self, "nbd");

  legacy_add_text (self->option, server, "type", path != NULL ? "unix" : "inet");
  if (path != NULL)
    legacy_add_text (self->option, server, "path", path);
  else
    {
      legacy_add_text (self->option, server, "host", host);
      legacy_add_text (self->option, server, "port", port);
    }
  banyan_spec_builder_take_built (node, "server", server);
  if (export != NULL && *export != '\0')
    legacy_add_text (self->option, node, "export", export);
  return banyan_spec_builder_end (node);
}

/* unix:PATH[:exportname=NAME] or HOST:PORT[:exportname=NAME] */
static BanyanSpec *
read_old_nbd (Reader *self, const char *rest)
{
  const char *name = strstr (rest, ":exportname=");
  g_autofree char *address = name != NULL ? g_strndup (rest, name - rest) : g_strdup (rest);
  const char *export = name != NULL ? name + strlen (":exportname=") : NULL;
  g_autofree char *host = NULL;
  char *colon;

  if (g_str_has_prefix (address, "unix:") && address[strlen ("unix:")] != '\0')
    return make_nbd (self, address + strlen ("unix:"), NULL, NULL, export);

  colon = strrchr (address, ':');
  if (colon == NULL || colon == address || colon[1] == '\0')
    {
      refuse (self, "nbd:HOST:PORT or nbd:unix:PATH is wanted");
      return NULL;
    }
  host = *address == '[' && colon[-1] == ']' ? g_strndup (address + 1, colon - address - 2)
                                             : g_strndup (address, colon - address);
  return make_nbd (self, NULL, host, colon + 1, export);
}

static BanyanSpec *
read_nbd_uri (Reader *self, GUri *uri)
{
  const char *export = g_uri_get_path (uri);
  g_autoptr (GHashTable) query = NULL;
  g_autofree char *port
      = g_strdup_printf ("%d", g_uri_get_port (uri) > 0 ? g_uri_get_port (uri) : 10809);
  const char *socket;

  export += *export == '/';
  if (g_strcmp0 (g_uri_get_scheme (uri), "nbd+unix") != 0)
    return make_nbd (self, NULL, g_uri_get_host (uri), port, export);

  query = g_uri_parse_params (g_uri_get_query (uri) != NULL ? g_uri_get_query (uri) : "", -1, "&",
                              G_URI_PARAMS_NONE, NULL);
  socket = query != NULL ? g_hash_table_lookup (query, "socket") : NULL;
  if (socket != NULL)
    return make_nbd (self, socket, NULL, NULL, export);

  refuse (self, "nbd+unix:///EXPORT?socket=PATH is wanted");
  return NULL;
}

static BanyanSpec *
read_nbd (Reader *self, const char *rest)
{
  g_autoptr (GUri) uri = NULL;

  if (strstr (self->name, "://") == NULL)
    return read_old_nbd (self, rest);

  uri = g_uri_parse (self->name, G_URI_FLAGS_NONE, NULL);
  if (uri != NULL)
    return read_nbd_uri (self, uri);

  refuse (self, "is not an address that can be read");
  return NULL;
}

/* -- Filters that QEMU could put in front of a name. -- */

static BanyanSpec *
read_two (Reader *self, const char *rest, const char *driver, const char *first, const char *second)
{
  const char *colon = strchr (rest, ':');
  g_autofree char *before = colon != NULL ? g_strndup (rest, colon - rest) : NULL;
  g_autoptr (BanyanSpec) child = NULL;
  g_autoptr (BanyanSpec) other = NULL;
  BanyanSpecBuilder *node;

  if (colon == NULL)
    {
      refuse (self, "two names are wanted, with a colon between them");
      return NULL;
    }
  child = read_any (self, colon + 1);
  if (child == NULL)
    return NULL;

  node = node_new (self, driver);
  if (g_str_equal (first, "config") && *before != '\0')
    legacy_add_text (self->option, node, first, before);
  else if (!g_str_equal (first, "config"))
    {
      other = read_path (self, "file", before);
      cli_add (node, first, other);
    }
  cli_add (node, second, child);
  return banyan_spec_builder_end (node);
}

static BanyanSpec *
read_blkdebug (Reader *self, const char *rest)
{
  return read_two (self, rest, "blkdebug", "config", "image");
}

static BanyanSpec *
read_blkverify (Reader *self, const char *rest)
{
  return read_two (self, rest, "blkverify", "raw", "test");
}

/* -- All of them. -- */

static const struct
{
  const char *prefix;
  BanyanSpec *(*read) (Reader *self, const char *rest);
} prefixes[] = {
  { "file:", read_file },         { "host_device:", read_device },
  { "fd:", read_descriptor },     { "nbd:", read_nbd },
  { "nbd+tcp:", read_nbd },       { "nbd+unix:", read_nbd },
  { "null-co:", read_null },      { "null-aio:", read_null },
  { "blkdebug:", read_blkdebug }, { "blkverify:", read_blkverify },
};

/* As QEMU decides: a colon before any slash ends a prefix. */
static gboolean
has_prefix (const char *name)
{
  return name[strcspn (name, ":/")] == ':';
}

static BanyanSpec *
read_any (Reader *self, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (name, prefixes[i].prefix))
      return prefixes[i].read (self, name + strlen (prefixes[i].prefix));
  if (!has_prefix (name))
    return read_path (self, "file", name);

  refuse (self, "--drive takes what is before the colon for a protocol, and this one is not there; "
                "where it is part of a file's name, write file.filename=");
  return NULL;
}

BanyanSpec *
legacy_read_filename (LegacyDocument *self, LegacyOption *option, const char *name,
                      gboolean *is_whole)
{
  Reader reader = { self, option, name };

  *is_whole = g_str_has_prefix (name, "json:");
  return *is_whole
             ? banyan_spec_parse_json (name + strlen ("json:"), -1, &option->origin, self->problems)
             : read_any (&reader, name);
}
