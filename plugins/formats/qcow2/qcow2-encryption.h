/* qcow2-encryption.h - images whose data is encrypted
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Only the guest's data is: tables, bitmaps and what is compressed are not. With LUKS, a volume's
 * header and key slots lie in clusters of the image, and a sector's number is where it lies; in the
 * old way, AES by a passphrase alone, it is the guest's. */

#pragma once

#include "qcow2-image.h"

#include "luks-volume.h"

/* The header's crypt_method; for people, what a node was told to expect, or an image to be. */
typedef enum
{
  QCOW2_ENCRYPTION_NONE,
  QCOW2_ENCRYPTION_AES,
  QCOW2_ENCRYPTION_LUKS,
} Qcow2EncryptionMethod;

GType qcow2_encryption_method_get_type (void);

struct _Qcow2Encryption
{
  Qcow2EncryptionMethod method;
  LuksVolume volume;          /* with LUKS */
  EncryptionSectors *sectors; /* (owned) (nullable): it is locked */
};

/* Of an image that is open: reads what is known of it without a passphrase. Sets
 * image->encryption, where data is encrypted. */
gboolean BANYAN_COROUTINE qcow2_encryption_open (Qcow2Image *image, GError **error);
/* The same of an image that was read again: if it is the same volume, it stays unlocked. */
gboolean BANYAN_COROUTINE qcow2_encryption_reopen (Qcow2Image *image, gboolean *is_same,
                                                   GError **error);
gboolean BANYAN_COROUTINE
qcow2_encryption_unlock (Qcow2Image *image, const LuksPassphrase *passphrase, GError **error);
void qcow2_encryption_close (Qcow2Image *image);

/* EACCES, and what to do. */
gboolean qcow2_encryption_throw_locked (const Qcow2Image *image, GError **error);

/* What was read from @host on is made what @request, which is the guest's, asks for. */
gboolean BANYAN_COROUTINE qcow2_encryption_decrypt (Qcow2Image *image, const BanyanRequest *request,
                                                    guint64 host, GError **error);
/* Encrypts the data of @request, whose offset is one of the data's child, and writes it there;
 * for the guest it is from @guest on. */
gboolean BANYAN_COROUTINE qcow2_encryption_write (Qcow2Image *image, const BanyanRequest *request,
                                                  guint64 guest, GError **error);

/* What `banyan img info` tells of it. (nullable) (transfer full) */
GType qcow2_encryption_info_get_type (void);
BanyanStruct *qcow2_encryption_describe (const Qcow2Encryption *self);
