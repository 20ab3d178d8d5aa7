/* banyan-permissions.c - what an edge takes of its node, and lets others have
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every edge takes some permissions on its node and shares some with the node's other edges. Both
 * follow from what the parent's own users take and share, and from what the role is for. So a
 * writer at the top reaches down to the file as a writer, and the file's other users hear of it. */

#include "banyan-element-private.h"

/* Data that is read where the parent has none of its own. It is never written through the parent.
 * If others do, what the parent shows changes under its users: those who let others write bear
 * that, as in QEMU (bdrv_default_perms_for_cow() in block.c). */
static void
permissions_for_cow (guint used, guint shared, guint *child_used, guint *child_shared)
{
  *child_used = used & BANYAN_PERMISSION_CONSISTENT_READ;
  *child_shared = BANYAN_PERMISSION_CONSISTENT_READ | BANYAN_PERMISSION_WRITE_UNCHANGED;
  if (shared & BANYAN_PERMISSION_WRITE)
    *child_shared |= BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE;
}

/* The parent's own tables are there: they have to be consistent whoever looks, and a second writer
 * would destroy them. Even a write that changes nothing for the guest may allocate. */
static void
permissions_for_metadata (gboolean read_only, guint used, guint shared, guint *child_used,
                          guint *child_shared)
{
  *child_used = (used & BANYAN_PERMISSIONS_ALL) | BANYAN_PERMISSION_CONSISTENT_READ;
  if (!read_only && used & BANYAN_PERMISSIONS_WRITING)
    *child_used |= BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE;

  *child_shared = shared & ~(BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE);
}

/* Guest data and nothing else. A write may land behind its end, so it takes resize, too; and nobody
 * else may move the end, which the parent has computed its own length from. */
static void
permissions_for_data (gboolean read_only, guint used, guint shared, guint *child_used,
                      guint *child_shared)
{
  *child_used = used;
  if (!read_only && used & BANYAN_PERMISSIONS_WRITING)
    *child_used |= BANYAN_PERMISSION_WRITE | BANYAN_PERMISSION_RESIZE;

  *child_shared = shared & ~BANYAN_PERMISSION_RESIZE;
}

/* The defaults of each role, for elements that have no opinion of their own. */
void
banyan_permissions_for_role (guint role_flags, gboolean read_only, guint used, guint shared,
                             guint *child_used, guint *child_shared)
{
  if (role_flags & BANYAN_CHILD_COW)
    permissions_for_cow (used, shared, child_used, child_shared);
  else if (role_flags & BANYAN_CHILD_FILTERED)
    *child_used = used, *child_shared = shared;
  else if (role_flags & BANYAN_CHILD_METADATA)
    permissions_for_metadata (read_only, used, shared, child_used, child_shared);
  else
    permissions_for_data (read_only, used, shared, child_used, child_shared);
}

static const char *const names[] = { "consistent-read", "write", "write-unchanged", "resize" };

/**
 * banyan_permissions_to_spec:
 * @permissions: #BanyanPermissions
 *
 * Returns: (transfer full): a list of their names: "consistent-read", "write", ...
 */
BanyanSpec *
banyan_permissions_to_spec (guint permissions)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (permissions & (1u << i))
      banyan_spec_builder_add_string (list, NULL, names[i]);
  return banyan_spec_builder_end (list);
}

char *
banyan_permissions_to_string (guint permissions)
{
  g_autoptr (GPtrArray) present = g_ptr_array_new ();
  g_autofree char *last = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (permissions & (1u << i))
      g_ptr_array_add (present, (gpointer) names[i]);

  if (present->len == 0)
    return g_strdup ("nothing");
  if (present->len == 1)
    return g_strdup (present->pdata[0]);

  last = g_strdup_printf (" and %s", (char *) g_ptr_array_steal_index (present, present->len - 1));
  g_ptr_array_add (present, NULL);

  g_autofree char *first = g_strjoinv (", ", (char **) present->pdata);
  return g_strconcat (first, last, NULL);
}
