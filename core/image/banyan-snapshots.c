/* banyan-snapshots.c - drivers whose images keep earlier states of the disk inside
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-snapshots.h>

G_DEFINE_INTERFACE (BanyanSnapshots, banyan_snapshots, BANYAN_TYPE_NODE)

static void
banyan_snapshots_default_init (BanyanSnapshotsInterface *iface)
{
}

/**
 * banyan_snapshot_info_new: (skip)
 *
 * Returns: (transfer full): one of which nothing is known
 */
BanyanSnapshotInfo *
banyan_snapshot_info_new (void)
{
  BanyanSnapshotInfo *self = g_new0 (BanyanSnapshotInfo, 1);

  self->n_instructions = G_MAXUINT64;
  return self;
}

/**
 * banyan_snapshot_info_free: (skip)
 * @self: (transfer full): what is known of a snapshot
 */
void
banyan_snapshot_info_free (BanyanSnapshotInfo *self)
{
  g_free (self->id);
  g_free (self->name);
  g_free (self);
}

/**
 * banyan_snapshots_list: (skip)
 * @self: an image
 * @error: where to put the error, or %NULL
 *
 * Returns: (transfer full) (element-type BanyanSnapshotInfo): its snapshots, the oldest first;
 * %NULL with @error
 */
GPtrArray *
banyan_snapshots_list (BanyanSnapshots *self, GError **error)
{
  return BANYAN_SNAPSHOTS_GET_IFACE (self)->list (self, error);
}

/**
 * banyan_snapshots_create: (skip)
 * @self: an image
 * @info: its name, and what is known of the guest; an id is given by the image
 * @error: where to put the error, or %NULL
 *
 * Keeps the disk as it is now.
 *
 * Returns: whether it is kept
 */
gboolean
banyan_snapshots_create (BanyanSnapshots *self, const BanyanSnapshotInfo *info, GError **error)
{
  return BANYAN_SNAPSHOTS_GET_IFACE (self)->create (self, info, error);
}

/**
 * banyan_snapshots_apply: (skip)
 * @self: an image
 * @key: a snapshot's id, or its name
 * @error: where to put the error, or %NULL
 *
 * Makes the disk what it was. What it is now is lost.
 *
 * Returns: whether it is
 */
gboolean
banyan_snapshots_apply (BanyanSnapshots *self, const char *key, GError **error)
{
  return BANYAN_SNAPSHOTS_GET_IFACE (self)->apply (self, key, error);
}

/**
 * banyan_snapshots_remove: (skip)
 * @self: an image
 * @key: a snapshot's id, or its name
 * @error: where to put the error, or %NULL
 *
 * Forgets a snapshot, and gives back what only it used.
 *
 * Returns: whether it is gone
 */
gboolean
banyan_snapshots_remove (BanyanSnapshots *self, const char *key, GError **error)
{
  return BANYAN_SNAPSHOTS_GET_IFACE (self)->remove (self, key, error);
}
