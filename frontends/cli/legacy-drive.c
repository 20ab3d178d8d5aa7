/* legacy-drive.c - --drive, QEMU's option from before there were nodes
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * It says in one breath what are several nodes: a format over a protocol, a throttle and a
 * copy-on-read filter above, and limits that other drives may share. What it says of guests'
 * devices has no place here: only if=none is taken. */

#include "legacy-private.h"

#include <string.h>

#define NAME_KEY LEGACY_DRIVE_NAME_KEY

typedef struct
{
  LegacyDocument *document;
  LegacyOption *option;
  BanyanSpec *root; /* (owned): the format's node, as far as it is known */
} Drive;

/* -- Old names. -- */

static const struct
{
  const char *old;
  const char *name;
} limits[] = {
  { "bps", "bps-total" },
  { "bps_rd", "bps-read" },
  { "bps_wr", "bps-write" },
  { "iops", "iops-total" },
  { "iops_rd", "iops-read" },
  { "iops_wr", "iops-write" },
  { "bps_max", "bps-total-max" },
  { "bps_rd_max", "bps-read-max" },
  { "bps_wr_max", "bps-write-max" },
  { "iops_max", "iops-total-max" },
  { "iops_rd_max", "iops-read-max" },
  { "iops_wr_max", "iops-write-max" },
  { "iops_size", "iops-size" },
  { "group", "group" },
};

static const struct
{
  const char *name;
  const char *direct;
  const char *no_flush;
} cache_modes[] = {
  { "writeback", "off", "off" },
  { "none", "on", "off" },
  { "unsafe", "off", "on" },
};

/* Known here, and no options of a node. */
static const char *const own_keys[]
    = { "id",           "if",         "driver",   "format",      NAME_KEY,      "file",
        "cache",        "aio",        "readonly", "read-only",   "media",       "snapshot",
        "copy-on-read", "throttling", "werror",   "rerror",      "node-name",   "bps",
        "bps_rd",       "bps_wr",     "iops",     "iops_rd",     "iops_wr",     "bps_max",
        "bps_rd_max",   "bps_wr_max", "iops_max", "iops_rd_max", "iops_wr_max", "iops_size",
        "group",        NULL };

/* The device's: a frontend's matter. */
static const char *const device_keys[]
    = { "index", "bus", "unit", "addr", "serial", "cyls", "heads", "secs", "trans", "boot", NULL };

static void
set (Drive *self, const char *key, BanyanSpec *value)
{
  g_autoptr (BanyanSpec) old = self->root;

  self->root = banyan_spec_with (old, key, value);
}

static void
set_text (Drive *self, const char *key, const char *text)
{
  g_autoptr (BanyanSpec) value
      = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &self->option->origin);

  set (self, key, value);
}

/* What @map has wins. (transfer full) */
static BanyanSpec *
fill_up (Drive *self, BanyanSpec *map, BanyanSpec *more)
{
  BanyanSpecBuilder *builder = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);

  for (guint i = 0; i < 2; i++)
    {
      BanyanSpec *from = i == 0 ? map : more;

      for (guint j = 0; from != NULL && j < banyan_spec_get_length (from); j++)
        banyan_spec_builder_add (builder, banyan_spec_get_key (from, j),
                                 banyan_spec_get_key_origin (from, j),
                                 banyan_spec_get_item (from, j));
    }
  return banyan_spec_builder_end (builder);
}

/* -- What is refused. -- */

static void
check (Drive *self)
{
  const char *interface = legacy_text (self->document, self->option, "if");

  if (interface != NULL && !g_str_equal (interface, "none"))
    legacy_refuse (self->document, self->option, "if",
                   "a drive is no device: if=none, and --export to reach it from outside");
  for (guint i = 0; device_keys[i] != NULL; i++)
    if (cli_spec_get (self->option->spec, device_keys[i]) != NULL)
      legacy_refuse (self->document, self->option, device_keys[i],
                     "belongs to the device that a guest sees, and not to the disk behind it");
  if (legacy_flag (self->document, self->option, "snapshot", FALSE))
    legacy_refuse (self->document, self->option, "snapshot", "temporary images are not there yet");
  for (guint i = 0; i < 2; i++)
    {
      const char *key = i == 0 ? "rerror" : "werror";
      const char *action = legacy_text (self->document, self->option, key);

      if (action != NULL && !g_str_equal (action, "report") && !g_str_equal (action, "enospc"))
        legacy_refuse (self->document, self->option, key,
                       "there is no guest to stop: errors are reported");
    }
}

