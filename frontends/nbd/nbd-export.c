/* nbd-export.c - one export of an NBD server
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nbd-protocol.h"
#include "nbd-server.h"

struct _NbdExport
{
  BanyanExport parent_instance;

  char *name; /* (owned) (nullable): the id, where it is not set */
  gboolean is_default;
  gboolean is_resizable;
  guint max_connections; /* live */
  BanyanCoMutex resize_mutex;
};

enum
{
  PROP_0,
  PROP_NAME,
  PROP_DEFAULT,
  PROP_RESIZABLE,
  PROP_MAX_CONNECTIONS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (NbdExport, nbd_export, BANYAN_TYPE_EXPORT)

const char *
nbd_export_get_name (NbdExport *self)
{
  return self->name != NULL ? self->name : banyan_object_get_id (BANYAN_OBJECT (self));
}

gboolean
nbd_export_is_default (NbdExport *self)
{
  return BANYAN_LIVE (self->is_default);
}

gboolean
nbd_export_is_resizable (NbdExport *self)
{
  return BANYAN_LIVE (self->is_resizable);
}

guint
nbd_export_get_max_connections (NbdExport *self)
{
  return BANYAN_LIVE (self->max_connections);
}

BanyanCoMutex *
nbd_export_get_resize_mutex (NbdExport *self)
{
  return &self->resize_mutex;
}

static NbdServer *
server_of (BanyanElement *element)
{
  return NBD_SERVER (banyan_object_get_parent (BANYAN_OBJECT (element)));
}

/* Longer ones no client takes: one would hide all of the server's exports from LIST. */
static void
check_length (const BanyanProposal *proposal, const char *property, BanyanProblems *problems)
{
  const char *text = g_value_get_string (banyan_proposal_get (proposal, property));
  gsize length = text != NULL ? strlen (text) : 0;

  if (length > NBD_MAX_STRING)
    banyan_proposal_problem (proposal, problems, property, "has %zu bytes; the limit is %u", length,
                             NBD_MAX_STRING);
}

static void
nbd_export_check (BanyanObject *object, const BanyanProposal *proposal, BanyanProblems *problems)
{
  check_length (proposal, "name", problems);
  check_length (proposal, "description", problems);
}

/* What clients may do to the node is what the export takes. */
static void
nbd_export_child_permissions (BanyanElement *element, const char *role, guint role_flags,
                              const BanyanProposal *proposal, guint used, guint shared,
                              guint *child_used, guint *child_shared)
{
  BANYAN_ELEMENT_CLASS (nbd_export_parent_class)
      ->child_permissions (element, role, role_flags, proposal, used, shared, child_used,
                           child_shared);
  if ((*child_used & BANYAN_PERMISSION_WRITE)
      && g_value_get_boolean (banyan_proposal_get (proposal, "resizable")))
    *child_used |= BANYAN_PERMISSION_RESIZE;
}

static gboolean
nbd_export_open (BanyanElement *element, GError **error)
{
  return nbd_server_check_export (server_of (element), NBD_EXPORT (element), error);
}

static void
nbd_export_start (BanyanElement *element)
{
  nbd_server_add_export (server_of (element), NBD_EXPORT (element));
}

static void
nbd_export_close (BanyanElement *element)
{
  nbd_server_remove_export (server_of (element), NBD_EXPORT (element));
}

static void
nbd_export_finalize (GObject *object)
{
  banyan_co_mutex_clear (&NBD_EXPORT (object)->resize_mutex);
  G_OBJECT_CLASS (nbd_export_parent_class)->finalize (object);
}

static void
nbd_export_class_init (NbdExportClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);

  object_class->set_property = banyan_element_set_field;
  object_class->get_property = banyan_element_get_field;
  object_class->finalize = nbd_export_finalize;
  BANYAN_OBJECT_CLASS (klass)->check = nbd_export_check;
  element_class->open = nbd_export_open;
  element_class->start = nbd_export_start;
  element_class->close = nbd_export_close;
  element_class->child_permissions = nbd_export_child_permissions;

  properties[PROP_NAME]
      = banyan_param_computed (banyan_param_string ("name", "Export name", "What clients ask for",
                                                    NULL, G_STRUCT_OFFSET (NbdExport, name)),
                               "the export's id");
  properties[PROP_DEFAULT] = banyan_param_boolean (
      "default", "Default", "Whether a client that asks for the empty name gets this one", FALSE,
      G_STRUCT_OFFSET (NbdExport, is_default));
  properties[PROP_RESIZABLE] = banyan_param_mutable (
      banyan_param_boolean ("resizable", "Resizable",
                            "Whether clients may make the node longer (extension RESIZE)", FALSE,
                            G_STRUCT_OFFSET (NbdExport, is_resizable)),
      BANYAN_MUTABLE_REOPEN);
  properties[PROP_MAX_CONNECTIONS] = banyan_param_uint (
      "max-connections", "Most connections", "Clients beyond this are refused; 0: any number",
      BANYAN_UNIT_NONE, 0, G_MAXUINT, 0, G_STRUCT_OFFSET (NbdExport, max_connections));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
nbd_export_init (NbdExport *self)
{
  banyan_co_mutex_init (&self->resize_mutex);
}
