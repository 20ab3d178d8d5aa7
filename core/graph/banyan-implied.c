/* banyan-implied.c - children that storage names: an image's backing file
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver tells what it has read on an iothread; it is kept with the element as long as that is
 * open. The main thread makes a declaration of it when nobody else has declared the role, and also
 * later, when somebody takes such a declaration back. Names in an image are hostile input like the
 * rest of it: they reach files and servers, as QEMU's do, but no object of this process. */

#include "banyan-document-private.h"
#include "banyan-element-private.h"

#include <banyan/banyan-file-name.h>
#include <banyan/banyan-node.h>
#include <string.h>

static GMutex lock; /* of all elements' lists */

void
banyan_implied_free (gpointer data)
{
  BanyanImplied *self = data;

  g_clear_pointer (&self->spec, banyan_spec_unref);
  g_free (self->name);
  g_free (self->format);
  g_free (self);
}

/* -- What the driver says. -- */

/* @role NULL: whatever the header has a name for. (nullable) */
static BanyanImplied *
find (BanyanElement *self, const char *role)
{
  GPtrArray *list = banyan_element_get_implied (self);

  for (guint i = 0; i < list->len; i++)
    {
      BanyanImplied *implied = list->pdata[i];

      if (role != NULL ? g_str_equal (implied->role, role) : implied->name != NULL)
        return implied;
    }
  return NULL;
}

/* "extents" where @role is "extents.0". */
static char *
dup_base (const char *role)
{
  return g_strndup (role, strcspn (role, "."));
}

/* Any member of a list stands for the list. */
static gboolean
is_of (const BanyanImplied *implied, const char *role)
{
  gsize length = strlen (role);

  return strncmp (implied->role, role, length) == 0
         && (implied->role[length] == '\0' || implied->role[length] == '.');
}

static gboolean
is_text (const char *text)
{
  return text == NULL || g_utf8_validate (text, -1, NULL);
}

static void
say (BanyanElement *self, const char *role, BanyanSpec *spec, const char *name, const char *format)
{
  BanyanImplied *implied;

  g_mutex_lock (&lock);
  implied = find (self, role);
  if (implied != NULL)
    g_ptr_array_remove (banyan_element_get_implied (self), implied);
  if (spec != NULL || name != NULL)
    {
      implied = g_new0 (BanyanImplied, 1);
      implied->role = g_intern_string (role);
      implied->spec = spec != NULL ? banyan_spec_ref (spec) : NULL;
      implied->is_text = is_text (name) && is_text (format);
      implied->name = name != NULL ? g_utf8_make_valid (name, -1) : NULL;
      implied->format = format != NULL ? g_utf8_make_valid (format, -1) : NULL;
      g_ptr_array_add (banyan_element_get_implied (self), implied);
    }
  g_mutex_unlock (&lock);
}

/**
 * banyan_element_imply_child: (skip)
 * @self: an element
 * @role: a role of it that may be empty; of one that takes many, the next that there is not yet:
 *   "extents.0", then "extents.1"
 * @spec: (nullable): a map as a document would declare the child inline; %NULL: nobody
 *
 * What a driver calls in open, or when it has changed, to tell who its child in @role is as far as
 * storage knows. Where the role is declared, with a node or with null, that goes before. Otherwise
 * the child is opened by the same transaction, when open has returned, as an implicit node whose
 * manager is the image; the field of the role leads to it when settle is called. Later it counts
 * when the role's declaration is taken back. Relative paths in @spec are relative to the image. May
 * be called on any thread.
 */
void
banyan_element_imply_child (BanyanElement *self, const char *role, BanyanSpec *spec)
{
  g_return_if_fail (BANYAN_IS_ELEMENT (self));
  g_return_if_fail (role != NULL);

  say (self, role, spec, NULL, NULL);
}

/**
 * banyan_node_publish_backing: (skip)
 * @self: a node of a format
 * @role: its role for what it does not hold itself: "backing"
 * @name: (nullable): what the image's header says; %NULL or "": that there is none
 * @format: (nullable): the format of that, by the header; %NULL or "": it does not say
 *
 * What a driver calls in open, or when it has changed. People who ask about the image see it; and
 * the child is implied as by banyan_element_imply_child(): a relative name is relative to the
 * image, "json:{...}" and addresses such as nbd://HOST/EXPORT are understood as in QEMU, with names
 * that are relative to the working folder, and all else is a file. Without a format nothing is
 * guessed: opening the image is refused, unless @role is declared, or null. May be called on any
 * thread.
 */