/* -- The format's node. -- */

static void
set_cache (Drive *self)
{
  const char *mode = legacy_text (self->document, self->option, "cache");
  BanyanSpec *given = cli_spec_get (self->option->spec, "cache");

  if (mode == NULL && given != NULL)
    set (self, "cache", given);
  for (guint i = 0; mode != NULL && i < G_N_ELEMENTS (cache_modes); i++)
    if (g_str_equal (mode, cache_modes[i].name))
      {
        BanyanSpecBuilder *map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);
        g_autoptr (BanyanSpec) cache = NULL;

        legacy_add_text (self->option, map, "direct", cache_modes[i].direct);
        legacy_add_text (self->option, map, "no-flush", cache_modes[i].no_flush);
        cache = banyan_spec_builder_end (map);
        set (self, "cache", cache);
        return;
      }
  if (mode != NULL)
    legacy_refuse (self->document, self->option, "cache",
                   "\"%s\" is not there; there are: none, writeback, unsafe", mode);
}

static void
set_read_only (Drive *self)
{
  const char *media = legacy_text (self->document, self->option, "media");
  gboolean is_cdrom = media != NULL && g_str_equal (media, "cdrom");

  if (media != NULL && !is_cdrom && !g_str_equal (media, "disk"))
    legacy_refuse (self->document, self->option, "media", "disk or cdrom is wanted");
  if (legacy_flag (self->document, self->option, "read-only", is_cdrom)
      | legacy_flag (self->document, self->option, "readonly", FALSE))
    set_text (self, "read-only", "on");
}

/* The node below it, from file=NAME, file.KEY=VALUE and aio=. */
static void
set_file (Drive *self, gboolean has_file)
{
  BanyanSpec *given = cli_spec_get (self->option->spec, "file");
  const char *name = legacy_text (self->document, self->option, NAME_KEY);
  const char *aio = legacy_text (self->document, self->option, "aio");
  g_autoptr (BanyanSpec) meant = NULL;
  g_autoptr (BanyanSpec) file = NULL;
  gboolean is_whole = FALSE;

  if (name != NULL)
    meant = legacy_read_filename (self->document, self->option, name, &is_whole);
  if (is_whole || (meant != NULL && !has_file))
    {
      g_autoptr (BanyanSpec) root = self->root;

      if (meant != NULL && banyan_spec_get_kind (meant) == BANYAN_SPEC_MAP)
        self->root = fill_up (self, root, meant);
      else
        self->root = g_steal_pointer (&root);
      g_clear_pointer (&meant, banyan_spec_unref);
    }

  file = fill_up (self, given, meant);
  if (banyan_spec_get_length (file) > 0 && cli_spec_get (file, "driver") == NULL
      && cli_spec_get (file, "filename") != NULL)
    {
      g_autoptr (BanyanSpec) old = g_steal_pointer (&file);
      g_autoptr (BanyanSpec) driver
          = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, "file", &self->option->origin);

      file = banyan_spec_with (old, "driver", driver);
    }
  if (aio != NULL && banyan_spec_get_length (file) > 0)
    {
      g_autoptr (BanyanSpec) old = g_steal_pointer (&file);

      file = banyan_spec_with (old, "aio", banyan_spec_lookup (self->option->spec, "aio"));
    }
  else if (aio != NULL)
    set_text (self, "aio", aio);
  if (banyan_spec_get_length (file) > 0)
    set (self, "file", file);
}

static gboolean
make_root (Drive *self)
{
  const char *driver = legacy_text (self->document, self->option, "driver");
  const char *format = legacy_text (self->document, self->option, "format");
  BanyanSpecBuilder *root = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);

  if (driver != NULL && format != NULL)
    legacy_refuse (self->document, self->option, "format",
                   "driver= says it already; leave out either");
  if (driver == NULL)
    driver = format;
  if (driver != NULL)
    legacy_add_text (self->option, root, "driver", driver);
  legacy_copy (self->option, root, own_keys);
  self->root = banyan_spec_builder_end (root);
  set_file (self, driver == NULL || !banyan_driver_is_protocol (driver));
  set_cache (self);
  set_read_only (self);
  if (cli_spec_get (self->root, "driver") != NULL)
    return TRUE;

  legacy_refuse (self->document, self->option, NULL,
                 "needs format=: what an image holds is not guessed from its contents; format=raw "
                 "takes it as it is");
  return FALSE;
}

