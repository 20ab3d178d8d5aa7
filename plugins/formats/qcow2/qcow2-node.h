/* qcow2-node.h - the node, as qcow2.c and qcow2-properties.c share it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "qcow2-encryption.h"
#include "qcow2-overlap-checks.h"

G_DECLARE_FINAL_TYPE (BanyanQcow2, banyan_qcow2, BANYAN, QCOW2, BanyanFormat)

struct _BanyanQcow2
{
  BanyanFormat parent_instance;

  Qcow2Image image;
  Qcow2OverlapChecks *overlap_checks; /* (owned) (nullable) */
  Qcow2CacheSizes sizes;
  gboolean lazy_refcounts;
  gboolean pass_discard_request;
  char *snapshot;           /* (owned) (nullable) */
  gint encrypt_format;      /* Qcow2EncryptionMethod */
  BanyanSecret *key_secret; /* (owned) (nullable) */
  gboolean is_open;
};

/* Where a field of the image lies in the node. */
#define QCOW2_IMAGE_FIELD(field) G_STRUCT_OFFSET (BanyanQcow2, image.field)

/* The image of a node; the node's length has changed with it. */
Qcow2Image *qcow2_node_get_image (gpointer node);
void qcow2_node_publish_length (gpointer node);

/* -- qcow2-properties.c -- */

/* Accessors, and what there is to access. */
void qcow2_properties_install (GObjectClass *klass);
/* What is wrong with values that each are right. */
void qcow2_properties_check (const BanyanProposal *proposal, BanyanProblems *problems);

/* A value is another: those that follow from it do. */
void qcow2_properties_note_change (BanyanQcow2 *self, const GParamSpec *pspec);

/* What was declared for @key; NULL: nothing. */
BanyanSpec *qcow2_properties_find_declared (BanyanQcow2 *self, const char *key);

/* Once the header is read: what was not declared follows from it, and from the others. */
void qcow2_properties_follow_all (BanyanQcow2 *self);
/* The same of what the header alone says, as it may have changed. */
void qcow2_properties_follow_header (BanyanQcow2 *self);

/* Whether a change is one of how large the caches are, and what they are to be. */
gboolean qcow2_properties_resize_caches (BanyanChange *change, Qcow2CacheSizes *sizes);
