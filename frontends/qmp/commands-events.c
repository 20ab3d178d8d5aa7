/* commands-events.c - commands that say what a client is told of
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-client.h"
#include "qmp-commands.h"

static QmpSubscriptions *
get_subscriptions (BanyanMonitor *monitor, GError **error)
{
  QmpSubscriptions *subscriptions
      = QMP_IS_CLIENT (monitor) ? qmp_client_get_subscriptions (QMP_CLIENT (monitor)) : NULL;

  if (subscriptions == NULL)
    g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NOT_ACTIVE,
                 "Events are sent over a connection; a program connects to the graph's \"event\"");
  return subscriptions;
}

/* -- subscribe. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *path;         /* (owned) */
  BanyanList *events; /* (owned) (nullable) */
} QmpSubscribe;

QMP_DEFINE_COMMAND (QmpSubscribe, subscribe)

static BanyanSpec *
subscribe_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpSubscribe *self = (QmpSubscribe *) command;
  QmpSubscriptions *subscriptions = get_subscriptions (monitor, error);

  if (subscriptions == NULL
      || !qmp_subscriptions_add (subscriptions, self->path, self->events, error))
    return NULL;
  return banyan_command_return_nothing ();
}

static void
subscribe_command_class_init (BanyanCommandClass *klass)
{
  klass->run = subscribe_run;
  banyan_command_class_describe (klass, "subscribe", 0, "{}");
  banyan_command_class_add_argument (
      klass, banyan_param_string ("path", "Path",
                                  "Object to be told of, with what is below it and its edges", "/",
                                  G_STRUCT_OFFSET (QmpSubscribe, path)));
  banyan_command_class_add_argument (
      klass, banyan_param_list (
                 "events", "Events",
                 "Those wanted; without it all. Another time for the same path "
                 "takes the place of the first",
                 banyan_param_string ("event", "Event", "One of the list", NULL, BANYAN_NO_FIELD),
                 G_STRUCT_OFFSET (QmpSubscribe, events)));
}

/* -- unsubscribe. -- */

typedef struct
{
  BanyanCommand parent_instance;
  char *path; /* (owned) (nullable) */
} QmpUnsubscribe;

QMP_DEFINE_COMMAND (QmpUnsubscribe, unsubscribe)

static BanyanSpec *
unsubscribe_run (BanyanCommand *command, BanyanMonitor *monitor, GError **error)
{
  QmpUnsubscribe *self = (QmpUnsubscribe *) command;
  QmpSubscriptions *subscriptions = get_subscriptions (monitor, error);

  if (subscriptions == NULL)
    return NULL;
  if (qmp_subscriptions_remove (subscriptions, self->path))
    return banyan_command_return_nothing ();

  g_set_error (error, BANYAN_COMMAND_ERROR, BANYAN_COMMAND_ERROR_NO_OBJECT,
               "There is no subscription to %s", self->path);
  return NULL;
}

static void
unsubscribe_command_class_init (BanyanCommandClass *klass)
{
  klass->run = unsubscribe_run;
  banyan_command_class_describe (klass, "unsubscribe", 0, "{}");
  qmp_add_string (klass, "path", "Path", "What was subscribed to; without it everything",
                  G_STRUCT_OFFSET (QmpUnsubscribe, path));
}
