/* encryption-sectors.c - sectors of a disk, encrypted and decrypted
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The library's handles hold an expanded key and the state of the sector under way, so each is one
 * thread's at a time. A loop keeps those that it has used, for the next request: its list is
 * touched on its own thread only, and nothing is allocated once there are as many as are in use at
 * once. A handle leaves its loop only for the time of a call on the pool of threads. */

#include "encryption-sectors.h"

#include <errno.h>
#include <gcrypt.h>
#include <string.h>

/* What is larger is done beside the loop, in parts of this size at least, which run at once: it
 * takes longer than to hand over, and would make others wait. */
#define PART_SIZE (256 * 1024)
#define MAX_PARTS 8

/* What a loop keeps; more are in use only while as many large requests are. */
#define MAX_IDLE 16

typedef struct _Handle Handle;
struct _Handle
{
  Handle *next;          /* (nullable): among the idle ones */
  gcry_cipher_hd_t data; /* (owned) */
  gcry_cipher_hd_t iv;   /* (owned) (nullable): for ESSIV */
};

typedef struct
{
  Handle *first; /* (owned) (nullable) */
  guint n;
} Idle;

struct _EncryptionSectors
{
  EncryptionScheme scheme;
  gsize block_size;
  gsize key_size;
  guint8 key[ENCRYPTION_MAX_KEY];
  Idle idle[BANYAN_LOOP_MAX]; /* each is its loop's */
};

/* -- Handles. -- */

static void
handle_free (Handle *self)
{
  if (self->data != NULL)
    gcry_cipher_close (self->data);
  if (self->iv != NULL)
    gcry_cipher_close (self->iv);
  g_free (self);
}

/* The key of ESSIV is a hash of the whole key. */
static gcry_error_t
open_iv (const EncryptionSectors *self, Handle *handle)
{
  guint8 digest[ENCRYPTION_MAX_DIGEST];
  gcry_error_t code = gcry_cipher_open (&handle->iv, encryption_essiv_number (&self->scheme),
                                        GCRY_CIPHER_MODE_ECB, 0);

  gcry_md_hash_buffer (encryption_hash_number (self->scheme.iv_hash), digest, self->key,
                       self->key_size);
  if (code == 0)
    code = gcry_cipher_setkey (handle->iv, digest, encryption_digest_size (self->scheme.iv_hash));
  explicit_bzero (digest, sizeof digest);
  return code;
}

/* A weak key is as good as any: the image has it, and others read the image. */
static gboolean
is_fatal (gcry_error_t code)
{
  return code != 0 && gcry_err_code (code) != GPG_ERR_WEAK_KEY;
}

static Handle *
handle_new (const EncryptionSectors *self, GError **error)
{
  Handle *handle = g_new0 (Handle, 1);
  int mode = self->scheme.mode == ENCRYPTION_XTS ? GCRY_CIPHER_MODE_XTS : GCRY_CIPHER_MODE_CBC;
  gcry_error_t code
      = gcry_cipher_open (&handle->data, encryption_cipher_number (self->scheme.cipher), mode, 0);

  if (code == 0)
    code = gcry_cipher_setkey (handle->data, self->key, self->key_size);
  if (!is_fatal (code) && self->scheme.iv == ENCRYPTION_ESSIV)
    code = open_iv (self, handle);
  if (!is_fatal (code))
    return handle;

  handle_free (handle);
  banyan_throw_errno (error, EIO, "libgcrypt does not take the key: %s", gcry_strerror (code));
  return NULL;
}

/* (transfer full): to be given back on the same loop. NULL with @error */
static Handle *
take_handle (EncryptionSectors *self, GError **error)
{
  Idle *idle = &self->idle[banyan_loop_get_index (banyan_loop_current ())];
  Handle *handle = idle->first;

  if (handle == NULL)
    return handle_new (self, error);

  idle->first = handle->next;
  idle->n--;
  return handle;
}

static void
give_back (EncryptionSectors *self, Handle *handle)
{
  Idle *idle = &self->idle[banyan_loop_get_index (banyan_loop_current ())];

  if (idle->n == MAX_IDLE)
    {
      handle_free (handle);
      return;
    }

  handle->next = idle->first;
  idle->first = handle;
  idle->n++;
}

/* -- Sectors. -- */

