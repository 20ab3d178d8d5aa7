/* throttle-group.h - limits that several nodes share
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "throttle-line.h"

G_BEGIN_DECLS

typedef enum
{
  THROTTLE_READ,
  THROTTLE_WRITE,
} ThrottleDirection;

#define THROTTLE_N_DIRECTIONS 2

/* A node's part in its group. Zeroes to begin with; changed under the group's mutex only. */
typedef struct
{
  ThrottleLine lines[THROTTLE_N_DIRECTIONS];
  guint64 throttled; /* requests that had to wait */
  guint64 waited_ns; /* all of them together */
} ThrottleMember;

#define BANYAN_TYPE_THROTTLE_GROUP (banyan_throttle_group_get_type ())
GType banyan_throttle_group_get_type (void);
G_DECLARE_FINAL_TYPE (BanyanThrottleGroup, banyan_throttle_group, BANYAN, THROTTLE_GROUP,
                      BanyanObject)

void banyan_throttle_group_register (GTypeModule *module);

/* Waits until the limits let a request of @length bytes through, and counts it. A drain lets it
 * through at once, and counts it as well. FALSE when it was cancelled; then it does not count. */
gboolean BANYAN_COROUTINE throttle_group_admit (BanyanThrottleGroup *self, ThrottleMember *member,
                                                ThrottleDirection direction, guint64 length,
                                                GError **error);

/* What @member has counted; any thread. */
void throttle_group_get_counts (BanyanThrottleGroup *self, const ThrottleMember *member,
                                guint64 *throttled, guint64 *waited_ns);

G_END_DECLS
