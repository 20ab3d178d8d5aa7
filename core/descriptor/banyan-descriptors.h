/* banyan-descriptors.h - sets of open files that others passed to us, instead of names
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-spec.h>

#include <glib-object.h>

G_BEGIN_DECLS

/* What a graph was given: sets with a number or a name, each of descriptors for one file with
 * different ways of access. Any thread. */
#define BANYAN_TYPE_DESCRIPTORS (banyan_descriptors_get_type ())
BANYAN_API
G_DECLARE_FINAL_TYPE (BanyanDescriptors, banyan_descriptors, BANYAN, DESCRIPTORS, GObject)

#define BANYAN_DESCRIPTORS_ANY_SET (-1)
#define BANYAN_DESCRIPTORS_ALL_FDS (-1)

BANYAN_API
BanyanDescriptors *banyan_descriptors_new (void);
/* Takes @fd. @stays: until it is removed; else it goes when nobody uses its set and no monitor is
 * connected. The set's number; -1 with @error, and then @fd has been closed. */
BANYAN_API
int banyan_descriptors_add (BanyanDescriptors *self, int set, int fd, const char *opaque,
                            gboolean stays, GError **error);
/* Who uses a duplicate keeps it. */
BANYAN_API
gboolean banyan_descriptors_remove (BanyanDescriptors *self, int set, int fd, GError **error);
/* As query-fdsets answers, and the access of each. (transfer full) */
BANYAN_API
BanyanSpec *banyan_descriptors_describe (BanyanDescriptors *self);

/* Whether @path is "/dev/fdset/" and something: not looked for among files. */
BANYAN_API
gboolean banyan_descriptors_is_path (const char *path);
/* For O_RDONLY or O_RDWR, with O_DIRECT or without. To be closed with banyan_descriptors_close().
 * -1 with @error: BANYAN_ERRNO, EACCES, where the set has none for such access. */
BANYAN_API
int banyan_descriptors_open (BanyanDescriptors *self, const char *path, int flags, GError **error);
BANYAN_API
void banyan_descriptors_close (BanyanDescriptors *self, int fd);

/* From now on files are opened by descriptor only, as far as the process itself can tell: @why is
 * what those are told who are refused. */
BANYAN_API
void banyan_descriptors_set_only (BanyanDescriptors *self, const char *why);
BANYAN_API
const char *banyan_descriptors_get_only (BanyanDescriptors *self); /* (nullable) */

G_END_DECLS
