/* luks-volume.h - a LUKS volume, version 1, in a node
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "encryption-sectors.h"
#include "luks-keys.h"

G_BEGIN_DECLS

/* Where the header is, and what it says. */
typedef struct
{
  const char *name;  /* (unowned): for messages */
  BanyanChild *file; /* (unowned) */
  guint64 offset;    /* bytes: of the header in @file */
  guint64 space;     /* bytes, from there on */
  gboolean is_detached;
  LuksHeader header;
} LuksVolume;

/* The header at self->offset. */
gboolean BANYAN_COROUTINE luks_volume_read (LuksVolume *self, GError **error);

/* What decrypts the payload, if one of the slots is @passphrase's. @slot: (out) (optional): which.
 * NULL with @error, EACCES where none is. */
EncryptionSectors *BANYAN_COROUTINE luks_volume_unlock (LuksVolume *self,
                                                        const LuksPassphrase *passphrase,
                                                        guint *slot, GError **error);

/* -- Making one. -- */

typedef struct
{
  EncryptionScheme scheme;
  gint hash;
  guint iter_time_ms; /* for the passphrase; an eighth of it for the key's digest */
  LuksPassphrase passphrase;
} LuksCreation;

#define LUKS_ITER_TIME 2000

/* Writes a header with one key slot at self->offset, where self->space bytes are. What was there is
 * lost, and is no volume if it fails. (transfer full): what encrypts the payload */
EncryptionSectors *BANYAN_COROUTINE
luks_volume_create (LuksVolume *self, const LuksCreation *creation, GError **error);

/* -- Key slots of one that is open. -- */

typedef enum
{
  LUKS_SLOT_ACTIVE,
  LUKS_SLOT_INACTIVE,
} LuksSlotState;

GType luks_slot_state_get_type (void);

/* As QEMU's QCryptoBlockAmendOptionsLUKS. */
typedef struct
{
  LuksSlotState state;
  gint slot; /* -1: a free one, or all that are the old passphrase's */
  gboolean has_iter_time;
  guint iter_time_ms;
  gboolean is_forced;    /* what loses all data, or a passphrase that is in use, too */
  LuksPassphrase secret; /* bytes are NULL: not given; likewise below */
  LuksPassphrase old_secret;
  LuksPassphrase new_secret;
} LuksAmendment;

/* @sectors: what luks_volume_unlock() found. Nobody else does the same at the same time. */
gboolean BANYAN_COROUTINE luks_volume_amend (LuksVolume *self, EncryptionSectors *sectors,
                                             const LuksAmendment *amendment, GError **error);

G_END_DECLS
