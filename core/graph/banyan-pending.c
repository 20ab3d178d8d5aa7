/* banyan-pending.c - stands in for the control path until it has landed; goes with that
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Elements with edges for their roles, and nothing that changes a graph. All of it is weak. */

#include "banyan-graph-private.h"

#define WEAK __attribute__ ((weak))

typedef struct
{
  char *name;
  guint flags;
} Role;

G_GNUC_UNUSED static GQuark pending_roles_quark (void);
G_GNUC_UNUSED static GQuark pending_edges_quark (void);
static G_DEFINE_QUARK (banyan-pending-roles, pending_roles)
static G_DEFINE_QUARK (banyan-pending-edges, pending_edges)

static gpointer parent_class;

static void
pending_constructed (GObject *object)
{
  GPtrArray *edges = g_ptr_array_new_with_free_func ((GDestroyNotify) banyan_child_free);

  for (GType type = G_OBJECT_TYPE (object); type != 0; type = g_type_parent (type))
    {
      GPtrArray *roles = g_type_get_qdata (type, pending_roles_quark ());

      for (guint i = 0; roles != NULL && i < roles->len; i++)
        {
          Role *role = roles->pdata[i];

          g_ptr_array_add (edges,
                           banyan_child_new (BANYAN_ELEMENT (object), role->name, role->flags));
        }
    }
  g_object_set_qdata_full (object, pending_edges_quark (), edges,
                           (GDestroyNotify) g_ptr_array_unref);
  G_OBJECT_CLASS (parent_class)->constructed (object);
}

static void
pending_class_init (gpointer klass, gpointer data)
{
  parent_class = g_type_class_peek_parent (klass);
  G_OBJECT_CLASS (klass)->constructed = pending_constructed;
  G_OBJECT_CLASS (klass)->set_property = banyan_object_set_field;
  G_OBJECT_CLASS (klass)->get_property = banyan_object_get_field;
}

WEAK GType
banyan_element_get_type (void)
{
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_type_register_static_simple (BANYAN_TYPE_OBJECT, "BanyanElement",
                                              sizeof (BanyanElementClass), pending_class_init,
                                              sizeof (BanyanElement), NULL, G_TYPE_FLAG_ABSTRACT));
  return type;
}

WEAK void
banyan_element_class_add_child_role (BanyanElementClass *klass, const char *name, guint role_flags,
                                     const char *blurb, guint offset)
{
  GPtrArray *roles = g_type_get_qdata (G_TYPE_FROM_CLASS (klass), pending_roles_quark ());
  Role *role = g_new0 (Role, 1);

  if (roles == NULL)
    {
      roles = g_ptr_array_new ();
      g_type_set_qdata (G_TYPE_FROM_CLASS (klass), pending_roles_quark (), roles);
    }
  role->name = g_strdup (name);
  role->flags = role_flags;
  g_ptr_array_add (roles, role);
}

WEAK void
banyan_element_set_field (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  banyan_object_set_field (object, id, value, pspec);
}

WEAK void
banyan_element_get_field (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  banyan_object_get_field (object, id, value, pspec);
}

WEAK GPtrArray *
banyan_element_get_edges (BanyanElement *self)
{
  return g_object_get_qdata (G_OBJECT (self), pending_edges_quark ());
}

WEAK GType
banyan_graph_get_type (void)
{
  return G_TYPE_INVALID;
}

WEAK BanyanLoop *
banyan_graph_get_loop (BanyanGraph *self)
{
  return NULL;
}

WEAK gboolean
banyan_graph_attach (BanyanGraph *self, BanyanChild *edge, BanyanNode *node, GError **error)
{
  g_set_error_literal (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                       "graphs cannot be changed yet");
  return FALSE;
}
