/* qcow2-overlap-checks.c - which tables of the image are protected: QEMU's overlap-check
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A template says it for all kinds, and each kind that is named besides goes before it. */

#include "qcow2-overlap-checks.h"

#include "qcow2-overlap.h"

typedef enum
{
  TEMPLATE_NONE,
  TEMPLATE_CONSTANT,
  TEMPLATE_CACHED,
  TEMPLATE_ALL,
} Template;

#define BIT(kind) (1u << QCOW2_META_##kind)
#define CONSTANT \
  (BIT (HEADER) | BIT (ACTIVE_L1) | BIT (REFCOUNT_TABLE) | BIT (SNAPSHOT_TABLE) \
   | BIT (BITMAP_DIRECTORY))
#define CACHED (CONSTANT | BIT (ACTIVE_L2) | BIT (REFCOUNT_BLOCK) | BIT (INACTIVE_L1))

static const guint template_kinds[] = { 0, CONSTANT, CACHED, CACHED | BIT (INACTIVE_L2) };

struct _Qcow2OverlapChecks
{
  BanyanStruct parent_instance;

  Template template;
  guint named; /* a mask of kinds */
  guint on;    /* of those */
};

enum
{
  PROP_0,
  PROP_TEMPLATE,
  PROP_FIRST_KIND,
  N_PROPS = PROP_FIRST_KIND + QCOW2_N_METAS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (Qcow2OverlapChecks, qcow2_overlap_checks, BANYAN_TYPE_STRUCT)

static GType
template_get_type (void)
{
  static const GEnumValue values[] = {
    { TEMPLATE_NONE, "QCOW2_OVERLAP_NONE", "none" },
    { TEMPLATE_CONSTANT, "QCOW2_OVERLAP_CONSTANT", "constant" },
    { TEMPLATE_CACHED, "QCOW2_OVERLAP_CACHED", "cached" },
    { TEMPLATE_ALL, "QCOW2_OVERLAP_ALL", "all" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanQcow2OverlapMode", values));
  return type;
}

guint
qcow2_overlap_checks_get_kinds (Qcow2OverlapChecks *self)
{
  if (self == NULL)
    return CACHED;
  return (template_kinds[self->template] & ~self->named) | self->on;
}

static void
qcow2_overlap_checks_set_property (GObject *object, guint id, const GValue *value,
                                   GParamSpec *pspec)
{
  Qcow2OverlapChecks *self = QCOW2_OVERLAP_CHECKS (object);
  guint bit;

  if (id < PROP_FIRST_KIND)
    {
      banyan_struct_set_field (object, id, value, pspec);
      return;
    }

  bit = 1u << (id - PROP_FIRST_KIND);
  self->named |= bit;
  self->on = g_value_get_boolean (value) ? self->on | bit : self->on & ~bit;
}

static void
qcow2_overlap_checks_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Qcow2OverlapChecks *self = QCOW2_OVERLAP_CHECKS (object);

  if (id < PROP_FIRST_KIND)
    banyan_struct_get_field (object, id, value, pspec);
  else
    g_value_set_boolean (
        value, (qcow2_overlap_checks_get_kinds (self) & 1u << (id - PROP_FIRST_KIND)) != 0);
}

static void
add_kind (Qcow2Meta kind, const char *name, const char *nick, const char *blurb)
{
  properties[PROP_FIRST_KIND + kind] = banyan_param_computed (
      banyan_param_boolean (name, nick, blurb, FALSE, BANYAN_NO_FIELD), "what template says");
}

static void
qcow2_overlap_checks_class_init (Qcow2OverlapChecksClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->set_property = qcow2_overlap_checks_set_property;
  object_class->get_property = qcow2_overlap_checks_get_property;

  properties[PROP_TEMPLATE] = banyan_param_enum (
      "template", "Template",
      "None; constant: what never changes its place in use; cached: what is in memory anyway; all: "
      "the tables of snapshots, too, which have to be read for that",
      template_get_type (), TEMPLATE_CACHED, G_STRUCT_OFFSET (Qcow2OverlapChecks, template));
  add_kind (QCOW2_META_HEADER, "main-header", "Header", "The image's header");
  add_kind (QCOW2_META_ACTIVE_L1, "active-l1", "Active L1", "The L1 table in force");
  add_kind (QCOW2_META_ACTIVE_L2, "active-l2", "Active L2", "L2 tables in force");
  add_kind (QCOW2_META_REFCOUNT_TABLE, "refcount-table", "Refcount table",
            "The table of those blocks");
  add_kind (QCOW2_META_REFCOUNT_BLOCK, "refcount-block", "Refcount blocks", "Blocks of refcounts");
  add_kind (QCOW2_META_SNAPSHOT_TABLE, "snapshot-table", "Snapshot table", "The list of snapshots");
  add_kind (QCOW2_META_INACTIVE_L1, "inactive-l1", "Inactive L1", "L1 tables of snapshots");
  add_kind (QCOW2_META_INACTIVE_L2, "inactive-l2", "Inactive L2", "L2 tables of snapshots");
  add_kind (QCOW2_META_BITMAP_DIRECTORY, "bitmap-directory", "Bitmap directory",
            "The list of dirty bitmaps");
  g_object_class_install_properties (object_class, N_PROPS, properties);
  banyan_struct_class_set_short_form (BANYAN_STRUCT_CLASS (klass), "template");
}

static void
qcow2_overlap_checks_init (Qcow2OverlapChecks *self)
{
  self->template = TEMPLATE_CACHED;
}
