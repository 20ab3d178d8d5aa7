/* qcow2-format.h - what stands where in an image; see QEMU's docs/interop/qcow2.rst
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-bytes.h>

#define QCOW2_MAGIC 0x514649fbu

#define QCOW2_MIN_CLUSTER_BITS 9
#define QCOW2_MAX_CLUSTER_BITS 21
#define QCOW2_MIN_EXTENDED_BITS 14
#define QCOW2_MAX_REFCOUNT_ORDER 6

/* Tables that are held in memory. QEMU has the same limits. */
#define QCOW2_MAX_L1_BYTES (32u << 20)
#define QCOW2_MAX_REFTABLE_BYTES (8u << 20)
#define QCOW2_MAX_SNAPSHOTS 65536
#define QCOW2_MAX_SNAPSHOT_BYTES (64u << 20)
#define QCOW2_MAX_BITMAPS 65535
#define QCOW2_MAX_BITMAP_BYTES (32u << 20)
#define QCOW2_MAX_BACKING_NAME 1023

#define QCOW2_V2_LENGTH 72
#define QCOW2_V3_LENGTH 104
#define QCOW2_KNOWN_LENGTH 112

#define QCOW2_INCOMPATIBLE_DIRTY (1u << 0)
#define QCOW2_INCOMPATIBLE_CORRUPT (1u << 1)
#define QCOW2_INCOMPATIBLE_DATA_FILE (1u << 2)
#define QCOW2_INCOMPATIBLE_COMPRESSION (1u << 3)
#define QCOW2_INCOMPATIBLE_EXTENDED (1u << 4)
#define QCOW2_INCOMPATIBLE_KNOWN 0x1fu

#define QCOW2_COMPATIBLE_LAZY_REFCOUNTS (1u << 0)

#define QCOW2_AUTOCLEAR_BITMAPS (1u << 0)
#define QCOW2_AUTOCLEAR_RAW_DATA (1u << 1)
#define QCOW2_AUTOCLEAR_KNOWN 0x3u

#define QCOW2_EXTENSION_END 0u
#define QCOW2_EXTENSION_BACKING_FORMAT 0xe2792acau
#define QCOW2_EXTENSION_FEATURE_NAMES 0x6803f857u
#define QCOW2_EXTENSION_BITMAPS 0x23852875u
#define QCOW2_EXTENSION_ENCRYPTION 0x0537be77u
#define QCOW2_EXTENSION_DATA_FILE 0x44415441u

/* Of the header of encryption, with all its key slots: more has no cipher. */
#define QCOW2_MAX_CRYPTO_BYTES (64u << 20)

#define QCOW2_FEATURE_NAME_BYTES 48

#define QCOW2_COMPRESSION_ZLIB 0
#define QCOW2_COMPRESSION_ZSTD 1

/* Entries of L1 and L2 tables. */
#define QCOW2_OFFSET_MASK G_GUINT64_CONSTANT (0x00fffffffffffe00)
#define QCOW2_COPIED (G_GUINT64_CONSTANT (1) << 63)
#define QCOW2_COMPRESSED (G_GUINT64_CONSTANT (1) << 62)
#define QCOW2_ZERO G_GUINT64_CONSTANT (1)
#define QCOW2_MAX_HOST_BITS 56

/* Bits of entries that mean nothing, and are 0. */
#define QCOW2_L1_RESERVED G_GUINT64_CONSTANT (0x7f000000000001ff)
#define QCOW2_L2_RESERVED G_GUINT64_CONSTANT (0x3f000000000001fe)

#define QCOW2_N_SUBCLUSTERS 32

#define QCOW2_BITMAP_IN_USE (1u << 0)
#define QCOW2_BITMAP_AUTO (1u << 1)
#define QCOW2_BITMAP_EXTRA_COMPATIBLE (1u << 2)
#define QCOW2_BITMAP_KNOWN 0x7u
#define QCOW2_BITMAP_TYPE_DIRTY 1
#define QCOW2_BITMAP_MAX_NAME 1023
#define QCOW2_BITMAP_ENTRY_BYTES 24
#define QCOW2_SNAPSHOT_ENTRY_BYTES 40

/* All of it is big endian. */
#define qcow2_get16 banyan_get_be16
#define qcow2_get32 banyan_get_be32
#define qcow2_get64 banyan_get_be64
#define qcow2_put16 banyan_put_be16
#define qcow2_put32 banyan_put_be32
#define qcow2_put64 banyan_put_be64
