/* sandbox-private.h - the steps of confining a process
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli.h"

G_BEGIN_DECLS

/* -- sandbox-threads.c -- */

/* GLib has a thread that takes no signal. A thread that @func has confined makes it, and then ends:
 * what a thread makes is confined as it is. Before there are others. */
gboolean sandbox_begin_threads (int (*func) (void), GError **error);
/* The list of threads, to be closed; -1 with @error. */
int sandbox_open_threads (GError **error);
/* Runs @func, which returns 0 or an errno and does nothing that a signal's handler may not do, on
 * each thread that there is, on the calling one at the end. */
gboolean sandbox_on_all_threads (int list, int (*func) (void), GError **error);

/* -- sandbox-landlock.c -- */

/* 0: the kernel has none. */
guint sandbox_landlock_version (void);
typedef enum
{
  SANDBOX_REMOVE,  /* files in a folder may be removed */
  SANDBOX_READ,    /* files in a folder may be read */
  SANDBOX_REPLACE, /* and written, and given another's name there */
  SANDBOX_ALL,     /* a file, or a folder with all in it */
} SandboxRight;

/* What may be reached still. */
typedef struct
{
  const char *path; /* (unowned) */
  SandboxRight right;
  int fd; /* (unowned): of the folder, for calls that name a file in it; -1: by path */
} SandboxPlace;

/* @places: (element-type SandboxPlace) */
gboolean sandbox_landlock_prepare (const GArray *places, GError **error);
/* The calling thread's; on all, from sandbox_on_all_threads (). 0 or an errno. */
int sandbox_landlock_restrict (void);

/* -- sandbox-seccomp.c -- */

/* NULL: there is one; else why there is not. */
const char *sandbox_seccomp_lacks (void);
/* All threads. Without @opens_paths, the folders among @places that are open are all there is. */
gboolean sandbox_seccomp_load (gboolean opens_paths, const GArray *places, GError **error);

/* -- sandbox-user.c -- */

typedef struct
{
  uid_t uid;
  gid_t gid;
  gid_t *groups; /* (owned) */
  gsize n_groups;
} SandboxUser;

/* "USER" or "USER:GROUP", by name or number. */
SandboxUser *sandbox_user_find (const char *text, GError **error);
void sandbox_user_free (SandboxUser *self);
gboolean sandbox_user_become (const SandboxUser *self, GError **error);
/* The calling thread's. 0 or an errno. */
int sandbox_drop_capabilities (void);
gboolean sandbox_has_capabilities (void);
/* Of the whole process: a folder that is empty and gone. */
gboolean sandbox_change_root (GError **error);

G_END_DECLS
