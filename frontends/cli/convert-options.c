/* convert-options.c - a document as the options of qemu-storage-daemon
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "convert.h"

#include <string.h>

#define SERVER_ID "nbd-server"

typedef struct
{
  ConvertOptions *options;
  GHashTable *gone; /* (owned) (element-type utf8): ids of nodes that are left out */
  gboolean for_banyan;
  gboolean has_server;
} Converter;

void
convert_options_free (ConvertOptions *self)
{
  g_ptr_array_unref (self->words);
  g_ptr_array_unref (self->left_out);
  g_free (self);
}

char *
convert_quote (const char *word)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_./:=,@%+-";

  return *word != '\0' && word[strspn (word, plain)] == '\0' ? g_strdup (word)
                                                             : g_shell_quote (word);
}

G_GNUC_PRINTF (2, 3)
static void
leave_out (Converter *self, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (self->options->left_out, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* -- Values as QEMU takes them. -- */

/* Where Banyan has more than QEMU. Without a key the whole type is its own. */
static const struct
{
  const char *type;
  const char *key;
} own[] = {
  { "memory", NULL },
  { "delay", NULL },
  { "blkdebug", "rules" },
  { "blkdebug", "seed" },
};

static const char *
find_own (BanyanSpec *map)
{
  const char *type = banyan_spec_lookup_text (map, "driver");

  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    if (g_strcmp0 (type, own[i].type) == 0
        && (own[i].key == NULL || cli_spec_get (map, own[i].key) != NULL))
      return own[i].key != NULL ? own[i].key : own[i].type;

  return NULL;
}

/* Keys under which a node names another one, or declares it. */
static gboolean
is_link (const char *key)
{
  static const char *const links[]
      = { "backing", "children", "data-file", "extents", "file", "header",
          "image",   "log",      "raw",       "test",    NULL };

  return g_strv_contains (links, key);
}

/* A node that is left out, and that @spec names: a name, a list of them, or a node. */
static const char *
find_gone (Converter *self, BanyanSpec *spec)
{
  BanyanSpecKind kind = banyan_spec_get_kind (spec);
  const char *found = NULL;

  if (kind == BANYAN_SPEC_TEXT || kind == BANYAN_SPEC_STRING)
    return g_hash_table_lookup (self->gone, banyan_spec_get_text (spec));

  for (guint i = 0; found == NULL && kind >= BANYAN_SPEC_LIST && i < banyan_spec_get_length (spec);
       i++)
    if (kind == BANYAN_SPEC_LIST || is_link (banyan_spec_get_key (spec, i)))
      found = find_gone (self, banyan_spec_get_item (spec, i));
  return found;
}

/* What is Banyan's own in a node or one that is declared in it. */
static const char *
find_own_inside (BanyanSpec *spec)
{
  BanyanSpecKind kind = banyan_spec_get_kind (spec);
  const char *found = kind == BANYAN_SPEC_MAP ? find_own (spec) : NULL;

  for (guint i = 0; found == NULL && kind >= BANYAN_SPEC_LIST && i < banyan_spec_get_length (spec);
       i++)
    found = find_own_inside (banyan_spec_get_item (spec, i));
  return found;
}

/* 64M, 64MiB: QEMU wants bytes in these places. NULL: it is no such size. */
static char *
expand_size (const char *text)
{
  static const char units[] = "KMGT";
  char *end;
  guint64 number = g_ascii_strtoull (text, &end, 10);
  const char *unit = *end != '\0' ? strchr (units, *end) : NULL;

  if (end == text || unit == NULL || (end[1] != '\0' && !g_str_equal (end + 1, "iB")))
    return NULL;

  return g_strdup_printf ("%" G_GUINT64_FORMAT, number << (10 * (unit - units + 1)));
}

static BanyanSpec *
convert_scalar (const char *key, BanyanSpec *scalar)
{
  static const char *const sizes[] = { "size", "offset", "align", NULL };
  const BanyanOrigin *origin = banyan_spec_get_origin (scalar);
  const char *text = banyan_spec_get_text (scalar);
  BanyanSpecKind kind = banyan_spec_get_kind (scalar);
  gboolean may_be_flag = kind == BANYAN_SPEC_TEXT || kind == BANYAN_SPEC_BOOLEAN;
  g_autofree char *bytes = NULL;

  if (may_be_flag && (g_str_equal (text, "true") || g_str_equal (text, "yes")))
    return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, "on", origin);
  if (may_be_flag && (g_str_equal (text, "false") || g_str_equal (text, "no")))
    return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, "off", origin);
  if (key != NULL && g_strv_contains (sizes, key) && (bytes = expand_size (text)) != NULL)
    return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, bytes, origin);
  if (g_strcmp0 (key, "driver") == 0 && g_str_equal (text, "null"))
    return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, "null-co", origin);

  return banyan_spec_ref (scalar);
}

