/* luks-header.c - the header of a LUKS volume, version 1
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "luks-header.h"

#include <errno.h>

#define MAGIC "LUKS\xba\xbe"
#define MAGIC_SIZE 6

/* Where in the header. */
#define AT_VERSION 6
#define AT_CIPHER 8
#define AT_MODE 40
#define AT_HASH 72
#define NAME_SIZE 32
#define AT_PAYLOAD 104
#define AT_KEY_SIZE 108
#define AT_DIGEST 112
#define AT_SALT 132
#define AT_ITERATIONS 164
#define AT_UUID 168
#define UUID_SIZE 40
#define AT_SLOTS 208

#define SLOT_SIZE 48
#define SLOT_AT_ITERATIONS 4
#define SLOT_AT_SALT 8
#define SLOT_AT_OFFSET 40
#define SLOT_AT_STRIPES 44

#define SLOT_ACTIVE 0x00ac71f3
#define SLOT_INACTIVE 0x0000dead

/* In sectors: what slots are aligned to, and how far the header reaches. */
#define ALIGNMENT 8

guint
luks_header_probe (const guint8 *head, gsize length)
{
  return length >= MAGIC_SIZE && memcmp (head, MAGIC, MAGIC_SIZE) == 0 ? 100 : 0;
}

static guint64
count_sectors (gsize bytes)
{
  return (bytes + ENCRYPTION_SECTOR - 1) / ENCRYPTION_SECTOR;
}

