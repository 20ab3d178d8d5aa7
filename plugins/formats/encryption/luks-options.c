/* luks-options.c - what a volume is made with, and how its key slots are changed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "luks-options.h"

#include <errno.h>
#include <string.h>

static const char *const for_creation[]
    = { "cipher-alg", "cipher-mode", "ivgen-alg", "ivgen-hash-alg", "hash-alg", NULL };
static const char *const for_slots[]
    = { "state", "keyslot", "secret", "old-secret", "new-secret", NULL };

void
luks_options_init (LuksOptions *self)
{
  self->cipher_alg = ENCRYPTION_AES_256;
  self->cipher_mode = ENCRYPTION_XTS;
  self->ivgen_alg = ENCRYPTION_PLAIN64;
  self->ivgen_hash_alg = ENCRYPTION_SHA256;
  self->hash_alg = ENCRYPTION_SHA256;
  self->iter_time_ms = LUKS_ITER_TIME;
  self->keyslot = -1;
}

/* -- Properties. -- */

typedef struct
{
  GObjectClass *klass;
  guint next_id;
  const char *prefix;
  guint offset;
} Install;

static const char *
full_name (const char *prefix, const char *name)
{
  g_autofree char *full = g_strconcat (prefix, name, NULL);

  return g_intern_string (full);
}

/* "encrypt-" makes "encrypt.cipher-alg" of "cipher-alg", which is QEMU's name. */
static void
install (Install *self, const char *name, GParamSpec *pspec)
{
  if (*self->prefix != '\0')
    {
      g_autofree char *dotted = g_strconcat (self->prefix, name, NULL);

      dotted[strlen (self->prefix) - 1] = '.';
      pspec = banyan_param_alias (pspec, g_intern_string (dotted));
    }
  g_object_class_install_property (self->klass, self->next_id++, pspec);
}

static void
install_enum (Install *self, const char *name, const char *nick, const char *blurb, GType type,
              gint usual, gsize field)
{
  install (self, name,
           banyan_param_enum (full_name (self->prefix, name), nick, blurb, type, usual,
                              self->offset + field));
}

static void
install_secret (Install *self, const char *name, const char *nick, const char *blurb, gsize field)
{
  install (
      self, name,
      banyan_image_options_param_object (banyan_param_string (full_name (self->prefix, name), nick,
                                                              blurb, NULL, self->offset + field),
                                         BANYAN_TYPE_SECRET));
}

#define FIELD(field) G_STRUCT_OFFSET (LuksOptions, field)

static void
install_for_creation (Install *self)
{
  install_enum (self, "cipher-alg", "Cipher", "What data is encrypted with",
                encryption_cipher_get_type (), ENCRYPTION_AES_256, FIELD (cipher_alg));
  install_enum (self, "cipher-mode", "Cipher mode", "How that goes from block to block of a sector",
                encryption_mode_get_type (), ENCRYPTION_XTS, FIELD (cipher_mode));
  install_enum (self, "ivgen-alg", "IV generator",
                "What makes sectors differ; plain repeats itself after 2 TiB",
                encryption_iv_get_type (), ENCRYPTION_PLAIN64, FIELD (ivgen_alg));
  install_enum (self, "ivgen-hash-alg", "IV generator's hash", "What essiv hashes the key with",
                encryption_hash_get_type (), ENCRYPTION_SHA256, FIELD (ivgen_hash_alg));
  install_enum (self, "hash-alg", "Hash", "What passphrases are hashed with",
                encryption_hash_get_type (), ENCRYPTION_SHA256, FIELD (hash_alg));
}

static void
install_for_slots (Install *self)
{
  install_enum (self, "state", "Slot state",
                "What a key slot is to become: active for new-secret, or inactive",
                luks_slot_state_get_type (), LUKS_SLOT_ACTIVE, FIELD (state));
  install (self, "keyslot",
           banyan_param_computed (
               banyan_param_int (full_name (self->prefix, "keyslot"), "Key slot", "Which one",
                                 BANYAN_UNIT_NONE, -1, LUKS_N_SLOTS - 1, -1,
                                 self->offset + FIELD (keyslot)),
               "-1: the first that is free, or all of which old-secret is the passphrase"));
  install_secret (self, "secret", "Secret",
                  "Id of a secret with a passphrase that the image must already have",
                  FIELD (secret));
  install_secret (self, "old-secret", "Old secret",
                  "Id of the secret with the passphrase whose slots become inactive",
                  FIELD (old_secret));
  install_secret (self, "new-secret", "New secret",
                  "Id of the secret with the passphrase that a slot becomes active for",
                  FIELD (new_secret));
}

