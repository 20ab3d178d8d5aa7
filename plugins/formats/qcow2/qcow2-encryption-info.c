/* qcow2-encryption-info.c - what people are told of how an image is encrypted
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-encryption.h"

#include "luks-info.h"

/* As QEMU's ImageInfoSpecificQCow2Encryption; of what is not LUKS, the method is all. */
typedef struct
{
  BanyanStruct parent_instance;

  char *format;     /* (owned), as all below */
  char *cipher_alg; /* (nullable), as all below */
  char *cipher_mode;
  char *hash_alg;
  char *ivgen_alg;
  char *ivgen_hash_alg;
  guint master_key_iters;
  guint64 payload_offset;
  BanyanList *slots;
  char *uuid;
} Qcow2EncryptionInfo;

typedef BanyanStructClass Qcow2EncryptionInfoClass;

G_DEFINE_TYPE (Qcow2EncryptionInfo, qcow2_encryption_info, BANYAN_TYPE_STRUCT)

#define FIELD(field) G_STRUCT_OFFSET (Qcow2EncryptionInfo, field)

static void
qcow2_encryption_info_class_init (Qcow2EncryptionInfoClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamSpec *const pspecs[] = {
    NULL,
    banyan_param_string ("format", "Format", "How data is encrypted: aes or luks", NULL,
                         FIELD (format)),
    banyan_param_string ("cipher-alg", "Cipher", "What data is encrypted with", NULL,
                         FIELD (cipher_alg)),
    banyan_param_string ("cipher-mode", "Cipher mode",
                         "How that goes from block to block of a sector", NULL,
                         FIELD (cipher_mode)),
    banyan_param_string ("hash-alg", "Hash", "What passphrases are hashed with", NULL,
                         FIELD (hash_alg)),
    banyan_param_string ("ivgen-alg", "IV generator", "What makes sectors differ", NULL,
                         FIELD (ivgen_alg)),
    banyan_param_string ("ivgen-hash-alg", "IV generator's hash", "What essiv hashes the key with",
                         NULL, FIELD (ivgen_hash_alg)),
    banyan_param_uint ("master-key-iters", "Master key's iterations",
                       "How often the key is hashed to tell whether it is right", BANYAN_UNIT_NONE,
                       0, G_MAXUINT, 0, FIELD (master_key_iters)),
    banyan_param_uint64 ("payload-offset", "Payload offset",
                         "Where data would begin in a volume of its own", BANYAN_UNIT_BYTES, 0,
                         G_MAXINT64, 0, FIELD (payload_offset)),
    banyan_param_list ("slots", "Slots", "What is known of each of the eight passphrases",
                       banyan_param_struct ("slot", "Slot", "One slot", luks_slot_info_get_type (),
                                            BANYAN_NO_FIELD),
                       FIELD (slots)),
    banyan_param_string ("uuid", "UUID", "What the volume is called by others", NULL, FIELD (uuid)),
  };

  object_class->set_property = banyan_struct_set_field;
  object_class->get_property = banyan_struct_get_field;
  g_object_class_install_properties (object_class, G_N_ELEMENTS (pspecs), (GParamSpec **) pspecs);
}

static void
qcow2_encryption_info_init (Qcow2EncryptionInfo *self)
{
}

static char *
dup_nick (GType type, gint value)
{
  GEnumClass *klass = g_type_class_ref (type);
  const GEnumValue *found = g_enum_get_value (klass, value);
  char *nick = found != NULL ? g_strdup (found->value_nick) : NULL;

  g_type_class_unref (klass);
  return nick;
}

static void
describe_volume (Qcow2EncryptionInfo *info, const LuksHeader *header)
{
  const EncryptionScheme *scheme = &header->scheme;

  info->cipher_alg = dup_nick (encryption_cipher_get_type (), scheme->cipher);
  info->cipher_mode = dup_nick (encryption_mode_get_type (), scheme->mode);
  info->hash_alg = dup_nick (encryption_hash_get_type (), header->hash);
  info->ivgen_alg = dup_nick (encryption_iv_get_type (), scheme->iv);
  if (scheme->iv == ENCRYPTION_ESSIV)
    info->ivgen_hash_alg = dup_nick (encryption_hash_get_type (), scheme->iv_hash);
  info->master_key_iters = header->iterations;
  info->payload_offset = header->payload_offset;
  info->slots = luks_info_list_slots (header);
  info->uuid = g_strdup (header->uuid);
}

BanyanStruct *
qcow2_encryption_describe (const Qcow2Encryption *self)
{
  Qcow2EncryptionInfo *info;

  if (self == NULL)
    return NULL;

  info = g_object_new (qcow2_encryption_info_get_type (), NULL);
  info->format = dup_nick (qcow2_encryption_method_get_type (), self->method);
  if (self->method == QCOW2_ENCRYPTION_LUKS)
    describe_volume (info, &self->volume.header);
  banyan_struct_freeze ((BanyanStruct *) info);
  return (BanyanStruct *) info;
}
