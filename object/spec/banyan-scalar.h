/* banyan-scalar.h - what the text of a scalar means as a value of some type, and back
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-error.h>

G_BEGIN_DECLS

/* Each parser returns FALSE with an error of BANYAN_CONFIG_ERROR (TYPE: it is no such value; RANGE:
 * it is one that does not fit), whose message quotes the text and says what would be right. */

BANYAN_API
gboolean banyan_scalar_parse_boolean (const char *text, gboolean *value, GError **error);
BANYAN_API
gboolean banyan_scalar_parse_int64 (const char *text, gint64 *value, GError **error);
BANYAN_API
gboolean banyan_scalar_parse_uint64 (const char *text, guint64 *value, GError **error);
BANYAN_API
gboolean banyan_scalar_parse_double (const char *text, double *value, GError **error);
/* "512", "0x200", "64K", "1.5GiB": in bytes. */
BANYAN_API
gboolean banyan_scalar_parse_size (const char *text, guint64 *value, GError **error);
/* "250", "10ms", "1.5s", "2min": in units of @unit_ns nanoseconds, as is a bare number. */
BANYAN_API
gboolean banyan_scalar_parse_duration (const char *text, guint64 unit_ns, guint64 *value,
                                       GError **error);

/* The shortest text that is read as the same value. */
BANYAN_API
char *banyan_scalar_format_double (double value);
BANYAN_API
char *banyan_scalar_format_size (guint64 value);
BANYAN_API
char *banyan_scalar_format_duration (guint64 value, guint64 unit_ns);

G_END_DECLS
