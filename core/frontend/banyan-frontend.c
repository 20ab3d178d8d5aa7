/* banyan-frontend.c - what all frontends have: the iothread that they serve on
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-frontend-private.h"

#include <banyan/banyan-iothread.h>

typedef struct
{
  BanyanObject *iothread; /* (owned) (nullable) */
} BanyanFrontendPrivate;

enum
{
  PROP_0,
  PROP_IOTHREAD,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (BanyanFrontend, banyan_frontend, BANYAN_TYPE_ELEMENT)

static BanyanFrontendPrivate *
private_of (BanyanFrontend *self)
{
  return banyan_frontend_get_instance_private (self);
}

static void
set_iothread (BanyanFrontend *self, BanyanObject *iothread)
{
  BanyanFrontendPrivate *private = private_of (self);
  BanyanObject *old = private->iothread;

  if (old == iothread)
    return;

  private->iothread = iothread != NULL ? g_object_ref (iothread) : NULL;
  if (iothread != NULL)
    banyan_object_add_user (iothread, BANYAN_OBJECT (self), "iothread");
  if (old != NULL)
    banyan_object_remove_user (old, BANYAN_OBJECT (self), "iothread");
  g_clear_object (&old);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_IOTHREAD]);
}

void
banyan_frontend_clear_links (BanyanFrontend *self)
{
  set_iothread (self, NULL);
}

/* The link lies in private data, which no field offset reaches. */
static void
banyan_frontend_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id != PROP_IOTHREAD)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  else if (banyan_object_accept_set (BANYAN_OBJECT (object), value, pspec))
    set_iothread (BANYAN_FRONTEND (object), g_value_get_object (value));
}

static void
banyan_frontend_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_IOTHREAD)
    g_value_set_object (value, private_of (BANYAN_FRONTEND (object))->iothread);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
banyan_frontend_dispose (GObject *object)
{
  set_iothread (BANYAN_FRONTEND (object), NULL);

  G_OBJECT_CLASS (banyan_frontend_parent_class)->dispose (object);
}

BanyanLoop *
banyan_frontend_find_loop (BanyanFrontend *self, BanyanGraph *graph)
{
  BanyanObject *iothread = private_of (self)->iothread;

  return iothread != NULL ? banyan_iothread_get_loop (BANYAN_IOTHREAD (iothread))
                          : banyan_graph_get_loop (graph);
}

/**
 * banyan_frontend_get_loop: (skip)
 * @self: a frontend that is open, or being opened
 *
 * Returns: (transfer none): the loop of its iothread, or the graph's own
 */
BanyanLoop *
banyan_frontend_get_loop (BanyanFrontend *self)
{
  g_return_val_if_fail (BANYAN_IS_FRONTEND (self), NULL);

  return banyan_frontend_find_loop (self,
                                    BANYAN_GRAPH (banyan_object_get_root (BANYAN_OBJECT (self))));
}

static void
banyan_frontend_class_init (BanyanFrontendClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  BanyanElementClass *element_class = BANYAN_ELEMENT_CLASS (klass);

  element_class->prepare = banyan_frontend_prepare;
  element_class->abort = banyan_frontend_abort;
  element_class->finish = banyan_frontend_finish;
  object_class->set_property = banyan_frontend_set_property;
  object_class->get_property = banyan_frontend_get_property;
  object_class->dispose = banyan_frontend_dispose;

  properties[PROP_IOTHREAD]
      = banyan_param_link ("iothread", "I/O thread",
                           "Thread that accepts clients and serves them; without one, the graph's",
                           "BanyanIOThread", BANYAN_NO_FIELD);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_frontend_init (BanyanFrontend *self)
{
}
