/* banyan-checkable.c - drivers that can tell whether an image is in order, and mend it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-checkable.h>

G_DEFINE_INTERFACE (BanyanCheckable, banyan_checkable, BANYAN_TYPE_NODE)

static void
banyan_checkable_default_init (BanyanCheckableInterface *iface)
{
}

/**
 * banyan_checkable_check: (skip)
 * @self: an image
 * @check: what is wanted, and then what was found
 * @error: where to put the error, or %NULL
 *
 * Looks whether an image is in order, and mends what @check says. In a coroutine, within a request
 * of the only one who writes.
 *
 * Returns: whether the check was carried out, whatever it found
 */
gboolean
banyan_checkable_check (BanyanCheckable *self, BanyanCheck *check, GError **error)
{
  return BANYAN_CHECKABLE_GET_IFACE (self)->check (self, check, error);
}

/**
 * banyan_check_found: (skip)
 * @self: a check
 * @format: a finding in words, as printf() has it
 * @...: what goes in
 *
 * The driver: tells a finding. It counts it, too, in the field that it belongs to.
 */
void
banyan_check_found (BanyanCheck *self, const char *format, ...)
{
  g_autofree char *finding = NULL;
  va_list arguments;

  if (self->found == NULL)
    return;

  va_start (arguments, format);
  finding = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  self->found (self, finding);
}

/**
 * banyan_check_tell_progress: (skip)
 * @self: a check
 * @fraction: how much of it is done, 0 to 1
 *
 * The driver: tells how far it has come.
 */
void
banyan_check_tell_progress (BanyanCheck *self, double fraction)
{
  if (self->progress != NULL)
    self->progress (self, fraction);
}
