/* luks-volume.c - a LUKS volume, version 1, in a node
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "luks-volume.h"

#include <errno.h>
#include <string.h>

/* -- Storage. -- */

gboolean BANYAN_COROUTINE
luks_volume_read (LuksVolume *self, GError **error)
{
  guint8 bytes[LUKS_HEADER_SIZE];

  if (self->space < sizeof bytes)
    return banyan_throw_errno (error, EINVAL,
                               "%s: the image has %" G_GUINT64_FORMAT
                               " bytes, which is less than the header of a LUKS volume",
                               self->name, self->space);
  return banyan_child_pread (self->file, self->offset, bytes, sizeof bytes, error)
         && luks_header_read (&self->header, bytes, self->name, self->space, self->is_detached,
                              error);
}

static gboolean BANYAN_COROUTINE
write_header (LuksVolume *self, GError **error)
{
  return banyan_child_pwrite (self->file, self->offset, self->header.bytes, LUKS_HEADER_SIZE, 0,
                              error)
         && banyan_child_flush (self->file, error);
}

static guint64
material_offset (LuksVolume *self, guint slot)
{
  return self->offset + self->header.slots[slot].offset;
}

static gboolean BANYAN_COROUTINE
write_material (LuksVolume *self, guint slot, const guint8 *material, GError **error)
{
  return banyan_child_pwrite (self->file, material_offset (self, slot), material,
                              luks_header_get_material_size (&self->header), 0, error)
         && banyan_child_flush (self->file, error);
}

/* -- On the pool of threads. -- */

typedef struct
{
  LuksVolume *self;
  guint slot;
  const LuksPassphrase *passphrase;
  guint8 *material;
  guint8 *key;
  guint iter_time_ms;
} Job;

static gssize
unlock_slot (gpointer data)
{
  const Job *job = data;

  return luks_keys_unlock (&job->self->header, job->slot, job->passphrase, job->material, job->key);
}

static gssize
lock_slot (gpointer data)
{
  Job *job = data;
  LuksHeader *header = &job->self->header;
  LuksSlot *slot = &header->slots[job->slot];

  luks_keys_fill_random (slot->salt, sizeof slot->salt);
  slot->iterations = luks_keys_count_iterations (
      header->hash, encryption_key_size (&header->scheme), job->iter_time_ms);
  return luks_keys_lock (header, job->slot, job->passphrase, job->key, job->material);
}

static gssize
make_key (gpointer data)
{
  Job *job = data;
  LuksHeader *header = &job->self->header;

  luks_keys_fill_random (job->key, encryption_key_size (&header->scheme));
  luks_keys_fill_random (header->salt, sizeof header->salt);
  header->iterations
      = luks_keys_count_iterations (header->hash, LUKS_DIGEST_SIZE, MAX (job->iter_time_ms / 8, 1));
  return luks_keys_digest (header, job->key, header->digest);
}

static gboolean
throw_failed (LuksVolume *self, GError **error)
{
  return banyan_throw_errno (error, EIO, "%s: libgcrypt failed with key slots", self->name);
}

/* -- Unlocking. -- */

/* LUKS_KEYS_FAILED comes with @error. */
static LuksKeysResult BANYAN_COROUTINE
try_slot (LuksVolume *self, guint slot, const LuksPassphrase *passphrase, guint8 *key,
          GError **error)
{
  gsize size = luks_header_get_material_size (&self->header);
  g_autofree guint8 *material = g_malloc (size);
  Job job = { self, slot, passphrase, material, key, 0 };
  LuksKeysResult result;

  if (!self->header.slots[slot].active)
    return LUKS_KEYS_WRONG;
  if (!banyan_child_pread (self->file, material_offset (self, slot), material, size, error))
    return LUKS_KEYS_FAILED;

  result = banyan_co_compute (unlock_slot, &job);
  if (result == LUKS_KEYS_FAILED)
    throw_failed (self, error);
  return result;
}

