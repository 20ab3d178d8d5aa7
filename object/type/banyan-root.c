/* banyan-root.c - the top of an object tree, and its collections
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-mapper-private.h"
#include "banyan-object-private.h"
#include "banyan-param-private.h"
#include "banyan-spec-private.h"

#include <string.h>

struct _BanyanCollection
{
  BanyanObject parent_instance;

  GType base_type;
  char *type_key; /* (owned) */
  guint kinds;
  const char *path_advice; /* (nullable) */
};

G_DEFINE_FINAL_TYPE (BanyanCollection, banyan_collection, BANYAN_TYPE_OBJECT)
G_DEFINE_TYPE (BanyanRoot, banyan_root, BANYAN_TYPE_OBJECT)

static void
banyan_collection_finalize (GObject *object)
{
  g_free (BANYAN_COLLECTION (object)->type_key);

  G_OBJECT_CLASS (banyan_collection_parent_class)->finalize (object);
}

static void
banyan_collection_class_init (BanyanCollectionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = banyan_collection_finalize;
}

static void
banyan_collection_init (BanyanCollection *self)
{
}

/**
 * banyan_collection_get_base_type:
 * @self: a collection
 *
 * Returns: what all members are or are derived from
 */
GType
banyan_collection_get_base_type (BanyanCollection *self)
{
  g_return_val_if_fail (BANYAN_IS_COLLECTION (self), G_TYPE_INVALID);

  return self->base_type;
}

/**
 * banyan_collection_get_type_key:
 * @self: a collection
 *
 * Returns: the key that tells a member's type in documents: "driver" or "type"
 */
const char *
banyan_collection_get_type_key (BanyanCollection *self)
{
  g_return_val_if_fail (BANYAN_IS_COLLECTION (self), NULL);

  return self->type_key;
}

/**
 * banyan_collection_get_kinds:
 * @self: a collection
 *
 * Returns: a mask of 1 << #BanyanPluginKind: which of the registry's types it takes
 */
guint
banyan_collection_get_kinds (BanyanCollection *self)
{
  g_return_val_if_fail (BANYAN_IS_COLLECTION (self), 0);

  return self->kinds;
}

void
banyan_collection_set_path_advice (BanyanCollection *self, const char *advice)
{
  self->path_advice = advice;
}

char *
banyan_collection_advise_on_path (BanyanCollection *self, const char *written)
{
  g_autofree char *quoted = banyan_spec_quote (written);
  GString *advice;

  if (self->path_advice == NULL || strpbrk (written, "/.") == NULL)
    return NULL;

  advice = g_string_new (self->path_advice);
  g_string_replace (advice, "PATH", quoted, 1);
  return g_string_free (advice, FALSE);
}

gboolean
banyan_collection_accepts (BanyanCollection *self, BanyanObject *child, GError **error)
{
  g_autofree char *wanted = NULL;

  if (g_type_is_a (G_OBJECT_TYPE (child), self->base_type))
    return TRUE;

  wanted = banyan_param_name_of_type (g_type_name (self->base_type));
  g_set_error (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_TYPE,
               "\"%s\" is %s %s; /%s takes what is %s %s", banyan_object_get_id (child),
               banyan_param_article (G_OBJECT_TYPE_NAME (child)), G_OBJECT_TYPE_NAME (child),
               banyan_object_get_id (BANYAN_OBJECT (self)), banyan_param_article (wanted), wanted);
  return FALSE;
}

static void
banyan_root_class_init (BanyanRootClass *klass)
{
}

static void
banyan_root_init (BanyanRoot *self)
{
}

/**
 * banyan_root_add_collection:
 * @self: a root
 * @id: (not nullable): what it is called: "nodes"
 * @base_type: what all members are or are derived from
 * @type_key: the key that tells a member's type in documents
 * @kinds: a mask of 1 << #BanyanPluginKind: which of the registry's types it takes
 *
 * Adds a place for objects of a kind.
 *
 * Returns: (transfer none): the collection
 */
BanyanCollection *
banyan_root_add_collection (BanyanRoot *self, const char *id, GType base_type, const char *type_key,
                            guint kinds)
{
  g_autoptr (BanyanCollection) collection = NULL;
  g_autoptr (GError) error = NULL;

  g_return_val_if_fail (BANYAN_IS_ROOT (self), NULL);
  g_return_val_if_fail (g_type_is_a (base_type, BANYAN_TYPE_OBJECT), NULL);
  g_return_val_if_fail (type_key != NULL, NULL);

  collection = g_object_new (BANYAN_TYPE_COLLECTION, "id", id, NULL);
  collection->base_type = base_type;
  collection->type_key = g_strdup (type_key);
  collection->kinds = kinds;

  if (!banyan_object_add_child (BANYAN_OBJECT (self), BANYAN_OBJECT (collection), &error))
    {
      g_critical ("%s: %s", G_STRFUNC, error->message);
      return NULL;
    }

  /* There is nothing to acquire. */
  banyan_object_set_state (BANYAN_OBJECT (collection), BANYAN_OBJECT_OPEN);
  return collection;
}

/**
 * banyan_root_get_collection_for_type:
 * @self: a root
 * @type: an object type
 *
 * Finds where objects of @type live: the collection whose base type is the nearest to it.
 *
 * Returns: (transfer none) (nullable): the collection
 */
BanyanCollection *
banyan_root_get_collection_for_type (BanyanRoot *self, GType type)
{
  g_autoptr (GPtrArray) children = NULL;
  BanyanCollection *nearest = NULL;

  g_return_val_if_fail (BANYAN_IS_ROOT (self), NULL);

  children = banyan_object_list_children (BANYAN_OBJECT (self));
  for (guint i = 0; i < children->len; i++)
    {
      BanyanCollection *collection = children->pdata[i];

      if (BANYAN_IS_COLLECTION (collection) && g_type_is_a (type, collection->base_type)
          && (!nearest || g_type_is_a (collection->base_type, nearest->base_type)))
        nearest = collection;
    }

  return nearest;
}
