/* io-result.c - banyan io: what a command found, in words or as JSON
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "io.h"

#include <errno.h>
#include <stdio.h>

void
io_result_begin (IoSession *self, const char *command)
{
  self->result = (IoResult){ .command = command,
                             .facts = banyan_spec_builder_new_map (),
                             .trouble = g_string_new (NULL) };
  banyan_spec_builder_add_string (self->result.facts, "command", command);
}

void
io_result_end (IoSession *self, gboolean is_done)
{
  IoResult *result = &self->result;
  g_autoptr (BanyanSpec) spec = NULL;

  if (!is_done)
    self->has_failed = TRUE;
  if (!result->is_put_off)
    banyan_spec_builder_add_boolean (result->facts, "done", is_done);
  if (result->trouble->len > 0)
    banyan_spec_builder_add_string (result->facts, "error", result->trouble->str);

  spec = banyan_spec_builder_end (result->facts);
  if (self->as_json && (!result->is_put_off || !is_done))
    {
      g_autofree char *json = banyan_spec_to_json (spec, FALSE);

      printf ("%s\n", json);
    }

  fflush (stdout);
  g_string_free (result->trouble, TRUE);
  *result = (IoResult){ 0 };
}

void
io_say (IoSession *self, const char *format, ...)
{
  va_list arguments;

  if (self->as_json)
    return;

  va_start (arguments, format);
  vprintf (format, arguments);
  va_end (arguments);
}

gboolean
io_complain (IoSession *self, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  g_string_append_printf (self->result.trouble, "%s%s", self->result.trouble->len > 0 ? "; " : "",
                          text);
  io_say (self, "%s\n", text);
  return FALSE;
}

/* What QEMU calls it: to us a request beyond the end is the caller's mistake, there it is as any
 * that the disk cannot do. */
static int
qemu_errno (const GError *error)
{
  int number = error->domain == BANYAN_ERRNO ? banyan_error_get_errno (error) : 0;

  return number == EINVAL ? EIO : number;
}

/* qemu-io prints the errno alone, which is what scripts look for; who it was and why goes to
 * standard error. */
gboolean
io_report_failure (IoSession *self, const char *what, const GError *error)
{
  int number = error == NULL ? ENOTSUP : qemu_errno (error);
  g_autofree char *why = error != NULL ? cli_names_explain (error->message) : NULL;

  if (number == 0 || self->as_json)
    return io_complain (self, "%s failed: %s", what, why != NULL ? why : g_strerror (number));

  io_complain (self, "%s failed: %s", what, g_strerror (number));
  fflush (stdout);
  if (why != NULL && !g_str_equal (why, g_strerror (number)))
    cli_message ("%s", why);
  return FALSE;
}
