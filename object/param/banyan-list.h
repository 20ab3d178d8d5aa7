/* banyan-list.h - immutable lists and maps of values
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-macros.h>

G_BEGIN_DECLS

/* Boxed, reference counted (atomic), frozen when made. All elements have one GType. */
#define BANYAN_TYPE_LIST (banyan_list_get_type ())
typedef struct _BanyanList BanyanList;
BANYAN_API
GType banyan_list_get_type (void);
BANYAN_API
BanyanList *banyan_list_new (GType element_type, const GValue *values, guint n_values);
BANYAN_API
BanyanList *banyan_list_ref (BanyanList *self);
BANYAN_API
void banyan_list_unref (BanyanList *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanList, banyan_list_unref)
BANYAN_API
GType banyan_list_get_element_type (BanyanList *self);
BANYAN_API
guint banyan_list_get_length (BanyanList *self); /* 0 for NULL */
BANYAN_API
const GValue *banyan_list_get_value (BanyanList *self, guint index);
BANYAN_API
const char *banyan_list_get_string (BanyanList *self, guint index);
BANYAN_API
gpointer banyan_list_get_object (BanyanList *self, guint index);

/* Keys are unique and keep their order. */
#define BANYAN_TYPE_MAP (banyan_map_get_type ())
typedef struct _BanyanMap BanyanMap;
BANYAN_API
GType banyan_map_get_type (void);
BANYAN_API
BanyanMap *banyan_map_new (GType element_type, const char *const *keys, const GValue *values,
                           guint n_values);
BANYAN_API
BanyanMap *banyan_map_ref (BanyanMap *self);
BANYAN_API
void banyan_map_unref (BanyanMap *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanMap, banyan_map_unref)
BANYAN_API
GType banyan_map_get_element_type (BanyanMap *self);
BANYAN_API
guint banyan_map_get_length (BanyanMap *self); /* 0 for NULL */
BANYAN_API
const char *banyan_map_get_key (BanyanMap *self, guint index);
BANYAN_API
const GValue *banyan_map_get_value (BanyanMap *self, guint index);
BANYAN_API
const GValue *banyan_map_lookup (BanyanMap *self, const char *key);

G_END_DECLS