static BanyanSpec *
convert_value (const char *key, BanyanSpec *value)
{
  BanyanSpecKind kind = banyan_spec_get_kind (value);
  BanyanSpecBuilder *builder;

  /* In YAML the name of the driver null is no string. */
  if (kind == BANYAN_SPEC_NULL && g_strcmp0 (key, "driver") == 0)
    return banyan_spec_new_scalar (BANYAN_SPEC_TEXT, "null-co", banyan_spec_get_origin (value));
  if (kind == BANYAN_SPEC_NULL)
    return banyan_spec_ref (value);
  if (kind < BANYAN_SPEC_LIST)
    return convert_scalar (key, value);

  builder = banyan_spec_builder_new (kind, banyan_spec_get_origin (value));
  for (guint i = 0; i < banyan_spec_get_length (value); i++)
    {
      const char *inner = kind == BANYAN_SPEC_MAP ? banyan_spec_get_key (value, i) : NULL;
      g_autoptr (BanyanSpec) converted = convert_value (inner, banyan_spec_get_item (value, i));

      banyan_spec_builder_add (builder, inner, NULL, converted);
    }
  return banyan_spec_builder_end (builder);
}

static void
copy_others (BanyanSpecBuilder *to, BanyanSpec *map, const char *const *left_out)
{
  for (guint i = 0; i < banyan_spec_get_length (map); i++)
    {
      const char *key = banyan_spec_get_key (map, i);
      g_autoptr (BanyanSpec) value = convert_value (key, banyan_spec_get_item (map, i));

      if (!g_strv_contains (left_out, key))
        cli_add (to, key, value);
    }
}

/* Consumes @map. What dotted keys cannot say, an empty list or null, JSON can. */
static void
add_option (Converter *self, const char *option, BanyanSpecBuilder *map)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_builder_end (map);
  char *text = banyan_spec_to_dotted (spec);

  if (text == NULL)
    text = g_strchomp (banyan_spec_to_json (spec, FALSE));
  g_ptr_array_add (self->options->words, g_strdup (option));
  g_ptr_array_add (self->options->words, text);
}

/* -- Objects and nodes. -- */

/* Takes @path. With a node goes what is declared in it, by the name that it was given or that it
 * was born with: "disk.file", "disk.children.0". */
static void
add_gone (Converter *self, BanyanSpec *spec, char *path)
{
  BanyanSpecKind kind = banyan_spec_get_kind (spec);
  const char *name = NULL;

  if (kind == BANYAN_SPEC_MAP)
    name = banyan_spec_lookup_text (spec, "node-name");
  if (name != NULL)
    g_hash_table_add (self->gone, g_strdup (name));

  for (guint i = 0; kind >= BANYAN_SPEC_LIST && i < banyan_spec_get_length (spec); i++)
    if (kind == BANYAN_SPEC_LIST)
      add_gone (self, banyan_spec_get_item (spec, i), g_strdup_printf ("%s.%u", path, i));
    else if (is_link (banyan_spec_get_key (spec, i)))
      add_gone (self, banyan_spec_get_item (spec, i),
                g_strconcat (path, ".", banyan_spec_get_key (spec, i), NULL));
  g_hash_table_add (self->gone, path);
}