/* In sectors, from one slot's material to the next one's. */
static guint64
slot_stride (gsize key_size)
{
  guint64 sectors = count_sectors (key_size * LUKS_STRIPES);

  return (sectors + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

gsize
luks_header_get_material_size (const LuksHeader *self)
{
  return count_sectors (encryption_key_size (&self->scheme) * LUKS_STRIPES) * ENCRYPTION_SECTOR;
}

guint64
luks_header_measure (const EncryptionScheme *scheme)
{
  return (ALIGNMENT + LUKS_N_SLOTS * slot_stride (encryption_key_size (scheme)))
         * ENCRYPTION_SECTOR;
}

guint
luks_header_count_active (const LuksHeader *self)
{
  guint n = 0;

  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    n += self->slots[i].active;
  return n;
}

/* -- Reading. -- */

typedef struct
{
  LuksHeader *header;
  const guint8 *bytes;
  const char *name;
  guint64 space;
  gboolean is_detached;
} Reading;

static gboolean G_GNUC_PRINTF (4, 5)
    throw_field (const Reading *reading, guint at, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  return banyan_throw_errno (error, EINVAL, "%s: the image's %s, at byte %u of its header",
                             reading->name, text, at);
}

/* (transfer full): what can be shown of a name, whatever the bytes are. */
static char *
dup_name (const Reading *reading, guint at, gsize size)
{
  g_autofree char *name = g_strndup ((const char *) reading->bytes + at, size);

  return g_utf8_make_valid (name, -1);
}

static gboolean
read_version (const Reading *reading, GError **error)
{
  guint version;

  if (luks_header_probe (reading->bytes, LUKS_HEADER_SIZE) == 0)
    return banyan_throw_errno (error, EINVAL, "%s: it does not begin as a LUKS volume does",
                               reading->name);
  version = banyan_get_be16 (reading->bytes + AT_VERSION);
  if (version == 2)
    return banyan_throw_errno (
        error, ENOTSUP,
        "%s: it is a LUKS volume of version 2, and version 1 is what is read here; cryptsetup "
        "convert --type luks1 changes the header where all key slots use pbkdf2 and sectors have "
        "512 bytes, and cryptsetup open makes a device of any, for driver file",
        reading->name);
  return version == 1
         || banyan_throw_errno (error, ENOTSUP,
                                "%s: it is a LUKS volume of version %u, and 1 is "
                                "what is read here",
                                reading->name, version);
}

static gboolean
read_names (const Reading *reading, GError **error)
{
  LuksHeader *self = reading->header;
  g_autofree char *cipher = dup_name (reading, AT_CIPHER, NAME_SIZE);
  g_autofree char *mode = dup_name (reading, AT_MODE, NAME_SIZE);
  g_autofree char *hash = dup_name (reading, AT_HASH, NAME_SIZE);
  g_autofree char *uuid = dup_name (reading, AT_UUID, UUID_SIZE);
  guint32 key_size = banyan_get_be32 (reading->bytes + AT_KEY_SIZE);

  g_strlcpy (self->uuid, uuid, sizeof self->uuid);
  if (!encryption_find_mode (mode, &self->scheme))
    return throw_field (reading, AT_MODE, error,
                        "cipher mode is \"%s\", which is none of xts and cbc with plain, plain64 "
                        "or essiv:HASH",
                        mode);
  if (!encryption_find_cipher (cipher, key_size, &self->scheme))
    return throw_field (reading, AT_CIPHER, error,
                        "cipher is \"%s\" with a key of %u bytes, which is not known", cipher,
                        key_size);
  if (!encryption_find_hash (hash, &self->hash))
    return throw_field (reading, AT_HASH, error, "hash is \"%s\", which is not known", hash);
  if (encryption_scheme_check (&self->scheme, error))
    return TRUE;

  g_prefix_error (error, "%s: ", reading->name);
  return FALSE;
}

static void
read_slot (const Reading *reading, guint index)
{
  LuksSlot *slot = &reading->header->slots[index];
  const guint8 *bytes = reading->bytes + AT_SLOTS + index * SLOT_SIZE;

  slot->active = banyan_get_be32 (bytes) == SLOT_ACTIVE;
  slot->iterations = banyan_get_be32 (bytes + SLOT_AT_ITERATIONS);
  memcpy (slot->salt, bytes + SLOT_AT_SALT, LUKS_SALT_SIZE);
  slot->offset = (guint64) banyan_get_be32 (bytes + SLOT_AT_OFFSET) * ENCRYPTION_SECTOR;
}

/* -- What would not do. -- */

static gboolean
check_slot (const Reading *reading, guint index, GError **error)
{
  const LuksHeader *self = reading->header;
  const LuksSlot *slot = &self->slots[index];
  guint at = AT_SLOTS + index * SLOT_SIZE;
  guint32 state = banyan_get_be32 (reading->bytes + at);
  guint32 stripes = banyan_get_be32 (reading->bytes + at + SLOT_AT_STRIPES);
  guint64 end = slot->offset + luks_header_get_material_size (self);

  if (state != SLOT_ACTIVE && state != SLOT_INACTIVE)
    return throw_field (reading, at, error, "key slot %u is neither active nor inactive, but %#x",
                        index, state);
  if (stripes != LUKS_STRIPES)
    return throw_field (reading, at + SLOT_AT_STRIPES, error,
                        "key slot %u has %u stripes; all have %d", index, stripes, LUKS_STRIPES);
  if (slot->active && slot->iterations == 0)
    return throw_field (reading, at + SLOT_AT_ITERATIONS, error, "key slot %u has 0 iterations",
                        index);
  if (slot->offset < count_sectors (LUKS_HEADER_SIZE) * ENCRYPTION_SECTOR || end > reading->space)
    return throw_field (reading, at + SLOT_AT_OFFSET, error,
                        "key slot %u has its material in bytes %" G_GUINT64_FORMAT
                        " to %" G_GUINT64_FORMAT ", outside of the file or over the header",
                        index, slot->offset, end);
  if (!reading->is_detached && end > self->payload_offset)
    return throw_field (reading, at + SLOT_AT_OFFSET, error,
                        "key slot %u has its material in bytes %" G_GUINT64_FORMAT
                        " to %" G_GUINT64_FORMAT ", where the payload is",
                        index, slot->offset, end);
  return TRUE;
}

static gboolean
check_overlaps (const Reading *reading, GError **error)
{
  const LuksHeader *self = reading->header;
  guint64 size = luks_header_get_material_size (self);

  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    for (guint j = 0; j < i; j++)
      if (self->slots[i].offset < self->slots[j].offset + size
          && self->slots[j].offset < self->slots[i].offset + size)
        return throw_field (reading, AT_SLOTS + i * SLOT_SIZE + SLOT_AT_OFFSET, error,
                            "key slots %u and %u share bytes", j, i);
  return TRUE;
}

/* How many hashes it takes to fill @size bytes. */
static guint64
count_hashes (const LuksHeader *self, guint32 iterations, gsize size)
{
  gsize digest = encryption_digest_size (self->hash);

  return (guint64) iterations * ((size + digest - 1) / digest);
}

static gboolean
check_work (const Reading *reading, GError **error)
{
  const LuksHeader *self = reading->header;
  gsize key_size = encryption_key_size (&self->scheme);
  guint64 work = 0;

  if (self->iterations == 0)
    return throw_field (reading, AT_ITERATIONS, error, "key's digest has 0 iterations");

  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    if (self->slots[i].active)
      work += count_hashes (self, self->slots[i].iterations, key_size)
              + count_hashes (self, self->iterations, LUKS_DIGEST_SIZE);
  return work <= LUKS_MAX_WORK
         || throw_field (reading, AT_ITERATIONS, error,
                         "iterations are so many that %" G_GUINT64_FORMAT
                         " hashes may have to be computed to open it; %" G_GUINT64_FORMAT
                         " are the limit",
                         work, LUKS_MAX_WORK);
}

gboolean
luks_header_read (LuksHeader *self, const guint8 *bytes, const char *name, guint64 space,
                  gboolean is_detached, GError **error)
{
  const Reading reading = { self, bytes, name, space, is_detached };

  *self = (LuksHeader){ .payload_offset = 0 };
  memcpy (self->bytes, bytes, LUKS_HEADER_SIZE);
  if (!read_version (&reading, error) || !read_names (&reading, error))
    return FALSE;

  self->payload_offset = (guint64) banyan_get_be32 (bytes + AT_PAYLOAD) * ENCRYPTION_SECTOR;
  memcpy (self->digest, bytes + AT_DIGEST, LUKS_DIGEST_SIZE);
  memcpy (self->salt, bytes + AT_SALT, LUKS_SALT_SIZE);
  self->iterations = banyan_get_be32 (bytes + AT_ITERATIONS);
  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    read_slot (&reading, i);

  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    if (!check_slot (&reading, i, error))
      return FALSE;
  if (!is_detached && self->payload_offset > space)
    return throw_field (&reading, AT_PAYLOAD, error,
                        "payload begins at byte %" G_GUINT64_FORMAT
                        ", and the file ends at byte %" G_GUINT64_FORMAT,
                        self->payload_offset, space);
  return check_overlaps (&reading, error) && check_work (&reading, error);
}

gboolean
luks_header_is_same_key (const LuksHeader *self, const LuksHeader *other)
{
  return memcmp (self->digest, other->digest, LUKS_DIGEST_SIZE) == 0
         && memcmp (self->salt, other->salt, LUKS_SALT_SIZE) == 0
         && self->scheme.cipher == other->scheme.cipher && self->scheme.mode == other->scheme.mode
         && self->scheme.iv == other->scheme.iv && self->scheme.iv_hash == other->scheme.iv_hash;
}

/* -- Writing. -- */

/* Its field is zero. */
static void
put_name (LuksHeader *self, guint at, const char *name)
{
  memcpy (self->bytes + at, name, MIN (strlen (name), NAME_SIZE - 1));
}

gboolean
luks_header_init (LuksHeader *self, const EncryptionScheme *scheme, gint hash, gboolean is_detached,
                  GError **error)
{
  g_autofree char *mode = encryption_name_mode (scheme);
  g_autofree char *uuid = g_uuid_string_random ();

  if (!encryption_scheme_check (scheme, error))
    return FALSE;

  *self = (LuksHeader){ .scheme = *scheme, .hash = hash };
  self->payload_offset = is_detached ? 0 : luks_header_measure (scheme);
  g_strlcpy (self->uuid, uuid, sizeof self->uuid);
  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    self->slots[i].offset
        = (ALIGNMENT + i * slot_stride (encryption_key_size (scheme))) * ENCRYPTION_SECTOR;

  memcpy (self->bytes, MAGIC, MAGIC_SIZE);
  self->bytes[AT_VERSION + 1] = 1;
  put_name (self, AT_CIPHER, encryption_name_cipher (scheme->cipher));
  put_name (self, AT_MODE, mode);
  put_name (self, AT_HASH, encryption_name_hash (hash));
  banyan_put_be32 (self->bytes + AT_PAYLOAD, self->payload_offset / ENCRYPTION_SECTOR);
  banyan_put_be32 (self->bytes + AT_KEY_SIZE, encryption_key_size (scheme));
  memcpy (self->bytes + AT_UUID, uuid, MIN (strlen (uuid), UUID_SIZE - 1));
  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    luks_header_write_slot (self, i);
  return TRUE;
}

void
luks_header_write_common (LuksHeader *self)
{
  memcpy (self->bytes + AT_DIGEST, self->digest, LUKS_DIGEST_SIZE);
  memcpy (self->bytes + AT_SALT, self->salt, LUKS_SALT_SIZE);
  banyan_put_be32 (self->bytes + AT_ITERATIONS, self->iterations);
}

void
luks_header_write_slot (LuksHeader *self, guint slot)
{
  const LuksSlot *from = &self->slots[slot];
  guint8 *bytes = self->bytes + AT_SLOTS + slot * SLOT_SIZE;

  banyan_put_be32 (bytes, from->active ? SLOT_ACTIVE : SLOT_INACTIVE);
  banyan_put_be32 (bytes + SLOT_AT_ITERATIONS, from->iterations);
  memcpy (bytes + SLOT_AT_SALT, from->salt, LUKS_SALT_SIZE);
  banyan_put_be32 (bytes + SLOT_AT_OFFSET, from->offset / ENCRYPTION_SECTOR);
  banyan_put_be32 (bytes + SLOT_AT_STRIPES, LUKS_STRIPES);
}
