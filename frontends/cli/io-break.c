/* io-break.c - banyan io: requests that are held where a script says
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For what else may happen while a request is on its way: aio_write, wait_break, resume. The lines
 * about requests that are held are those that QEMU's blkdebug prints. */

#include "io.h"

#include <errno.h>

/* The first on the way down to storage. (transfer none) (nullable) */
static BanyanBreakpoints *
find_breakpoints (IoSession *self)
{
  for (BanyanNode *node = self->node; node != NULL; node = cli_node_get_below (node))
    if (BANYAN_IS_BREAKPOINTS (node))
      return BANYAN_BREAKPOINTS (node);

  return NULL;
}

static gboolean
complain (IoSession *self, const char *what, int number)
{
  return io_complain (self, "Could not %s: %s", what, g_strerror (number));
}

static void
say (IoSession *self, const char *what, const char *tag)
{
  io_say (self, "blkdebug: %s request '%s'\n", what, tag);
}

/* -- Who is held. -- */

static void
say_suspended (IoSession *self)
{
  g_auto (GStrv) now = banyan_breakpoints_list_suspended (self->breakpoints);

  for (guint i = 0; now[i] != NULL; i++)
    if (self->held == NULL || !g_strv_contains ((const char *const *) self->held, now[i]))
      say (self, "Suspended", now[i]);
  for (guint i = 0; self->held != NULL && self->held[i] != NULL; i++)
    if (!g_strv_contains ((const char *const *) now, self->held[i]))
      say (self, "Resuming", self->held[i]);

  g_strfreev (self->held);
  self->held = g_steal_pointer (&now);
}

static void
suspended_changed (GObject *node, GParamSpec *pspec, gpointer session)
{
  say_suspended (session);
}

static void
watch (IoSession *self, BanyanBreakpoints *breakpoints)
{
  if (self->breakpoints != NULL)
    return;

  self->breakpoints = g_object_ref (breakpoints);
  g_signal_connect (breakpoints, "notify::suspended", G_CALLBACK (suspended_changed), self);
}

void
io_let_go (IoSession *self)
{
  if (self->breakpoints == NULL)
    return;

  for (guint i = 0; i < self->tags->len; i++)
    banyan_breakpoints_remove (self->breakpoints, self->tags->pdata[i]);
  say_suspended (self);
  g_signal_handlers_disconnect_by_data (self->breakpoints, self);
  g_clear_object (&self->breakpoints);
  g_clear_pointer (&self->held, g_strfreev);
  g_clear_pointer (&self->tags, g_ptr_array_unref);
}

/* -- Commands. -- */

gboolean
io_break (IoSession *self, int argc, char **argv)
{
  g_autoptr (GEnumClass) events = g_type_class_ref (BANYAN_TYPE_DEBUG_EVENT);
  const GEnumValue *event = g_enum_get_value_by_nick (events, argv[1]);
  BanyanBreakpoints *breakpoints = find_breakpoints (self);

  if (breakpoints == NULL)
    return complain (self, "set breakpoint", ENOTSUP);
  if (event == NULL)
    return complain (self, "set breakpoint", ENOENT);

  if (self->tags == NULL)
    self->tags = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (self->tags, g_strdup (argv[2]));
  watch (self, breakpoints);
  banyan_breakpoints_add (breakpoints, event->value, argv[2]);
  return TRUE;
}

gboolean
io_remove_break (IoSession *self, int argc, char **argv)
{
  BanyanBreakpoints *breakpoints = find_breakpoints (self);
  g_autofree char *what = g_strdup_printf ("remove breakpoint %s", argv[1]);

  if (breakpoints == NULL)
    return complain (self, what, ENOTSUP);
  if (!banyan_breakpoints_remove (breakpoints, argv[1]))
    return complain (self, what, ENOENT);

  watch (self, breakpoints);
  say_suspended (self);
  return TRUE;
}

gboolean
io_resume (IoSession *self, int argc, char **argv)
{
  BanyanBreakpoints *breakpoints = find_breakpoints (self);

  if (breakpoints == NULL)
    return complain (self, "resume request", ENOTSUP);
  if (!banyan_breakpoints_resume (breakpoints, argv[1]))
    return complain (self, "resume request", ENOENT);

  watch (self, breakpoints);
  say_suspended (self);
  return TRUE;
}

/* Where nothing is on its way any more, nothing will come. */
gboolean
io_wait_break (IoSession *self, int argc, char **argv)
{
  const char *const *held;

  if (find_breakpoints (self) == NULL)
    return complain (self, "wait for a request", ENOTSUP);

  watch (self, find_breakpoints (self));
  say_suspended (self);
  while (held = (const char *const *) self->held, !g_strv_contains (held, argv[1]))
    {
      if (self->n_pending == g_strv_length (self->held))
        return io_complain (self, "no request is on its way to %s", argv[1]);
      g_main_context_iteration (NULL, TRUE);
    }
  return TRUE;
}