void
banyan_node_publish_backing (BanyanNode *self, const char *role, const char *name,
                             const char *format)
{
  g_return_if_fail (BANYAN_IS_NODE (self));
  g_return_if_fail (role != NULL);

  if (name != NULL && *name == '\0')
    name = NULL;
  if (format != NULL && *format == '\0')
    format = NULL;
  say (BANYAN_ELEMENT (self), role, NULL, name, format);
}

/* -- What was said. -- */

GPtrArray *
banyan_element_list_implied (BanyanElement *self)
{
  GPtrArray *implied = banyan_element_get_implied (self);
  GPtrArray *roles = g_ptr_array_new ();

  g_mutex_lock (&lock);
  for (guint i = 0; i < implied->len; i++)
    g_ptr_array_add (roles, (gpointer) ((BanyanImplied *) implied->pdata[i])->role);
  g_mutex_unlock (&lock);
  return roles;
}

gboolean
banyan_element_implies (BanyanElement *self, const char *role)
{
  GPtrArray *list = banyan_element_get_implied (self);
  gboolean implies = FALSE;

  g_mutex_lock (&lock);
  for (guint i = 0; i < list->len && !implies; i++)
    implies = is_of (list->pdata[i], role);
  g_mutex_unlock (&lock);
  return implies;
}

/* A backing that somebody declared, but for the file that it is in, which the image above names. */
static gboolean
is_completed (BanyanElement *self, const char *role)
{
  const BanyanRole *of = banyan_element_class_find_role (BANYAN_ELEMENT_GET_CLASS (self), role);
  BanyanSpec *declared = banyan_object_get_declaration (BANYAN_OBJECT (self));

  return of != NULL && of->flags & BANYAN_CHILD_PRIMARY && declared != NULL
         && banyan_spec_get_origin (declared)->kind != BANYAN_ORIGIN_IMAGE;
}

/**
 * banyan_element_is_implied:
 * @self: an element
 * @role: a role of it
 *
 * Returns: whether the child in @role is there because storage says so, and nobody declared it
 */
gboolean
banyan_element_is_implied (BanyanElement *self, const char *role)
{
  g_autofree char *base = NULL;
  BanyanOrigin origin;

  g_return_val_if_fail (BANYAN_IS_ELEMENT (self), FALSE);
  g_return_val_if_fail (role != NULL, FALSE);

  base = dup_base (role);
  banyan_object_get_origin (BANYAN_OBJECT (self), base, &origin);
  return origin.kind == BANYAN_ORIGIN_IMAGE
         && (banyan_element_implies (self, role) || is_completed (self, base));
}

/* A copy of what was said of @role, or of any (NULL). FALSE: nothing. */
static gboolean
get (BanyanElement *self, const char *role, BanyanImplied *copy)
{
  BanyanImplied *implied;

  g_mutex_lock (&lock);
  implied = find (self, role);
  if (implied != NULL)
    {
      copy->role = implied->role;
      copy->spec = implied->spec != NULL ? banyan_spec_ref (implied->spec) : NULL;
      copy->name = g_strdup (implied->name);
      copy->format = g_strdup (implied->format);
      copy->is_text = implied->is_text;
    }
  g_mutex_unlock (&lock);
  return implied != NULL;
}

static void
clear (BanyanImplied *copy)
{
  g_clear_pointer (&copy->spec, banyan_spec_unref);
  g_clear_pointer (&copy->name, g_free);
  g_clear_pointer (&copy->format, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BanyanImplied, clear)

/* -- Where the image is. -- */

/* What a plain image is in, and what that shows. */
static BanyanElement *
get_below (BanyanElement *self)
{
  GPtrArray *edges = banyan_element_get_edges (self);

  for (guint i = 0; i < edges->len; i++)
    {
      BanyanChild *edge = edges->pdata[i];

      if (edge->role_flags & (BANYAN_CHILD_PRIMARY | BANYAN_CHILD_FILTERED) && edge->node != NULL)
        return BANYAN_ELEMENT (edge->node);
    }
  return NULL;
}

static GParamSpec *
find_path_property (BanyanElement *self)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (self), "filename");

  return pspec != NULL && banyan_param_is_path (pspec) ? pspec : NULL;
}

