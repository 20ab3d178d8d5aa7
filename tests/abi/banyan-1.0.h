/* banyan-1.0.h - what a plugin sees of an earlier Banyan; it is never changed
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Declarations written out, with nothing of today's headers. Since this time classes have used up
 * reserved slots, and operations, fields and properties have come to the end of what was there. A
 * plugin that was built with this has to load as it is: if a change of the library makes these
 * tests fail, the change is wrong, and not this file. */

#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

/* -- Classes. An instance is its parent and one pointer; the sum of a class's slots is fixed. -- */

typedef struct
{
  GObject parent_instance;
  gpointer reserved;
} BanyanObject;

typedef struct
{
  BanyanObject parent_instance;
  gpointer reserved;
} BanyanElement;

typedef struct _BanyanNode
{
  BanyanElement parent_instance;
  gpointer reserved;
} BanyanNode;

/* Protocols and filters. */
typedef struct
{
  BanyanNode parent_instance;
  gpointer reserved;
} BanyanKind;

typedef struct
{
  GObjectClass parent_class;

  gpointer check, open_async, open_finish, close_async, close_finish;
  gpointer reserved[10];
} BanyanObjectClass;

typedef struct
{
  BanyanObjectClass parent_class;

  gboolean (*open) (BanyanElement *self, GError **error);
  void (*close) (BanyanElement *self);
  gpointer start, prepare, settle, commit, abort, finish, child_permissions;
  gpointer reserved[9];
} BanyanElementClass;

typedef struct
{
  BanyanElementClass parent_class;

  gpointer get_limits, get_capabilities;
  gpointer reserved[10];
} BanyanNodeClass;

typedef struct
{
  BanyanNodeClass parent_class;

  gpointer reserved[4];
} BanyanKindClass;

GType banyan_protocol_get_type (void);
GType banyan_filter_get_type (void);

/* -- Requests. -- */

typedef struct _BanyanChild BanyanChild;

typedef struct
{
  guint32 size;
  guint32 flags;
  guint64 offset;
  guint64 length;
  const struct iovec *iov;
  gsize skip;
  guint32 n_iov;
} BanyanRequest;

#define BANYAN_REQUEST_SIZE (G_STRUCT_OFFSET (BanyanRequest, n_iov) + sizeof (guint32))

typedef int BanyanAnswer;

typedef struct
{
  gsize size;

  gboolean (*read) (BanyanNode *self, const BanyanRequest *request, GError **error);
  gboolean (*write) (BanyanNode *self, const BanyanRequest *request, GError **error);
  gboolean (*flush) (BanyanNode *self, GError **error);
  BanyanAnswer (*discard) (BanyanNode *self, const BanyanRequest *request, GError **error);
} BanyanNodeOps;

void banyan_node_class_set_ops (BanyanNodeClass *klass, const BanyanNodeOps *ops);
void banyan_node_class_add_child_role (BanyanNodeClass *klass, const char *name, guint role_flags,
                                       const char *blurb, guint offset);
void banyan_node_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec);
void banyan_node_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec);
void banyan_node_publish_length (BanyanNode *self, guint64 length);

gboolean banyan_child_read (BanyanChild *self, const BanyanRequest *request, GError **error);
gboolean banyan_child_write (BanyanChild *self, const BanyanRequest *request, GError **error);
void banyan_request_copy_in (const BanyanRequest *request, guint64 start, gconstpointer from,
                             gsize length);
void banyan_request_copy_out (const BanyanRequest *request, guint64 start, gpointer to,
                              gsize length);

/* -- Properties and the descriptor. -- */

#define BANYAN_CHILD_FILTERED 4
#define BANYAN_UNIT_NONE 0

GParamSpec *banyan_param_uint (const char *name, const char *nick, const char *blurb, int unit,
                               guint minimum, guint maximum, guint default_value, guint offset);

#define BANYAN_PLUGIN_PROTOCOL 0
#define BANYAN_PLUGIN_FILTER 2

typedef struct
{
  guint32 abi;
  guint32 size;
  const char *name;
  const char *version;
  const char *licence;
  int kind;
  void (*register_type) (GTypeModule *module);
  const char *summary;
} BanyanPluginDescriptor;

GType banyan_plugin_register_type (GTypeModule *module, GType parent, const char *name,
                                   const GTypeInfo *info);

__attribute__ ((
    visibility ("default"))) extern const BanyanPluginDescriptor banyan_plugin_descriptor;