void
luks_options_install (GObjectClass *klass, guint first_id, const char *prefix, guint offset)
{
  Install self = { klass, first_id, prefix, offset };

  install_secret (&self, "key-secret", "Key secret",
                  "Id of the secret with the passphrase of a new image", FIELD (key_secret));
  install_for_creation (&self);
  install (&self, "iter-time",
           banyan_param_uint (full_name (prefix, "iter-time"), "Iteration time",
                              "How long this machine is to take to try a passphrase",
                              BANYAN_UNIT_MS, 1, 600000, LUKS_ITER_TIME,
                              offset + FIELD (iter_time_ms)));
  install_for_slots (&self);
  g_assert (self.next_id == first_id + LUKS_N_OPTIONS);
}

/* -- What they amount to. -- */

gboolean
luks_options_peek_secret (gpointer secret, LuksPassphrase *passphrase, GError **error)
{
  passphrase->bytes = banyan_secret_peek (secret, &passphrase->length);
  return passphrase->bytes != NULL
         || banyan_throw_errno (error, EINVAL, "secret %s is not open",
                                banyan_object_get_id (secret));
}

/* Nothing where it is not given. */
static gboolean
find_secret (BanyanImageOptions *options, const char *prefix, const char *name,
             LuksPassphrase *passphrase, GError **error)
{
  gpointer secret = banyan_image_options_get_object (options, full_name (prefix, name));

  *passphrase = (LuksPassphrase){ NULL, 0 };
  return secret == NULL || luks_options_peek_secret (secret, passphrase, error);
}

EncryptionScheme
luks_options_get_scheme (const LuksOptions *self)
{
  return (EncryptionScheme){ .cipher = self->cipher_alg,
                             .mode = self->cipher_mode,
                             .iv = self->ivgen_alg,
                             .iv_hash = self->ivgen_hash_alg };
}

gboolean
luks_options_read_creation (const LuksOptions *self, BanyanImageOptions *options,
                            const char *prefix, LuksCreation *creation, GError **error)
{
  *creation = (LuksCreation){ .scheme = luks_options_get_scheme (self),
                              .hash = self->hash_alg,
                              .iter_time_ms = self->iter_time_ms };

  if (luks_options_has_amendment (options, prefix))
    return banyan_throw_errno (error, EINVAL,
                               "state, keyslot and secrets but key-secret are for images that are "
                               "there already: banyan img amend");
  if (!find_secret (options, prefix, "key-secret", &creation->passphrase, error))
    return FALSE;
  return creation->passphrase.bytes != NULL
         || banyan_throw_errno (error, EINVAL,
                                "an encrypted image needs a passphrase: --object "
                                "secret,id=sec0,file=PASSPHRASE -o %s=sec0",
                                *prefix != '\0' ? "encrypt.key-secret" : "key-secret");
}

static gboolean
has_any (BanyanImageOptions *options, const char *prefix, const char *const *names)
{
  for (; *names != NULL; names++)
    if (banyan_image_options_is_given (options, full_name (prefix, *names)))
      return TRUE;
  return FALSE;
}

gboolean
luks_options_has_creation (BanyanImageOptions *options, const char *prefix)
{
  return has_any (options, prefix, for_creation)
         || banyan_image_options_is_given (options, full_name (prefix, "key-secret"));
}

gboolean
luks_options_has_amendment (BanyanImageOptions *options, const char *prefix)
{
  return has_any (options, prefix, for_slots);
}

gboolean
luks_options_read_amendment (const LuksOptions *self, BanyanImageOptions *options,
                             const char *prefix, const char *name, LuksAmendment *amendment,
                             GError **error)
{
  *amendment = (LuksAmendment){
    .state = self->state,
    .slot = self->keyslot,
    .has_iter_time = banyan_image_options_is_given (options, full_name (prefix, "iter-time")),
    .iter_time_ms = self->iter_time_ms,
    .is_forced = banyan_image_options_is_forced (options),
  };

  if (luks_options_has_creation (options, prefix))
    return banyan_throw_errno (error, ENOTSUP,
                               "%s: how an image is encrypted cannot be changed, only its "
                               "passphrases: state, keyslot, old-secret, new-secret; convert it to "
                               "another image",
                               name);
  if (!banyan_image_options_is_given (options, full_name (prefix, "state")))
    return banyan_throw_errno (error, EINVAL,
                               "%s: say what a key slot is to become: state=active or "
                               "state=inactive",
                               name);
  return find_secret (options, prefix, "secret", &amendment->secret, error)
         && find_secret (options, prefix, "old-secret", &amendment->old_secret, error)
         && find_secret (options, prefix, "new-secret", &amendment->new_secret, error);
}