/* The first slot that is @passphrase's, from @slot on. */
static LuksKeysResult BANYAN_COROUTINE
find_slot (LuksVolume *self, const LuksPassphrase *passphrase, guint *slot, guint8 *key,
           GError **error)
{
  LuksKeysResult result = LUKS_KEYS_WRONG;

  for (; *slot < LUKS_N_SLOTS; ++*slot)
    {
      result = try_slot (self, *slot, passphrase, key, error);
      if (result != LUKS_KEYS_WRONG)
        break;
    }
  return result;
}

EncryptionSectors *BANYAN_COROUTINE
luks_volume_unlock (LuksVolume *self, const LuksPassphrase *passphrase, guint *slot, GError **error)
{
  guint8 key[ENCRYPTION_MAX_KEY];
  guint found = 0;
  LuksKeysResult result = find_slot (self, passphrase, &found, key, error);
  EncryptionSectors *sectors = NULL;

  if (result == LUKS_KEYS_RIGHT)
    sectors = encryption_sectors_new (&self->header.scheme, key, error);
  else if (result == LUKS_KEYS_WRONG)
    banyan_throw_errno (error, EACCES,
                        "%s: the secret is the passphrase of none of the %u key slots in use",
                        self->name, luks_header_count_active (&self->header));
  explicit_bzero (key, sizeof key);
  if (sectors != NULL && slot != NULL)
    *slot = found;
  return sectors;
}

/* -- Filling a slot. -- */

/* What crosses a sector of the header is written while the slot does not count: a power cut may
 * leave half of it. The word that makes it count lies in one sector. */
static gboolean BANYAN_COROUTINE
write_slot (LuksVolume *self, guint slot, const guint8 *material, GError **error)
{
  LuksSlot *to = &self->header.slots[slot];
  gboolean done;

  to->active = FALSE;
  luks_header_write_slot (&self->header, slot);
  if (!write_material (self, slot, material, error) || !write_header (self, error))
    return FALSE;

  to->active = TRUE;
  luks_header_write_slot (&self->header, slot);
  done = write_header (self, error);
  if (!done)
    {
      to->active = FALSE;
      luks_header_write_slot (&self->header, slot);
      write_header (self, NULL);
    }
  return done;
}

static gboolean BANYAN_COROUTINE
fill_slot (LuksVolume *self, guint slot, const LuksPassphrase *passphrase, guint iter_time_ms,
           const guint8 *key, GError **error)
{
  gsize size = luks_header_get_material_size (&self->header);
  g_autofree guint8 *material = g_malloc (size);
  Job job = { self, slot, passphrase, material, (guint8 *) key, iter_time_ms };

  if (banyan_co_compute (lock_slot, &job) != LUKS_KEYS_RIGHT)
    return throw_failed (self, error);
  return write_slot (self, slot, material, error);
}

/* -- Making a volume. -- */

/* Nothing is a volume until the last write. What slots never had was random before, or will be. */
static gboolean BANYAN_COROUTINE
write_volume (LuksVolume *self, const LuksCreation *creation, guint8 *key, GError **error)
{
  static const guint8 nothing[LUKS_HEADER_SIZE];
  Job job = { .self = self, .key = key, .iter_time_ms = creation->iter_time_ms };

  if (!banyan_child_pwrite (self->file, self->offset, nothing, sizeof nothing, 0, error)
      || !banyan_child_flush (self->file, error))
    return FALSE;
  if (banyan_co_compute (make_key, &job) != LUKS_KEYS_RIGHT)
    return throw_failed (self, error);

  luks_header_write_common (&self->header);
  return fill_slot (self, 0, &creation->passphrase, creation->iter_time_ms, key, error);
}

