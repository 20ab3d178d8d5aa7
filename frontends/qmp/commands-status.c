/* commands-status.c - commands that tell what goes on, and what went on
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-commands.h"

#include <string.h>

/* -- query-status: of a guest, where QEMU has one; ours always runs. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryStatus;

QMP_DEFINE_COMMAND (QmpQueryStatus, query_status)

static BanyanSpec *
query_status_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "status", "running");
  banyan_spec_builder_add_boolean (map, "running", TRUE);
  banyan_spec_builder_add_boolean (map, "singlestep", FALSE);
  return banyan_spec_builder_end (map);
}

static void
query_status_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_status_run;
  banyan_command_class_describe (klass, "query-status", 0,
                                 "{ status: running, running: bool, singlestep: bool }");
}

/* -- query-iothreads. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryIothreads;

QMP_DEFINE_COMMAND (QmpQueryIothreads, query_iothreads)

static void
describe_iothread (BanyanSpecBuilder *list, BanyanObject *iothread)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  guint64 poll_max_ns;
  guint batch;
  gint thread_id;

  g_object_get (iothread, "thread-id", &thread_id, "poll-max-ns", &poll_max_ns, "aio-max-batch",
                &batch, NULL);
  banyan_spec_builder_add_string (map, "id", banyan_object_get_id (iothread));
  banyan_spec_builder_add_int (map, "thread-id", thread_id);
  banyan_spec_builder_add_uint (map, "poll-max-ns", poll_max_ns);
  banyan_spec_builder_add_uint (map, "poll-grow", 0);
  banyan_spec_builder_add_uint (map, "poll-shrink", 0);
  banyan_spec_builder_add_uint (map, "aio-max-batch", batch);
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpec *
query_iothreads_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  g_autoptr (GPtrArray) objects
      = banyan_object_list_children (qmp_get_collection (monitor, "objects"));
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < objects->len; i++)
    if (BANYAN_IS_IOTHREAD (objects->pdata[i]))
      describe_iothread (list, objects->pdata[i]);
  return banyan_spec_builder_end (list);
}

static void
query_iothreads_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_iothreads_run;
  banyan_command_class_describe (klass, "query-iothreads", 0,
                                 "[{ id: str, thread-id: int, poll-max-ns: int, poll-grow: int, "
                                 "poll-shrink: int, aio-max-batch: int }]");
}

/* -- query-drains: what waits, for whom and for how long. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryDrains;

QMP_DEFINE_COMMAND (QmpQueryDrains, query_drains)

static void
add_gate (BanyanSpecBuilder *list, BanyanSpec *change, BanyanSpec *gate)
{
  static const char *const of_gate[] = { "age-ms", "in-flight" };
  static const char *const of_change[] = { "owner", "phase", "drain-timeout-ms" };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_string (map, "gate", banyan_spec_lookup_text (gate, "owner"));
  for (guint i = 0; i < G_N_ELEMENTS (of_gate); i++)
    banyan_spec_builder_take (map, of_gate[i],
                              banyan_spec_ref (banyan_spec_lookup (gate, of_gate[i])));
  for (guint i = 0; i < G_N_ELEMENTS (of_change); i++)
    banyan_spec_builder_take (map, of_change[i],
                              banyan_spec_ref (banyan_spec_lookup (change, of_change[i])));
  banyan_spec_builder_take_built (list, NULL, map);
}

static BanyanSpec *
query_drains_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  g_autoptr (BanyanSpec) changes
      = banyan_graph_describe_changes (banyan_monitor_get_graph (monitor));
  BanyanSpecBuilder *list = banyan_spec_builder_new_list ();

  for (guint i = 0; i < banyan_spec_get_length (changes); i++)
    {
      BanyanSpec *change = banyan_spec_get_item (changes, i);
      BanyanSpec *gates = banyan_spec_lookup (change, "drained");

      for (guint j = 0; gates != NULL && j < banyan_spec_get_length (gates); j++)
        add_gate (list, change, banyan_spec_get_item (gates, j));
    }
  return banyan_spec_builder_end (list);
}

static void
query_drains_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_drains_run;
  banyan_command_class_describe (klass, "query-drains", BANYAN_COMMAND_OUT_OF_BAND,
                                 "[{ gate: str, age-ms: int, in-flight: int, owner: str, "
                                 "phase: str, drain-timeout-ms: int }]");
}

/* -- query-history. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryHistory;

QMP_DEFINE_COMMAND (QmpQueryHistory, query_history)

static BanyanSpec *
query_history_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  return banyan_graph_describe_history (banyan_monitor_get_graph (monitor));
}

static void
query_history_command_class_init (BanyanCommandClass *klass)
{
  klass->run = query_history_run;
  banyan_command_class_describe (
      klass, "query-history", BANYAN_COMMAND_OUT_OF_BAND,
      "[{ owner: str, time-us: int, result: 'done|refused', '*error': str, duration-us: int, "
      "drained-us: int, steps: [{ step: str, '*object': str, '*edge': str, '*other': str, "
      "'*key': str, '*value': any, '*length': int }], '*more-steps': int }]");
}

/* -- query-jobs, query-block-jobs: none can be made yet. -- */

typedef struct
{
  BanyanCommand parent_instance;
} QmpQueryJobs;

QMP_DEFINE_COMMAND (QmpQueryJobs, query_jobs)

static BanyanSpec *
list_no_jobs (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  return banyan_spec_builder_end (banyan_spec_builder_new_list ());
}

static void
query_jobs_command_class_init (BanyanCommandClass *klass)
{
  klass->run = list_no_jobs;
  banyan_command_class_describe (
      klass, "query-jobs", 0,
      "[{ id: str, type: str, status: str, current-progress: int, total-progress: int, "
      "'*error': str }]");
}

typedef QmpQueryJobs QmpQueryBlockJobs;

QMP_DEFINE_COMMAND (QmpQueryBlockJobs, query_block_jobs)

static void
query_block_jobs_command_class_init (BanyanCommandClass *klass)
{
  klass->run = list_no_jobs;
  banyan_command_class_describe (
      klass, "query-block-jobs", 0,
      "[{ type: str, device: str, len: int, offset: int, busy: bool, paused: bool, speed: int, "
      "io-status: str, ready: bool, status: str, auto-finalize: bool, auto-dismiss: bool, "
      "'*error': str }]");
}
