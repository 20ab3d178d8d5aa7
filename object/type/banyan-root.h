/* banyan-root.h - the top of an object tree, its collections, and the mapper that fills them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-registry.h>

G_BEGIN_DECLS

/* A collection is a child of the root ("/nodes"): its members have unique ids, a common base type,
 * and in specs a key that names their class. */
#define BANYAN_TYPE_COLLECTION (banyan_collection_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanCollection, banyan_collection, BANYAN, COLLECTION, BanyanObject)
BANYAN_API
GType banyan_collection_get_base_type (BanyanCollection *self);
BANYAN_API
const char *banyan_collection_get_type_key (BanyanCollection *self); /* "driver" or "type" */
BANYAN_API
guint banyan_collection_get_kinds (BanyanCollection *self);

#define BANYAN_TYPE_ROOT (banyan_root_get_type ())
BANYAN_API
BANYAN_DECLARE_BASE_TYPE (BanyanRoot, banyan_root, BANYAN, ROOT, BanyanObject)
struct _BanyanRootClass
{
  BanyanObjectClass parent_class;
  BANYAN_RESERVED (8);
};

BANYAN_API
BanyanCollection *banyan_root_add_collection (BanyanRoot *self, const char *id, GType base_type,
                                              const char *type_key, guint kinds);
/* The collection that an object of @type lives in. (nullable) */
BANYAN_API
BanyanCollection *banyan_root_get_collection_for_type (BanyanRoot *self, GType type);

/* -- The mapper: specs in, checked objects out, nothing created unless all is right. -- */

#define BANYAN_TYPE_MAPPER (banyan_mapper_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanMapper, banyan_mapper, BANYAN, MAPPER, GObject)

/* Links resolve to what is declared here and to what @root has. @directory: what relative paths are
 * relative to. */
BANYAN_API
BanyanMapper *banyan_mapper_new (BanyanRoot *root, const char *directory, BanyanProblems *problems);
/* Objects of the ids that are declared are about to be removed. */
BANYAN_API
void banyan_mapper_set_replaces (BanyanMapper *self, gboolean replaces);
/* Declares @spec (a map with the collection's type key) as an object of @collection. Inline
 * declarations in link properties become objects of their own, born as "ID.PROPERTY"
 * ("ID.PROPERTY.N" in lists, by member id in maps). @id NULL: from the spec's "id" or "node-name".
 */
BANYAN_API
void banyan_mapper_declare (BanyanMapper *self, BanyanCollection *collection, const char *id,
                            const BanyanOrigin *id_origin, BanyanSpec *spec);
/* Declares @spec as a new member of @owner, which is there already, in its property @property. */
BANYAN_API
void banyan_mapper_declare_member (BanyanMapper *self, BanyanObject *owner, const char *property,
                                   const char *id, BanyanSpec *spec);
/* Whose member @object was declared as, after banyan_mapper_build(). (nullable) */
BANYAN_API
BanyanObject *banyan_mapper_get_owner (BanyanMapper *self, BanyanObject *object);
/* Resolves all links, checks classes' rules, and constructs. NULL when there are problems; else the
 * new objects, what is linked to before what links to it, not yet in the tree, except that members
 * are their owners' children. (transfer container) (element-type BanyanObject): the array has
 * references of its own. */
BANYAN_API
GPtrArray *banyan_mapper_build (BanyanMapper *self);
/* One value for one property of an existing object, as banyan_object_set() needs it: converted,
 * links resolved in @root. @candidates (nullable): "nodes/disk0" to objects that are
 * about to come there, which links lead to before others. */
BANYAN_API
gboolean banyan_mapper_convert (BanyanRoot *root, GHashTable *candidates, BanyanObject *object,
                                const char *key, BanyanSpec *spec, GParamSpec **pspec,
                                GValue *value, BanyanProblems *problems);

G_END_DECLS
