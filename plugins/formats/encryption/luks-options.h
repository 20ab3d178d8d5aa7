/* luks-options.h - what a volume is made with, and how its key slots are changed
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "luks-volume.h"

G_BEGIN_DECLS

/* A part of what holds an image's options. */
typedef struct
{
  char *key_secret; /* (owned) (nullable): ids of secrets, by their properties */
  gint cipher_alg;
  gint cipher_mode;
  gint ivgen_alg;
  gint ivgen_hash_alg;
  gint hash_alg;
  guint iter_time_ms;

  gint state;
  gint keyslot;
  char *secret;     /* (owned) (nullable) */
  char *old_secret; /* (owned) (nullable) */
  char *new_secret; /* (owned) (nullable) */
} LuksOptions;

#define LUKS_N_OPTIONS 12

void luks_options_init (LuksOptions *self);

/* In class_init: installs the properties from @first_id on. @prefix: "" or, with an alias that has
 * a dot in its place, "encrypt-". @offset: of the LuksOptions in the instance. */
void luks_options_install (GObjectClass *klass, guint first_id, const char *prefix, guint offset);

/* What @options, bound to their objects, amount to. @name: for messages. */
gboolean luks_options_read_creation (const LuksOptions *self, BanyanImageOptions *options,
                                     const char *prefix, LuksCreation *creation, GError **error);
gboolean luks_options_read_amendment (const LuksOptions *self, BanyanImageOptions *options,
                                      const char *prefix, const char *name,
                                      LuksAmendment *amendment, GError **error);
EncryptionScheme luks_options_get_scheme (const LuksOptions *self);

/* Whether any of what is for making, or for key slots, was given. */
gboolean luks_options_has_creation (BanyanImageOptions *options, const char *prefix);
gboolean luks_options_has_amendment (BanyanImageOptions *options, const char *prefix);

/* The bytes of @secret, which is open as long as who asks links to it. */
gboolean luks_options_peek_secret (gpointer secret, LuksPassphrase *passphrase, GError **error);

G_END_DECLS
