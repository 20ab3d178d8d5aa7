/* banyan-file-name.c - file names that say more than a name, where others have written them
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "nbd:localhost:10809", "file:disk.img": as QEMU reads what follows -drive file=, and what it has
 * written into an image's header. */

#include "banyan-document-private.h"

#include <banyan/banyan-file-name.h>

#include <banyan/banyan-registry.h>
#include <gio/gio.h>

#include <string.h>

/* What reading a name needs. */
typedef struct
{
  const char *name; /* as written */
  const BanyanOrigin *origin;
  guint flags;
  GError **error;
  guint depth; /* of names inside of names */
} Reader;

#define MAX_DEPTH 32

static BanyanSpec *read_any (Reader *self, const char *name);

static void
add_text (Reader *self, BanyanSpecBuilder *map, const char *key, const char *text)
{
  g_autoptr (BanyanSpec) value = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, self->origin);

  banyan_spec_builder_add (map, key, self->origin, value);
}

static BanyanSpecBuilder *
node_new (Reader *self, const char *driver)
{
  BanyanSpecBuilder *node = banyan_spec_builder_new (BANYAN_SPEC_MAP, self->origin);

  add_text (self, node, "driver", driver);
  return node;
}

static void
refuse (Reader *self, const char *what)
{
  g_set_error_literal (self->error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_RANGE, what);
}

static BanyanSpec *
read_path (Reader *self, const char *driver, const char *path)
{
  BanyanSpecBuilder *node = node_new (self, driver);

  add_text (self, node, "filename", path);
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
  BanyanSpecBuilder *server = banyan_spec_builder_new (BANYAN_SPEC_MAP, self->origin);
  BanyanSpecBuilder *node = node_new (self, "nbd");

  add_text (self, server, "type", path != NULL ? "unix" : "inet");
  if (path != NULL)
    add_text (self, server, "path", path);
  else
    {
      add_text (self, server, "host", host);
      add_text (self, server, "port", port);
    }
  banyan_spec_builder_take_built (node, "server", server);
  if (export != NULL && *export != '\0')
    add_text (self, node, "export", export);
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
    add_text (self, node, first, before);
  else if (!g_str_equal (first, "config"))
    {
      other = read_path (self, "file", before);
      banyan_spec_builder_add (node, first, self->origin, other);
    }
  banyan_spec_builder_add (node, second, self->origin, child);
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
  gboolean is_of_process; /* and nothing that an image may ask for */
  BanyanSpec *(*read) (Reader *self, const char *rest);
} prefixes[] = {
  { "file:", FALSE, read_file },         { "host_device:", FALSE, read_device },
  { "fd:", TRUE, read_descriptor },      { "nbd:", FALSE, read_nbd },
  { "nbd+tcp:", FALSE, read_nbd },       { "nbd+unix:", FALSE, read_nbd },
  { "null-co:", FALSE, read_null },      { "null-aio:", FALSE, read_null },
  { "blkdebug:", FALSE, read_blkdebug }, { "blkverify:", FALSE, read_blkverify },
};

/* As QEMU decides: a colon before any slash ends a prefix. */
static gboolean
may_have_prefix (const char *name)
{
  return name[strcspn (name, ":/")] == ':';
}

static BanyanSpec *
read_any (Reader *self, const char *name)
{
  gboolean is_of_image = self->flags & BANYAN_FILE_NAME_OF_IMAGE;

  if (self->depth++ >= MAX_DEPTH)
    {
      refuse (self, "too many names are inside of one another");
      return NULL;
    }

  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (name, prefixes[i].prefix) && !(prefixes[i].is_of_process && is_of_image))
      return prefixes[i].read (self, name + strlen (prefixes[i].prefix));
  if (is_of_image || !may_have_prefix (name))
    return read_path (self, "file", name);

  refuse (self,
          "what is before the colon is taken for a protocol, and this one is not there; where "
          "it is part of a file's name, write file.filename=");
  return NULL;
}

/**
 * banyan_spec_from_file_name:
 * @name: a file name of QEMU's kind
 * @origin: where it is from, for messages and for what it becomes
 * @flags: #BanyanFileNameFlags
 * @error: where to put the error, or %NULL
 *
 * Reads a name that may begin with a protocol. "json:{...}" is the caller's affair.
 *
 * Returns: (transfer full): a map of the options of a protocol's node, "driver" first; %NULL with
 *   @error
 */
BanyanSpec *
banyan_spec_from_file_name (const char *name, const BanyanOrigin *origin, guint flags,
                            GError **error)
{
  Reader reader = { name, origin, flags, error, 0 };

  g_return_val_if_fail (name != NULL && origin != NULL, NULL);

  return read_any (&reader, name);
}

/**
 * banyan_file_name_has_prefix:
 * @name: a file name from an image's header
 *
 * Returns: whether it begins with something that means more than a file, "nbd:" or "json:"
 */