/* The sector's number, in the first bytes of a block. */
static gboolean
set_iv (const EncryptionSectors *self, Handle *handle, guint64 sector)
{
  guint8 iv[16] = { 0 };
  guint64 number = GUINT64_TO_LE (self->scheme.iv == ENCRYPTION_PLAIN ? (guint32) sector : sector);

  memcpy (iv, &number, sizeof number);
  return (handle->iv == NULL
          || gcry_cipher_encrypt (handle->iv, iv, self->block_size, NULL, 0) == 0)
         && gcry_cipher_setiv (handle->data, iv, self->block_size) == 0;
}

typedef struct
{
  EncryptionSectors *self;
  Handle *handle;
  gboolean is_encrypting;
  guint64 sector;
  const guint8 *from;
  guint8 *to;
  gsize length;
} Work;

/* Whole sectors, one after the other. FALSE: the library failed, which it does not do. */
static gboolean
do_work (const Work *work)
{
  for (gsize done = 0; done < work->length; done += ENCRYPTION_SECTOR)
    {
      guint8 *to = work->to + done;
      const guint8 *from = work->from + done == to ? NULL : work->from + done;
      gsize n_from = from != NULL ? ENCRYPTION_SECTOR : 0;
      gcry_error_t code;

      if (!set_iv (work->self, work->handle, work->sector + done / ENCRYPTION_SECTOR))
        return FALSE;
      code = work->is_encrypting
                 ? gcry_cipher_encrypt (work->handle->data, to, ENCRYPTION_SECTOR, from, n_from)
                 : gcry_cipher_decrypt (work->handle->data, to, ENCRYPTION_SECTOR, from, n_from);
      if (code != 0)
        return FALSE;
    }
  return TRUE;
}

/* -- Large pieces: several threads work on their parts. -- */

static gssize
do_part (gpointer data)
{
  return do_work (data);
}

static gboolean BANYAN_COROUTINE
run_part (gpointer data, GError **error)
{
  return banyan_co_compute (do_part, data)
         || banyan_throw_errno (error, EIO, "libgcrypt failed to encrypt or decrypt");
}

/* The part of @whole that begins at @at. */
static Work
cut_part (const Work *whole, gsize at, gsize size)
{
  Work part = *whole;

  part.sector += at / ENCRYPTION_SECTOR;
  part.from += at;
  part.to += at;
  part.length = MIN (whole->length - at, size);
  return part;
}

static gboolean BANYAN_COROUTINE
work_beside (const Work *whole, GError **error)
{
  gsize sectors = whole->length / ENCRYPTION_SECTOR;
  gsize size = MAX ((sectors + MAX_PARTS - 1) / MAX_PARTS * ENCRYPTION_SECTOR, PART_SIZE);
  BanyanGather gather = BANYAN_GATHER_INIT;
  Work parts[MAX_PARTS];
  guint n = 0;
  gboolean done = TRUE;

  for (gsize at = 0; done && at < whole->length; at += size)
    {
      parts[n] = cut_part (whole, at, size);
      parts[n].handle = take_handle (whole->self, error);
      done = parts[n].handle != NULL;
      if (done)
        banyan_gather_start (&gather, run_part, &parts[n++]);
    }
  done = banyan_co_gather (&gather, done ? error : NULL) && done;
  for (guint i = 0; i < n; i++)
    give_back (whole->self, parts[i].handle);
  return done;
}

static gboolean BANYAN_COROUTINE
work_here (Work *work, GError **error)
{
  gboolean done;

  work->handle = take_handle (work->self, error);
  if (work->handle == NULL)
    return FALSE;

  done = do_work (work);
  give_back (work->self, work->handle);
  return done || banyan_throw_errno (error, EIO, "libgcrypt failed to encrypt or decrypt");
}

static gboolean BANYAN_COROUTINE
run_work (Work *work, GError **error)
{
  return work->length > PART_SIZE ? work_beside (work, error) : work_here (work, error);
}

gboolean BANYAN_COROUTINE
encryption_sectors_encrypt (EncryptionSectors *self, guint64 sector, const guint8 *from, guint8 *to,
                            gsize length, GError **error)
{
  Work work = { self, NULL, TRUE, sector, from, to, length };

  return run_work (&work, error);
}

gboolean BANYAN_COROUTINE
encryption_sectors_decrypt (EncryptionSectors *self, guint64 sector, const guint8 *from, guint8 *to,
                            gsize length, GError **error)
{
  Work work = { self, NULL, FALSE, sector, from, to, length };

  return run_work (&work, error);
}

/* -- Data in pieces of memory. -- */

