/* luks-keys.h - passphrases, key material and the key: what takes a processor, and no storage
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Nothing here waits for a loop, and most takes its time: it is called on the pool of threads. */

#pragma once

#include "luks-header.h"

G_BEGIN_DECLS

/* (unowned): nobody shows it, and nobody keeps it. */
typedef struct
{
  const guint8 *bytes;
  gsize length;
} LuksPassphrase;

typedef enum
{
  LUKS_KEYS_FAILED, /* the library, which it does not do */
  LUKS_KEYS_WRONG,  /* it is another passphrase's slot */
  LUKS_KEYS_RIGHT,
} LuksKeysResult;

/* From the kernel. */
void luks_keys_fill_random (guint8 *bytes, gsize length);

/* The key, if @slot, whose material is in @material, is @passphrase's. @material is wiped. */
LuksKeysResult luks_keys_unlock (const LuksHeader *header, guint slot,
                                 const LuksPassphrase *passphrase, guint8 *material, guint8 *key);

/* The material that makes @slot @passphrase's; the slot's salt and iterations are there. */
LuksKeysResult luks_keys_lock (const LuksHeader *header, guint slot,
                               const LuksPassphrase *passphrase, const guint8 *key,
                               guint8 *material);

/* What tells the right key; salt and iterations are there. */
LuksKeysResult luks_keys_digest (const LuksHeader *header, const guint8 *key, guint8 *digest);

/* How many iterations for a key of @size bytes this thread does in @ms. */
guint32 luks_keys_count_iterations (gint hash, gsize size, guint ms);

G_END_DECLS
