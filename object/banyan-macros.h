/* banyan-macros.h - what every header of Banyan needs
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <glib-object.h>

G_BEGIN_DECLS

/* Libraries are built with hidden symbols: this marks what is public. */
#define BANYAN_API __attribute__ ((visibility ("default"))) extern

/* Marks a function that may suspend the coroutine it is called in. It says so to readers and to
 * tools/check-coroutines; the compiler ignores it. */
#define BANYAN_COROUTINE

/* A live property is written by the main thread while iothreads read it. These are the one way to
 * do either; on every machine that we build for they cost a plain load and store. */
#define BANYAN_LIVE(field) (__atomic_load_n (&(field), __ATOMIC_RELAXED))
#define BANYAN_LIVE_SET(field, value) (__atomic_store_n (&(field), (value), __ATOMIC_RELAXED))

/* Slots that a public class struct reserves, so that it can grow without breaking what was built
 * against its first version. */
#define BANYAN_RESERVED(n) gpointer _reserved[n]

/* As G_DECLARE_DERIVABLE_TYPE, for the classes that plugins derive from: an instance holds its
 * parent and one reserved pointer, and never anything else, since subclasses were built with its
 * size. What the class needs is private data. */
#define BANYAN_DECLARE_BASE_TYPE(Name, name, MODULE, NAME, Parent) \
  GType name##_get_type (void); \
  typedef struct _##Name Name; \
  typedef struct _##Name##Class Name##Class; \
  struct _##Name \
  { \
    Parent parent_instance; \
    gpointer _reserved; \
  }; \
  G_DEFINE_AUTOPTR_CLEANUP_FUNC (Name, g_object_unref) \
  G_DEFINE_AUTOPTR_CLEANUP_FUNC (Name##Class, g_type_class_unref) \
  G_GNUC_UNUSED static inline Name *MODULE##_##NAME (gpointer object) \
  { \
    return G_TYPE_CHECK_INSTANCE_CAST (object, name##_get_type (), Name); \
  } \
  G_GNUC_UNUSED static inline Name##Class *MODULE##_##NAME##_CLASS (gpointer klass) \
  { \
    return G_TYPE_CHECK_CLASS_CAST (klass, name##_get_type (), Name##Class); \
  } \
  G_GNUC_UNUSED static inline gboolean MODULE##_IS_##NAME (gpointer object) \
  { \
    return G_TYPE_CHECK_INSTANCE_TYPE (object, name##_get_type ()); \
  } \
  G_GNUC_UNUSED static inline gboolean MODULE##_IS_##NAME##_CLASS (gpointer klass) \
  { \
    return G_TYPE_CHECK_CLASS_TYPE (klass, name##_get_type ()); \
  } \
  G_GNUC_UNUSED static inline Name##Class *MODULE##_##NAME##_GET_CLASS (gpointer object) \
  { \
    return G_TYPE_INSTANCE_GET_CLASS (object, name##_get_type (), Name##Class); \
  }

G_END_DECLS
