/* banyan-image-options.h - an image that is to be made, or measured: a struct of options
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A plugin that can make images registers, beside its driver and under the same name, a struct of
 * kind BANYAN_PLUGIN_IMAGE whose fields are the options. They are listed, checked and completed as
 * any other type's, and a driver's state under the same names tells how an image was made. */

#pragma once

#include <banyan/banyan-graph.h>
#include <banyan/banyan-struct.h>

G_BEGIN_DECLS

/* What an image's "preallocation" may be. */
#define BANYAN_TYPE_PREALLOCATION (banyan_preallocation_get_type ())
BANYAN_API
GType banyan_preallocation_get_type (void);

#define BANYAN_TYPE_IMAGE_OPTIONS (banyan_image_options_get_type ())
BANYAN_API
G_DECLARE_DERIVABLE_TYPE (BanyanImageOptions, banyan_image_options, BANYAN, IMAGE_OPTIONS,
                          BanyanStruct)

/* What an image would take. */
typedef struct
{
  guint32 size;
  guint64 required;        /* bytes, for the data that is there */
  guint64 fully_allocated; /* bytes, for as much as fits */
  guint64 bitmaps;         /* bytes more, for a copy of the source's bitmaps */
} BanyanImageSize;

typedef struct _BanyanAmend BanyanAmend;

/* One amendment: who asks for it fills in what it wants. */
struct _BanyanAmend
{
  guint32 size;

  /* (nullable): how far it has come. In the coroutine. */
  void (*progress) (BanyanAmend *self, double fraction);
  gpointer data;
};

#define BANYAN_AMEND_INIT \
  { \
    .size = sizeof (BanyanAmend) \
  }

BANYAN_API
void banyan_amend_tell_progress (BanyanAmend *self, double fraction);

struct _BanyanImageOptionsClass
{
  BanyanStructClass parent_class;

  /* In a coroutine, within a request. @file: what the image goes into, of any content, which is
   * lost; NULL for protocols, which make what they are about. */
  gboolean (*create) (BanyanImageOptions *self, BanyanChild *file, GError **error);
  /* Likewise. @source: (nullable): a node whose content the image is to hold; without it, the image
   * is an empty one of the size asked for. */
  gboolean (*measure) (BanyanImageOptions *self, BanyanChild *source, BanyanImageSize *size,
                       GError **error);
  /* Likewise. Changes the open image @node, a driver's of the same name, to what @self says, of
   * which only what was given counts: see banyan_image_options_is_given(). What takes long is told
   * to @amend. */
  gboolean (*amend) (BanyanImageOptions *self, BanyanNode *node, BanyanAmend *amend,
                     GError **error);

  BANYAN_RESERVED (8);
};

/* As BANYAN_DEFINE_DRIVER, for a struct whose instance begins with a BanyanImageOptions. */
#define BANYAN_DEFINE_IMAGE_OPTIONS(TypeName, type_name) \
  typedef BanyanImageOptionsClass TypeName##Class; \
  GType type_name##_get_type (void); \
  BANYAN_DEFINE_DRIVER (TypeName, type_name, BANYAN_TYPE_IMAGE_OPTIONS)

/* The options of @driver's images as @options (a map) says. @given: which of them were. All
 * problems are reported together. (transfer full): frozen; NULL with @error */
BANYAN_API
BanyanImageOptions *banyan_image_options_new (const char *driver, BanyanSpec *options,
                                              GError **error);
BANYAN_API
gboolean banyan_image_options_is_given (BanyanImageOptions *self, const char *property);
/* Whether what loses data is meant. */
BANYAN_API
void banyan_image_options_set_forced (BanyanImageOptions *self, gboolean is_forced);
BANYAN_API
gboolean banyan_image_options_is_forced (BanyanImageOptions *self);

/* -- Objects that an option names: a struct has no links. -- */

/* As the modifiers of banyan-param.h: the string is the id of an object of @type. */
BANYAN_API
GParamSpec *banyan_image_options_param_object (GParamSpec *pspec, GType type);
/* Main thread, before anything below: finds them in @graph. */
BANYAN_API
gboolean banyan_image_options_bind (BanyanImageOptions *self, BanyanGraph *graph, GError **error);
/* (transfer none) (nullable) */
BANYAN_API
gpointer banyan_image_options_get_object (BanyanImageOptions *self, const char *property);

/* Length that a guest sees, in bytes. */
BANYAN_API
guint64 banyan_image_options_get_length (BanyanImageOptions *self);

BANYAN_API
gboolean BANYAN_COROUTINE banyan_image_options_create (BanyanImageOptions *self, BanyanChild *file,
                                                       GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_image_options_measure (BanyanImageOptions *self,
                                                        BanyanChild *source, BanyanImageSize *size,
                                                        GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_image_options_amend (BanyanImageOptions *self, BanyanNode *node,
                                                      BanyanAmend *amend, GError **error);

G_END_DECLS
