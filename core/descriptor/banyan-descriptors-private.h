/* banyan-descriptors-private.h - where descriptors come from
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-descriptors.h>

G_BEGIN_DECLS

/* Sets that have no other friend live as long as there is a monitor. */
void banyan_descriptors_add_monitor (BanyanDescriptors *self);
void banyan_descriptors_remove_monitor (BanyanDescriptors *self);

/* -- banyan-inherited-fds.c: what a service manager handed to this process. -- */

/* 0: nothing, also where it was for another process. They begin at 3. */
guint banyan_inherited_count (void);
#define BANYAN_INHERITED_FIRST 3
/* The next descriptor called @name after @fd (-1: the first); -1: there is none. */
int banyan_inherited_find (const char *name, int fd);

/* -- banyan-named-fds.c: what clients named with getfd. Main thread puts, any thread takes. -- */

/* Takes @fd; replaces one of @owner's that has the name. */
void banyan_named_fds_put (gpointer owner, const char *name, int fd);
gboolean banyan_named_fds_close (gpointer owner, const char *name);
void banyan_named_fds_close_all (gpointer owner);
/* The newest of that name, now the caller's; -1: there is none. */
int banyan_named_fds_take (const char *name);

G_END_DECLS
