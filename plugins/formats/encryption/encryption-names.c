/* encryption-names.c - ciphers, modes and hashes: what people, images and libgcrypt call them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "encryption-names.h"

#include <errno.h>
#include <gcrypt.h>
#include <string.h>

/* XTS, and ciphers whose handles are wiped when they are closed. */
#define OLDEST_LIBRARY "1.8.0"

static const struct
{
  const char *image; /* whose keys tell the members of a family apart */
  gsize key_size;
  gsize block_size;
  int number;
} ciphers[] = {
  [ENCRYPTION_AES_128] = { "aes", 16, 16, GCRY_CIPHER_AES128 },
  [ENCRYPTION_AES_192] = { "aes", 24, 16, GCRY_CIPHER_AES192 },
  [ENCRYPTION_AES_256] = { "aes", 32, 16, GCRY_CIPHER_AES256 },
  [ENCRYPTION_CAST5_128] = { "cast5", 16, 8, GCRY_CIPHER_CAST5 },
  [ENCRYPTION_SERPENT_128] = { "serpent", 16, 16, GCRY_CIPHER_SERPENT128 },
  [ENCRYPTION_SERPENT_192] = { "serpent", 24, 16, GCRY_CIPHER_SERPENT192 },
  [ENCRYPTION_SERPENT_256] = { "serpent", 32, 16, GCRY_CIPHER_SERPENT256 },
  [ENCRYPTION_TWOFISH_128] = { "twofish", 16, 16, GCRY_CIPHER_TWOFISH128 },
  [ENCRYPTION_TWOFISH_256] = { "twofish", 32, 16, GCRY_CIPHER_TWOFISH },
};

static const struct
{
  const char *name;
  gsize digest_size;
  int number;
} hashes[] = {
  [ENCRYPTION_SHA1] = { "sha1", 20, GCRY_MD_SHA1 },
  [ENCRYPTION_SHA224] = { "sha224", 28, GCRY_MD_SHA224 },
  [ENCRYPTION_SHA256] = { "sha256", 32, GCRY_MD_SHA256 },
  [ENCRYPTION_SHA384] = { "sha384", 48, GCRY_MD_SHA384 },
  [ENCRYPTION_SHA512] = { "sha512", 64, GCRY_MD_SHA512 },
  [ENCRYPTION_RIPEMD160] = { "ripemd160", 20, GCRY_MD_RMD160 },
};

static const char *const modes[] = { [ENCRYPTION_XTS] = "xts", [ENCRYPTION_CBC] = "cbc" };

static const char *const ivs[] = {
  [ENCRYPTION_PLAIN] = "plain", [ENCRYPTION_PLAIN64] = "plain64", [ENCRYPTION_ESSIV] = "essiv"
};

/* -- The library. -- */

/* Its pool of locked memory is left off: a few pages for the whole process, against a limit that
 * io_uring's buffers count against as well, and where it is full, opening one disk more fails. What
 * is secret lies in ordinary memory while a disk is open, and is wiped when it is closed: our keys
 * by explicit_bzero(), the library's key schedules by the library. */
gboolean
encryption_init (GError **error)
{
  if (gcry_control (GCRYCTL_INITIALIZATION_FINISHED_P))
    return TRUE;
  if (gcry_check_version (OLDEST_LIBRARY) == NULL)
    return banyan_throw_errno (error, ENOTSUP, "libgcrypt is %s, and %s is needed",
                               gcry_check_version (NULL), OLDEST_LIBRARY);

  gcry_control (GCRYCTL_DISABLE_SECMEM, 0);
  gcry_control (GCRYCTL_INITIALIZATION_FINISHED, 0);
  return TRUE;
}

/* -- Types. -- */

GType
encryption_register_enum (const char *name, const GEnumValue *values)
{
  static GMutex mutex;
  GType type;

  g_mutex_lock (&mutex);
  type = g_type_from_name (name);
  if (type == G_TYPE_INVALID)
    type = g_enum_register_static (name, values);
  g_mutex_unlock (&mutex);
  return type;
}

GType
encryption_cipher_get_type (void)
{
  static const GEnumValue values[] = {
    { ENCRYPTION_AES_128, "ENCRYPTION_AES_128", "aes-128" },
    { ENCRYPTION_AES_192, "ENCRYPTION_AES_192", "aes-192" },
    { ENCRYPTION_AES_256, "ENCRYPTION_AES_256", "aes-256" },
    { ENCRYPTION_CAST5_128, "ENCRYPTION_CAST5_128", "cast5-128" },
    { ENCRYPTION_SERPENT_128, "ENCRYPTION_SERPENT_128", "serpent-128" },
    { ENCRYPTION_SERPENT_192, "ENCRYPTION_SERPENT_192", "serpent-192" },
    { ENCRYPTION_SERPENT_256, "ENCRYPTION_SERPENT_256", "serpent-256" },
    { ENCRYPTION_TWOFISH_128, "ENCRYPTION_TWOFISH_128", "twofish-128" },
    { ENCRYPTION_TWOFISH_256, "ENCRYPTION_TWOFISH_256", "twofish-256" },
    { 0 },
  };

  return encryption_register_enum ("BanyanEncryptionCipher", values);
}

GType
encryption_mode_get_type (void)
{
  static const GEnumValue values[] = {
    { ENCRYPTION_XTS, "ENCRYPTION_XTS", "xts" },
    { ENCRYPTION_CBC, "ENCRYPTION_CBC", "cbc" },
    { 0 },
  };

  return encryption_register_enum ("BanyanEncryptionMode", values);
}

