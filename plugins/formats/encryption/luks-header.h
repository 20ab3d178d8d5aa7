/* luks-header.h - the header of a LUKS volume, version 1
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Numbers in it are big-endian. The header, the material of eight key slots, each from a multiple
 * of 4 KiB on, and the payload lie one after the other; a detached header leads to a payload that
 * is somewhere else. */

#pragma once

#include "encryption-names.h"

G_BEGIN_DECLS

#define LUKS_HEADER_SIZE 592
#define LUKS_N_SLOTS 8
#define LUKS_SALT_SIZE 32
#define LUKS_DIGEST_SIZE 20
#define LUKS_STRIPES 4000

/* Nobody is to wait for hours for an image that says so: as many hashes as all passphrases that it
 * could have take together. A machine of today does 1 to 6 million a second, and what makes images
 * takes a second or two for each passphrase. */
#define LUKS_MAX_WORK (G_GUINT64_CONSTANT (1) << 30)
/* Of what is made here, for a passphrase or the key's digest: so all slots can be in use. */
#define LUKS_MAX_SHARE (LUKS_MAX_WORK / (2 * LUKS_N_SLOTS))
/* Fewer are no protection. */
#define LUKS_MIN_ITERATIONS 1000

typedef struct
{
  gboolean active;
  guint32 iterations;
  guint8 salt[LUKS_SALT_SIZE];
  guint64 offset; /* bytes: of the material, from the beginning of the header */
} LuksSlot;

typedef struct
{
  EncryptionScheme scheme;
  gint hash; /* EncryptionHash: of passphrases, of the key's digest, and between stripes */
  guint64 payload_offset; /* bytes */
  guint8 digest[LUKS_DIGEST_SIZE];
  guint8 salt[LUKS_SALT_SIZE];
  guint32 iterations;
  char uuid[41];
  LuksSlot slots[LUKS_N_SLOTS];

  guint8 bytes[LUKS_HEADER_SIZE]; /* as it lies in the image */
} LuksHeader;

/* 0 to 100; of any version. */
guint luks_header_probe (const guint8 *head, gsize length);

/* What @bytes say, once it is known that it can be. @name: for messages. @space: how many bytes
 * there are for the header and the material; and for the payload, unless @is_detached. */
gboolean luks_header_read (LuksHeader *self, const guint8 *bytes, const char *name, guint64 space,
                           gboolean is_detached, GError **error);

/* Whether both lead to the same key, used in the same way. */
gboolean luks_header_is_same_key (const LuksHeader *self, const LuksHeader *other);

/* A new header: everything but digest, salts and iterations is filled in. */
gboolean luks_header_init (LuksHeader *self, const EncryptionScheme *scheme, gint hash,
                           gboolean is_detached, GError **error);

/* Bytes from the beginning to where the payload of such a volume lies, if it lies behind. */
guint64 luks_header_measure (const EncryptionScheme *scheme);

/* Into self->bytes: what all slots share; one slot. */
void luks_header_write_common (LuksHeader *self);
void luks_header_write_slot (LuksHeader *self, guint slot);

/* Bytes of a slot's material, in whole sectors. */
gsize luks_header_get_material_size (const LuksHeader *self);
guint luks_header_count_active (const LuksHeader *self);

G_END_DECLS
