/* qcow2-encryption.c - images whose data is encrypted
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qcow2-encryption.h"

#include <errno.h>
#include <string.h>

/* In what pieces data is written. */
#define PIECE_SIZE (1u << 20)

/* Of a passphrase, in the old way: what is longer does not count, what is shorter ends with zeroes.
 */
#define AES_KEY_SIZE 16

GType
qcow2_encryption_method_get_type (void)
{
  static const GEnumValue values[] = {
    { QCOW2_ENCRYPTION_NONE, "QCOW2_ENCRYPTION_NONE", "none" },
    { QCOW2_ENCRYPTION_AES, "QCOW2_ENCRYPTION_AES", "aes" },
    { QCOW2_ENCRYPTION_LUKS, "QCOW2_ENCRYPTION_LUKS", "luks" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("BanyanQcow2EncryptionMethod", values));
  return type;
}

/* -- Opening. -- */

/* The volume's own lengths are of no matter to us but for where its material ends. */
static gboolean BANYAN_COROUTINE
read_volume (Qcow2Image *image, LuksVolume *volume, GError **error)
{
  const Qcow2Header *header = &image->header;
  guint64 end = banyan_child_get_length (image->file);

  *volume = (LuksVolume){ .name = image->name,
                          .file = image->file,
                          .offset = header->crypto_offset,
                          .space = header->crypto_bytes };
  if (header->crypto_offset > end)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image's encryption header is at byte %" G_GUINT64_FORMAT
                               ", and the file ends at byte %" G_GUINT64_FORMAT,
                               image->name, header->crypto_offset, end);
  volume->space = MIN (volume->space, end - header->crypto_offset);
  return luks_volume_read (volume, error);
}

gboolean BANYAN_COROUTINE
qcow2_encryption_open (Qcow2Image *image, GError **error)
{
  Qcow2Encryption *self;

  if (image->header.crypt_method == QCOW2_ENCRYPTION_NONE)
    return TRUE;
  if (!encryption_init (error))
    return FALSE;
  if (image->header.size % ENCRYPTION_SECTOR != 0)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image is encrypted, and its size of %" G_GUINT64_FORMAT
                               " bytes is no multiple of %d",
                               image->name, image->header.size, ENCRYPTION_SECTOR);

  self = g_new0 (Qcow2Encryption, 1);
  self->method = image->header.crypt_method;
  image->encryption = self;
  return self->method != QCOW2_ENCRYPTION_LUKS || read_volume (image, &self->volume, error);
}

gboolean BANYAN_COROUTINE
qcow2_encryption_reopen (Qcow2Image *image, gboolean *is_same, GError **error)
{
  Qcow2Encryption *self = image->encryption;
  const LuksHeader *now;
  LuksHeader before;

  *is_same = self != NULL && self->method == image->header.crypt_method;
  if (!*is_same)
    {
      qcow2_encryption_close (image);
      return qcow2_encryption_open (image, error);
    }
  if (self->method != QCOW2_ENCRYPTION_LUKS)
    return TRUE;

  before = self->volume.header;
  now = &self->volume.header;
  if (!read_volume (image, &self->volume, error))
    return FALSE;
  *is_same = luks_header_is_same_key (&before, now);
  return TRUE;
}

static EncryptionSectors *
new_aes_sectors (const LuksPassphrase *passphrase, GError **error)
{
  static const EncryptionScheme scheme
      = { .cipher = ENCRYPTION_AES_128, .mode = ENCRYPTION_CBC, .iv = ENCRYPTION_PLAIN64 };
  guint8 key[AES_KEY_SIZE] = { 0 };
  EncryptionSectors *sectors;

  memcpy (key, passphrase->bytes, MIN (passphrase->length, sizeof key));
  sectors = encryption_sectors_new (&scheme, key, error);
  explicit_bzero (key, sizeof key);
  return sectors;
}

gboolean BANYAN_COROUTINE
qcow2_encryption_unlock (Qcow2Image *image, const LuksPassphrase *passphrase, GError **error)
{
  Qcow2Encryption *self = image->encryption;

  g_clear_pointer (&self->sectors, encryption_sectors_free);
  self->sectors = self->method == QCOW2_ENCRYPTION_LUKS
                      ? luks_volume_unlock (&self->volume, passphrase, NULL, error)
                      : new_aes_sectors (passphrase, error);
  return self->sectors != NULL;
}

void
qcow2_encryption_close (Qcow2Image *image)
{
  if (image->encryption != NULL)
    g_clear_pointer (&image->encryption->sectors, encryption_sectors_free);
  g_clear_pointer (&image->encryption, g_free);
}

gboolean
qcow2_encryption_throw_locked (const Qcow2Image *image, GError **error)
{
  return banyan_throw_errno (error, EACCES,
                             "%s: the image is encrypted; set encrypt.key-secret to the id of a "
                             "secret object with its passphrase",
                             image->name);
}

/* -- Data. -- */

static guint64
sector_of (const Qcow2Encryption *self, guint64 guest, guint64 host)
{
  return (self->method == QCOW2_ENCRYPTION_LUKS ? host : guest) / ENCRYPTION_SECTOR;
}

gboolean BANYAN_COROUTINE
qcow2_encryption_decrypt (Qcow2Image *image, const BanyanRequest *request, guint64 host,
                          GError **error)
{
  Qcow2Encryption *self = image->encryption;

  if (self->sectors == NULL)
    return qcow2_encryption_throw_locked (image, error);
  if (request->iov == NULL)
    return TRUE;
  return encryption_sectors_decrypt_request (self->sectors, sector_of (self, request->offset, host),
                                             request, error);
}

static gboolean BANYAN_COROUTINE
write_piece (Qcow2Image *image, const BanyanRequest *request, guint64 guest, guint64 done,
             BanyanBuffer *buffer, gsize length, GError **error)
{
  Qcow2Encryption *self = image->encryption;
  guint64 host = request->offset + done;
  struct iovec iov = { buffer->data, length };
  BanyanRequest below = BANYAN_REQUEST (host, length, &iov, 1);

  below.flags = request->flags;
  return encryption_sectors_encrypt_request (self->sectors, sector_of (self, guest + done, host),
                                             request, done, buffer->data, length, error)
         && banyan_child_write (qcow2_image_data (image), &below, error);
}

gboolean BANYAN_COROUTINE
qcow2_encryption_write (Qcow2Image *image, const BanyanRequest *request, guint64 guest,
                        GError **error)
{
  g_autoptr (BanyanBuffer) buffer = NULL;

  if (image->encryption->sectors == NULL)
    return qcow2_encryption_throw_locked (image, error);

  buffer = banyan_buffer_new (MIN (request->length, PIECE_SIZE));
  if (buffer == NULL)
    return banyan_throw_errno (error, ENOMEM, "%s: no memory to encrypt", image->name);

  for (guint64 done = 0; done < request->length; done += PIECE_SIZE)
    if (!write_piece (image, request, guest, done, buffer, MIN (request->length - done, PIECE_SIZE),
                      error))
      return FALSE;
  return TRUE;
}