GType
encryption_iv_get_type (void)
{
  static const GEnumValue values[] = {
    { ENCRYPTION_PLAIN, "ENCRYPTION_PLAIN", "plain" },
    { ENCRYPTION_PLAIN64, "ENCRYPTION_PLAIN64", "plain64" },
    { ENCRYPTION_ESSIV, "ENCRYPTION_ESSIV", "essiv" },
    { 0 },
  };

  return encryption_register_enum ("BanyanEncryptionIv", values);
}

GType
encryption_hash_get_type (void)
{
  static const GEnumValue values[] = {
    { ENCRYPTION_SHA1, "ENCRYPTION_SHA1", "sha1" },
    { ENCRYPTION_SHA224, "ENCRYPTION_SHA224", "sha224" },
    { ENCRYPTION_SHA256, "ENCRYPTION_SHA256", "sha256" },
    { ENCRYPTION_SHA384, "ENCRYPTION_SHA384", "sha384" },
    { ENCRYPTION_SHA512, "ENCRYPTION_SHA512", "sha512" },
    { ENCRYPTION_RIPEMD160, "ENCRYPTION_RIPEMD160", "ripemd160" },
    { 0 },
  };

  return encryption_register_enum ("BanyanEncryptionHash", values);
}

/* -- Names in an image. -- */

static gint
find_name (const char *const *names, gsize n_names, const char *text)
{
  for (gsize i = 0; i < n_names; i++)
    if (strcmp (names[i], text) == 0)
      return i;
  return -1;
}

gboolean
encryption_find_hash (const char *text, gint *hash)
{
  for (gsize i = 0; i < G_N_ELEMENTS (hashes); i++)
    if (strcmp (hashes[i].name, text) == 0)
      {
        *hash = i;
        return TRUE;
      }
  return FALSE;
}

/* A hash that is no part of the scheme is not looked at: the kernel's dm-crypt does not either. */
gboolean
encryption_find_mode (const char *text, EncryptionScheme *scheme)
{
  g_auto (GStrv) parts = g_strsplit (text, "-", 2);
  char *hash;

  if (parts[0] == NULL || parts[1] == NULL)
    return FALSE;
  hash = strchr (parts[1], ':');
  if (hash != NULL)
    *hash++ = '\0';

  scheme->mode = find_name (modes, G_N_ELEMENTS (modes), parts[0]);
  scheme->iv = find_name (ivs, G_N_ELEMENTS (ivs), parts[1]);
  scheme->iv_hash = ENCRYPTION_SHA256;
  if (scheme->iv == ENCRYPTION_ESSIV)
    return scheme->mode >= 0 && hash != NULL && encryption_find_hash (hash, &scheme->iv_hash);
  return scheme->mode >= 0 && scheme->iv >= 0;
}

gboolean
encryption_find_cipher (const char *text, gsize key_size, EncryptionScheme *scheme)
{
  for (scheme->cipher = 0; scheme->cipher < (gint) G_N_ELEMENTS (ciphers); scheme->cipher++)
    if (strcmp (ciphers[scheme->cipher].image, text) == 0
        && encryption_key_size (scheme) == key_size)
      return TRUE;
  return FALSE;
}

const char *
encryption_name_hash (gint hash)
{
  return hashes[hash].name;
}

const char *
encryption_name_cipher (gint cipher)
{
  return ciphers[cipher].image;
}

char *
encryption_name_mode (const EncryptionScheme *scheme)
{
  if (scheme->iv != ENCRYPTION_ESSIV)
    return g_strdup_printf ("%s-%s", modes[scheme->mode], ivs[scheme->iv]);
  return g_strdup_printf ("%s-%s:%s", modes[scheme->mode], ivs[scheme->iv],
                          hashes[scheme->iv_hash].name);
}

/* -- Sizes and numbers. -- */

gsize
encryption_key_size (const EncryptionScheme *scheme)
{
  return ciphers[scheme->cipher].key_size * (scheme->mode == ENCRYPTION_XTS ? 2 : 1);
}

gsize
encryption_block_size (gint cipher)
{
  return ciphers[cipher].block_size;
}

gsize
encryption_digest_size (gint hash)
{
  return hashes[hash].digest_size;
}

int
encryption_cipher_number (gint cipher)
{
  return ciphers[cipher].number;
}

int
encryption_hash_number (gint hash)
{
  return hashes[hash].number;
}

int
encryption_essiv_number (const EncryptionScheme *scheme)
{
  gsize wanted = hashes[scheme->iv_hash].digest_size;

  for (gsize i = 0; i < G_N_ELEMENTS (ciphers); i++)
    if (strcmp (ciphers[i].image, ciphers[scheme->cipher].image) == 0
        && ciphers[i].key_size == wanted)
      return ciphers[i].number;
  return 0;
}

gboolean
encryption_scheme_check (const EncryptionScheme *scheme, GError **error)
{
  if (scheme->mode == ENCRYPTION_XTS && ciphers[scheme->cipher].block_size != 16)
    return banyan_throw_errno (error, EINVAL,
                               "xts is for ciphers with blocks of 16 bytes, and %s has %zu; "
                               "choose cbc",
                               ciphers[scheme->cipher].image, ciphers[scheme->cipher].block_size);
  if (scheme->iv == ENCRYPTION_ESSIV && encryption_essiv_number (scheme) == 0)
    return banyan_throw_errno (error, EINVAL,
                               "essiv with %s would need %s with keys of %zu bytes; sha256 goes "
                               "with aes, serpent and twofish",
                               hashes[scheme->iv_hash].name, ciphers[scheme->cipher].image,
                               hashes[scheme->iv_hash].digest_size);
  return TRUE;
}