gboolean
banyan_file_name_has_prefix (const char *name)
{
  g_return_val_if_fail (name != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (!prefixes[i].is_of_process && g_str_has_prefix (name, prefixes[i].prefix))
      return TRUE;

  return g_str_has_prefix (name, "json:");
}

/* -- What a header says. -- */

/**
 * banyan_driver_is_protocol: (skip)
 * @driver: a driver's name, as QEMU or an image's header has it
 *
 * Returns: whether it is a protocol, which has nothing below it, and no format
 */
gboolean
banyan_driver_is_protocol (const char *driver)
{
  g_autoptr (BanyanTypeInfo) info = banyan_registry_lookup (banyan_registry_get_default (),
                                                            1u << BANYAN_PLUGIN_PROTOCOL, driver);

  return info != NULL;
}

static BanyanSpec *
with_text (BanyanSpec *map, const char *key, const char *text)
{
  g_autoptr (BanyanSpec) value
      = banyan_spec_new_scalar (BANYAN_SPEC_STRING, text, banyan_spec_get_origin (map));

  return banyan_spec_with (map, key, value);
}

/* @file as an image of @format. */
static BanyanSpec *
wrap (BanyanSpec *file, const char *format)
{
  const BanyanOrigin *origin = banyan_spec_get_origin (file);
  BanyanSpecBuilder *map = banyan_spec_builder_new (BANYAN_SPEC_MAP, origin);
  g_autoptr (BanyanSpec) driver = banyan_spec_new_scalar (BANYAN_SPEC_STRING, format, origin);

  banyan_spec_builder_add (map, "driver", origin, driver);
  banyan_spec_builder_add (map, "file", origin, file);
  return banyan_spec_builder_end (map);
}

/* Old images have "host_device" for a format, which is none. */
static BanyanSpec *
apply_format (BanyanSpec *file, const char *format)
{
  if (!banyan_driver_is_protocol (format))
    return wrap (file, format);

  return g_str_equal (banyan_spec_lookup_text (file, "driver"), "file")
             ? with_text (file, "driver", format)
             : banyan_spec_ref (file);
}

/* QEMU takes "file.filename" for the filename of file there, and a number for a number though it is
 * in quotes. Names of nodes would get in the way of other images with the same backing. */
BanyanSpec *
banyan_spec_loosen (BanyanSpec *spec, const BanyanOrigin *origin)
{
  BanyanSpecKind kind = banyan_spec_get_kind (spec);
  BanyanSpecBuilder *builder;
  BanyanSpec *result;

  if (kind == BANYAN_SPEC_NULL)
    return banyan_spec_new_null (origin);
  if (kind != BANYAN_SPEC_LIST && kind != BANYAN_SPEC_MAP)
    return banyan_spec_new_scalar (kind == BANYAN_SPEC_STRING ? BANYAN_SPEC_TEXT : kind,
                                   banyan_spec_get_text (spec), origin);

  builder = banyan_spec_builder_new (kind, origin);
  for (guint i = 0; kind == BANYAN_SPEC_LIST && i < banyan_spec_get_length (spec); i++)
    banyan_spec_builder_take (builder, NULL,
                              banyan_spec_loosen (banyan_spec_get_item (spec, i), origin));
  result = banyan_spec_builder_end (builder);

  for (guint i = 0; kind == BANYAN_SPEC_MAP && i < banyan_spec_get_length (spec); i++)
    {
      const char *key = banyan_spec_get_key (spec, i);
      g_autoptr (BanyanSpec) value = banyan_spec_loosen (banyan_spec_get_item (spec, i), origin);
      g_autoptr (BanyanSpec) before = result;

      if (!g_str_equal (key, "node-name"))
        result = banyan_spec_with_nested (before, key, value);
      if (result == before || result == NULL)
        result = banyan_spec_ref (before);
    }
  return result;
}

static BanyanSpec *
read_json (const char *text, const char *format, const BanyanOrigin *origin, GError **error)
{
  g_autoptr (BanyanProblems) problems = banyan_problems_new ();
  g_autoptr (BanyanSpec) json = banyan_spec_parse_json (text, -1, origin, problems);
  const char *driver;

  if (!banyan_problems_check (problems, error))
    return NULL;
  if (banyan_spec_get_kind (json) != BANYAN_SPEC_MAP)
    {
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_TYPE,
                   "what follows json: is no map");
      return NULL;
    }

  driver = banyan_spec_lookup_text (json, "driver");
  if (format == NULL)
    return g_steal_pointer (&json);
  if (driver != NULL && banyan_driver_is_protocol (driver))
    return apply_format (json, format);

  /* To QEMU, too, what the header says of the format goes before what the name does. */
  return driver != NULL && banyan_driver_is_protocol (format) ? g_steal_pointer (&json)
                                                              : with_text (json, "driver", format);
}

static BanyanSpec *
read_backing (const char *name, const char *format, const BanyanOrigin *origin, GError **error)
{
  g_autoptr (BanyanSpec) file = NULL;

  if (g_str_has_prefix (name, "json:"))
    return read_json (name + strlen ("json:"), format, origin, error);

  file = banyan_spec_from_file_name (name, origin, BANYAN_FILE_NAME_OF_IMAGE, error);
  if (file == NULL)
    return NULL;
  if (format != NULL)
    return apply_format (file, format);

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_MISSING,
               "it does not say in which format that is, which is not guessed; declare what it is, "
               "with its driver, or write the format into the image: qemu-img rebase -u -b '%s' -F "
               "FORMAT",
               name);
  return NULL;
}

/**
 * banyan_spec_from_backing_name:
 * @name: what an image's header calls its backing
 * @format: (nullable): the format of that, by the header
 * @origin: where it is from, for messages and for what it becomes
 * @error: where to put the error, or %NULL
 *
 * Reads such a name as QEMU does. Where banyan_file_name_has_prefix() is true of it, the names of
 * files in it are relative to the working folder, and else to the image.
 *
 * Returns: (transfer full): a map of the options of a node; %NULL with @error
 */
BanyanSpec *
banyan_spec_from_backing_name (const char *name, const char *format, const BanyanOrigin *origin,
                               GError **error)
{
  g_autoptr (BanyanSpec) spec = NULL;

  g_return_val_if_fail (name != NULL && origin != NULL, NULL);

  spec = read_backing (name, format, origin, error);
  return spec != NULL ? banyan_spec_loosen (spec, origin) : NULL;
}
