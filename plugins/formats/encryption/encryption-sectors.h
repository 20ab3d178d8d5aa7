/* encryption-sectors.h - sectors of a disk, encrypted and decrypted
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "encryption-names.h"

G_BEGIN_DECLS

/* A key, and what each thread needs to use it. Any number of threads at once. */
typedef struct _EncryptionSectors EncryptionSectors;

/* Keeps a copy of @key, which has as many bytes as @scheme wants. NULL with @error. */
EncryptionSectors *encryption_sectors_new (const EncryptionScheme *scheme, const guint8 *key,
                                           GError **error);
void encryption_sectors_free (EncryptionSectors *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EncryptionSectors, encryption_sectors_free)

const guint8 *encryption_sectors_get_key (const EncryptionSectors *self);
gsize encryption_sectors_get_key_size (const EncryptionSectors *self);

/* @length bytes, whole sectors of which the first has the number @sector, from @from to @to, which
 * may be the same. On a loop's thread; what takes long is done beside it. */
gboolean BANYAN_COROUTINE encryption_sectors_encrypt (EncryptionSectors *self, guint64 sector,
                                                      const guint8 *from, guint8 *to, gsize length,
                                                      GError **error);
gboolean BANYAN_COROUTINE encryption_sectors_decrypt (EncryptionSectors *self, guint64 sector,
                                                      const guint8 *from, guint8 *to, gsize length,
                                                      GError **error);

/* The data of @request, which is whole sectors in pieces of memory that need not be, as it was read
 * from storage: decrypts it where it is. */
gboolean BANYAN_COROUTINE encryption_sectors_decrypt_request (EncryptionSectors *self,
                                                              guint64 sector,
                                                              const BanyanRequest *request,
                                                              GError **error);
/* The data of @request, likewise, from @start on: @length bytes of it, encrypted, to @to. */
gboolean BANYAN_COROUTINE encryption_sectors_encrypt_request (EncryptionSectors *self,
                                                              guint64 sector,
                                                              const BanyanRequest *request,
                                                              guint64 start, guint8 *to,
                                                              gsize length, GError **error);

/* Without a loop, and without what is kept for the next time: for key material. */
gboolean encryption_sectors_decrypt_once (EncryptionSectors *self, guint8 *bytes, gsize length);
gboolean encryption_sectors_encrypt_once (EncryptionSectors *self, guint8 *bytes, gsize length);

G_END_DECLS