/* Until no more is found: what is named may stand below. */
static void
note_gone (Converter *self, BanyanSpec *nodes)
{
  guint before;

  do
    {
      before = g_hash_table_size (self->gone);
      for (guint i = 0; i < banyan_spec_get_length (nodes); i++)
        {
          BanyanSpec *map = banyan_spec_get_item (nodes, i);

          if (find_own_inside (map) != NULL || find_gone (self, map) != NULL)
            add_gone (self, map, g_strdup (banyan_spec_get_key (nodes, i)));
        }
    }
  while (g_hash_table_size (self->gone) > before);
}

static void
convert_object (Converter *self, const char *id, BanyanSpec *map)
{
  static const char *const left_out[] = { "type", "id", NULL };
  BanyanSpecBuilder *option = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (option, "qom-type", banyan_spec_lookup_text (map, "type"));
  banyan_spec_builder_add_string (option, "id", id);
  copy_others (option, map, left_out);
  add_option (self, "--object", option);
}

static void
convert_node (Converter *self, const char *id, BanyanSpec *map)
{
  static const char *const left_out[] = { "driver", "id", "node-name", NULL };
  BanyanSpecBuilder *option;
  g_autoptr (BanyanSpec) driver = NULL;

  if (g_hash_table_contains (self->gone, id))
    {
      const char *unknown = find_own_inside (map);

      if (unknown != NULL)
        leave_out (self, "nodes.%s: QEMU has no %s", id, unknown);
      else
        leave_out (self, "nodes.%s: %s is left out", id, find_gone (self, map));
      return;
    }

  option = banyan_spec_builder_new_map ();
  driver = cli_spec_get (map, "driver") != NULL
               ? convert_value ("driver", cli_spec_get (map, "driver"))
               : NULL;
  if (driver != NULL)
    cli_add (option, "driver", driver);
  banyan_spec_builder_add_string (option, "node-name", id);
  copy_others (option, map, left_out);
  add_option (self, "--blockdev", option);
}

/* -- Servers and monitors. -- */

static void
keep_known (Converter *self, BanyanSpecBuilder *option, BanyanSpec *map, const char *where,
            const char *const *done, const char *const *known)
{
  for (guint i = 0; i < banyan_spec_get_length (map); i++)
    {
      const char *key = banyan_spec_get_key (map, i);
      g_autoptr (BanyanSpec) value = convert_value (key, banyan_spec_get_item (map, i));

      if (g_strv_contains (done, key))
        continue;
      if (self->for_banyan || g_strv_contains (known, key))
        cli_add (option, key, value);
      else
        leave_out (self, "%s: QEMU has no %s", where, key);
    }
}

static void
convert_export (Converter *self, const char *server, const char *id, BanyanSpec *map)
{
  static const char *const done[] = { "node", "name", NULL };
  static const char *const known[] = { "writable", "description", NULL };
  const char *node = banyan_spec_lookup_text (map, "node");
  const char *name = banyan_spec_lookup_text (map, "name");
  g_autofree char *where = g_strdup_printf ("frontends.%s.exports.%s", server, id);
  BanyanSpecBuilder *option;

  if (node == NULL)
    {
      leave_out (self, "%s: the node has to be declared by itself, with a name", where);
      return;
    }
  if (g_hash_table_contains (self->gone, node))
    {
      leave_out (self, "%s: %s is left out", where, node);
      return;
    }

  option = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (option, "type", "nbd");
  banyan_spec_builder_add_string (option, "id", id);
  banyan_spec_builder_add_string (option, "node-name", node);
  banyan_spec_builder_add_string (option, "name", name != NULL ? name : id);
  if (self->for_banyan && !g_str_equal (server, SERVER_ID))
    banyan_spec_builder_add_string (option, "server", server);
  keep_known (self, option, map, where, done, known);
  add_option (self, "--export", option);
}