EncryptionSectors *BANYAN_COROUTINE
luks_volume_create (LuksVolume *self, const LuksCreation *creation, GError **error)
{
  guint8 key[ENCRYPTION_MAX_KEY];
  EncryptionSectors *sectors = NULL;

  if (!luks_header_init (&self->header, &creation->scheme, creation->hash, self->is_detached,
                         error))
    return NULL;
  if (write_volume (self, creation, key, error))
    sectors = encryption_sectors_new (&creation->scheme, key, error);
  explicit_bzero (key, sizeof key);
  return sectors;
}

/* -- Key slots. -- */

GType
luks_slot_state_get_type (void)
{
  static const GEnumValue values[] = {
    { LUKS_SLOT_ACTIVE, "LUKS_SLOT_ACTIVE", "active" },
    { LUKS_SLOT_INACTIVE, "LUKS_SLOT_INACTIVE", "inactive" },
    { 0 },
  };

  return encryption_register_enum ("BanyanLuksSlotState", values);
}

/* The salt goes first, and with it any use of the material, which is overwritten then: so nothing
 * in between leaves a slot that counts and has lost its material. */
static gboolean BANYAN_COROUTINE
erase_slot (LuksVolume *self, guint slot, GError **error)
{
  gsize size = luks_header_get_material_size (&self->header);
  LuksSlot *from = &self->header.slots[slot];
  const LuksSlot before = *from;
  g_autofree guint8 *noise = NULL;

  *from = (LuksSlot){ .offset = before.offset };
  luks_header_write_slot (&self->header, slot);
  if (!write_header (self, error))
    {
      *from = before;
      luks_header_write_slot (&self->header, slot);
      write_header (self, NULL);
      return FALSE;
    }

  noise = g_malloc (size);
  luks_keys_fill_random (noise, size);
  if (write_material (self, slot, noise, error))
    return TRUE;
  g_prefix_error (error, "%s: key slot %u is erased, and its material is still there: ", self->name,
                  slot);
  return FALSE;
}

static gboolean
throw_slot (LuksVolume *self, GError **error, const char *what)
{
  return banyan_throw_errno (error, EINVAL, "%s: %s", self->name, what);
}

/* -- Activating. -- */

static gint
choose_free_slot (LuksVolume *self, const LuksAmendment *amendment)
{
  if (amendment->slot >= 0)
    return amendment->slot;
  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    if (!self->header.slots[i].active)
      return i;
  return -1;
}

static gboolean
check_activation (LuksVolume *self, const LuksAmendment *amendment, gint slot, GError **error)
{
  if (amendment->new_secret.bytes == NULL)
    return throw_slot (self, error, "state=active needs new-secret, the slot's passphrase");
  if (amendment->old_secret.bytes != NULL)
    return throw_slot (self, error, "old-secret is for state=inactive");
  if (slot < 0)
    return throw_slot (self, error, "all key slots are in use; make one inactive before");
  if (self->header.slots[slot].active && !amendment->is_forced)
    return banyan_throw_errno (error, EBUSY,
                               "%s: key slot %d is in use; make it inactive before, or add --force "
                               "to lose its passphrase",
                               self->name, slot);
  return TRUE;
}

static gboolean BANYAN_COROUTINE
activate (LuksVolume *self, EncryptionSectors *sectors, const LuksAmendment *amendment,
          GError **error)
{
  gint slot = choose_free_slot (self, amendment);
  guint iter_time_ms = amendment->has_iter_time ? amendment->iter_time_ms : LUKS_ITER_TIME;

  if (!check_activation (self, amendment, slot, error))
    return FALSE;
  if (self->header.slots[slot].active && !erase_slot (self, slot, error))
    return FALSE;
  return fill_slot (self, slot, &amendment->new_secret, iter_time_ms,
                    encryption_sectors_get_key (sectors), error);
}

/* -- Inactivating. -- */