/* -- What stands above it. -- */

/* (transfer full) (nullable): the node below as the child of a filter */
static BanyanSpecBuilder *
put_filter_above (Drive *self, const char *driver)
{
  BanyanSpecBuilder *filter = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);

  legacy_add_text (self->option, filter, "driver", driver);
  cli_add (filter, "file", self->root);
  g_clear_pointer (&self->root, banyan_spec_unref);
  return filter;
}

static BanyanSpec *
read_limits (Drive *self)
{
  BanyanSpec *given = cli_spec_get (self->option->spec, "throttling");
  BanyanSpecBuilder *old = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);
  g_autoptr (BanyanSpec) more = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      BanyanSpec *value = cli_spec_get (self->option->spec, limits[i].old);

      if (value != NULL)
        cli_add (old, limits[i].name, value);
    }
  more = banyan_spec_builder_end (old);
  return fill_up (self, given, more);
}

/* Drives of one group share what the first of them says. */
static void
declare_group (Drive *self, const char *group, BanyanSpec *read)
{
  BanyanSpecBuilder *object = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);
  g_autoptr (BanyanSpec) built = NULL;

  legacy_add_text (self->option, object, "type", "throttle-group");
  for (guint i = 0; i < banyan_spec_get_length (read); i++)
    if (!g_str_equal (banyan_spec_get_key (read, i), "group"))
      banyan_spec_builder_add (object, banyan_spec_get_key (read, i),
                               banyan_spec_get_key_origin (read, i),
                               banyan_spec_get_item (read, i));
  built = banyan_spec_builder_end (object);
  banyan_spec_builder_add (self->document->objects, group, &self->option->origin, built);
}

static void
add_throttle (Drive *self, const char *name)
{
  g_autoptr (BanyanSpec) read = read_limits (self);
  const char *group = banyan_spec_lookup_text (read, "group");
  BanyanSpecBuilder *filter;

  if (banyan_spec_get_length (read) == 0)
    return;

  group = group != NULL ? group : name;
  declare_group (self, group, read);
  filter = put_filter_above (self, "throttle");
  legacy_add_text (self->option, filter, "throttle-group", group);
  self->root = banyan_spec_builder_end (filter);
}

static void
declare (Drive *self, const char *name)
{
  BanyanSpecBuilder *node = banyan_spec_builder_new (BANYAN_SPEC_MAP, &self->option->origin);

  for (guint i = 0; i < banyan_spec_get_length (self->root); i++)
    banyan_spec_builder_add (node, banyan_spec_get_key (self->root, i),
                             banyan_spec_get_key_origin (self->root, i),
                             banyan_spec_get_item (self->root, i));
  legacy_declare (self->document, self->option, self->document->nodes, name, node);
}

static gboolean
has_filter (Drive *self)
{
  g_autoptr (BanyanSpec) read = read_limits (self);

  return banyan_spec_get_length (read) > 0
         || legacy_flag (self->document, self->option, "copy-on-read", FALSE);
}

/* The format's node has the node-name, and what stands above it the id; alone it has either. */
static void
add_nodes (Drive *self, const char *id, const char *node_name)
{
  g_autofree char *number = g_strdup_printf ("none%u", self->document->n_drives);

  if (id == NULL && node_name == NULL)
    self->document->n_drives++;
  if (!has_filter (self))
    {
      declare (self, node_name != NULL ? node_name : id != NULL ? id : number);
      return;
    }

  id = id != NULL ? id : number;
  if (node_name != NULL)
    {
      declare (self, node_name);
      banyan_spec_unref (self->root);
      self->root = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, node_name, &self->option->origin);
    }
  if (legacy_flag (self->document, self->option, "copy-on-read", FALSE))
    self->root = banyan_spec_builder_end (put_filter_above (self, "copy-on-read"));
  add_throttle (self, id);
  declare (self, id);
}

void
legacy_add_drive (LegacyDocument *document, LegacyOption *option)
{
  Drive self = { .document = document, .option = option };
  const char *id = legacy_text (document, option, "id");
  const char *node_name = legacy_text (document, option, "node-name");

  check (&self);
  if (make_root (&self))
    add_nodes (&self, id, node_name);
  banyan_spec_unref (self.root);
}
