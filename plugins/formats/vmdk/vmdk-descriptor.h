/* vmdk-descriptor.h - the text that says what a disk of VMware's is made of
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* What a descriptor has at most; those that programs write have less than 1 KiB. */
#define VMDK_MAX_DESCRIPTOR (1u << 20)
#define VMDK_MAX_EXTENTS 1024

#define VMDK_NO_PARENT 0xffffffffu

/* A line that begins with RW: "RW 4192256 SPARSE "disk-s001.vmdk"". */
typedef struct
{
  guint64 length; /* bytes of the disk */
  char *type;     /* (owned) */
  char *filename; /* (owned) (nullable): ZERO has none; any bytes */
  guint64 offset; /* bytes, in the file */
} VmdkLine;

typedef struct
{
  guint32 cid;
  guint32 parent_cid; /* VMDK_NO_PARENT: it lies on nothing */
  char *create_type;  /* (owned) */
  char *parent;       /* (owned) (nullable): the name of what it lies on */
  GArray *lines;      /* (owned) (element-type VmdkLine) */
} VmdkDescriptor;

/* Whether @text begins as a descriptor does. */
gboolean vmdk_descriptor_is_one (const guint8 *text, gsize length);
/* NULL with @error; @name is for messages. @text: ends with 0. */
VmdkDescriptor *vmdk_descriptor_new (const char *text, const char *name, GError **error);
void vmdk_descriptor_free (VmdkDescriptor *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmdkDescriptor, vmdk_descriptor_free)
