/* banyan-monitor.c - a control connection: who runs commands on a graph
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-blocking-private.h"
#include "banyan-descriptors-private.h"

#include <banyan/banyan-command.h>
#include <unistd.h>

/* A command takes one or two: who sends many more uses up what all clients share. */
#define MAX_FDS 64

typedef struct
{
  BanyanGraph *graph;  /* (owned) (nullable) */
  BanyanOrigin origin; /* its name is interned */
  GArray *fds;         /* (owned) (element-type int): the monitor's own */
} BanyanMonitorPrivate;

enum
{
  PROP_0,
  PROP_GRAPH,
  PROP_NAME,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_TYPE_WITH_PRIVATE (BanyanMonitor, banyan_monitor, G_TYPE_OBJECT)

static BanyanMonitorPrivate *
private_of (BanyanMonitor *self)
{
  return banyan_monitor_get_instance_private (self);
}

static void
set_graph (BanyanMonitorPrivate *private, BanyanGraph *graph)
{
  if (graph == NULL)
    return;

  private->graph = g_object_ref (graph);
  banyan_descriptors_add_monitor (banyan_graph_get_descriptors (graph));
}

static void
banyan_monitor_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  BanyanMonitorPrivate *private = private_of (BANYAN_MONITOR (object));

  if (id == PROP_GRAPH)
    set_graph (private, g_value_get_object (value));
  else if (id == PROP_NAME)
  private->origin.name = g_intern_string (g_value_get_string (value));
  else G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
banyan_monitor_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BanyanMonitorPrivate *private = private_of (BANYAN_MONITOR (object));