/* Which slots are @passphrase's, as a mask. FALSE with @error. */
static gboolean BANYAN_COROUTINE
find_slots (LuksVolume *self, const LuksPassphrase *passphrase, guint *slots, GError **error)
{
  guint8 key[ENCRYPTION_MAX_KEY];
  LuksKeysResult result = LUKS_KEYS_RIGHT;

  *slots = 0;
  for (guint slot = 0; slot < LUKS_N_SLOTS; slot++)
    {
      result = find_slot (self, passphrase, &slot, key, error);
      if (result != LUKS_KEYS_RIGHT)
        break;
      *slots |= 1u << slot;
    }
  explicit_bzero (key, sizeof key);
  return result != LUKS_KEYS_FAILED;
}

static gboolean
check_inactivation (LuksVolume *self, const LuksAmendment *amendment, GError **error)
{
  if (amendment->new_secret.bytes != NULL)
    return throw_slot (self, error, "new-secret is for state=active");
  if (amendment->has_iter_time)
    return throw_slot (self, error, "iter-time is for state=active");
  if (amendment->slot < 0 && amendment->old_secret.bytes == NULL)
    return throw_slot (self, error,
                       "state=inactive needs keyslot, or old-secret: the passphrase whose slots "
                       "are meant");
  if (amendment->slot >= 0 && !self->header.slots[amendment->slot].active && !amendment->is_forced)
    return banyan_throw_errno (error, EINVAL, "%s: key slot %d is not in use", self->name,
                               amendment->slot);
  return TRUE;
}

/* As a mask; 0 with @error. */
static guint BANYAN_COROUTINE
choose_slots (LuksVolume *self, const LuksAmendment *amendment, GError **error)
{
  guint slots = (1u << LUKS_N_SLOTS) - 1;

  if (amendment->old_secret.bytes != NULL
      && !find_slots (self, &amendment->old_secret, &slots, error))
    return 0;
  if (amendment->slot >= 0)
    slots &= 1u << amendment->slot;
  if (slots == 0)
    banyan_throw_errno (error, EACCES,
                        "%s: old-secret is the passphrase of no key slot that is "
                        "meant",
                        self->name);
  return slots;
}

static gboolean
leaves_nothing (LuksVolume *self, guint slots)
{
  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    if (self->header.slots[i].active && !(slots & 1u << i))
      return FALSE;
  return TRUE;
}

static gboolean BANYAN_COROUTINE
inactivate (LuksVolume *self, const LuksAmendment *amendment, GError **error)
{
  guint slots;

  if (!check_inactivation (self, amendment, error))
    return FALSE;
  slots = choose_slots (self, amendment, error);
  if (slots == 0)
    return FALSE;
  if (leaves_nothing (self, slots) && !amendment->is_forced)
    return banyan_throw_errno (error, EPERM,
                               "%s: no key slot would be left, and the data could never be read "
                               "again; make another one active before, or add --force",
                               self->name);

  for (guint i = 0; i < LUKS_N_SLOTS; i++)
    if ((slots & 1u << i) && !erase_slot (self, i, error))
      return FALSE;
  return TRUE;
}

/* Who says which passphrase to go by has to have a right one. */
static gboolean BANYAN_COROUTINE
check_secret (LuksVolume *self, const LuksAmendment *amendment, GError **error)
{
  g_autoptr (EncryptionSectors) sectors = NULL;

  if (amendment->secret.bytes == NULL)
    return TRUE;

  sectors = luks_volume_unlock (self, &amendment->secret, NULL, error);
  return sectors != NULL;
}

gboolean BANYAN_COROUTINE
luks_volume_amend (LuksVolume *self, EncryptionSectors *sectors, const LuksAmendment *amendment,
                   GError **error)
{
  if (amendment->slot >= LUKS_N_SLOTS)
    return banyan_throw_errno (error, EINVAL, "%s: keyslot is %d; there are 0 to %d", self->name,
                               amendment->slot, LUKS_N_SLOTS - 1);
  if (!check_secret (self, amendment, error))
    return FALSE;
  return amendment->state == LUKS_SLOT_ACTIVE ? activate (self, sectors, amendment, error)
                                              : inactivate (self, amendment, error);
}
