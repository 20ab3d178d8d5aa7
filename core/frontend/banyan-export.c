/* banyan-export.c - one thing that a server offers: a node, and whether it may be written
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-graph-private.h"

#include <banyan/banyan-frontend.h>

typedef struct
{
  gboolean writable;
  char *description; /* (owned) (nullable) */
} BanyanExportPrivate;

enum
{
  PROP_0,
  PROP_WRITABLE,
  PROP_DESCRIPTION,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (BanyanExport, banyan_export, BANYAN_TYPE_ELEMENT)

static BanyanExportPrivate *
private_of (BanyanExport *self)
{
  return banyan_export_get_instance_private (self);
}

/* Clients of an export bear others that write, but they were told a length. */
static void
banyan_export_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                                 const BanyanProposal *proposal, guint used, guint shared,
                                 guint *child_used, guint *child_shared)
{
  *child_used = BANYAN_PERMISSION_CONSISTENT_READ;
  if (g_value_get_boolean (banyan_proposal_get (proposal, "writable")))
    *child_used |= BANYAN_PERMISSION_WRITE;

  *child_shared = BANYAN_PERMISSIONS_ALL & ~BANYAN_PERMISSION_RESIZE;
}

static void
put_writable (BanyanExport *self, gboolean writable)
{
  if (private_of (self)->writable == writable)
    return;

  BANYAN_LIVE_SET (private_of (self)->writable, writable);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_WRITABLE]);
}

static void
put_description (BanyanExport *self, const char *description)
{
  BanyanExportPrivate *private = private_of (self);

  if (g_strcmp0 (private->description, description) == 0)
    return;

  g_free (private->description);
  private->description = g_strdup (description);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DESCRIPTION]);
}

static void
banyan_export_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  BanyanExport *self = BANYAN_EXPORT (object);

  if (id >= N_PROPS)
    banyan_element_set_field (object, id, value, pspec);
  else if (!banyan_object_accept_set (BANYAN_OBJECT (object), value, pspec))
    return;
  else if (id == PROP_WRITABLE)
    put_writable (self, g_value_get_boolean (value));
  else
    put_description (self, g_value_get_string (value));
}

static void
banyan_export_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanExport *self = BANYAN_EXPORT (object);

  if (id >= N_PROPS)
    banyan_element_get_field (object, id, value, pspec);
  else if (id == PROP_WRITABLE)
    g_value_set_boolean (value, private_of (self)->writable);
  else
    g_value_set_string (value, private_of (self)->description);
}

static void
banyan_export_finalize (GObject *object)
{
  g_free (private_of (BANYAN_EXPORT (object))->description);

  G_OBJECT_CLASS (banyan_export_parent_class)->finalize (object);
}

static void
banyan_export_class_init (BanyanExportClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);

  object_class->set_property = banyan_export_set_property;
  object_class->get_property = banyan_export_get_property;
  object_class->finalize = banyan_export_finalize;
  element_class->child_permissions = banyan_export_child_permissions;

  banyan_element_class_add_backend_role (element_class, "node", BANYAN_CHILD_DATA,
                                         "Node that clients see", BANYAN_NO_FIELD);

  properties[PROP_WRITABLE] = banyan_param_mutable (
      banyan_param_boolean ("writable", "Writable", "Whether clients may write", FALSE,
                            BANYAN_NO_FIELD),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_DESCRIPTION] = banyan_param_string (
      "description", "Description", "What clients are told about the export besides its name", NULL,
      BANYAN_NO_FIELD);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_export_init (BanyanExport *self)
{
}

/**
 * banyan_export_get_backend: (skip)
 * @self: an export
 *
 * Returns: (transfer none) (nullable): where its requests enter the graph, while it is open
 */
BanyanBackend *
banyan_export_get_backend (BanyanExport *self)
{
  g_return_val_if_fail (BANYAN_IS_EXPORT (self), NULL);

  return banyan_element_get_child (BANYAN_ELEMENT (self), "node")->backend;
}

/**
 * banyan_export_is_writable:
 * @self: an export
 *
 * Callable from any thread.
 *
 * Returns: whether clients may write
 */
gboolean
banyan_export_is_writable (BanyanExport *self)
{
  g_return_val_if_fail (BANYAN_IS_EXPORT (self), FALSE);

  return BANYAN_LIVE (private_of (self)->writable);
}

/**
 * banyan_export_get_description:
 * @self: an export
 *
 * Returns: (nullable): what clients are told about it besides its name; fixed while it is open
 */
const char *
banyan_export_get_description (BanyanExport *self)
{
  g_return_val_if_fail (BANYAN_IS_EXPORT (self), NULL);

  return private_of (self)->description;
}
