/* banyan-object-path.c - names of objects, for documents and for people
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-object-private.h"

#include <string.h>

#define MAX_CANDIDATES 8

static void
append_path (GString *path, BanyanObject *self, char separator)
{
  BanyanObject *parent = banyan_object_get_parent (self);

  if (!parent)
    return;

  append_path (path, parent, separator);
  if (path->len > 0 || separator == '/')
    g_string_append_c (path, separator);
  g_string_append (path, banyan_object_get_id (self));
}

/**
 * banyan_object_get_root:
 * @self: an object
 *
 * Returns: (transfer none) (nullable): the root of the tree that it is in
 */
BanyanObject *
banyan_object_get_root (BanyanObject *self)
{
  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);

  for (BanyanObject *up = banyan_object_get_parent (self); up; up = banyan_object_get_parent (up))
    self = up;

  return BANYAN_IS_ROOT (self) ? self : NULL;
}

/**
 * banyan_object_dup_path:
 * @self: an object
 *
 * Gives the one path by which everything names @self: "/nodes/disk0".
 *
 * Returns: (transfer full) (nullable): the path; "/" for a root, %NULL for what is in no tree
 */
char *
banyan_object_dup_path (BanyanObject *self)
{
  GString *path;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);

  if (!banyan_object_get_root (self))
    return NULL;

  path = g_string_new (NULL);
  append_path (path, self, '/');
  if (path->len == 0)
    g_string_append_c (path, '/');
  return g_string_free (path, FALSE);
}

char *
banyan_object_dup_name (BanyanObject *self)
{
  char *path = banyan_object_dup_path (self);

  if (path)
    return path;
  if (banyan_object_get_id (self))
    return g_strdup (banyan_object_get_id (self));

  return g_strdup (G_OBJECT_TYPE_NAME (self));
}

char *
banyan_object_dup_subject (BanyanObject *self)
{
  GString *subject;

  if (!banyan_object_get_root (self))
    return banyan_object_dup_name (self);

  subject = g_string_new (NULL);
  append_path (subject, self, '.');
  return g_string_free (subject, FALSE);
}

/* -- Finding. -- */

/* The whole way down, segment by segment. */
static BanyanObject *
walk (BanyanObject *self, char **segments)
{
  for (; self && *segments; segments++)
    self = banyan_object_get_child (self, *segments);

  return self;
}

/* Whether the last segments of the object's path are @segments. */
static gboolean
ends_with (BanyanObject *object, BanyanObject *top, char **segments, guint n_segments)
{
  while (n_segments > 0 && object && object != top)
    {
      if (!g_str_equal (banyan_object_get_id (object), segments[n_segments - 1]))
        return FALSE;

      n_segments--;
      object = banyan_object_get_parent (object);
    }

  return n_segments == 0;
}

static void
collect (BanyanObject *self, BanyanObject *top, char **segments, GPtrArray *matches)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (self);

  for (guint i = 0; i < children->len; i++)
    {
      /* What another takes the place of is not meant. */
      if (!banyan_object_has_id (children->pdata[i]))
        continue;
      if (ends_with (children->pdata[i], top, segments, g_strv_length (segments)))
        g_ptr_array_add (matches, children->pdata[i]);
      collect (children->pdata[i], top, segments, matches);
    }
}

static void
collect_ids (BanyanObject *self, GPtrArray *ids)
{
  g_autoptr (GPtrArray) children = banyan_object_list_children (self);

  for (guint i = 0; i < children->len; i++)
    {
      g_ptr_array_add (ids, (gpointer) banyan_object_get_id (children->pdata[i]));
      collect_ids (children->pdata[i], ids);
    }
}

static void
refuse_unknown (BanyanObject *self, const char *path, char **segments, GError **error)
{
  g_autoptr (GPtrArray) ids = g_ptr_array_new ();
  guint n_segments = g_strv_length (segments);
  const char *nearest = NULL;

  collect_ids (self, ids);
  g_ptr_array_add (ids, NULL);
  if (n_segments > 0)
    nearest = banyan_did_you_mean (segments[n_segments - 1], (const char *const *) ids->pdata);

  if (nearest)
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
                 "there is no \"%s\"; did you mean \"%s\"?", path, nearest);
  else
    g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE, "there is no \"%s\"",
                 path);
}

static void
refuse_ambiguous (const char *path, GPtrArray *matches, GError **error)
{
  g_autoptr (GString) candidates = g_string_new (NULL);

  for (guint i = 0; i < matches->len && i < MAX_CANDIDATES; i++)
    {
      g_autofree char *candidate = banyan_object_dup_name (matches->pdata[i]);

      g_string_append_printf (candidates, "%s%s", i > 0 ? ", " : "", candidate);
    }
  if (matches->len > MAX_CANDIDATES)
    g_string_append (candidates, ", ...");

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT,
               "\"%s\" could be any of: %s", path, candidates->str);
}

static BanyanObject *
resolve_partial (BanyanObject *self, const char *path, char **segments, GError **error)
{
  g_autoptr (GPtrArray) matches = g_ptr_array_new ();

  if (*segments)
    collect (self, self, segments, matches);

  if (matches->len == 1)
    return matches->pdata[0];
  if (matches->len == 0)
    refuse_unknown (self, path, segments, error);
  else
    refuse_ambiguous (path, matches, error);

  return NULL;
}

/**
 * banyan_object_resolve:
 * @self: an object
 * @path: a path ("/nodes/disk0"), which begins at the root of the tree, or the end of one ("disk0",
 *   "nodes/disk0"), which is looked for below @self
 * @error: where to put the error, or %NULL
 *
 * Finds an object by what people call it. A path that leads down from @self is preferred to its
 * being the end of another one; where several paths end so, the error lists them.
 *
 * Returns: (transfer none): the object, or %NULL with @error
 */
BanyanObject *
banyan_object_resolve (BanyanObject *self, const char *path, GError **error)
{
  g_auto (GStrv) segments = NULL;
  BanyanObject *top = self;
  BanyanObject *found;

  g_return_val_if_fail (BANYAN_IS_OBJECT (self), NULL);
  g_return_val_if_fail (path != NULL, NULL);

  if (path[0] == '/')
    for (BanyanObject *up = self; up; up = banyan_object_get_parent (up))
      top = up;

  if (g_str_equal (path, "/"))
    return top;

  segments = g_strsplit (path[0] == '/' ? path + 1 : path, "/", -1);
  found = walk (top, segments);
  if (found && *segments)
    return found;
  if (path[0] != '/')
    return resolve_partial (self, path, segments, error);

  refuse_unknown (top, path, segments, error);
  return NULL;
}
