/* encryption-names.h - ciphers, modes and hashes: what people, images and libgcrypt call them
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

G_BEGIN_DECLS

/* What data is encrypted in, and what is counted for initialization vectors. */
#define ENCRYPTION_SECTOR 512

/* For two keys of the longest cipher: XTS has two. */
#define ENCRYPTION_MAX_KEY 64

typedef enum
{
  ENCRYPTION_AES_128,
  ENCRYPTION_AES_192,
  ENCRYPTION_AES_256,
  ENCRYPTION_CAST5_128,
  ENCRYPTION_SERPENT_128,
  ENCRYPTION_SERPENT_192,
  ENCRYPTION_SERPENT_256,
  ENCRYPTION_TWOFISH_128,
  ENCRYPTION_TWOFISH_256,
} EncryptionCipher;

typedef enum
{
  ENCRYPTION_XTS,
  ENCRYPTION_CBC,
} EncryptionMode;

typedef enum
{
  ENCRYPTION_PLAIN,   /* the sector's number, of which 32 bits count */
  ENCRYPTION_PLAIN64, /* the sector's number */
  ENCRYPTION_ESSIV,   /* that, encrypted with a hash of the key */
} EncryptionIv;

typedef enum
{
  ENCRYPTION_SHA1,
  ENCRYPTION_SHA224,
  ENCRYPTION_SHA256,
  ENCRYPTION_SHA384,
  ENCRYPTION_SHA512,
  ENCRYPTION_RIPEMD160,
} EncryptionHash;

#define ENCRYPTION_MAX_DIGEST 64

/* How sectors are encrypted. */
typedef struct
{
  gint cipher;  /* EncryptionCipher */
  gint mode;    /* EncryptionMode */
  gint iv;      /* EncryptionIv */
  gint iv_hash; /* EncryptionHash: counts with ESSIV only */
} EncryptionScheme;

/* Main thread, before anything else: the library is made ready, once for the process. FALSE with
 * @error where it is too old. */
gboolean encryption_init (GError **error);

/* Two plugins have this code, and one process both: who comes first registers. */
GType encryption_register_enum (const char *name, const GEnumValue *values);

/* The nicks are QEMU's names. */
GType encryption_cipher_get_type (void);
GType encryption_mode_get_type (void);
GType encryption_iv_get_type (void);
GType encryption_hash_get_type (void);

/* -- Names in an image: "aes", "xts-plain64", "cbc-essiv:sha256", "sha1". -- */

/* FALSE: there is none. @key_size: bytes, of both keys for XTS. @mode: what @text begins with. */
gboolean encryption_find_hash (const char *text, gint *hash);
gboolean encryption_find_mode (const char *text, EncryptionScheme *scheme);
gboolean encryption_find_cipher (const char *text, gsize key_size, EncryptionScheme *scheme);

const char *encryption_name_hash (gint hash);
const char *encryption_name_cipher (gint cipher);
char *encryption_name_mode (const EncryptionScheme *scheme);

/* Bytes. */
gsize encryption_key_size (const EncryptionScheme *scheme);
gsize encryption_block_size (gint cipher);
gsize encryption_digest_size (gint hash);

/* Whether the parts of @scheme go together. */
gboolean encryption_scheme_check (const EncryptionScheme *scheme, GError **error);

/* libgcrypt's numbers. */
int encryption_cipher_number (gint cipher);
int encryption_hash_number (gint hash);
/* The cipher that ESSIV encrypts sector numbers with; 0: none has keys of that size. */
int encryption_essiv_number (const EncryptionScheme *scheme);

G_END_DECLS
