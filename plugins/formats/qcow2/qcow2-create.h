/* qcow2-create.h - new images
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-encryption.h"

typedef struct
{
  guint64 size;
  guint version;
  guint64 cluster_size;
  guint refcount_bits;
  gboolean lazy_refcounts;
  gboolean extended_l2;
  guint8 compression;
  BanyanPreallocation preallocation;
  const char *backing_file;   /* (nullable) */
  const char *backing_format; /* (nullable) */
  const char *data_file;      /* (nullable) */
  gboolean data_file_raw;
  gboolean is_encrypted;      /* by LUKS */
  EncryptionScheme scheme;    /* then */
  const LuksCreation *volume; /* (nullable): then, where it is not only measured */
} Qcow2CreateOptions;

/* Makes @file, whose content is lost, an image; the header is written last. */
gboolean BANYAN_COROUTINE qcow2_create (BanyanChild *file, const Qcow2CreateOptions *options,
                                        GError **error);

/* What an image of so many bytes takes at most, with all of its tables. */
guint64 qcow2_create_measure (const Qcow2CreateOptions *options, guint64 data_bytes);

gboolean qcow2_create_check (const Qcow2CreateOptions *options, GError **error);