/* (nullable): it is in no file */
static char *
dup_file (BanyanElement *self)
{
  char *path = NULL;

  for (; self != NULL; self = get_below (self))
    if (find_path_property (self) != NULL)
      {
        g_object_get (self, "filename", &path, NULL);
        return path;
      }
  return NULL;
}

char *
banyan_element_dup_image_name (BanyanElement *self)
{
  char *file = dup_file (self);

  return file != NULL ? file : g_strdup (banyan_object_get_id (BANYAN_OBJECT (self)));
}

/* Descriptors lie in no directory that others were put into, too. */
char *
banyan_element_dup_image_directory (BanyanElement *self)
{
  g_autofree char *file = dup_file (self);
  g_autofree char *path = file != NULL ? g_canonicalize_filename (file, NULL) : NULL;

  if (path == NULL || g_str_has_prefix (path, "/dev/fd/") || g_str_has_prefix (path, "/dev/fdset/"))
    return NULL;

  return g_path_get_dirname (path);
}

char *
banyan_element_dup_implied_directory (BanyanElement *self, const char *role)
{
  g_autofree char *name = banyan_element_dup_implied_name (self, role);

  return name != NULL && banyan_file_name_has_prefix (name)
             ? g_get_current_dir ()
             : banyan_element_dup_image_directory (self);
}

char *
banyan_element_dup_implied_name (BanyanElement *self, const char *role)
{
  g_auto (BanyanImplied) implied = { 0 };

  return get (self, role, &implied) ? g_steal_pointer (&implied.name) : NULL;
}

/* -- As a declaration. -- */

static BanyanSpec *
read_name (const BanyanImplied *implied, const BanyanOrigin *origin, GError **error)
{
  if (implied->is_text)
    return banyan_spec_from_backing_name (implied->name, implied->format, origin, error);

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_SYNTAX,
               "that is no text in UTF-8; declare what it is");
  return NULL;
}

/* As QEMU does: a name that is more than a file's does not tell of a place. */
static gboolean
is_beside_image (const BanyanImplied *implied)
{
  return implied->name == NULL || !banyan_file_name_has_prefix (implied->name);
}

static gboolean
check_place (BanyanElement *self, const BanyanImplied *implied, BanyanSpec *spec, GError **error)
{
  BanyanSpec *file = banyan_spec_lookup (spec, "file");
  const char *path = banyan_spec_lookup_text (
      file != NULL && banyan_spec_get_kind (file) == BANYAN_SPEC_MAP ? file : spec, "filename");
  g_autofree char *directory = banyan_element_dup_image_directory (self);

  if (path == NULL || g_path_is_absolute (path) || directory != NULL || !is_beside_image (implied))
    return TRUE;

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
               "it is relative to an image that is in no directory; declare it with the path that "
               "it has here, or a descriptor");
  return FALSE;
}

static BanyanSpec *
declare (BanyanElement *self, const BanyanImplied *implied, GError **error)
{
  g_autofree char *image = banyan_element_dup_image_name (self);
  const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_IMAGE, .name = g_intern_string (image) };
  g_autoptr (BanyanSpec) spec = implied->spec != NULL ? banyan_spec_loosen (implied->spec, &origin)
                                                      : read_name (implied, &origin, error);

  return spec != NULL && check_place (self, implied, spec, error) ? g_steal_pointer (&spec) : NULL;
}

BanyanSpec *
banyan_element_declare_implied (BanyanElement *self, const char *role, GError **error)
{
  g_auto (BanyanImplied) implied = { 0 };

  return get (self, role, &implied) ? declare (self, &implied, error) : NULL;
}

/* -- As the file of what is declared. -- */

static gboolean
is_of_driver (BanyanElement *child, const char *driver)
{
  return banyan_registry_get_type_by_name (banyan_registry_get_default (),
                                           1u << BANYAN_PLUGIN_FORMAT, driver, NULL)
         == G_OBJECT_TYPE (child);
}

