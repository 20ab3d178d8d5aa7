/* luks-info.c - what people are told of a volume's key slots
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "luks-info.h"

typedef struct
{
  BanyanStruct parent_instance;

  gboolean active;
  guint iters;
  guint stripes;
  guint64 key_offset;
} LuksSlotInfo;

enum
{
  PROP_0,
  PROP_ACTIVE,
  PROP_ITERS,
  PROP_KEY_OFFSET,
  PROP_STRIPES,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

#define FIELD(field) G_STRUCT_OFFSET (LuksSlotInfo, field)

/* Of a slot that is not in use, its numbers are left out, as what is 0 is. */
static void
class_init (gpointer klass, gpointer data)
{
  GObjectClass *object_class = klass;

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;

  properties[PROP_ACTIVE] = banyan_param_required (banyan_param_boolean (
      "active", "Active", "Whether a passphrase is for this slot", FALSE, FIELD (active)));
  properties[PROP_ITERS] = banyan_param_uint ("iters", "Iterations", "How often that is hashed",
                                              BANYAN_UNIT_NONE, 0, G_MAXUINT, 0, FIELD (iters));
  properties[PROP_KEY_OFFSET]
      = banyan_param_uint64 ("key-offset", "Key offset", "Where the slot's material is",
                             BANYAN_UNIT_BYTES, 0, G_MAXINT64, 0, FIELD (key_offset));
  properties[PROP_STRIPES]
      = banyan_param_uint ("stripes", "Stripes", "How often the material is as long as the key",
                           BANYAN_UNIT_NONE, 0, G_MAXUINT, 0, FIELD (stripes));
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

/* Two plugins have this code: see encryption_register_enum(). */
GType
luks_slot_info_get_type (void)
{
  static GMutex mutex;
  GType type;

  g_mutex_lock (&mutex);
  type = g_type_from_name ("BanyanLuksSlotInfo");
  if (type == G_TYPE_INVALID)
    type = g_type_register_static_simple (BANYAN_TYPE_STRUCT, "BanyanLuksSlotInfo",
                                          sizeof (BanyanStructClass), class_init,
                                          sizeof (LuksSlotInfo), NULL, 0);
  g_mutex_unlock (&mutex);
  return type;
}

BanyanList *
luks_info_list_slots (const LuksHeader *header)
{
  GType type = luks_slot_info_get_type ();
  GValue values[LUKS_N_SLOTS] = { G_VALUE_INIT };
  BanyanList *list;

  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    {
      const LuksSlot *slot = &header->slots[i];
      LuksSlotInfo *info = g_object_new (type, NULL);

      info->active = slot->active;
      info->iters = slot->active ? slot->iterations : 0;
      info->stripes = slot->active ? LUKS_STRIPES : 0;
      info->key_offset = slot->offset;
      banyan_struct_freeze ((BanyanStruct *) info);
      g_value_init (&values[i], type);
      g_value_take_object (&values[i], info);
    }
  list = banyan_list_new (type, values, LUKS_N_SLOTS);
  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    g_value_unset (&values[i]);
  return list;
}
