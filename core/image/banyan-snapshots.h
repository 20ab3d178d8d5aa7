/* banyan-snapshots.h - drivers whose images keep earlier states of the disk inside
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-node.h>

G_BEGIN_DECLS

#define BANYAN_TYPE_SNAPSHOTS (banyan_snapshots_get_type ())
BANYAN_API
G_DECLARE_INTERFACE (BanyanSnapshots, banyan_snapshots, BANYAN, SNAPSHOTS, BanyanNode)

/* One snapshot. */
typedef struct
{
  char *id;               /* (owned): unique in its image */
  char *name;             /* (owned) */
  guint64 disk_length;    /* bytes */
  guint64 state_length;   /* bytes of the machine's state */
  gint64 date_us;         /* since 1970 */
  guint64 clock_ns;       /* the guest's */
  guint64 n_instructions; /* that the guest had executed; G_MAXUINT64: not known */
} BanyanSnapshotInfo;

BANYAN_API
BanyanSnapshotInfo *banyan_snapshot_info_new (void);
BANYAN_API
void banyan_snapshot_info_free (BanyanSnapshotInfo *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BanyanSnapshotInfo, banyan_snapshot_info_free)

/* All of these run in a coroutine, within a request, with nobody else writing. @key is an id or a
 * name; an id goes before. */
struct _BanyanSnapshotsInterface
{
  GTypeInterface parent_iface;

  GPtrArray *(*list) (BanyanSnapshots *self, GError **error);
  gboolean (*create) (BanyanSnapshots *self, const BanyanSnapshotInfo *info, GError **error);
  gboolean (*apply) (BanyanSnapshots *self, const char *key, GError **error);
  gboolean (*remove) (BanyanSnapshots *self, const char *key, GError **error);

  BANYAN_RESERVED (4);
};

BANYAN_API
GPtrArray *BANYAN_COROUTINE banyan_snapshots_list (BanyanSnapshots *self, GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_snapshots_create (BanyanSnapshots *self,
                                                   const BanyanSnapshotInfo *info, GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_snapshots_apply (BanyanSnapshots *self, const char *key,
                                                  GError **error);
BANYAN_API
gboolean BANYAN_COROUTINE banyan_snapshots_remove (BanyanSnapshots *self, const char *key,
                                                   GError **error);

G_END_DECLS