static gboolean
throw_other_format (BanyanElement *child, const char *format, GError **error)
{
  g_set_error (
      error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT,
      "it says that this is %s, and %s is declared to be %s; declare that it is %s, or "
      "its file, too",
      format, banyan_object_get_id (BANYAN_OBJECT (child)),
      banyan_registry_get_name_of_type (banyan_registry_get_default (), G_OBJECT_TYPE (child)),
      format);
  return FALSE;
}

/* What the header says beyond that would be lost. */
static gboolean
check_nothing_else (BanyanSpec *spec, GError **error)
{
  for (guint i = 0; i < banyan_spec_get_length (spec); i++)
    {
      const char *key = banyan_spec_get_key (spec, i);

      if (g_str_equal (key, "driver") || g_str_equal (key, "file"))
        continue;
      g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_CONFLICT,
                   "it gives more than a file, %s; declare all of it, with its file", key);
      return FALSE;
    }
  return TRUE;
}

/* (nullable) (transfer full) */
static BanyanSpec *
pick_file (BanyanSpec *spec, BanyanElement *child, GError **error)
{
  const char *driver = banyan_spec_lookup_text (spec, "driver");
  BanyanSpec *file = banyan_spec_lookup (spec, "file");

  if (driver != NULL && banyan_driver_is_protocol (driver))
    return banyan_spec_ref (spec);
  if ((driver != NULL && !is_of_driver (child, driver)
       && !throw_other_format (child, driver, error))
      || !check_nothing_else (spec, error))
    return NULL;
  if (file != NULL && banyan_spec_get_kind (file) == BANYAN_SPEC_MAP)
    return banyan_spec_ref (file);

  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_REFERENCE,
               "it does not tell the file; declare that, too");
  return NULL;
}

BanyanSpec *
banyan_element_declare_implied_file (BanyanElement *self, const char *role, BanyanElement *child,
                                     GError **error)
{
  g_auto (BanyanImplied) implied = { 0 };
  g_autoptr (BanyanSpec) spec = NULL;

  if (!get (self, role, &implied))
    return NULL;
  if (implied.format != NULL && !banyan_driver_is_protocol (implied.format)
      && !is_of_driver (child, implied.format))
    {
      throw_other_format (child, implied.format, error);
      return NULL;
    }
  if (implied.format == NULL && implied.name != NULL && !g_str_has_prefix (implied.name, "json:"))
    implied.format = g_strdup (
        banyan_registry_get_name_of_type (banyan_registry_get_default (), G_OBJECT_TYPE (child)));

  spec = declare (self, &implied, error);
  return spec != NULL ? pick_file (spec, child, error) : NULL;
}

/* -- For people. -- */

/**
 * banyan_node_dup_backing_name:
 * @self: a node
 *
 * Returns: (transfer full) (nullable): what the image's header calls its backing, whether that is
 *   what is in force or not
 */
char *
banyan_node_dup_backing_name (BanyanNode *self)
{
  g_auto (BanyanImplied) implied = { 0 };

  g_return_val_if_fail (BANYAN_IS_NODE (self), NULL);

  return get (BANYAN_ELEMENT (self), NULL, &implied) ? g_steal_pointer (&implied.name) : NULL;
}

/**
 * banyan_node_dup_backing_format:
 * @self: a node
 *
 * Returns: (transfer full) (nullable): the format of the backing, as the image's header says
 */
char *
banyan_node_dup_backing_format (BanyanNode *self)
{
  g_auto (BanyanImplied) implied = { 0 };

  g_return_val_if_fail (BANYAN_IS_NODE (self), NULL);

  return get (BANYAN_ELEMENT (self), NULL, &implied) ? g_steal_pointer (&implied.format) : NULL;
}

/**
 * banyan_node_dup_full_backing_name:
 * @self: a node
 *
 * Returns: (transfer full) (nullable): as banyan_node_dup_backing_name(), but a relative name with
 *   the directory of the image before it; %NULL also where that is not known
 */
char *
banyan_node_dup_full_backing_name (BanyanNode *self)
{
  g_autofree char *name = banyan_node_dup_backing_name (self);
  g_autofree char *directory = NULL;

  if (name == NULL || g_path_is_absolute (name) || banyan_file_name_has_prefix (name))
    return g_steal_pointer (&name);

  directory = banyan_element_dup_image_directory (BANYAN_ELEMENT (self));
  return directory != NULL ? g_build_filename (directory, name, NULL) : NULL;
}
