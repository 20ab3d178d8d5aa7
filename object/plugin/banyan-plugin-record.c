/* banyan-plugin-record.c - what is known about a plugin file, as bytes
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scanner sends these to who started it, and the cache is an array of them. A GVariant needs no
 * parsing, and one that was damaged gives defaults instead of trouble. */

#include "banyan-registry-private.h"

#include <errno.h>
#include <unistd.h>

/* FALSE if it could not all be written: no room, or no one listens any more. */
gboolean
banyan_write_all (int fd, gconstpointer buffer, gsize length)
{
  gsize done = 0;

  while (done < length)
    {
      gssize n = write (fd, (const guint8 *) buffer + done, length - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      done += (gsize) n;
    }

  return TRUE;
}

static GVariant *
type_to_record (BanyanTypeInfo *self)
{
  const char *description = banyan_type_info_get_description_text (self);

  return g_variant_new ("(sus^asss)", self->name, (guint32) self->kind, self->summary,
                        self->aliases, self->class_name, description);
}

static BanyanTypeInfo *
type_from_record (GVariant *record, const char *plugin_path)
{
  const char *name, *summary, *class_name;
  g_autofree const char **aliases = NULL;
  guint32 kind;
  BanyanTypeInfo *self;

  g_variant_get (record, "(&su&s^a&s&s&s)", &name, &kind, &summary, &aliases, &class_name, NULL);

  self = banyan_type_info_new (name, MIN (kind, BANYAN_N_PLUGIN_KINDS - 1), summary, aliases,
                               plugin_path, class_name);
  /* Much longer than all the rest, and seldom asked for: left where it is. */
  self->stored = g_variant_get_child_value (record, 5);
  return self;
}

/* Floating, of type BANYAN_PLUGIN_RECORD. */
GVariant *
banyan_plugin_info_to_record (BanyanPluginInfo *self)
{
  GVariantBuilder types;

  g_variant_builder_init (&types, G_VARIANT_TYPE ("a" BANYAN_TYPE_RECORD));
  for (guint i = 0; i < self->types->len; i++)
    g_variant_builder_add_value (&types, type_to_record (self->types->pdata[i]));

  return g_variant_new ("(^aytxsbmsmsmsmsms@a" BANYAN_TYPE_RECORD ")", self->path, self->key.size,
                        self->key.mtime_ns, self->key.build_id != NULL ? self->key.build_id : "",
                        self->hung, self->broken, self->name, self->version, self->licence,
                        self->summary, g_variant_builder_end (&types));
}

/* Takes over what @record says; path, key and shadowing are @self's own. */
void
banyan_plugin_info_take_record (BanyanPluginInfo *self, GVariant *record)
{
  g_autofree char *name = NULL;
  g_autoptr (GVariant) types = NULL;

  g_free (self->broken);
  g_free (self->version);
  g_free (self->licence);
  g_free (self->summary);
  g_variant_get (record, "(^&aytx&sbmsmsmsmsms@a" BANYAN_TYPE_RECORD ")", NULL, NULL, NULL, NULL,
                 &self->hung, &self->broken, &name, &self->version, &self->licence, &self->summary,
                 &types);
  if (name != NULL)
    {
      g_free (self->name);
      self->name = g_steal_pointer (&name);
    }

  g_ptr_array_set_size (self->types, 0);
  for (gsize i = 0; i < g_variant_n_children (types); i++)
    {
      g_autoptr (GVariant) type = g_variant_get_child_value (types, i);

      g_ptr_array_add (self->types, type_from_record (type, self->path));
    }
}

/* Whether the file that @record is about is the one that has @key. */
gboolean
banyan_plugin_record_has_key (GVariant *record, const BanyanFileKey *key)
{
  BanyanFileKey recorded;
  gboolean equal;

  g_variant_get (record, "(^&aytxsbmsmsmsmsms@a" BANYAN_TYPE_RECORD ")", NULL, &recorded.size,
                 &recorded.mtime_ns, &recorded.build_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
  equal = banyan_file_key_equal (&recorded, key);
  g_free (recorded.build_id);
  return equal;
}