static void
convert_server (Converter *self, const char *id, BanyanSpec *map)
{
  static const char *const done[] = { "type", "listen", "exports", NULL };
  static const char *const known[] = { "max-connections", NULL };
  BanyanSpec *exports = cli_spec_get (map, "exports");
  g_autofree char *where = g_strconcat ("frontends.", id, NULL);
  BanyanSpecBuilder *option;

  if (cli_spec_get (map, "listen") == NULL || (self->has_server && !self->for_banyan))
    {
      leave_out (self,
                 self->has_server ? "%s: QEMU has one NBD server"
                                  : "%s: it has no address of its own",
                 where);
      return;
    }

  self->has_server = TRUE;
  option = banyan_spec_builder_new_map ();
  if (self->for_banyan && !g_str_equal (id, SERVER_ID))
    banyan_spec_builder_add_string (option, "id", id);
  cli_add (option, "addr", cli_spec_get (map, "listen"));
  keep_known (self, option, map, where, done, known);
  add_option (self, "--nbd-server", option);
  for (guint i = 0; i < cli_spec_count (exports); i++)
    convert_export (self, id, banyan_spec_get_key (exports, i), banyan_spec_get_item (exports, i));
}

static void
convert_monitor (Converter *self, const char *id, BanyanSpec *map)
{
  static const char *const done[] = { "type", "listen", NULL };
  static const char *const known[] = { NULL };
  static const char *const left_out[] = { "type", "str", NULL };
  BanyanSpec *listen = cli_spec_get (map, "listen");
  g_autofree char *where = g_strconcat ("frontends.", id, NULL);
  BanyanSpecBuilder *chardev, *monitor;

  if (banyan_spec_lookup_text (listen, "type") == NULL
      || g_str_equal (banyan_spec_lookup_text (listen, "type"), "vsock"))
    {
      leave_out (self, "%s: no chardev has such an address", where);
      return;
    }

  chardev = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (chardev, "backend", "socket");
  banyan_spec_builder_add_string (chardev, "id", id);
  banyan_spec_builder_add_string (chardev, "fd", banyan_spec_lookup_text (listen, "str"));
  copy_others (chardev, listen, left_out);
  banyan_spec_builder_add_string (chardev, "server", "on");
  banyan_spec_builder_add_string (chardev, "wait", "off");
  add_option (self, "--chardev", chardev);

  monitor = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_string (monitor, "chardev", id);
  keep_known (self, monitor, map, where, done, known);
  add_option (self, "--monitor", monitor);
}

static void
convert_frontend (Converter *self, const char *id, BanyanSpec *map)
{
  const char *type = banyan_spec_lookup_text (map, "type");

  if (g_strcmp0 (type, "nbd-server") == 0)
    convert_server (self, id, map);
  else if (g_strcmp0 (type, "qmp") == 0)
    convert_monitor (self, id, map);
  else
    leave_out (self, "frontends.%s: there is no option for a %s", id,
               type != NULL ? type : "frontend without a type");
}

/* -- The whole. -- */

static void
convert_section (Converter *self, BanyanSpec *document, const char *name,
                 void (*convert) (Converter *, const char *, BanyanSpec *))
{
  BanyanSpec *section = cli_spec_get (document, name);

  if (section == NULL || banyan_spec_get_kind (section) != BANYAN_SPEC_MAP)
    return;

  for (guint i = 0; i < banyan_spec_get_length (section); i++)
    if (banyan_spec_get_kind (banyan_spec_get_item (section, i)) == BANYAN_SPEC_MAP)
      convert (self, banyan_spec_get_key (section, i), banyan_spec_get_item (section, i));
}

ConvertOptions *
convert_from_document (BanyanSpec *document, gboolean for_banyan)
{
  Converter self = { .options = g_new0 (ConvertOptions, 1), .for_banyan = for_banyan };
  BanyanSpec *nodes = cli_spec_get (document, "nodes");

  self.options->words = g_ptr_array_new_with_free_func (g_free);
  self.options->left_out = g_ptr_array_new_with_free_func (g_free);
  self.gone = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (!for_banyan && nodes != NULL && banyan_spec_get_kind (nodes) == BANYAN_SPEC_MAP)
    note_gone (&self, nodes);
  convert_section (&self, document, "objects", convert_object);
  convert_section (&self, document, "nodes", convert_node);
  convert_section (&self, document, "frontends", convert_frontend);
  if (cli_spec_count (cli_spec_get (document, "plugins")) > 0)
    leave_out (&self, "plugins: they are loaded when they are needed");
  if (cli_spec_count (cli_spec_get (document, "jobs")) > 0)
    leave_out (&self, "jobs: there is no option for them");
  g_hash_table_unref (self.gone);
  return self.options;
}
