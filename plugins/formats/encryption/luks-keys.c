/* luks-keys.c - passphrases, key material and the key: what takes a processor, and no storage
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A passphrase, made long by PBKDF2, decrypts a slot's material: the key, blown up to thousands of
 * stripes of its own size, so that losing any part of them loses the key. Whether it is the key,
 * its digest tells, which is made by PBKDF2 as well. */

#include "luks-keys.h"

#include "encryption-sectors.h"

#include <errno.h>
#include <gcrypt.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

void
luks_keys_fill_random (guint8 *bytes, gsize length)
{
  for (gsize done = 0; done < length;)
    {
      gssize n = getrandom (bytes + done, length - done, 0);

      /* There is no other source, and a key that is not random is none. */
      if (n < 0 && errno != EINTR)
        g_error ("getrandom: %s", g_strerror (errno));
      done += MAX (n, 0);
    }
}

static gboolean
derive (gint hash, const LuksPassphrase *from, const guint8 *salt, guint32 iterations, guint8 *to,
        gsize size)
{
  return gcry_kdf_derive (from->bytes, from->length, GCRY_KDF_PBKDF2, encryption_hash_number (hash),
                          salt, LUKS_SALT_SIZE, iterations, size, to)
         == 0;
}

/* -- Stripes. -- */

static void
add (guint8 *to, const guint8 *from, gsize size)
{
  for (gsize i = 0; i < size; i++)
    to[i] ^= from[i];
}

/* Each digest's worth of @block, with its number in front of it, becomes its digest. */
static void
diffuse (gint hash, guint8 *block, gsize size)
{
  gsize digest_size = encryption_digest_size (hash);
  guint8 digest[ENCRYPTION_MAX_DIGEST];

  for (gsize at = 0; at < size; at += digest_size)
    {
      gsize here = MIN (size - at, digest_size);
      guint32 number = GUINT32_TO_BE (at / digest_size);
      gcry_buffer_t parts[]
          = { { .len = sizeof number, .data = &number }, { .len = here, .data = block + at } };

      gcry_md_hash_buffers (encryption_hash_number (hash), 0, digest, parts, G_N_ELEMENTS (parts));
      memcpy (block + at, digest, here);
    }
  explicit_bzero (digest, sizeof digest);
}

/* What all stripes but the last add up to. */
static void
gather_stripes (gint hash, const guint8 *stripes, gsize size, guint8 *sum)
{
  memset (sum, 0, size);
  for (guint i = 0; i + 1 < LUKS_STRIPES; i++)
    {
      add (sum, stripes + i * size, size);
      diffuse (hash, sum, size);
    }
}

static void
merge (gint hash, const guint8 *stripes, gsize size, guint8 *key)
{
  gather_stripes (hash, stripes, size, key);
  add (key, stripes + (LUKS_STRIPES - 1) * size, size);
}

static void
split (gint hash, const guint8 *key, gsize size, guint8 *stripes)
{
  guint8 *last = stripes + (LUKS_STRIPES - 1) * size;

  luks_keys_fill_random (stripes, (LUKS_STRIPES - 1) * size);
  gather_stripes (hash, stripes, size, last);
  add (last, key, size);
}

/* -- Slots. -- */

/* (nullable) */
static EncryptionSectors *
new_slot_sectors (const LuksHeader *header, guint slot, const LuksPassphrase *passphrase)
{
  const LuksSlot *from = &header->slots[slot];
  guint8 key[ENCRYPTION_MAX_KEY];
  EncryptionSectors *sectors = NULL;

  if (derive (header->hash, passphrase, from->salt, from->iterations, key,
              encryption_key_size (&header->scheme)))
    sectors = encryption_sectors_new (&header->scheme, key, NULL);
  explicit_bzero (key, sizeof key);
  return sectors;
}

LuksKeysResult
luks_keys_digest (const LuksHeader *header, const guint8 *key, guint8 *digest)
{
  LuksPassphrase from = { key, encryption_key_size (&header->scheme) };

  return derive (header->hash, &from, header->salt, header->iterations, digest, LUKS_DIGEST_SIZE)
             ? LUKS_KEYS_RIGHT
             : LUKS_KEYS_FAILED;
}

static LuksKeysResult
try_key (const LuksHeader *header, const guint8 *key)
{
  guint8 digest[LUKS_DIGEST_SIZE];
  LuksKeysResult result = luks_keys_digest (header, key, digest);

  if (result == LUKS_KEYS_RIGHT && memcmp (digest, header->digest, sizeof digest) != 0)
    result = LUKS_KEYS_WRONG;
  return result;
}

LuksKeysResult
luks_keys_unlock (const LuksHeader *header, guint slot, const LuksPassphrase *passphrase,
                  guint8 *material, guint8 *key)
{
  g_autoptr (EncryptionSectors) sectors = new_slot_sectors (header, slot, passphrase);
  gsize size = luks_header_get_material_size (header);
  LuksKeysResult result = LUKS_KEYS_FAILED;

  if (sectors != NULL && encryption_sectors_decrypt_once (sectors, material, size))
    {
      merge (header->hash, material, encryption_key_size (&header->scheme), key);
      result = try_key (header, key);
    }
  explicit_bzero (material, size);
  if (result != LUKS_KEYS_RIGHT)
    explicit_bzero (key, ENCRYPTION_MAX_KEY);
  return result;
}

LuksKeysResult
luks_keys_lock (const LuksHeader *header, guint slot, const LuksPassphrase *passphrase,
                const guint8 *key, guint8 *material)
{
  g_autoptr (EncryptionSectors) sectors = new_slot_sectors (header, slot, passphrase);
  gsize size = luks_header_get_material_size (header);
  gsize key_size = encryption_key_size (&header->scheme);

  if (sectors == NULL)
    return LUKS_KEYS_FAILED;

  memset (material + key_size * LUKS_STRIPES, 0, size - key_size * LUKS_STRIPES);
  split (header->hash, key, key_size, material);
  if (encryption_sectors_encrypt_once (sectors, material, size))
    return LUKS_KEYS_RIGHT;

  explicit_bzero (material, size);
  return LUKS_KEYS_FAILED;
}

/* -- How long it takes. -- */

static guint64
processor_time_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * G_GUINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static guint64
time_iterations (gint hash, gsize size, guint32 iterations)
{
  static const guint8 salt[LUKS_SALT_SIZE] = { 1 };
  const LuksPassphrase passphrase = { (const guint8 *) "passphrase", 10 };
  guint64 before = processor_time_ns ();
  guint8 key[ENCRYPTION_MAX_KEY];

  derive (hash, &passphrase, salt, iterations, key, size);
  return MAX (processor_time_ns () - before, 1);
}

/* Tries for a twentieth of a second at most, and takes that as an example. */
guint32
luks_keys_count_iterations (gint hash, gsize size, guint ms)
{
  gsize digest_size = encryption_digest_size (hash);
  guint32 most = LUKS_MAX_SHARE / ((size + digest_size - 1) / digest_size);
  guint64 enough_ns = MIN (ms, 50) * G_GUINT64_CONSTANT (1000000) / 2;
  guint32 iterations = LUKS_MIN_ITERATIONS;
  guint64 took_ns = time_iterations (hash, size, iterations);
  double wanted;

  while (took_ns < enough_ns && iterations < most / 2)
    {
      iterations *= 2;
      took_ns = time_iterations (hash, size, iterations);
    }

  wanted = (double) iterations * ms * 1e6 / took_ns;
  return CLAMP (wanted, LUKS_MIN_ITERATIONS, most);
}
