/* commands-fd.c - commands that take descriptors, sent along as SCM_RIGHTS
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

#include <unistd.h>

static BanyanDescriptors *
descriptors_of (BanyanMonitor *monitor)
{
  return banyan_graph_get_descriptors (banyan_monitor_get_graph (monitor));
}

/* -1 with @error where none came along. */
static int
take_fd (BanyanMonitor *monitor, GError **error)
{
  int fd = banyan_monitor_take_fd (monitor);

  if (fd < 0)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                 "No file descriptor supplied via SCM_RIGHTS");
  return fd;
}

static void
add_number (BanyanCommandClass *klass, GParamSpec *pspec, const char *otherwise)
{
  banyan_command_class_add_argument (klass, banyan_param_computed (pspec, otherwise));
}

/* -- add-fd. -- */

typedef struct
{
  BanyanCommand parent_instance;
  int fdset_id;
  char *opaque; /* (owned) (nullable) */
} QmpAddFd;

QMP_DEFINE_COMMAND (QmpAddFd, add_fd)

static BanyanSpec *
add_fd_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpAddFd *self = (QmpAddFd *) command;
  BanyanSpecBuilder *map;
  int fd = take_fd (monitor, error);
  int set;

  if (fd < 0)
    return NULL;
  set = banyan_descriptors_add (descriptors_of (monitor), self->fdset_id, fd, self->opaque, FALSE,
                                error);
  if (set < 0)
    return NULL;

  map = banyan_spec_builder_new_map ();
  banyan_spec_builder_add_int (map, "fdset-id", set);
  banyan_spec_builder_add_int (map, "fd", fd);
  return banyan_spec_builder_end (map);
}

static void
add_fd_command_class_init (BanyanCommandClass *klass)
{
  klass->run = add_fd_run;
  banyan_command_class_describe (klass, "add-fd", 0, "{ fdset-id: int, fd: int }");
  add_number (klass,
              banyan_param_int ("fdset-id", "Set",
                                "Which to add the descriptor to; made where it does not exist",
                                BANYAN_UNIT_NONE, BANYAN_DESCRIPTORS_ANY_SET, G_MAXINT,
                                BANYAN_DESCRIPTORS_ANY_SET, G_STRUCT_OFFSET (QmpAddFd, fdset_id)),
              "the lowest that is free");
  qmp_add_string (klass, "opaque", "Opaque", "What query-fdsets is to tell of it",
                  G_STRUCT_OFFSET (QmpAddFd, opaque));
}

/* -- remove-fd. -- */

typedef struct
{
  BanyanCommand parent_instance;
  int fdset_id;
  int fd;
} QmpRemoveFd;

QMP_DEFINE_COMMAND (QmpRemoveFd, remove_fd)

static BanyanSpec *
remove_fd_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpRemoveFd *self = (QmpRemoveFd *) command;

  if (!banyan_descriptors_remove (descriptors_of (monitor), self->fdset_id, self->fd, error))
    return NULL;
  return banyan_command_return_nothing ();
}

static void
remove_fd_command_class_init (BanyanCommandClass *klass)
{
  klass->run = remove_fd_run;
  banyan_command_class_describe (klass, "remove-fd", 0, "{}");
  banyan_command_class_add_argument (
      klass, banyan_param_required (banyan_param_int (
                 "fdset-id", "Set", "Which to close descriptors of; who uses one keeps it",
                 BANYAN_UNIT_NONE, 0, G_MAXINT, 0, G_STRUCT_OFFSET (QmpRemoveFd, fdset_id))));
  add_number (klass,
              banyan_param_int ("fd", "Descriptor", "Which of the set to close, as add-fd answered",
                                BANYAN_UNIT_NONE, BANYAN_DESCRIPTORS_ALL_FDS, G_MAXINT,
                                BANYAN_DESCRIPTORS_ALL_FDS, G_STRUCT_OFFSET (QmpRemoveFd, fd)),
              "all of the set");
}

/* -- query-fdsets. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryFdsets;

QMP_DEFINE_COMMAND (QmpQueryFdsets, query_fdsets)

static BanyanSpec *
query_fdsets_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  return banyan_descriptors_describe (descriptors_of (monitor));
}

static void
query_fdsets_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_fdsets_run;
  banyan_command_class_describe (
      klass, "query-fdsets", 0,
      "[{ fdset-id: int, fds: [{ fd: int, '*opaque': str, access: str }], users: int }]");
}

/* -- getfd and closefd. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *fdname; /* (owned) */
} QmpGetfd;

QMP_DEFINE_COMMAND (QmpGetfd, getfd)

/* A number would be taken for that of an inherited descriptor. */
static BanyanSpec *
getfd_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpGetfd *self = (QmpGetfd *) command;
  int fd = take_fd (monitor, error);

  if (fd < 0)
    return NULL;
  if (self->fdname[0] == '\0' || g_ascii_isdigit (self->fdname[0]))
    {
      close (fd);
      g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
                   "Parameter 'fdname' expects a name not starting with a digit");
      return NULL;
    }

  banyan_monitor_name_fd (monitor, self->fdname, fd);
  return banyan_command_return_nothing ();
}

static void
getfd_command_class_init (BanyanCommandClass *klass)
{
  klass->run = getfd_run;
  banyan_command_class_describe (klass, "getfd", 0, "{}");
  qmp_require_string (klass, "fdname", "Name",
                      "What addresses of type fd are to call it; one that had the name is closed",
                      G_STRUCT_OFFSET (QmpGetfd, fdname));
}

typedef struct
{
  BanyanCommand parent_instance;
  char *fdname; /* (owned) */
} QmpClosefd;

QMP_DEFINE_COMMAND (QmpClosefd, closefd)

static BanyanSpec *
closefd_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpClosefd *self = (QmpClosefd *) command;

  if (banyan_monitor_close_fd (monitor, self->fdname))
    return banyan_command_return_nothing ();

  g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_ARGUMENT,
               "File descriptor named '%s' not found", self->fdname);
  return NULL;
}

static void
closefd_command_class_init (BanyanCommandClass *klass)
{
  klass->run = closefd_run;
  banyan_command_class_describe (klass, "closefd", 0, "{}");
  qmp_require_string (klass, "fdname", "Name", "Which to close: what nothing has used yet",
                      G_STRUCT_OFFSET (QmpClosefd, fdname));
}