/* How many bytes from the beginning of @rest are whole sectors in one piece of memory, @memory. */
static gsize
find_whole (const BanyanRequest *rest, guint8 **memory)
{
  gsize here = MIN (rest->iov->iov_len - rest->skip, rest->length);

  *memory = (guint8 *) rest->iov->iov_base + rest->skip;
  return here - here % ENCRYPTION_SECTOR;
}

static BanyanRequest
rest_of (const BanyanRequest *request, guint64 from)
{
  return banyan_request_slice (request, from, request->length - from, 0);
}

/* A sector that lies in two pieces goes through one of our own. */
gboolean BANYAN_COROUTINE
encryption_sectors_decrypt_request (EncryptionSectors *self, guint64 sector,
                                    const BanyanRequest *request, GError **error)
{
  BanyanRequest rest = rest_of (request, 0);

  while (rest.length > 0)
    {
      guint8 torn[ENCRYPTION_SECTOR], *memory;
      gsize here = find_whole (&rest, &memory);

      if (here > 0 && !encryption_sectors_decrypt (self, sector, memory, memory, here, error))
        return FALSE;
      if (here == 0)
        {
          here = sizeof torn;
          banyan_request_copy_out (&rest, 0, torn, here);
          if (!encryption_sectors_decrypt (self, sector, torn, torn, here, error))
            return FALSE;
          banyan_request_copy_in (&rest, 0, torn, here);
        }
      rest = rest_of (&rest, here);
      sector += here / ENCRYPTION_SECTOR;
    }
  return TRUE;
}

gboolean BANYAN_COROUTINE
encryption_sectors_encrypt_request (EncryptionSectors *self, guint64 sector,
                                    const BanyanRequest *request, guint64 start, guint8 *to,
                                    gsize length, GError **error)
{
  BanyanRequest rest = banyan_request_slice (request, start, length, 0);

  while (rest.length > 0)
    {
      guint8 *memory;
      gsize here = find_whole (&rest, &memory);

      if (here == 0)
        {
          here = ENCRYPTION_SECTOR;
          memory = to;
          banyan_request_copy_out (&rest, 0, to, here);
        }
      if (!encryption_sectors_encrypt (self, sector, memory, to, here, error))
        return FALSE;
      rest = rest_of (&rest, here);
      to += here;
      sector += here / ENCRYPTION_SECTOR;
    }
  return TRUE;
}

/* -- Once. -- */

static gboolean
work_once (EncryptionSectors *self, gboolean is_encrypting, guint8 *bytes, gsize length)
{
  Work work = { self, handle_new (self, NULL), is_encrypting, 0, bytes, bytes, length };
  gboolean done = work.handle != NULL && do_work (&work);

  if (work.handle != NULL)
    handle_free (work.handle);
  return done;
}

gboolean
encryption_sectors_decrypt_once (EncryptionSectors *self, guint8 *bytes, gsize length)
{
  return work_once (self, FALSE, bytes, length);
}

gboolean
encryption_sectors_encrypt_once (EncryptionSectors *self, guint8 *bytes, gsize length)
{
  return work_once (self, TRUE, bytes, length);
}

/* -- The key. -- */

EncryptionSectors *
encryption_sectors_new (const EncryptionScheme *scheme, const guint8 *key, GError **error)
{
  g_autoptr (EncryptionSectors) self = NULL;
  Handle *handle;

  if (!encryption_scheme_check (scheme, error))
    return NULL;

  self = g_new0 (EncryptionSectors, 1);
  self->scheme = *scheme;
  self->block_size = encryption_block_size (scheme->cipher);
  self->key_size = encryption_key_size (scheme);
  memcpy (self->key, key, self->key_size);

  /* What the library does not do, it says now. */
  handle = handle_new (self, error);
  if (handle == NULL)
    return NULL;
  handle_free (handle);
  return g_steal_pointer (&self);
}

void
encryption_sectors_free (EncryptionSectors *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->idle); i++)
    while (self->idle[i].first != NULL)
      {
        Handle *handle = self->idle[i].first;

        self->idle[i].first = handle->next;
        handle_free (handle);
      }
  explicit_bzero (self, sizeof *self);
  g_free (self);
}

const guint8 *
encryption_sectors_get_key (const EncryptionSectors *self)
{
  return self->key;
}

gsize
encryption_sectors_get_key_size (const EncryptionSectors *self)
{
  return self->key_size;
}