  if (id == PROP_GRAPH)
    g_value_set_object (value, private->graph);
  else if (id == PROP_NAME)
    g_value_set_string (value, private->origin.name);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
banyan_monitor_finalize (GObject *object)
{
  BanyanMonitorPrivate *private = private_of (BANYAN_MONITOR (object));
  int fd;

  banyan_named_fds_close_all (object);
  if (private->graph != NULL)
    banyan_descriptors_remove_monitor (banyan_graph_get_descriptors (private->graph));
  while ((fd = banyan_monitor_take_fd (BANYAN_MONITOR (object))) >= 0)
    close (fd);
  g_array_unref (private->fds);
  g_clear_object (&private->graph);

  G_OBJECT_CLASS (banyan_monitor_parent_class)->finalize (object);
}

static void
banyan_monitor_class_init (BanyanMonitorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->set_property = banyan_monitor_set_property;
  object_class->get_property = banyan_monitor_get_property;
  object_class->finalize = banyan_monitor_finalize;

  properties[PROP_GRAPH] = g_param_spec_object ("graph", "Graph", "Graph that commands are about",
                                                BANYAN_TYPE_GRAPH, flags);
  properties[PROP_NAME] = g_param_spec_string (
      "name", "Name", "What changes that it makes have as their origin", "", flags);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
banyan_monitor_init (BanyanMonitor *self)
{
  BanyanMonitorPrivate *private = private_of (self);

  private->origin.kind = BANYAN_ORIGIN_CLIENT;
  private->fds = g_array_new (FALSE, FALSE, sizeof (int));
}

/**
 * banyan_monitor_new:
 * @graph: a graph
 * @name: what changes are made in the name of: "client qmp0" for "qmp0"
 *
 * Returns: (transfer full): a monitor
 */
BanyanMonitor *
banyan_monitor_new (BanyanGraph *graph, const char *name)
{
  g_return_val_if_fail (BANYAN_IS_GRAPH (graph), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  return g_object_new (BANYAN_TYPE_MONITOR, "graph", graph, "name", name, NULL);
}

/**
 * banyan_monitor_get_graph:
 * @self: a monitor
 *
 * Returns: (transfer none): the graph that its commands are about
 */
BanyanGraph *
banyan_monitor_get_graph (BanyanMonitor *self)
{
  g_return_val_if_fail (BANYAN_IS_MONITOR (self), NULL);

  return private_of (self)->graph;
}

/**
 * banyan_monitor_get_origin:
 * @self: a monitor
 *
 * Returns: (transfer none): where what it changes comes from
 */
const BanyanOrigin *
banyan_monitor_get_origin (BanyanMonitor *self)
{
  g_return_val_if_fail (BANYAN_IS_MONITOR (self), NULL);

  return &private_of (self)->origin;
}

/* -- Descriptors. -- */

/**
 * banyan_monitor_put_fd:
 * @self: a monitor
 * @fd: a descriptor, which is the monitor's from now on
 *
 * Keeps a descriptor that came along with commands, until one of them takes it. Where 64 wait to be
 * taken it is closed at once.
 */
void
banyan_monitor_put_fd (BanyanMonitor *self, int fd)
{
  g_return_if_fail (BANYAN_IS_MONITOR (self));
  g_return_if_fail (fd >= 0);

  if (private_of (self)->fds->len < MAX_FDS)
    g_array_append_val (private_of (self)->fds, fd);
  else
    close (fd);
}

/**
 * banyan_monitor_take_fd:
 * @self: a monitor
 *
 * Returns: the oldest descriptor that nobody has taken, now the caller's; -1 when there is none
 */
int
banyan_monitor_take_fd (BanyanMonitor *self)
{
  GArray *fds;
  int fd;

  g_return_val_if_fail (BANYAN_IS_MONITOR (self), -1);

  fds = private_of (self)->fds;
  if (fds->len == 0)
    return -1;

  fd = g_array_index (fds, int, 0);
  g_array_remove_index (fds, 0);
  return fd;
}

/**
 * banyan_monitor_name_fd:
 * @self: a monitor
 * @name: what addresses call it: "str" of type fd
 * @fd: a descriptor, which is taken
 *
 * Keeps a descriptor until something uses it. One that had the name is closed.
 */
void
banyan_monitor_name_fd (BanyanMonitor *self, const char *name, int fd)
{
  g_return_if_fail (BANYAN_IS_MONITOR (self));
  g_return_if_fail (name != NULL);
  g_return_if_fail (fd >= 0);

  banyan_named_fds_put (self, name, fd);
}

/**
 * banyan_monitor_close_fd:
 * @self: a monitor
 * @name: what banyan_monitor_name_fd() called it
 *
 * Closes a descriptor that nothing has used.
 *
 * Returns: FALSE where there is none
 */
gboolean
banyan_monitor_close_fd (BanyanMonitor *self, const char *name)
{
  g_return_val_if_fail (BANYAN_IS_MONITOR (self), FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  return banyan_named_fds_close (self, name);
}

/* -- Running commands. -- */

static void
ran (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  BanyanSpec *answer = banyan_command_run_finish (BANYAN_COMMAND (object), result, &error);

  if (answer != NULL)
    g_task_return_pointer (task, answer, (GDestroyNotify) banyan_spec_unref);
  else
    g_task_return_error (task, error);
}

/**
 * banyan_monitor_execute_async:
 * @self: a monitor
 * @name: of a command
 * @arguments: (nullable): a map of its arguments
 * @cancellable: (nullable): to give up, as far as the command can be given up
 * @callback: (scope async): called on the main thread when it has ended
 * @user_data: passed to @callback
 *
 * Runs a command. Commands run side by side; who wants them in order waits in between.
 */
void
banyan_monitor_execute_async (BanyanMonitor *self, const char *name, BanyanSpec *arguments,
                              GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  g_autoptr (BanyanCommand) command = NULL;
  g_autoptr (GTask) task = NULL;
  GError *error = NULL;

  g_return_if_fail (BANYAN_IS_MONITOR (self));
  g_return_if_fail (name != NULL);

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_check_cancellable (task, FALSE);
  command = banyan_command_new (name, arguments, &error);
  if (command == NULL)
    g_task_return_error (task, error);
  else
    banyan_command_run_async (command, self, cancellable, ran, g_steal_pointer (&task));
}

/**
 * banyan_monitor_execute_finish:
 * @self: a monitor
 * @result: what the callback got
 * @error: where to put the error, or %NULL
 *
 * Returns: (transfer full): what the command answered, or %NULL
 */
BanyanSpec *
banyan_monitor_execute_finish (BanyanMonitor *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * banyan_monitor_execute:
 * @self: a monitor
 * @name: of a command
 * @arguments: (nullable): a map of its arguments
 * @error: where to put the error, or %NULL
 *
 * As banyan_monitor_execute_async(), and runs the main loop until it ends. Refused with
 * %G_IO_ERROR_WOULD_BLOCK inside a callback of that loop.
 *
 * Returns: (transfer full): what the command answered, or %NULL
 */
BanyanSpec *
banyan_monitor_execute (BanyanMonitor *self, const char *name, BanyanSpec *arguments,
                        GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_return_val_if_fail (BANYAN_IS_MONITOR (self), NULL);

  if (!banyan_may_block (G_STRFUNC, error))
    return NULL;

  banyan_monitor_execute_async (self, name, arguments, NULL, banyan_keep_result, &result);
  return banyan_monitor_execute_finish (self, banyan_wait_for_result (&result), error);
}
